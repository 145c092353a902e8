#pragma once
#include "op.h"

namespace losskit {

template <class T> struct GaussianNll : Op {
    static constexpr bool takes_third = true, opposite = true, third_slope = true;
    static constexpr Domain third = Domain::not_negative;
    T eps, constant;

    explicit GaussianNll(const double *params)
        : eps(vmath::at_least(representable<T>(params[0]), std::numeric_limits<T>::min())), constant(T(params[1])) {}
    ValueAndSlopes<T> operator()(T x, T y, T var) const {
        const T error = x - y, v = vmath::at_least(var, eps), share = error / v; // no square that overflows
        return {T(0.5) * vmath::log_normal(v) + T(0.5) * error * share + constant, share,
                T(0.5) / v - T(0.5) * share * share};
    }
};

} // namespace losskit

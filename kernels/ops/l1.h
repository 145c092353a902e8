#pragma once
#include "op.h"

namespace losskit {

template <class T> struct L1 : Op {
    static constexpr bool mean_divides_by_weight = true;

    explicit L1(const double *) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const T error = x - y;
        return {vmath::abs(error), sign_of(error)};
    }
};

} // namespace losskit

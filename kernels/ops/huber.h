#pragma once
#include "op.h"

namespace losskit {

template <class T> struct Huber : Op {
    T delta;

    explicit Huber(const double *params) : delta(representable<T>(params[0])) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const T error = x - y, size = vmath::abs(error);
        const bool near = size < delta;
        return {near ? T(0.5) * size * size : delta * (size - T(0.5) * delta), near ? error : delta * sign_of(error)};
    }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

template <class T> struct SmoothL1 : Op { // beta = 0: L1
    T beta, inverse;

    explicit SmoothL1(const double *params) : beta(T(params[0])), inverse(T(1 / params[0])) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const T error = x - y, size = vmath::abs(error);
        const bool near = size < beta;
        return {near ? T(0.5) * size * size * inverse : size - T(0.5) * beta, near ? error * inverse : sign_of(error)};
    }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

template <class T> struct SmoothL1 : Op { // beta = 0: L1
    T beta, inverse;

    explicit SmoothL1(const double *params) : beta(representable<T>(params[0])) {
        beta = beta < std::numeric_limits<T>::min() ? T(0) : beta; // as good as 0, and its inverse would overflow
        inverse = 1 / beta;
    }
    ValueAndSlope<T> operator()(T x, T y) const {
        const T error = x - y, size = vmath::abs(error);
        const bool near = size < beta;
        const T share = error * inverse; // first: the square may overflow
        return {near ? T(0.5) * error * share : size - T(0.5) * beta, near ? share : sign_of(error)};
    }
};

} // namespace losskit

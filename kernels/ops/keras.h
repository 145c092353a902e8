// Keras's losses of probabilities, which it keeps 1e-7 from 0, and some from 1; beyond they have no slope.
#pragma once
#include "bce.h"

namespace losskit {

constexpr double keras_epsilon = 1e-7;

template <class T> struct ClippedBce : Op {
    static constexpr Domain input = Domain::unit, target = Domain::unit;
    T keep, spread; // of label smoothing

    explicit ClippedBce(const double *params) : keep(T(1 - params[0])), spread(T(params[0] / 2)) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const T low = T(keras_epsilon), high = T(1 - keras_epsilon), q = keep * y + spread;
        const ValueAndSlope<T> result = Bce<T>(nullptr)(vmath::at_most(vmath::at_least(x, low), high), q, T(1));
        return {result.value, x < low || x > high ? T(0) : result.slope};
    }
};

template <class T> struct ClippedKlDiv : Op {
    static constexpr Domain input = Domain::unit, target = Domain::unit;
    static constexpr bool sums_rows = true;

    explicit ClippedKlDiv(const double *) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const T low = T(keras_epsilon), q = vmath::at_least(x, low), p = vmath::at_least(y, low);
        return {p * vmath::log(p / q), x < low ? T(0) : -p / q};
    }
};

} // namespace losskit

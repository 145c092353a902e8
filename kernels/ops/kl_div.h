#pragma once
#include "op.h"

namespace losskit {

template <class T> struct KlDiv : Op {
    static constexpr Domain input = Domain::log_probability, target = Domain::unit;

    explicit KlDiv(const double *) {}
    ValueAndSlope<T> operator()(T x, T q) const { return {times(q, vmath::log_unit(q) - x), -q}; }
};

// Of a target that holds logarithms of probabilities.
template <class T> struct KlDivLog : Op {
    static constexpr Domain input = Domain::log_probability, target = Domain::log_probability;

    explicit KlDivLog(const double *) {}
    ValueAndSlope<T> operator()(T x, T log_q) const {
        const T q = vmath::exp(log_q);
        return {times(q, log_q - x), -q};
    }
};

} // namespace losskit

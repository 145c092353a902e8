#pragma once
#include "op.h"

namespace losskit {

template <class T> struct Bce : Op {
    static constexpr bool takes_pos_weight = true, knows_hard = true;
    static constexpr Domain input = Domain::unit, target = Domain::unit;

    explicit Bce(const double *) {}
    ValueAndSlope<T> operator()(T x, T y, T p) const {
        const T yes = bounded(vmath::log_unit(x)), no = bounded(vmath::log_rest(x));
        const T rest = 1 - x, above = floored(x), below = floored(rest);
        // Where p = 1 this is (x - y) exactly, as torch computes it: x (1 - y) - y (1 - x) would cancel.
        const T difference = p == 1 ? (above - y) + y * (rest - below) : (1 - y) * above - p * y * below;
        return {(y - 1) * no - p * y * yes, difference / (above * below)};
    }
    ValueAndSlope<T> hard(T x, T y, T p) const {
        const bool yes = y != 0;
        const T log = bounded(vmath::log_either(yes, x)), weight = yes ? -p : T(-1);
        return {weight * log, (yes ? -p : T(1)) / floored(yes ? x : 1 - x)};
    }

private:
    static T bounded(T log) { return vmath::at_least(log, T(-100)); } // as torch
    // The slope of a logarithm is that of its argument down to 1e-12, and 1e12 below.
    static T floored(T p) { return vmath::at_least(p, T(1e-12)); }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

template <class T> struct Bce : Op {
    static constexpr bool unit_input = true, unit_target = true, takes_pos_weight = true, knows_hard = true;

    explicit Bce(const double *) {}
    ValueAndSlope<T> operator()(T x, T y, T p) const {
        const T yes = bounded(vmath::log_unit(x)), no = bounded(vmath::log_rest(x));
        return {(y - 1) * no - p * y * yes, slope(x, y, p)};
    }
    ValueAndSlope<T> hard(T x, T y, T p) const {
        const bool yes = y != 0;
        const T log = bounded(vmath::log_either(yes, x));
        return {-(yes ? p * log : log), slope(x, y, p)};
    }

private:
    static T bounded(T log) { return vmath::at_least(log, T(-100)); } // as torch
    // That of a logarithm is that of its argument down to 1e-12, and 1e12 below.
    static T slope(T x, T y, T p) {
        const T rest = 1 - x, above = vmath::at_least(x, T(1e-12)), below = vmath::at_least(rest, T(1e-12));
        // Where p = 1 this is (x - y) exactly, as torch computes it: x (1 - y) - y (1 - x) would cancel.
        const T difference = (above - y) + y * (rest - p * below);
        return difference / (above * below);
    }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

template <class T> struct Bce : Op {
    static constexpr bool unit_input = true, unit_target = true, takes_pos_weight = true;

    explicit Bce(const double *) {}
    // Logarithms no lower than -100, as torch; the slope of one is that of its argument down to 1e-12, and 1e12 below.
    ValueAndSlope<T> operator()(T x, T y, T p) const {
        const T yes = vmath::at_least(vmath::log_unit(x), T(-100)), no = vmath::at_least(vmath::log_rest(x), T(-100));
        const T rest = 1 - x, above = vmath::at_least(x, T(1e-12)), below = vmath::at_least(rest, T(1e-12));
        // Where p = 1 this is (x - y) exactly, as torch computes it: x (1 - y) - y (1 - x) would cancel.
        const T difference = (above - y) + y * (rest - p * below);
        return {(y - 1) * no - p * y * yes, difference / (above * below)};
    }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

template <class T>
struct Bce : Op {
    static constexpr bool unit_input = true, unit_target = true, takes_pos_weight = true;

    explicit Bce(const double *) {}
    // Logarithms no lower than -100, as torch; the slope of one is that of its argument down to 1e-12, and 1e12 below.
    ValueAndSlope<T> operator()(T x, T y, T p) const {
        const T yes = vmath::at_least(vmath::log_unit(x), T(-100)), no = vmath::at_least(vmath::log_rest(x), T(-100));
        const T positive = p * y, rest = 1 - x, least = T(1e-12);
        const T above = vmath::at_least(x, least), below = vmath::at_least(rest, least);
        // Where p = 1 this is (x - y) exactly, as torch computes it: x (1 - y) - y (1 - x) would cancel.
        const T within = (x - y) + (y - positive) * rest;
        const T saturated = (1 - y) * above - positive * below;
        return {(y - 1) * no - positive * yes, ((x < least) | (rest < least) ? saturated : within) / (above * below)};
    }
};

} // namespace losskit

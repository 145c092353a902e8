#pragma once
#include "op.h"

namespace losskit {

template <class T>
struct Bce : Op {
    static constexpr bool unit_input = true, unit_target = true, takes_pos_weight = true;

    explicit Bce(const double *) {}
    // Logarithms no lower than -100, as torch; the slope of one is that of its argument down to 1e-12, and 1e12 below.
    ValueAndSlope<T> operator()(T x, T y, T p) const {
        const T yes = vmath::log(x), no = vmath::log1p(-x), positive = p * y, rest = 1 - x, least = T(1e-12);
        const T value = (y - 1) * (no < -100 ? T(-100) : no) - positive * (yes < -100 ? T(-100) : yes);
        // Where p = 1 this is (x - y) exactly, as torch computes it: x (1 - y) - y (1 - x) would cancel.
        const T within = ((x - y) + (y - positive) * rest) / (rest * x);
        const T saturated = (1 - y) / (rest < least ? least : rest) - positive / (x < least ? least : x);
        return {value, x < least || rest < least ? saturated : within};
    }
};

} // namespace losskit

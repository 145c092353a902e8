#pragma once
#include "op.h"

namespace losskit {

// A region op gives the loss of a region from its sums: of what is wrong, p where there should be nothing and 1 - p
// where there should be something, and of p and target together. The derivative in p of a pixel is steady - 2 t *
// per_target.
template <class T> struct Dice {
    struct Region {
        double value, steady, per_target;
    };
    double smooth;

    explicit Dice(const double *params) : smooth(params[0]) {
        constexpr double least = std::numeric_limits<T>::min();
        smooth = smooth == 0 ? 0 : smooth < least ? least : representable<T>(smooth);
    }
    Region operator()(double wrong, double there) const {
        const double whole = there + smooth;
        if (whole < std::numeric_limits<T>::min())
            return {wrong, 1, 1};
        const double value = wrong / whole;
        return {value, (1 - value) / whole, 1 / whole};
    }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

// A region op gives the loss of a region from its sums: of what is wrong, p where there should be nothing and 1 - p
// where there should be something, and of p and target together. The derivative in p of a pixel is steady - 2 t *
// per_target.
template <class T> struct Dice {
    template <class R> struct Region {
        R value, steady, per_target;
    };
    double smooth;

    explicit Dice(const double *params) : smooth(params[0]) {
        constexpr double least = std::numeric_limits<T>::min();
        smooth = smooth == 0 ? 0 : smooth < least ? least : representable<T>(smooth);
    }
    template <class R> Region<R> operator()(R wrong, R there) const {
        const R sum = there + static_cast<R>(smooth);
        const bool nothing = sum < std::numeric_limits<T>::min();
        const R once = 1 / (nothing ? R(1) : sum), value = wrong * once;
        return {value, nothing ? R(1) : (1 - value) * once, once};
    }
};

} // namespace losskit

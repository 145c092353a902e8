#pragma once
#include "op.h"

namespace losskit {

template <class T> struct SoftMargin : Op {
    static constexpr Domain target = Domain::sign;

    explicit SoftMargin(const double *) {}
    ValueAndSlope<T> operator()(T x, T sign) const {
        const Sigmoid<T> s(sign * x);
        const bool right = s.x > 0;
        return {right ? s.right : s.wrong, -sign * s.sure * (right ? s.e : T(1))};
    }
};

} // namespace losskit

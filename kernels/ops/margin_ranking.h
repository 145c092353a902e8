#pragma once
#include "op.h"

namespace losskit {

template <class T> struct MarginRanking : Op {
    static constexpr bool takes_third = true, opposite = true;
    static constexpr Domain third = Domain::sign;
    T margin;

    explicit MarginRanking(const double *params) : margin(representable<T>(params[0])) {}
    ValueAndSlope<T> operator()(T one, T other, T sign) const {
        const T lacking = margin - sign * (one - other);
        const bool enough = lacking < 0;
        return {enough ? T(0) : lacking, enough ? T(0) : -sign};
    }
};

} // namespace losskit

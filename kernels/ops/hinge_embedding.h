#pragma once
#include "op.h"

namespace losskit {

template <class T> struct HingeEmbedding : Op {
    static constexpr Domain target = Domain::sign;
    T margin;

    explicit HingeEmbedding(const double *params) : margin(representable<T>(params[0])) {}
    ValueAndSlope<T> operator()(T x, T sign) const {
        const T lacking = margin - x;
        const bool similar = sign > 0, enough = lacking < 0;
        return {similar ? x : enough ? T(0) : lacking, similar ? T(1) : enough ? T(0) : T(-1)};
    }
};

} // namespace losskit

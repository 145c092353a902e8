#pragma once
#include "op.h"

namespace losskit {

template <class T> struct BceWithLogits : Op {
    static constexpr bool takes_pos_weight = true;
    static constexpr Domain target = Domain::unit;
    T keep, spread; // of label smoothing

    explicit BceWithLogits(const double *params) : keep(T(1 - params[0])), spread(T(params[0] / 2)) {}
    ValueAndSlope<T> operator()(T x, T y, T p) const {
        const Sigmoid<T> s(x);
        const T yes = p * (keep * y + spread), no = keep * (1 - y) + spread; // 1 - q would lose a small spread
        const T denied = s.denied(yes, no), given = s.given(yes, no);
        return {times(denied, s.wrong) + given * s.right, s.turned(s.sure * (denied - given * s.e))};
    }
};

} // namespace losskit

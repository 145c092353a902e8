#pragma once
#include "op.h"

namespace losskit {

template <class T> struct Focal : Op {
    static constexpr Domain target = Domain::unit;
    T gamma, yes_weight, no_weight;

    explicit Focal(const double *params)
        : gamma(representable<T>(params[0])), yes_weight(T(params[1])), no_weight(T(params[2])) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const Sigmoid<T> s(x);
        return combine(s, y, gamma, vmath::exp(-gamma * s.right), vmath::exp(-gamma * finite(s.wrong)));
    }

protected:
    // An infinite loss as a number, for factors that vanish beside it.
    static T finite(T loss) { return vmath::at_most(loss, std::numeric_limits<T>::max()); }

    // An answer is turned down by the other's probability to that power.
    ValueAndSlope<T> combine(const Sigmoid<T> &s, T y, T power, T down_denied, T down_given) const {
        const T yes = yes_weight * y, no = no_weight * (1 - y);
        const T denied = s.denied(yes, no) * down_denied, given = s.given(yes, no) * down_given;
        const T slope = denied * (power * s.e * finite(s.wrong) + 1) - given * (power * s.right + s.e);
        return {times(denied, s.wrong) + given * s.right, s.turned(s.sure * slope)};
    }
};

// gamma = 2, the usual one, needs no power.
template <class T> struct FocalSquared : Focal<T> {
    using Focal<T>::Focal;
    ValueAndSlope<T> operator()(T x, T y) const {
        const Sigmoid<T> s(x);
        const T unsure = s.e * s.sure;
        return this->combine(s, y, 2, s.sure * s.sure, unsure * unsure);
    }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

template <class T>
struct Focal : Op {
    static constexpr bool unit_target = true;
    T gamma, yes_weight, no_weight;

    explicit Focal(const double *params) : gamma(T(params[0])), yes_weight(T(params[1])), no_weight(T(params[2])) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const Sigmoid<T> s(x);
        return combine(s, y, vmath::exp(-gamma * s.minus_log_no), vmath::exp(-gamma * s.minus_log_yes));
    }

  protected:
    // down_yes = (1 - p)^gamma turns the answer "yes" down, down_no = p^gamma the answer "no".
    ValueAndSlope<T> combine(const Sigmoid<T> &s, T y, T down_yes, T down_no) const {
        const T positive = yes_weight * y * down_yes, negative = no_weight * (1 - y) * down_no;
        return {positive * s.minus_log_yes + negative * s.minus_log_no,
                negative * (gamma * s.no * s.minus_log_no + s.yes) - positive * (gamma * s.yes * s.minus_log_yes + s.no)};
    }
};

// gamma = 2, the usual one, needs no power.
template <class T>
struct FocalSquared : Focal<T> {
    using Focal<T>::Focal;
    ValueAndSlope<T> operator()(T x, T y) const {
        const Sigmoid<T> s(x);
        return this->combine(s, y, s.no * s.no, s.yes * s.yes);
    }
};

} // namespace losskit

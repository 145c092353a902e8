// What an elementwise op is: a struct of parameters whose call gives the loss of x against y and its derivative in x.
#pragma once
#include "../vmath.h"

namespace losskit {

template <class T>
struct ValueAndSlope {
    T value, slope;
};

// The facts of an op, with their usual answers; an op states those that differ.
struct Op {
    static constexpr bool unit_input = false, unit_target = false; // must lie in [0, 1]
    static constexpr bool takes_pos_weight = false;                // called with a third number, the weight of "yes"
    static constexpr bool mean_divides_by_weight = false;          // as torch's mse_loss and l1_loss do
};

template <class T>
inline T sign_of(T x) {
    return x > 0 ? T(1) : x < 0 ? T(-1) : x; // NaN stays NaN
}

// sigmoid(x), sigmoid(-x) and minus their logarithms, all to full relative accuracy however large |x| is.
template <class T>
struct Sigmoid {
    T yes, no, minus_log_yes, minus_log_no;

    explicit Sigmoid(T x) {
        const T e = vmath::exp_down(-vmath::abs(x)), inverse = 1 / (1 + e), log = vmath::log1p_unit(e);
        const T e_inverse = e * inverse, more = log + vmath::abs(x);
        yes = x > 0 ? inverse : e_inverse;
        no = x > 0 ? e_inverse : inverse;
        minus_log_yes = x > 0 ? log : more;
        minus_log_no = x > 0 ? more : log;
    }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

template <class T> inline ValueAndSlope<T> pinball(T error, T below, T above) {
    const bool short_of = error > 0, beyond = error < 0;
    const T middle = T(0.5) * (above - below); // of both slopes; NaN stays NaN
    return {short_of ? below * error : above * (0 - error), short_of ? -below : beyond ? above : middle + error};
}

template <class T> struct Quantile : Op {
    static constexpr bool opposite = true;
    T below, above;

    explicit Quantile(const double *params) : below(representable<T>(params[0])), above(representable<T>(params[1])) {}
    ValueAndSlope<T> operator()(T x, T y) const { return pinball(y - x, below, above); }
};

// Several quantiles, one for each place. Those above a half are given as what they lack of 1, negative: both shares
// then have all their digits.
template <class T> struct Quantiles : Op {
    static constexpr bool takes_pos_weight = true;

    explicit Quantiles(const double *) {}
    ValueAndSlope<T> operator()(T x, T y, T quantile) const {
        const bool low = quantile > 0;
        const T share = low ? quantile : -quantile, rest = 1 - share;
        return pinball(y - x, low ? share : rest, low ? rest : share);
    }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

// Stirling's approximation of log(y!), for counts above 1.
template <class T> inline T stirling(T y) {
    const T half_log_two_pi = T(0.91893853320467274178);
    return y > 1 ? (y + T(0.5)) * vmath::log_normal(y) - y + half_log_two_pi : T(0);
}

// Of logarithms of rates.
template <bool full, class T> struct PoissonLog : Op {
    static constexpr Domain target = Domain::not_negative;

    explicit PoissonLog(const double *) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const T rate = vmath::exp(x);
        const bool immense = rate > std::numeric_limits<T>::max(); // the other term is negligible there
        const T count = immense ? T(0) : y;
        return {rate - times(count, x) + (full ? stirling(y) : T(0)), rate - count};
    }
};

// Of rates.
template <bool full, class T> struct PoissonRate : Op {
    static constexpr Domain input = Domain::not_negative, target = Domain::not_negative;
    T eps;

    explicit PoissonRate(const double *params) : eps(vmath::at_most(T(params[0]), most)) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const T rate = vmath::at_most(x + eps, most);
        return {x - times(y, vmath::log(rate)) + (full ? stirling(y) : T(0)), 1 - (y == 0 ? T(0) : y / rate)};
    }

private:
    static constexpr T most = std::numeric_limits<T>::max();
};

template <class T> struct PoissonNll : PoissonLog<false, T> {
    using PoissonLog<false, T>::PoissonLog;
};
template <class T> struct PoissonNllFull : PoissonLog<true, T> {
    using PoissonLog<true, T>::PoissonLog;
};
template <class T> struct PoissonNllOfRate : PoissonRate<false, T> {
    using PoissonRate<false, T>::PoissonRate;
};
template <class T> struct PoissonNllOfRateFull : PoissonRate<true, T> {
    using PoissonRate<true, T>::PoissonRate;
};

} // namespace losskit

// The norm of a difference of two vectors, plus `eps` in each number, and its derivative in that number.
#pragma once
#include "../vmath.h"
#include <cmath>

namespace losskit {

// Sums over the difference of two rows, in double: nothing that float32 holds overflows there, or vanishes.
template <class T, class Term>
[[gnu::flatten]] double over_difference(const T *x, const T *y, double eps, int64_t n, Term term) {
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < n; ++i)
        total += term((static_cast<double>(x[i]) - static_cast<double>(y[i])) + eps);
    return total;
}

template <class T> [[gnu::flatten]] double largest_difference(const T *x, const T *y, double eps, int64_t n) {
    double most = 0;
    bool nan = false;
#pragma omp simd reduction(max : most) reduction(| : nan)
    for (int64_t i = 0; i < n; ++i) {
        const double size = vmath::abs((static_cast<double>(x[i]) - static_cast<double>(y[i])) + eps);
        most = size > most ? size : most;
        nan |= size != size;
    }
    return nan ? std::numeric_limits<double>::quiet_NaN() : most;
}

// A number as it is rounded: a product that is fused with the sum it goes into does not cancel an equal one.
template <class R> inline R rounded(R x) {
#if defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__)
    return __builtin_assoc_barrier(x);
#else
    return x;
#endif
}

// Whether numbers of float32 times this one may have to be computed in double.
inline bool extreme(double factor) {
    const double size = vmath::abs(factor);
    return size != 0 && !(size > 1e-25 && size < 1e25);
}

// Whether squares of float64 may have vanished: no digits are left in their sum.
inline bool vanishes(double squares) { return squares < 1e-280; }

// A norm gives the length, and slope(d) times factor / length of a difference d; of equal vectors it is 0. NaN where
// the formula must decide.
struct Euclid {
    double rate = 0;

    template <class T> double length(const T *x, const T *y, double eps, int64_t n) {
        const double squares = over_difference(x, y, eps, n, [](double d) { return d * d; });
        if (vanishes(squares) && largest_difference(x, y, eps, n) != 0)
            return std::numeric_limits<double>::quiet_NaN();
        return std::sqrt(squares);
    }
    template <class T> void scale(double factor, double length, const T *, const T *, double, int64_t) {
        rate = length != 0 ? factor / length : 0;
    }
    bool wide() const { return extreme(rate); }
    template <class R> R slope(R d) const { return d * static_cast<R>(rate); }
};

struct Manhattan {
    double rate = 0;

    template <class T> double length(const T *x, const T *y, double eps, int64_t n) {
        return over_difference(x, y, eps, n, [](double d) { return vmath::abs(d); });
    }
    template <class T> void scale(double factor, double, const T *, const T *, double, int64_t) { rate = factor; }
    bool wide() const { return extreme(rate); }
    template <class R> R slope(R d) const {
        const R size = static_cast<R>(rate);
        return d > 0 ? size : d < 0 ? -size : 0;
    }
};

struct Largest {
    double most = 0, rate = 0;

    template <class T> double length(const T *x, const T *y, double eps, int64_t n) {
        return largest_difference(x, y, eps, n);
    }
    template <class T> void scale(double factor, double length, const T *x, const T *y, double eps, int64_t n) {
        most = length; // several may share it
        const double many =
            over_difference(x, y, eps, n, [=](double d) { return vmath::abs(d) == length ? 1.0 : 0.0; });
        rate = length != 0 ? factor / many : 0;
    }
    bool wide() const { return true; }
    double slope(double d) const { return vmath::abs(d) != most ? 0 : d > 0 ? rate : -rate; }
};

struct Power {
    double p, inverse = 0, rate = 0;

    explicit Power(double p) : p(p) {}
    template <class T> double length(const T *x, const T *y, double eps, int64_t n) {
        const double most = largest_difference(x, y, eps, n), up = 1 / most;
        if (!(most > 0))
            return most;
        const double power = p;
        const double sum =
            over_difference(x, y, eps, n, [=](double d) { return vmath::exp(power * vmath::log(vmath::abs(d) * up)); });
        return most * vmath::exp(vmath::log(sum) / p);
    }
    template <class T> void scale(double factor, double length, const T *, const T *, double, int64_t) {
        inverse = length != 0 ? 1 / length : 0, rate = factor;
    }
    bool wide() const { return true; }
    double slope(double d) const {
        const double size = rate * vmath::exp((p - 1) * vmath::log(vmath::abs(d) * inverse));
        return d == 0 ? 0 : d > 0 ? size : -size;
    }
};

// Calls work with the norm of that power.
template <class Work> inline auto with_norm(double p, Work work) {
    return p == 2 ? work(Euclid()) : p == 1 ? work(Manhattan()) : p >= 1e8 ? work(Largest()) : work(Power(p));
}

} // namespace losskit

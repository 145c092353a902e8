#pragma once
#include "pair.h"

namespace losskit {

// The slopes of a cosine, rate times: (b - cosine * a) / |x| in x, where a and b are the rows at length 1.
struct Turn {
    double across, x_along, y_along;

    Turn(double x_inverse, double y_inverse, double cosine, double rate)
        : across(rate * x_inverse * y_inverse), x_along(-cosine * rate * x_inverse * x_inverse),
          y_along(-cosine * rate * y_inverse * y_inverse) {}
    bool wide() const { return extreme(across) || extreme(x_along) || extreme(y_along); }
    template <class R> Slopes<R> operator()(R x, R y, R) const {
        const R both = static_cast<R>(across);
        return {y * both + x * static_cast<R>(x_along), x * both + y * static_cast<R>(y_along), 0};
    }
};

// The same where the cosine is large, as (b - a) + near * a, with near = 1 - cosine: equal rows then have none.
struct SmallTurn {
    double ratio, x_pull, y_pull, x_stay, y_stay;

    SmallTurn(double x_inverse, double y_inverse, double near, double rate)
        : ratio(y_inverse / x_inverse), x_pull(rate * x_inverse * x_inverse), y_pull(rate * x_inverse * y_inverse),
          x_stay(near * x_pull), y_stay(near * rate * y_inverse * y_inverse) {}
    bool wide() const { return true; }
    template <class R> Slopes<R> operator()(R x, R y, R) const {
        const R apart = y * static_cast<R>(ratio) - x;
        return {apart * static_cast<R>(x_pull) + x * static_cast<R>(x_stay),
                y * static_cast<R>(y_stay) - apart * static_cast<R>(y_pull), 0};
    }
};

// The squares of the rows' lengths, and their inner product.
template <class T> [[gnu::flatten]] void products(const Rows<T> &of, double &xx, double &yy, double &xy) {
    double own = 0, other = 0, both = 0;
#pragma omp simd reduction(+ : own, other, both)
    for (int64_t i = 0; i < of.width; ++i) {
        const double x = of.x[i], y = of.y[i];
        own += x * x, other += y * y, both += x * y;
    }
    xx = own, yy = other, xy = both;
}

// Half of the square of what parts the rows at length 1.
template <class T> [[gnu::flatten]] double half_square(const Rows<T> &of, double x_inverse, double y_inverse) {
    const double ratio = y_inverse / x_inverse;
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < of.width; ++i) {
        const double apart = (of.y[i] * ratio - of.x[i]) * x_inverse;
        total += apart * apart;
    }
    return total / 2;
}

// Whether squares of what is not 0 have vanished.
template <class T> bool lost(const T *x, double squares, int64_t n) {
    for (int64_t i = 0; vanishes(squares) && i < n; ++i)
        if (x[i] != 0)
            return true;
    return false;
}

template <class T> struct CosineEmbedding {
    static constexpr int matrices = 2;
    static constexpr bool labelled = true;
    double margin;

    explicit CosineEmbedding(const double *params) : margin(T(params[0])) {}
    static bool fits(T label) { return label == 1 || label == -1; }

    template <class Then> double operator()(const Rows<T> &of, double factor, Then then) const {
        double xx = 0, yy = 0, xy = 0;
        products(of, xx, yy, xy);
        if (lost(of.x, xx, of.width) || lost(of.y, yy, of.width))
            return std::numeric_limits<double>::quiet_NaN();
        const double x_inverse = xx == 0 ? 1 : 1 / std::sqrt(xx), y_inverse = yy == 0 ? 1 : 1 / std::sqrt(yy);
        const double cosine = xy * x_inverse * y_inverse;
        const bool alike = of.label > 0;
        if (!alike && cosine - margin < 0)
            return 0;
        const double rate = alike ? -factor : factor;
        if (cosine <= 0.5) {
            then(Turn(x_inverse, y_inverse, cosine, rate));
            return alike ? 1 - cosine : cosine - margin;
        }
        const double near = half_square(of, x_inverse, y_inverse);
        then(SmallTurn(x_inverse, y_inverse, near, rate));
        return alike ? near : cosine - margin;
    }
};

} // namespace losskit

#pragma once
#include "pair.h"

namespace losskit {

// The slopes of a cosine, rate times: (b - cosine * a) / |x| in x, where a and b are the rows at length 1. Where the
// cosine is large, that is (b - a) + near * a, with near = 1 - cosine: equal rows, whose ratio is 1, then have none.
struct Turn {
    double x_inverse, y_inverse, cosine, near, rate;
    double ratio = y_inverse / x_inverse, less = cosine > 0.5 ? 1 : 0, along = cosine > 0.5 ? near : -cosine;

    Slopes operator()(double x, double y, double) const {
        const double to_b = (y * ratio - less * x) * x_inverse, to_a = (x - less * (y * ratio)) * x_inverse;
        return {(to_b + along * (x * x_inverse)) * (rate * x_inverse),
                (to_a + along * (y * y_inverse)) * (rate * y_inverse), 0};
    }
};

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
        const double near = cosine > 0.5 ? half_square(of, x_inverse, y_inverse) : 1 - cosine;
        then(Turn{x_inverse, y_inverse, cosine, near, alike ? -factor : factor});
        return alike ? near : cosine - margin;
    }

private:
    [[gnu::flatten]] static void products(const Rows<T> &of, double &xx, double &yy, double &xy) {
        double own = 0, other = 0, both = 0;
#pragma omp simd reduction(+ : own, other, both)
        for (int64_t i = 0; i < of.width; ++i) {
            const double x = of.x[i], y = of.y[i];
            own += x * x, other += y * y, both += x * y;
        }
        xx = own, yy = other, xy = both;
    }

    [[gnu::flatten]] static double half_square(const Rows<T> &of, double x_inverse, double y_inverse) {
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
    static bool lost(const T *x, double squares, int64_t n) {
        for (int64_t i = 0; vanishes(squares) && i < n; ++i)
            if (x[i] != 0)
                return true;
        return false;
    }
};

} // namespace losskit

#pragma once
#include "cosine_embedding.h"

namespace losskit {

// The slopes of a cosine, in double, by what parts the rows: b - a where they are alike, -b - a where they are opposite
// (a and b are the rows at length 1). So they keep their digits in both places.
struct ArcTurn {
    double x_inverse, ratio, rest; // of b to x, with the sign of the cosine; 1 less the cosine's size
    double x_rate, y_rate;

    bool wide() const { return true; }
    template <class R> Slopes<R> operator()(R x, R y, R) const {
        const R inverse = static_cast<R>(x_inverse), left = static_cast<R>(rest);
        const R apart = (y * static_cast<R>(ratio) - x) * inverse, a = x * inverse;
        return {(apart + left * a) * static_cast<R>(x_rate), (left * (apart + a) - apart) * static_cast<R>(y_rate), 0};
    }
};

// The cosine of the angle between the rows after a margin has been added to it, times scale; beyond half a turn, where
// that would rise again, the cosine less a constant.
template <class T> struct Arc {
    static constexpr int matrices = 2;
    static constexpr bool labelled = false;
    double margin, scale, cosine, sine;

    explicit Arc(const double *params)
        : margin(params[0]), scale(params[1]), cosine(std::cos(margin)), sine(std::sin(margin)) {}

    template <class Then> double operator()(const Rows<T> &of, double factor, Then then) const {
        double xx = 0, yy = 0, xy = 0;
        products(of, xx, yy, xy);
        if (vanishes(xx) || vanishes(yy))
            return std::numeric_limits<double>::quiet_NaN();
        const double x_inverse = 1 / std::sqrt(xx), y_inverse = 1 / std::sqrt(yy), side = xy < 0 ? -1 : 1;
        const double rest = half_square(of, x_inverse, side * y_inverse);
        const double own = side * (1 - rest), across = std::sqrt(rest * (2 - rest)); // cosine and sine of the angle
        const bool turned = own > -cosine;
        const double rate = factor * scale * (!turned ? 1 : cosine + (across > 0 ? sine * own / across : 0));
        then(ArcTurn{x_inverse, side * y_inverse / x_inverse, rest, side * rate * x_inverse, rate * y_inverse});
        return scale * (turned ? own * cosine - across * sine : own - margin * sine);
    }
};

} // namespace losskit

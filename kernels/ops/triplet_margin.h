#pragma once
#include "pair.h"

namespace losskit {

template <class Norm, bool swap> struct Triplet {
    Norm near, far, swapped; // anchor and positive, anchor and negative, positive and negative
    double eps;

    bool wide() const { return near.wide() || far.wide() || swapped.wide(); }
    template <class R> Slopes<R> operator()(R x, R y, R z) const {
#if defined(__clang__)
#pragma clang fp contract(off)
#endif
        const R beside = static_cast<R>(eps);
        const R toward = rounded<R>(near.slope((x - y) + beside)), away = rounded<R>(far.slope((x - z) + beside));
        const R other = swap ? rounded<R>(swapped.slope((y - z) + beside)) : R(0);
        return {toward - away, -toward - other, away + other};
    }
};

template <class T> struct TripletMargin {
    static constexpr int matrices = 3;
    static constexpr bool labelled = false;
    double margin, p, eps;
    bool swap;

    explicit TripletMargin(const double *params)
        : margin(representable<T>(params[0])), p(params[1]), eps(params[2]), swap(params[3] != 0) {
        constexpr double least = std::numeric_limits<T>::min();
        eps = eps == 0 ? 0 : eps < least ? least : representable<T>(eps);
    }

    // Calls then(loss, slopes) where there is a slope, in which `factor` is contained.
    template <class Then> double operator()(const Rows<T> &of, double factor, Then then) const {
        return with_norm(p, [&](auto norm) {
            return swap ? run<true>(of, factor, norm, then) : run<false>(of, factor, norm, then);
        });
    }

private:
    template <bool swap, class Norm, class Then>
    double run(const Rows<T> &of, double factor, Norm norm, Then then) const {
        Triplet<Norm, swap> slopes = {norm, norm, norm, eps};
        const double near = slopes.near.length(of.x, of.y, eps, of.width);
        const double far = slopes.far.length(of.x, of.z, eps, of.width);
        const double other = swap ? slopes.swapped.length(of.y, of.z, eps, of.width) : far;
        const double share = !swap ? 1 : far == other ? 0.5 : far < other ? 1 : 0;   // of the slope, that far has
        const double least = far <= other ? far : other < far ? other : far + other; // NaN, if either is
        const double loss = margin + (near - least);
        if (loss < 0)
            return 0;
        slopes.near.scale(factor, near, of.x, of.y, eps, of.width);
        slopes.far.scale(factor * share, far, of.x, of.z, eps, of.width);
        slopes.swapped.scale(factor * (1 - share), other, of.y, of.z, eps, of.width);
        then(slopes);
        return loss;
    }
};

} // namespace losskit

#pragma once
#include "pair.h"

namespace losskit {

struct Along {
    double rate;

    bool wide() const { return extreme(rate); }
    template <class R> Slopes<R> operator()(R x, R y, R) const {
        const R slope = (x - y) * static_cast<R>(rate);
        return {slope, -slope, 0};
    }
};

template <class T> struct Contrastive {
    static constexpr int matrices = 2;
    static constexpr bool labelled = true;
    double margin;

    explicit Contrastive(const double *params) : margin(representable<T>(params[0])) {}
    static bool fits(T label) { return label == 0 || label == 1; }

    template <class Then> double operator()(const Rows<T> &of, double factor, Then then) const {
        const double distance = Euclid().length(of.x, of.y, 0, of.width), lacking = margin - distance;
        if (of.label > 0) {
            then(Along{factor});
            return 0.5 * distance * distance;
        }
        if (lacking <= 0)
            return 0;
        if (distance != 0)
            then(Along{-factor * lacking / distance});
        return 0.5 * lacking * lacking;
    }
};

} // namespace losskit

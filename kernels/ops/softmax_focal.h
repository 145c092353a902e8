#pragma once
#include "op.h"

namespace losskit {

struct SoftmaxFocal {
    double gamma;

    explicit SoftmaxFocal(const double *params) : gamma(params[0]) {}
    ValueAndSlope<double> operator()(double log_p) const {
        const double rest = -vmath::expm1(log_p), p = 1 - rest; // where that cancels, p counts for nothing
        const double down = gamma == 0 ? 1 : vmath::exp(gamma * vmath::log(rest));
        // p log p / rest tends to -1 as rest does to 0, where gamma * down vanishes beside it.
        const double pull = (rest > 0) & (p > 0) ? gamma * down / rest * p * log_p : 0;
        return {-down * log_p, pull - down};
    }
};

} // namespace losskit

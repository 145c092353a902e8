#pragma once
#include "op.h"
#include <cmath>

namespace losskit {

struct SoftmaxFocal {
    static ValueAndSlope<double> of(const double *params, double log_p) {
        const double gamma = params[0], p = std::exp(log_p), rest = -std::expm1(log_p);
        const double down = std::pow(rest, gamma); // 1 where gamma = 0
        // p log p / rest tends to -1 as rest does to 0, where gamma * down vanishes beside it.
        const double pull = rest > 0 && p > 0 ? gamma * down / rest * p * log_p : 0;
        return {-down * log_p, pull - down};
    }
};

} // namespace losskit

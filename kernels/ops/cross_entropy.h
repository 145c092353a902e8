#pragma once
#include "op.h"

namespace losskit {

// A rowwise op gives the loss of the target's log-probability, and its derivative in that.
struct CrossEntropy {
    explicit CrossEntropy(const double *) {}
    ValueAndSlope<double> operator()(double log_p) const { return {-log_p, -1}; }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

// A rowwise op gives the loss of the target's log-probability, and its derivative in that.
struct CrossEntropy {
    static ValueAndSlope<double> of(const double *, double log_p) { return {-log_p, -1}; }
};

} // namespace losskit

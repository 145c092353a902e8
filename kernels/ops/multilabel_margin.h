#pragma once
#include "op.h"

namespace losskit {

// An op of pairs gives the loss of how far a label lies above one that holds, and its derivative in that.
template <class T> struct MultiLabelMargin {
    explicit MultiLabelMargin(const double *) {}
    ValueAndSlope<T> operator()(T above) const {
        const T lacking = 1 + above;
        return {lacking <= 0 ? T(0) : lacking, lacking > 0 ? T(1) : T(0)};
    }
};

} // namespace losskit

#pragma once
#include "op.h"

namespace losskit {

template <class T> struct Mse : Op {
    static constexpr bool mean_divides_by_weight = true;

    explicit Mse(const double *) {}
    ValueAndSlope<T> operator()(T x, T y) const {
        const T error = x - y;
        return {error * error, 2 * error};
    }
};

} // namespace losskit

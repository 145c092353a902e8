// What numbers may be, and whether any of many is something else.
#pragma once
#include "vmath.h"

namespace losskit {

// Any; within [0, 1]; 1 or -1; 0 or more; at most 0, but for a rounding.
enum class Range { real, unit, sign, not_negative, log_probability };

constexpr double above_zero = 1e-3; // a log-softmax in half precision may round to just above 0

// An integer that is above `bound` for what is out of the range: two instructions look at many numbers.
template <Range range, class T> inline typename vmath::Format<T>::Uint strangeness(T x) {
    using Uint = typename vmath::Format<T>::Uint;
    if constexpr (range == Range::unit || range == Range::not_negative)
        return vmath::rank(x);
    else if constexpr (range == Range::sign)
        return (vmath::bits<Uint>(x) ^ vmath::bits<Uint>(T(1))) << 1;
    else if constexpr (range == Range::log_probability)
        return x > T(above_zero); // NaN is not
    else
        return (void)x, 0;
}
template <Range range, class T> inline typename vmath::Format<T>::Uint bound() {
    if constexpr (range == Range::unit)
        return vmath::rank(T(1));
    else if constexpr (range == Range::not_negative)
        return vmath::rank(std::numeric_limits<T>::infinity());
    else
        return 0;
}

// Whether any of the numbers that count is out of the range.
template <Range range, class T> inline bool outside(const T *values, const uint8_t *mask, int64_t n) {
    typename vmath::Format<T>::Uint worst = 0;
#pragma omp simd reduction(max : worst)
    for (int64_t i = 0; i < n; ++i) {
        const auto own = mask && !mask[i] ? 0 : strangeness<range>(values[i]);
        worst = own > worst ? own : worst;
    }
    return worst > bound<range, T>();
}
template <class T> inline bool outside(Range range, const T *values, const uint8_t *mask, int64_t n) {
    switch (range) {
    case Range::unit:
        return outside<Range::unit>(values, mask, n);
    case Range::sign:
        return outside<Range::sign>(values, mask, n);
    case Range::not_negative:
        return outside<Range::not_negative>(values, mask, n);
    case Range::log_probability:
        return outside<Range::log_probability>(values, mask, n);
    default:
        return false;
    }
}

} // namespace losskit

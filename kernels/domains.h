// What numbers may be, and whether any of many is something else.
#pragma once
#include "vmath.h"

namespace losskit {

// Any; within [0, 1]; 1 or -1; 0 or more; at most 0, but for a rounding.
enum class Domain { real, unit, sign, not_negative, log_probability };

constexpr double above_zero = 1e-3; // a log-softmax in half precision may round to just above 0

// An integer that is above `bound` for what is out of the domain: two instructions look at many numbers.
template <Domain domain, class T> inline typename vmath::Format<T>::Uint strangeness(T x) {
    using Uint = typename vmath::Format<T>::Uint;
    if constexpr (domain == Domain::unit || domain == Domain::not_negative)
        return vmath::rank(x);
    else if constexpr (domain == Domain::sign)
        return (vmath::bits<Uint>(x) ^ vmath::bits<Uint>(T(1))) << 1;
    else if constexpr (domain == Domain::log_probability)
        return x > T(above_zero); // NaN is not
    else
        return (void)x, 0;
}
template <Domain domain, class T> inline typename vmath::Format<T>::Uint bound() {
    if constexpr (domain == Domain::unit)
        return vmath::rank(T(1));
    else if constexpr (domain == Domain::not_negative)
        return vmath::rank(std::numeric_limits<T>::infinity());
    else
        return 0;
}

// Whether any of the numbers that count is out of the domain.
template <Domain domain, class T> inline bool outside(const T *values, const uint8_t *mask, int64_t n) {
    typename vmath::Format<T>::Uint worst = 0;
#pragma omp simd reduction(max : worst)
    for (int64_t i = 0; i < n; ++i) {
        const auto own = mask && !mask[i] ? 0 : strangeness<domain>(values[i]);
        worst = own > worst ? own : worst;
    }
    return worst > bound<domain, T>();
}
template <class T> inline bool outside(Domain domain, const T *values, const uint8_t *mask, int64_t n) {
    switch (domain) {
    case Domain::unit:
        return outside<Domain::unit>(values, mask, n);
    case Domain::sign:
        return outside<Domain::sign>(values, mask, n);
    case Domain::not_negative:
        return outside<Domain::not_negative>(values, mask, n);
    case Domain::log_probability:
        return outside<Domain::log_probability>(values, mask, n);
    default:
        return false;
    }
}

} // namespace losskit

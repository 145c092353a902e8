// Loops over a few thousand numbers that lie in cache, in vector lanes whose number and order never vary.
#pragma once
#include "vmath.h"
#include <cstdint>

namespace losskit {

// Sum of at most a few thousand numbers, in four chains of vector lanes.
template <class T>
inline double sum_of(const T *values, int64_t n) {
    const int64_t quarter = n / 4;
    T a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
    for (int64_t i = 0; i < quarter; ++i) {
        a += values[i];
        b += values[i + quarter];
        c += values[i + 2 * quarter];
        d += values[i + 3 * quarter];
    }
    double total = (double(a) + double(b)) + (double(c) + double(d));
    for (int64_t i = 4 * quarter; i < n; ++i)
        total += values[i];
    return total;
}

template <class T>
inline T max_of(const T *values, int64_t n) {
    const int64_t quarter = n / 4;
    T a = values[0], b = a, c = a, d = a;
#pragma omp simd reduction(max : a, b, c, d)
    for (int64_t i = 0; i < quarter; ++i) {
        a = values[i] > a ? values[i] : a;
        b = values[i + quarter] > b ? values[i + quarter] : b;
        c = values[i + 2 * quarter] > c ? values[i + 2 * quarter] : c;
        d = values[i + 3 * quarter] > d ? values[i + 3 * quarter] : d;
    }
    for (int64_t i = 4 * quarter; i < n; ++i)
        a = values[i] > a ? values[i] : a;
    a = b > a ? b : a;
    c = d > c ? d : c;
    return c > a ? c : a;
}

// Whether any of the numbers that count is not in [0, 1].
template <class T>
inline bool outside_unit(const T *values, const uint8_t *mask, int64_t n) {
    typename vmath::Format<T>::Uint worst = 0;
#pragma omp simd reduction(max : worst)
    for (int64_t i = 0; i < n; ++i) {
        const auto rank = mask && !mask[i] ? 0 : vmath::rank(values[i]);
        worst = rank > worst ? rank : worst;
    }
    return worst > vmath::rank(T(1));
}

template <class T>
inline void multiply(T *__restrict values, const T *__restrict by, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
        values[i] *= by[i];
}

} // namespace losskit

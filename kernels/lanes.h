// Loops over a few thousand numbers that lie in cache, in vector lanes whose number and order never vary.
#pragma once
#include "vmath.h"
#include <cstdint>
#include <cstring>

namespace losskit {

// A vector of 64 bytes, which the compiler splits where the processor's are shorter.
template <class T> struct Vector {
    typedef T type __attribute__((vector_size(64)));
    static constexpr int64_t width = 64 / sizeof(T);
};

// Four chains of vectors over `values`, each taken up by fold(into, next), of vectors as of numbers.
template <class T, class Fold> inline T folded(const T *values, int64_t n, T start, Fold fold) {
    using V = typename Vector<T>::type;
    constexpr int64_t width = Vector<T>::width;
    V chains[4] = {V{} + start, V{} + start, V{} + start, V{} + start}, next;
    int64_t i = 0;
    for (; i + 4 * width <= n; i += 4 * width)
        for (int64_t chain = 0; chain < 4; ++chain) {
            std::memcpy(&next, values + i + chain * width, sizeof next);
            fold(chains[chain], next);
        }
    for (; i + width <= n; i += width) {
        std::memcpy(&next, values + i, sizeof next);
        fold(chains[0], next);
    }
    fold(chains[0], chains[1]), fold(chains[2], chains[3]), fold(chains[0], chains[2]);
    T lane[width];
    std::memcpy(lane, &chains[0], sizeof lane);
    for (int64_t half = width / 2; half > 0; half /= 2)
        for (int64_t j = 0; j < half; ++j)
            fold(lane[j], lane[j + half]);
    for (; i < n; ++i)
        fold(lane[0], values[i]);
    return lane[0];
}

// Of at most a few thousand numbers.
template <class T> inline double sum_of(const T *values, int64_t n) {
    return folded(values, n, T(0), [](auto &into, const auto &next) { into += next; });
}

template <class T> inline T max_of(const T *values, int64_t n) {
    return folded(values, n, values[0], [](auto &into, const auto &next) { into = next > into ? next : into; });
}

// Whether any of the numbers that count is not in [0, 1].
template <class T> inline bool outside_unit(const T *values, const uint8_t *mask, int64_t n) {
    typename vmath::Format<T>::Uint worst = 0;
#pragma omp simd reduction(max : worst)
    for (int64_t i = 0; i < n; ++i) {
        const auto rank = mask && !mask[i] ? 0 : vmath::rank(values[i]);
        worst = rank > worst ? rank : worst;
    }
    return worst > vmath::rank(T(1));
}

// Whether all of the numbers are 0 or 1.
template <class T> inline bool all_hard(const T *values, int64_t n) {
    int soft = 0;
#pragma omp simd reduction(| : soft)
    for (int64_t i = 0; i < n; ++i)
        soft |= values[i] * values[i] != values[i];
    return !soft;
}

// A weight of 0 makes nothing of an infinite number, too.
template <class T> inline void multiply(T *__restrict values, const T *__restrict by, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
        const bool nothing = (by[i] == 0) & (vmath::abs(values[i]) > std::numeric_limits<T>::max());
        values[i] = nothing ? T(0) : values[i] * by[i];
    }
}

} // namespace losskit

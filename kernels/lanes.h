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

// Of `least` and the values; NaN counts only as `least`.
template <class T> inline T max_of(const T *values, int64_t n, T least) {
    return folded(values, n, least, [](auto &into, const auto &next) { into = next > into ? next : into; });
}

// Whether all of the numbers are 0 or 1.
template <class T> inline bool all_hard(const T *values, int64_t n) {
    int soft = 0;
#pragma omp simd reduction(| : soft)
    for (int64_t i = 0; i < n; ++i)
        soft |= values[i] * values[i] != values[i];
    return !soft;
}

// to[column * to_stride + row] = from[row * from_stride + column], in blocks of 4 by 4 where the compiler can shuffle.
template <class T>
inline void transpose(const T *__restrict from, int64_t from_stride, int64_t rows, int64_t columns, T *__restrict to,
                      int64_t to_stride) {
    int64_t whole_rows = 0, whole_columns = 0;
#if defined(__clang__) || __GNUC__ >= 12
    typedef T Four __attribute__((vector_size(4 * sizeof(T))));
    whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
    for (int64_t first = 0; first < whole_rows; first += 16) // so many fill a line of the cache while it is there
        for (int64_t column = 0; column < whole_columns; column += 4)
            for (int64_t row = first; row < whole_rows && row < first + 16; row += 4) {
                Four in[4], out[4];
                for (int64_t i = 0; i < 4; ++i)
                    std::memcpy(&in[i], from + (row + i) * from_stride + column, sizeof(Four));
                const Four even_low = __builtin_shufflevector(in[0], in[2], 0, 4, 1, 5),
                           even_high = __builtin_shufflevector(in[0], in[2], 2, 6, 3, 7),
                           odd_low = __builtin_shufflevector(in[1], in[3], 0, 4, 1, 5),
                           odd_high = __builtin_shufflevector(in[1], in[3], 2, 6, 3, 7);
                out[0] = __builtin_shufflevector(even_low, odd_low, 0, 4, 1, 5);
                out[1] = __builtin_shufflevector(even_low, odd_low, 2, 6, 3, 7);
                out[2] = __builtin_shufflevector(even_high, odd_high, 0, 4, 1, 5);
                out[3] = __builtin_shufflevector(even_high, odd_high, 2, 6, 3, 7);
                for (int64_t i = 0; i < 4; ++i)
                    std::memcpy(to + (column + i) * to_stride + row, &out[i], sizeof(Four));
            }
#endif
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = row < whole_rows ? whole_columns : 0; column < columns; ++column)
            to[column * to_stride + row] = from[row * from_stride + column];
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

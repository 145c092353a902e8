// A tile of up to 64 items: a vector runs over the items, class by class. The number of a class and an item lies at
// [class * stride + item].
#pragma once
#include "batch.h"
#include "lanes.h"

namespace losskit {

// A tile from where it lies, and the largest number of each item.
template <class S, class T>
void load_tile(const Batch<S> &batch, const S *from, int64_t width, int64_t stride, T *__restrict numbers, T *turned,
               T *__restrict maximum) {
    const int64_t classes = batch.classes, inner = batch.call.inner;
    const T *const flat = inner == 1 ? load(from, width * classes, turned) : nullptr;
    if (flat)
        transpose(flat, classes, width, classes, numbers, stride);
    for (int64_t i = 0; i < stride; ++i)
        maximum[i] = -std::numeric_limits<T>::infinity();
    for (int64_t c = 0; c < classes; ++c) {
        T *const to = numbers + c * stride;
        const T *const row = flat ? nullptr : load(from + c * inner, width, to);
        for (int64_t i = width; i < stride; ++i)
            to[i] = 0;
#pragma omp simd
        for (int64_t i = 0; i < width; ++i) {
            const T next = flat ? to[i] : row[i];
            to[i] = next;
            maximum[i] = next > maximum[i] ? next : maximum[i];
        }
    }
}

template <class S, class T>
void store_tile(const Batch<S> &batch, S *to, int64_t width, int64_t stride, T *numbers, T *turned) {
    const int64_t classes = batch.classes, inner = batch.call.inner;
    if (inner != 1) {
        for (int64_t c = 0; c < classes; ++c)
            put(to + c * inner, numbers + c * stride, width, batch.streaming);
    } else {
        transpose(numbers, stride, classes, width, turned, classes);
        for (int64_t i = 0; i < width * classes; i += chunk)
            put(to + i, turned + i, width * classes - i < chunk ? width * classes - i : chunk, batch.streaming);
    }
}

// Whatever an item that is not kept holds, NaN too.
template <class T> void clear_item(int64_t i, int64_t classes, int64_t stride, T *e, T *q, T *maximum) {
    maximum[i] = 0;
    for (int64_t c = 0; c < classes; ++c) {
        e[c * stride + i] = 0;
        if (q)
            q[c * stride + i] = c == 0;
    }
}

} // namespace losskit

// The softmax of one item whose classes lie side by side and are many: a vector runs over the classes, and the gradient
// is written while the row is in cache.
#pragma once
#include "domains.h"
#include "items.h"
#include "lanes.h"
#include <cmath>

namespace losskit {

// Fetches one part of the row at `from` into the cache; a long row the processor itself sees coming.
template <class S> inline void fetch(const S *from, int64_t classes, int64_t part, int64_t parts) {
    if (classes * sizeof(S) > 16384)
        return;
    for (int64_t c = classes * part / parts; c < classes * (part + 1) / parts; c += 64 / sizeof(S))
        __builtin_prefetch(from + c);
}

// The probabilities that are an item's target, and what is wrong with them.
template <class S> const Compute<S> *row_target(const Batch<S> &batch, int64_t item, Compute<S> *buffer, int &wrong) {
    const int64_t classes = batch.classes;
    const auto *const given = load(static_cast<const S *>(batch.call.target) + item * classes, classes, buffer);
    double total = 0;
    for (int64_t c = 0; c < classes; c += chunk)
        total += sum_of(given + c, classes - c < chunk ? classes - c : chunk);
    wrong |= outside<Domain::unit>(given, nullptr, classes) || std::abs(total - 1) > off_one ? bad_target : 0;
    return given;
}

// What label smoothing gives each class that is possible.
template <class T> T row_even(const T *x, int64_t classes, double label_smoothing) {
    int64_t possible = 0;
    if (label_smoothing > 0) {
#pragma omp simd reduction(+ : possible)
        for (int64_t c = 0; c < classes; ++c)
            possible += x[c] != -std::numeric_limits<T>::infinity();
    }
    return static_cast<T>(possible ? label_smoothing / static_cast<double>(possible) : 0);
}

// The soft part of a target, weighted: q, its sum, and its sum times (maximum - x).
template <class S, class T>
void row_soft(const Batch<S> &batch, int64_t item, const T *x, T maximum, T *q, double &spread, double &level,
              int &wrong) {
    const int64_t classes = batch.classes;
    const T *const given = batch.soft_target ? row_target(batch, item, q, wrong) : nullptr;
    const T kept = static_cast<T>(batch.keep), even = row_even(x, classes, batch.call.label_smoothing);
    for (int64_t c = 0; c < classes; c += chunk) {
        const int64_t n = classes - c < chunk ? classes - c : chunk;
        alignas(64) T levels[chunk];
        T *const to = q + c;
        const T *const from = x + c, *const target = given ? given + c : nullptr;
        if (target) {
#pragma omp simd
            for (int64_t i = 0; i < n; ++i)
                to[i] = kept * target[i];
        }
#pragma omp simd
        for (int64_t i = 0; i < n; ++i)
            to[i] = (target ? to[i] : T(0)) + (from[i] != -std::numeric_limits<T>::infinity() ? even : T(0));
        if (batch.class_weight)
            multiply(to, batch.class_weight + c, n);
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) {
            const T distance = maximum - from[i];
            levels[i] = to[i] == 0 ? T(0) : to[i] * distance; // 0 log 0 = 0
        }
        spread += sum_of(to, n);
        level += sum_of(levels, n);
    }
}

template <class T> double row_exponentials(const T *x, T maximum, T *e, int64_t classes) {
    double total = 0;
    for (int64_t c = 0; c < classes; c += chunk) {
        const int64_t n = classes - c < chunk ? classes - c : chunk;
        const T *const from = x + c;
        T *const to = e + c;
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < n; ++i) {
            to[i] = vmath::exp_down(from[i] - maximum);
            sum += to[i];
        }
        total += sum;
    }
    return total;
}

// The sum of all exponentials but that of the largest, which is 1.
template <class T> double row_others(T *e, int64_t largest, int64_t classes) {
    double total = 0;
    e[largest] = 0;
    for (int64_t c = 0; c < classes; c += chunk)
        total += sum_of(e + c, classes - c < chunk ? classes - c : chunk);
    e[largest] = 1;
    return total;
}

template <class S, class T> void row_gradient(const Batch<S> &batch, const Items &of, T *e, const T *q, S *out) {
    const int64_t id = of.id[0], classes = batch.classes;
    const T common = static_cast<T>(of.common[0]), factor = static_cast<T>(of.soft[0]);
    const T at_id = gradient_at(of, 0, e[id], batch.soft ? q[id] : T(0));
    for (int64_t c = 0; c < classes; c += chunk) {
        const int64_t n = classes - c < chunk ? classes - c : chunk;
        T *const from = e + c, *const to = target_of(out + c, batch.streaming, from);
        const T *const less = q + c;
        if (batch.soft) {
#pragma omp simd
            for (int64_t i = 0; i < n; ++i)
                to[i] = from[i] * common - less[i] * factor;
        } else {
#pragma omp simd
            for (int64_t i = 0; i < n; ++i)
                to[i] = from[i] * common;
        }
        if (id >= c && id < c + n)
            to[id - c] = at_id;
        store(out + c, to, n, batch.streaming);
    }
}

// Returns the item's loss. Flattened: calls would cost a short row as much as its numbers do.
template <class S, class T>
[[gnu::flatten]] double softmax_row(const Batch<S> &batch, int64_t item, T *scratch, int &wrong) {
    const int64_t classes = batch.classes;
    S *const out = batch.gradient ? batch.gradient + item * classes : nullptr;
    const bool each = batch.call.reduction == none;
    Items of;
    look_up(batch, of, item, 1);
    if (!of.kept[0]) {
        if (out)
            std::memset(static_cast<void *>(out), 0, classes * sizeof(S));
        if (each)
            batch.value[item] = 0;
        return 0;
    }
    T *const e = scratch, *const q = scratch + classes;
    const S *const own = batch.input + item * classes;
    const T *const x = load(own, classes, e);
    const T maximum = max_of(x, classes, x[0]);
    wrong |= maximum == std::numeric_limits<T>::infinity() ? bad_input : 0; // the formula knows the limit
    of.below[0] = double(x[of.id[0]]) - double(maximum);
    if (batch.soft)
        row_soft(batch, item, x, maximum, q, of.spread[0], of.level[0], wrong);
    if (batch.soft_target)
        of.below[0] = of.level[0] <= one_hot * of.spread[0] ? 0 : -1;
    fetch(own + classes, classes, 0, 3); // memory would be idle until the next row
    of.sum[0] = row_exponentials(x, maximum, e, classes);
    of.rest[0] = of.sum[0] - 1;
    if (of.sum[0] < sure && of.below[0] == 0) {
        of.id[0] = batch.soft_target ? largest_of(e, 1, classes) : of.id[0];
        of.rest[0] = row_others(e, of.id[0], classes);
        of.sum[0] = 1 + of.rest[0];
    }
    fetch(own + classes, classes, 1, 3);
    settle(batch, of);
    if (each)
        batch.value[item] = static_cast<T>(of.value[0]);
    fetch(own + classes, classes, 2, 3);
    if (out)
        row_gradient(batch, of, e, q, out);
    return of.value[0];
}

} // namespace losskit

// The softmax of a tile of up to 64 items.
#pragma once
#include "items.h"
#include "lanes.h"
#include "tile.h"
#include <cmath>

namespace losskit {

// What is wrong with the probabilities that are the items' targets.
template <class T> int tile_found(const T *q, int64_t classes, int64_t width, int64_t stride) {
    int wrong = 0;
    double total[lanes] = {};
    for (int64_t c = 0; c < classes; ++c) {
        wrong |= outside<Domain::unit>(q + c * stride, nullptr, width) ? bad_target : 0;
        for (int64_t i = 0; i < width; ++i)
            total[i] += q[c * stride + i];
    }
    for (int64_t i = 0; i < width; ++i)
        wrong |= std::abs(total[i] - 1) > off_one ? bad_target : 0;
    return wrong;
}

// The soft part of the targets, weighted: q, its sums, and its sums times (maximum - x).
template <class S, class T>
void tile_soft(const Batch<S> &batch, int64_t stride, const T *__restrict x, const T *__restrict maximum,
               T *__restrict q, double *__restrict spread, double *__restrict level) {
    constexpr T impossible = -std::numeric_limits<T>::infinity();
    const int64_t classes = batch.classes;
    const bool soft_target = batch.soft_target;
    const T kept = soft_target ? static_cast<T>(batch.keep) : T(0);
    alignas(64) T even[lanes], count[lanes] = {};
    for (int64_t c = 0; c < classes; ++c)
#pragma omp simd
        for (int64_t i = 0; i < stride; ++i)
            count[i] += x[c * stride + i] != impossible ? T(1) : T(0);
    for (int64_t i = 0; i < stride; ++i)
        even[i] = static_cast<T>(count[i] > 0 ? batch.call.label_smoothing / count[i] : 0);
    for (int64_t c = 0; c < classes; ++c) {
        const T weight = batch.class_weight ? batch.class_weight[c] : T(1);
        T *const __restrict own = q + c * stride;
        const T *const __restrict logits = x + c * stride;
        if (!soft_target)
            for (int64_t i = 0; i < stride; ++i)
                own[i] = 0;
#pragma omp simd
        for (int64_t i = 0; i < stride; ++i) {
            own[i] = weight * (kept * own[i] + (logits[i] != impossible ? even[i] : T(0)));
            spread[i] += own[i];
            level[i] += own[i] == 0 ? T(0) : own[i] * (maximum[i] - logits[i]); // 0 log 0 = 0
        }
    }
}

// The sums of all exponentials but those of the largest, which are 1, for the items that are sure.
template <class T>
void tile_others(Items &of, const T *__restrict e, int64_t classes, int64_t stride, bool soft_target) {
    double others[lanes] = {};
    for (int64_t c = 0; c < classes;) {
        const int64_t end = c + 64 < classes ? c + 64 : classes;
        alignas(64) T partial[lanes] = {};
        for (; c < end; ++c)
#pragma omp simd
            for (int64_t i = 0; i < stride; ++i)
                partial[i] += e[c * stride + i] < 1 ? e[c * stride + i] : T(0);
        for (int64_t i = 0; i < of.count; ++i)
            others[i] += partial[i];
    }
    for (int64_t i = 0; soft_target && i < of.count; ++i)
        of.id[i] = of.sum[i] < sure && of.below[i] == 0 ? largest_of(e + i, stride, classes) : 0;
#pragma omp simd
    for (int64_t i = 0; i < of.count; ++i)
        if ((of.sum[i] < sure) & (of.below[i] == 0)) // whatever its neighbours are
            of.rest[i] = others[i], of.sum[i] = 1 + others[i];
}

template <class T>
void tile_exponentials(Items &of, const T *__restrict maximum, T *__restrict e, int64_t classes, int64_t stride,
                       bool soft_target) {
    for (int64_t i = 0; i < of.count; ++i)
        of.sum[i] = 0;
    for (int64_t c = 0; c < classes;) {
        const int64_t end = c + 64 < classes ? c + 64 : classes; // few enough for the lanes of float
        alignas(64) T partial[lanes] = {};
        for (; c < end; ++c)
#pragma omp simd
            for (int64_t i = 0; i < stride; ++i) {
                e[c * stride + i] = vmath::exp_down(e[c * stride + i] - maximum[i]);
                partial[i] += e[c * stride + i];
            }
        for (int64_t i = 0; i < of.count; ++i)
            of.sum[i] += partial[i];
    }
    int64_t any = 0;
#pragma omp simd reduction(| : any)
    for (int64_t i = 0; i < of.count; ++i) {
        of.rest[i] = of.sum[i] - 1;
        any |= (of.sum[i] < sure) & (of.below[i] == 0);
    }
    if (any)
        tile_others(of, e, classes, stride, soft_target);
}

// In the place of the exponentials; q is null where no target has a soft part.
template <class T>
void tile_gradient(const Items &of, T *__restrict e, const T *__restrict q, int64_t classes, int64_t stride) {
    alignas(64) T common[lanes] = {}, factor[lanes] = {}, at_id[lanes];
    for (int64_t i = 0; i < of.count; ++i) {
        const int64_t at = of.id[i] * stride + i;
        at_id[i] = gradient_at(of, i, e[at], q ? q[at] : T(0));
        common[i] = static_cast<T>(of.common[i]), factor[i] = static_cast<T>(of.soft[i]);
    }
    for (int64_t c = 0; c < classes; ++c) {
        if (q) {
#pragma omp simd
            for (int64_t i = 0; i < stride; ++i)
                e[c * stride + i] = e[c * stride + i] * common[i] - q[c * stride + i] * factor[i];
        } else {
#pragma omp simd
            for (int64_t i = 0; i < stride; ++i)
                e[c * stride + i] *= common[i];
        }
    }
    for (int64_t i = 0; i < of.count; ++i)
        e[of.id[i] * stride + i] = at_id[i];
}

// Items first, first + 1, …, whose logits begin at `offset`. Returns the sum of their losses.
template <class S, class T>
[[gnu::flatten]] double softmax_tile(const Batch<S> &batch, int64_t first, int64_t width, int64_t offset, T *scratch,
                                     int &wrong) {
    const int64_t classes = batch.classes, stride = (width + 15) / 16 * 16;
    const bool soft_target = batch.soft_target;
    T *const e = scratch, *const q = batch.soft ? scratch + classes * stride : nullptr;
    T *const turned = scratch + 2 * classes * stride;
    alignas(64) T maximum[lanes];
    Items of;
    look_up(batch, of, first, width);
    if (soft_target)
        load_tile(batch, static_cast<const S *>(batch.call.target) + offset, width, stride, q, turned, maximum);
    load_tile(batch, batch.input + offset, width, stride, e, turned, maximum);
    for (int64_t i = 0; i < width; ++i) {
        if (!of.kept[i])
            clear_item(i, classes, stride, e, soft_target ? q : nullptr, maximum);
        of.below[i] = double(e[of.id[i] * stride + i]) - double(maximum[i]);
        wrong |= maximum[i] == std::numeric_limits<T>::infinity() ? bad_input : 0; // the formula knows the limit
    }
    if (soft_target)
        wrong |= tile_found(q, classes, width, stride);
    if (q)
        tile_soft(batch, stride, e, maximum, q, of.spread, of.level);
    for (int64_t i = 0; soft_target && i < width; ++i)
        of.below[i] = of.level[i] <= one_hot * of.spread[i] ? 0 : -1;
    tile_exponentials(of, maximum, e, classes, stride, soft_target);
    settle(batch, of);
    for (int64_t i = 0; batch.call.reduction == none && i < width; ++i)
        batch.value[first + i] = static_cast<T>(of.value[i]);
    if (batch.gradient) {
        tile_gradient(of, e, q, classes, stride);
        store_tile(batch, batch.gradient + offset, width, stride, e, turned);
    }
    return sum_of(of.value, width);
}

} // namespace losskit

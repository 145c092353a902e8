// Losses of what the right score lacks beside each other one: a mean over the classes, to which the right one adds 0.
#pragma once
#include "items.h"
#include "tile.h"
#include "units.h"

namespace losskit {

// What a class adds to an item: nothing where it is the right one, or does not lack anything. NaN stays.
template <class Op, class T> inline ValueAndSlope<T> margin_at(const Op &op, T x, T right, bool own) {
    const T lacking = op.margin + (x - right);
    return op(own | (lacking <= 0) ? T(0) : lacking);
}

template <class T> struct Margins {
    T value, pull; // the sum of the values, and of the slopes
};

// Of `n` classes; the right one is at `own`, if it is among them.
template <class Op, class T>
[[gnu::flatten]] Margins<T> margin_part(const Op op, const T *x, T right, int32_t own, T factor, T *slope, int32_t n) {
    T value = 0, pull = 0;
    if (!slope) {
#pragma omp simd reduction(+ : value)
        for (int32_t i = 0; i < n; ++i)
            value += margin_at(op, x[i], right, i == own).value;
        return {value, 0};
    }
#pragma omp simd reduction(+ : value, pull)
    for (int32_t i = 0; i < n; ++i) {
        const ValueAndSlope<T> at = margin_at(op, x[i], right, i == own);
        value += at.value, pull += at.slope;
        slope[i] = at.slope * factor;
    }
    return {value, pull};
}

template <template <class> class Op, class S, class T>
double margin_row(const Batch<S> &batch, int64_t item, T *scratch, int &wrong) {
    const int64_t classes = batch.classes;
    S *const out = batch.gradient ? batch.gradient + item * classes : nullptr;
    if (batch.masked(item)) {
        if (out)
            fill_zero(out, classes * sizeof(S), batch.streaming);
        return mean_loss(batch, item, 0, 0, wrong);
    }
    const int64_t id = batch.id(item);
    const double weight = batch.weight_of(id) * batch.sample_weight(item);
    const T *const x = load(batch.input + item * classes, classes, scratch), right = x[id];
    const T factor = mean_rate(batch, weight);
    const int64_t parts = (classes + chunk - 1) / chunk, last = id / chunk; // the part of the right one comes last
    double value = 0, pull = 0;
    for (int64_t part = 1; part <= parts; ++part) {
        const int64_t c = (last + part) % parts * chunk, n = classes - c < chunk ? classes - c : chunk;
        alignas(64) T buffer[chunk];
        T *const slope = out ? target_of(out + c, batch.streaming, buffer) : nullptr;
        const int32_t own = part == parts ? static_cast<int32_t>(id - c) : -1;
        const Margins<T> sums = margin_part(Op<T>(batch.call.params), x + c, right, own, factor, slope, int32_t(n));
        value += sums.value, pull += sums.pull;
        if (out && part == parts)
            slope[own] = static_cast<T>(-pull * factor);
        if (out)
            store(out + c, slope, n, batch.streaming);
    }
    return mean_loss(batch, item, value, weight, wrong);
}

// The sums over the classes of a tile, whose numbers give way to the slopes.
template <class Op, class T>
[[gnu::flatten]] void margin_sums(const Op op, const Items &of, T *__restrict x, const T *__restrict right,
                                  const T *__restrict factor, int64_t classes, int64_t stride, double *value,
                                  double *pull) {
    alignas(64) int32_t id[lanes] = {};
    for (int64_t i = 0; i < of.count; ++i)
        id[i] = static_cast<int32_t>(of.id[i]);
    for (int64_t c = 0; c < classes;) {
        const int64_t end = c + 64 < classes ? c + 64 : classes; // few enough for the lanes of float
        alignas(64) T values[lanes] = {}, pulls[lanes] = {};
        for (; c < end; ++c)
#pragma omp simd
            for (int64_t i = 0; i < stride; ++i) {
                const ValueAndSlope<T> at =
                    margin_at(op, x[c * stride + i], right[i], id[i] == static_cast<int32_t>(c));
                values[i] += at.value, pulls[i] += at.slope;
                x[c * stride + i] = at.slope * factor[i];
            }
        for (int64_t i = 0; i < of.count; ++i)
            value[i] += values[i], pull[i] += pulls[i];
    }
}

template <template <class> class Op, class S, class T>
double margin_tile(const Batch<S> &batch, int64_t first, int64_t width, int64_t offset, T *scratch, int &wrong) {
    const int64_t classes = batch.classes, stride = (width + 15) / 16 * 16;
    T *const x = scratch, *const turned = scratch + 2 * classes * stride;
    alignas(64) T right[lanes] = {}, factor[lanes] = {}, maximum[lanes];
    double weight[lanes], value[lanes] = {}, pull[lanes] = {}, total = 0;
    Items of;
    look_up(batch, of, first, width);
    load_tile(batch, batch.input + offset, width, stride, x, turned, maximum);
    for (int64_t i = 0; i < width; ++i) {
        weight[i] = of.kept[i] ? batch.weight_of(of.id[i]) * batch.sample_weight(first + i) : 0;
        if (!of.kept[i])
            clear_item<T>(i, classes, stride, x, nullptr, maximum);
        right[i] = x[of.id[i] * stride + i];
        factor[i] = mean_rate(batch, weight[i]);
    }
    margin_sums(Op<T>(batch.call.params), of, x, right, factor, classes, stride, value, pull);
    for (int64_t i = 0; i < width; ++i) {
        x[of.id[i] * stride + i] = static_cast<T>(-pull[i] * factor[i]);
        total += mean_loss(batch, first + i, value[i], weight[i], wrong);
    }
    if (batch.gradient)
        store_tile(batch, batch.gradient + offset, width, stride, x, turned);
    return total;
}

// False where there is no memory.
template <template <class> class Op, class S> bool margins(const Batch<S> &batch, Total &total) {
    return over_units(
        batch, total,
        [&](int64_t item, auto *scratch, int &wrong) { return margin_row<Op>(batch, item, scratch, wrong); },
        [&](int64_t first, int64_t width, int64_t offset, auto *scratch, int &wrong) {
            return margin_tile<Op>(batch, first, width, offset, scratch, wrong);
        });
}

} // namespace losskit

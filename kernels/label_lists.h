// Losses of pairs of labels: every label that an item lists, against every other one.
#pragma once
#include "lanes.h"
#include "ops/op.h"
#include "units.h"

namespace losskit {

constexpr int64_t together = 4; // listed labels against which the others are read at once

// How many labels an item lists, each marked in `listed`; what is no label, or is listed twice, is wrong.
template <class Id> int64_t read_list(const Id *ids, int64_t labels, int32_t *listed, int &wrong) {
    int misfit = 0;
#pragma omp simd reduction(| : misfit)
    for (int64_t i = 0; i < labels; ++i) {
        const int64_t id = ids[i];
        listed[i] = 0;
        misfit |= (id < -1) | (id >= labels);
    }
    int64_t count = 0;
    for (; !misfit && count < labels && static_cast<int64_t>(ids[count]) >= 0; ++count)
        misfit = listed[ids[count]]++;
    wrong |= misfit ? bad_target : 0;
    return misfit ? 0 : count;
}

// The other labels in a row: their numbers, and in the place of the marks where they are. Returns how many.
template <class T> int64_t set_apart(const T *x, int64_t labels, int32_t *__restrict at, T *__restrict others) {
    int64_t count = 0;
    for (int64_t c = 0; c < labels; ++c) {
        const int32_t listed = at[c];
        others[count] = x[c], at[count] = static_cast<int32_t>(c);
        count += !listed;
    }
    return count;
}

// A few listed labels against the others: adds to the slopes of these, and gives those of the former. NaN stays.
template <class Op, class T>
[[gnu::flatten]] T against(const Op op, const T (&right)[together], const T *__restrict others, T *__restrict slopes,
                           int64_t n, T (&pull)[together]) {
    T value = 0, pull0 = 0, pull1 = 0, pull2 = 0, pull3 = 0;
#pragma omp simd reduction(+ : value, pull0, pull1, pull2, pull3)
    for (int64_t i = 0; i < n; ++i) {
        const ValueAndSlope<T> at0 = op(others[i] - right[0]), at1 = op(others[i] - right[1]),
                               at2 = op(others[i] - right[2]), at3 = op(others[i] - right[3]);
        value += (at0.value + at1.value) + (at2.value + at3.value);
        pull0 += at0.slope, pull1 += at1.slope, pull2 += at2.slope, pull3 += at3.slope;
        slopes[i] += (at0.slope + at1.slope) + (at2.slope + at3.slope);
    }
    pull[0] = pull0, pull[1] = pull1, pull[2] = pull2, pull[3] = pull3;
    return value;
}

// The pairs of an item, `count` of whose labels are listed in `ids`. `x` becomes the gradient.
template <class Op, class Id, class T>
double pairs(const Op op, const Id *ids, int64_t count, int64_t labels, T factor, const T *x, T *gradient, T *scratch,
             int32_t *at) {
    T *const others = scratch, *const slopes = scratch + labels;
    const int64_t apart = set_apart(x, labels, at, others);
    double value = 0;
    for (int64_t i = 0; i < apart; ++i)
        slopes[i] = 0;
    for (int64_t first = 0; first < count; first += together) {
        T right[together], pull[together] = {};
        for (int64_t i = 0; i < together; ++i) // where there are fewer, one from which no other is far enough
            right[i] = first + i < count ? x[ids[first + i]] : std::numeric_limits<T>::infinity();
        for (int64_t i = 0; i < apart; i += chunk) {
            T part[together];
            value += against(op, right, others + i, slopes + i, apart - i < chunk ? apart - i : chunk, part);
            for (int64_t j = 0; j < together; ++j)
                pull[j] += part[j];
        }
        for (int64_t i = 0; i < together && first + i < count; ++i)
            gradient[ids[first + i]] = -pull[i] * factor;
    }
    for (int64_t i = 0; i < apart; ++i)
        gradient[at[i]] = slopes[i] * factor;
    return value;
}

template <template <class> class Op, class Id, class S, class T>
double list_row(const Batch<S> &batch, const Id *ids, int64_t item, T *scratch, int &wrong) {
    const int64_t labels = batch.classes;
    S *const out = batch.gradient ? batch.gradient + item * labels : nullptr;
    int32_t *const at = reinterpret_cast<int32_t *>(scratch + 3 * labels);
    const bool masked = batch.masked(item);
    const int64_t count = masked ? 0 : read_list(ids + item * labels, labels, at, wrong);
    const double weight = masked ? 0 : batch.sample_weight(item);
    double value = 0;
    if (count == 0 && out)
        fill_zero(out, labels * sizeof(S), batch.streaming);
    if (count != 0) {
        const T factor = mean_rate(batch, weight);
        const T *const x = load(batch.input + item * labels, labels, scratch);
        value = pairs(Op<T>(batch.call.params), ids + item * labels, count, labels, factor, x, scratch,
                      scratch + labels, at);
        for (int64_t c = 0; out && c < labels; c += chunk)
            put(out + c, scratch + c, labels - c < chunk ? labels - c : chunk, batch.streaming);
    }
    return mean_loss(batch, item, value, weight, wrong);
}

// False where there is no memory.
template <template <class> class Op, class S> bool label_lists(const Batch<S> &batch, Total &total) {
    return with_ids(batch.call, [&](const auto *ids) {
        return over<Compute<S>>(
            batch.call.threads, batch.streaming, batch.items, 4 * batch.classes, total,
            [&](int64_t item, auto *scratch, int &wrong) { return list_row<Op>(batch, ids, item, scratch, wrong); });
    });
}

} // namespace losskit

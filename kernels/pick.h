// The loss is the input at the target, as where it holds log-probabilities: no class but that has a gradient.
#pragma once
#include "items.h"
#include "lanes.h"
#include "parallel.h"

namespace losskit {

constexpr int64_t read_whole = int64_t(1) << 16; // numbers in which every log-probability is looked at

// Up to 64 items from `first` on. Returns the sum of their losses.
template <class S> [[gnu::flatten]] double pick(const Batch<S> &batch, int64_t first, int64_t count, int &wrong) {
    using T = Compute<S>;
    Items of;
    look_up(batch, of, first, count);
    const int64_t inner = batch.call.inner;
    S *const gradient = batch.gradient;
    int64_t at[lanes];
    double total = 0;
    for (int64_t i = 0; i < count; ++i) {
        const int64_t outer = inner == 1 ? first + i : (first + i) / inner;
        at[i] = (outer * batch.classes + of.id[i]) * inner + (first + i) - outer * inner;
        __builtin_prefetch(batch.input + at[i]);
        if (gradient)
            __builtin_prefetch(gradient + at[i], 1);
    }
    for (int64_t i = 0; i < count; ++i) {
        T buffer[1], number[1];
        const double weight = of.kept[i] ? batch.weight_of(of.id[i]) * batch.sample_weight(first + i) : 0;
        const T log_p = of.kept[i] ? *load(batch.input + at[i], 1, buffer) : T(0);
        wrong |= log_p > T(above_zero) ? bad_input : 0;        // NaN is not
        const double loss = weight == 0 ? 0 : -weight * log_p; // 0 times infinity is 0
        if (batch.call.reduction == none)
            batch.value[first + i] = static_cast<T>(loss);
        total += loss;
        if (gradient && of.kept[i]) {
            *target_of(gradient + at[i], false, number) = static_cast<T>(-batch.scale * weight);
            store(gradient + at[i], number, 1, false);
        }
    }
    return total;
}

// Whether a log-probability of an item that counts is positive, among the first numbers: to read all of a large
// input would take longer than the loss, and what is not log-probabilities shows in any part of it.
template <class S> bool positive_at_first(const Batch<S> &batch) {
    using T = Compute<S>;
    const int64_t inner = batch.call.inner, of_outer = batch.classes * inner, all = batch.items * batch.classes;
    const int64_t numbers = all < read_whole ? all : read_whole;
    alignas(64) T buffer[chunk];
    for (int64_t begin = 0; begin < numbers; begin += chunk) {
        const int64_t n = numbers - begin < chunk ? numbers - begin : chunk;
        const T *const from = load(batch.input + begin, n, buffer);
        const bool any = max_of(from, n, T(0)) > T(above_zero);
        for (int64_t i = 0; any && i < n; ++i)
            if (from[i] > T(above_zero) && batch.kept((begin + i) / of_outer * inner + (begin + i) % inner))
                return true;
    }
    return false;
}

template <class S> Total pick(const Batch<S> &batch) {
    const bool streaming = batch.streaming;
    if (S *const gradient = batch.gradient)
        Blocks(batch.items * batch.classes, 64 * chunk)
            .run(batch.call.threads, [&](int64_t, int64_t begin, int64_t end, int) {
                fill_zero(gradient + begin, (end - begin) * sizeof(S), streaming);
                if (streaming)
                    end_streaming();
            });
    Total total = Blocks(batch.items, 4 * chunk).total(batch.call.threads, [&](int64_t begin, int64_t end, int) {
        Total own = {0, 0};
        for (int64_t first = begin; first < end; first += lanes)
            own.sum += pick(batch, first, end - first < lanes ? end - first : lanes, own.found);
        return own;
    });
    if (!total.found && positive_at_first(batch))
        total.found = bad_input;
    return total;
}

} // namespace losskit

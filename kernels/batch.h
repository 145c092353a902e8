// A row-wise call with its types: where its tensors lie, which items count, and what these weigh.
#pragma once
#include "abi.h"
#include "storage.h"

namespace losskit {

// The losses of log-probabilities, and their derivatives in these.
using Settled = void (*)(const double *params, const double *log_p, double *value, double *slope, int64_t n);

// Calls work with the ids where they lie; there are none where the target holds probabilities.
template <class Work> inline auto with_ids(const Rowwise &call, Work work) {
    switch (call.ids) {
    case int64:
        return work(static_cast<const int64_t *>(call.target));
    case int32:
        return work(static_cast<const int32_t *>(call.target));
    default:
        return work(static_cast<const uint8_t *>(call.target));
    }
}

// The input lies as (outer, classes, inner).
template <class S> struct Batch {
    using T = Compute<S>;
    const Rowwise &call;
    const Settled op;       // of the losses of log-probabilities
    const bool mean_weighs; // whether the mean divides by the class weights
    const bool one_id;      // an item
    const bool soft_target = call.ids == probabilities, soft = soft_target || call.label_smoothing > 0;
    const double keep = 1 - call.label_smoothing; // of the target, beside label smoothing
    const int64_t items = call.outer * call.inner, classes = call.classes;
    const S *const input = static_cast<const S *>(call.input);
    S *const gradient = static_cast<S *>(call.gradient);
    T *const value = static_cast<T *>(call.value);
    const T *const class_weight = static_cast<const T *>(call.class_weight);
    // Parts of cache lines, where neither all of the memory nor the rows of a tile begin with one, would take many
    // times as long.
    const bool whole_lines = call.inner == 1 || call.inner * sizeof(S) % 64 == 0;
    const bool streaming = gradient && whole_lines && overflows_cache(2 * sizeof(S) * items * classes);
    double scale = 1; // of the gradient

    Batch(const Rowwise &call, Settled op, bool mean_weighs, bool lists)
        : call(call), op(op), mean_weighs(mean_weighs), one_id(!lists && call.ids != probabilities) {}

    int64_t id(int64_t item) const {
        return with_ids(call, [&](auto ids) -> int64_t { return ids[item]; });
    }

    bool masked(int64_t item) const { return call.mask.data && !element<uint8_t>(call.mask, item); }

    bool kept(int64_t item) const { return !masked(item) && (!one_id || id(item) != call.ignore_index); }

    double sample_weight(int64_t item) const {
        return call.sample_weight.data ? element<T>(call.sample_weight, item) : 1;
    }

    double weight_of(int64_t id) const { return class_weight ? class_weight[id] : 1; }
};

} // namespace losskit

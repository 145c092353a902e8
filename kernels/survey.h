// What is looked at before the logits are: whether every id is a class, and what the mean divides by.
#pragma once
#include "batch.h"
#include "parallel.h"

namespace losskit {

struct Counted {
    int64_t kept, wrong; // ids, and how many of these are no class
};

template <class Id> inline Counted count_ids(const Rowwise &call, const Id *ids, int64_t begin, int64_t end) {
    const int64_t ignored = call.ignore_index, classes = call.classes;
    int64_t kept = 0, wrong = 0;
#pragma omp simd reduction(+ : kept, wrong)
    for (int64_t i = begin; i < end; ++i) {
        const int64_t id = ids[i];
        kept += id != ignored;
        wrong += (id != ignored) & ((id < 0) | (id >= classes));
    }
    return {kept, wrong};
}

// Of the items one by one: an id that does not count may be anything.
template <class S> Total weigh(const Batch<S> &batch, int64_t begin, int64_t end) {
    double share = 0;
    for (int64_t i = begin; i < end; ++i) {
        if (!batch.kept(i))
            continue;
        const int64_t id = batch.one_id ? batch.id(i) : 0;
        if (id < 0 || id >= batch.classes)
            return {0, bad_target};
        share += (batch.one_id && batch.mean_weighs ? batch.weight_of(id) : 1) * batch.sample_weight(i);
    }
    return {share, 0};
}

template <class S> Total survey(const Batch<S> &batch) {
    const Rowwise &call = batch.call;
    const bool weighs = batch.one_id && batch.mean_weighs && batch.class_weight;
    const bool plain = !call.mask.data && !call.sample_weight.data && !weighs;
    return Blocks(batch.items, 16 * chunk).total(call.threads, [&](int64_t begin, int64_t end, int) -> Total {
        Counted found = {end - begin, 0};
        if (batch.one_id)
            found = with_ids(call, [&](auto ids) { return count_ids(call, ids, begin, end); });
        return plain && !found.wrong ? Total{static_cast<double>(found.kept), 0} : weigh(batch, begin, end);
    });
}

} // namespace losskit

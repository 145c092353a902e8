// What a call of sequences says of each sample, looked at before the scores are.
#pragma once
#include "abi.h"
#include "states.h"
#include "storage.h"
#include <algorithm>
#include <cstdlib>
#include <memory>

namespace losskit {

struct Sample {
    const int64_t *labels;
    int64_t steps, count, pairs; // count labels; pairs fill vectors
    int64_t frames,
        scores;    // where its log-probabilities begin: of the blank, a step, and of the labels, `pairs` a step
    double weight; // of its loss, of which the gradient has `factor`
    double factor;
};

// Memory that may not be there; aligned to cache lines.
template <class T> struct Block {
    std::unique_ptr<T, decltype(&std::free)> memory;

    explicit Block(int64_t numbers)
        : memory(static_cast<T *>(std::aligned_alloc(64, (numbers * sizeof(T) + 127) / 64 * 64)), std::free) {}
    explicit operator bool() const { return memory != nullptr; }
    operator T *() const { return memory.get(); }
};

template <class T> double weight_of(const Spread &weight, int64_t sample) {
    return weight.data ? static_cast<const T *>(weight.data)[sample / weight.inner % weight.period] : 1;
}

inline bool masked(const Spread &mask, int64_t sample) {
    return mask.data && !static_cast<const uint8_t *>(mask.data)[sample / mask.inner % mask.period];
}

// Whether labels are classes, and not the blank.
inline bool labels_fit(const Sequence &call, const Sample &of) {
    bool fit = true;
    for (int64_t k = 0; k < of.count; ++k)
        fit &= (of.labels[k] >= 0) & (of.labels[k] < call.classes) & (of.labels[k] != call.blank);
    return fit;
}

// Fills in the samples; false where a length or a label is wrong, for who can say which.
template <class T> bool survey(const Sequence &call, Sample *samples) {
    int64_t next = 0, frames = 0, scores = 0;
    for (int64_t n = 0; n < call.samples; ++n) {
        Sample &of = samples[n];
        const bool flat = call.width < 0, kept = !masked(call.mask, n);
        const int64_t most = flat ? call.labels - next : call.width, count = call.target_lengths[n];
        const bool fits = count >= 0 && count <= most;
        if ((flat || kept) && !fits)
            return false;
        of.labels = call.targets + (flat ? next : n * call.width);
        next += flat ? count : 0;
        of.weight = kept ? weight_of<T>(call.sample_weight, n) : 0;
        of.steps = kept ? call.input_lengths[n] : 0, of.count = kept ? count : 0;
        if (of.steps < 0 || of.steps > call.steps || !labels_fit(call, of))
            return false;
        of.pairs = Pairs<T>::filled(of.count + 1), of.frames = frames, of.scores = scores;
        frames += of.steps, scores += of.steps * of.pairs;
    }
    return call.width >= 0 || next == call.labels;
}

// What the mean divides by, besides each sample's labels. Sets what each gradient is multiplied by.
inline double weigh(const Sequence &call, Sample *samples) {
    double share = 0;
    for (int64_t n = 0; n < call.samples; ++n)
        share += samples[n].weight;
    share = call.reduction == mean && call.normalizer != 0 ? call.normalizer : share;
    for (int64_t n = 0; n < call.samples; ++n) {
        Sample &of = samples[n];
        const double divisor = call.reduction == mean ? share * static_cast<double>(std::max<int64_t>(of.count, 1)) : 1;
        of.factor = of.weight == 0 ? 0 : of.weight / divisor; // where nothing counts, the share is 0
    }
    return share;
}

} // namespace losskit

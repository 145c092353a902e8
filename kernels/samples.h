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
    const int64_t *given;          // its labels in the call
    const int32_t *labels;         // filled up to pairs
    int64_t steps, count, pairs;   // count labels; pairs fill vectors
    int64_t first, frames, scores; // where its labels, frames, and scores of labels, `pairs` a frame, begin
    double weight;                 // of its loss, of which the gradient has `factor`
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

// Fills in the samples but for their labels, of which it returns how many there are, filled up; -1 where a length is
// wrong, for who can say which.
template <class T> int64_t survey(const Sequence &call, Sample *samples) {
    int64_t given = 0, first = 0, frames = 0, scores = 0;
    for (int64_t n = 0; n < call.samples; ++n) {
        Sample &of = samples[n];
        const bool flat = call.width < 0, kept = !masked(call.mask, n);
        const int64_t count = call.target_lengths[n], most = flat ? call.labels - given : call.width;
        of.given = call.targets + (flat ? given : n * call.width);
        of.weight = kept ? weight_of<T>(call.sample_weight, n) : 0;
        of.steps = kept ? call.input_lengths[n] : 0, of.count = kept ? count : 0;
        if (((flat || kept) && (count < 0 || count > most)) || of.steps < 0 || of.steps > call.steps)
            return -1;
        of.pairs = Pairs<T>::filled(of.count + 1), of.first = first, of.frames = frames, of.scores = scores;
        given += flat ? count : 0, first += of.pairs, frames += of.steps, scores += of.steps * of.pairs;
    }
    return call.width >= 0 || given == call.labels ? first : -1;
}

// The labels, of 32 bits, with blanks to fill up. False where one is no class, or the blank.
inline bool take_labels(const Sequence &call, Sample *samples, int32_t *labels) {
    bool fit = call.classes <= std::numeric_limits<int32_t>::max();
    for (int64_t n = 0; n < call.samples; ++n) {
        Sample &of = samples[n];
        of.labels = labels + of.first;
        for (int64_t k = 0; k < of.count; ++k) {
            const int64_t label = of.given[k];
            fit &= (label >= 0) & (label < call.classes) & (label != call.blank);
            labels[of.first + k] = static_cast<int32_t>(label);
        }
        for (int64_t k = of.count; k < of.pairs; ++k)
            labels[of.first + k] = static_cast<int32_t>(call.blank);
    }
    return fit;
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

// The frames of a call of sequences, each the scores of one step of one sample: their log-probabilities, of which the
// states need the labels', and the softmax, which the gradient begins with.
#pragma once
#include "parallel.h"
#include "samples.h"
#include "softmax_row.h"

namespace losskit {

constexpr int64_t long_row = 2048; // bytes of a row that is long enough for streaming stores

// A call with its types, and the log-probabilities that the states need.
template <class T> struct Frames {
    const Sequence &call;
    const Sample *const samples;
    T *const blank, *const labels; // scores, relative to the frame's maximum where they are logits
    double *const sums;            // of the exponentials of those, of all classes
    const T low;                   // the least that states know
    const T *const input = static_cast<const T *>(call.input);
    T *const gradient = static_cast<T *>(call.gradient);
    const int64_t classes = call.classes;
    const bool streaming = gradient && classes * int64_t(sizeof(T)) >= long_row &&
                           overflows_cache(2 * sizeof(T) * call.steps * call.samples * classes);

    Frames(const Sequence &call, const Sample *samples, T *blank, T *labels, double *sums)
        : call(call), samples(samples), blank(blank), labels(labels), sums(sums), low(lowest(call.steps)) {}

    // So that no path of so many steps is taken for one that has no chance.
    static T lowest(int64_t steps) {
        const double exponent = static_cast<double>(Exponents<T>::possible) / static_cast<double>(steps + 2);
        return static_cast<T>(std::max(exponent, -static_cast<double>(Exponents<T>::exact)) / 1.5);
    }

    int64_t row(int64_t step, int64_t sample) const { return (step * call.samples + sample) * classes; }
};

// Of a row: what its exponentials are relative to, and their sum.
template <class T> struct Peak {
    T maximum;
    double sum;
};

// The softmax of a row, by `factor` into `out` if that is wanted.
template <class T> Peak<T> soften(const Frames<T> &frames, const T *x, T *__restrict e, double factor, T *out) {
    constexpr int64_t width = Pairs<T>::width;
    const int64_t classes = frames.classes, padded = (classes + width - 1) / width * width;
    std::memcpy(e, x, classes * sizeof(T));
    for (int64_t c = classes; c < padded; ++c)
        e[c] = -std::numeric_limits<T>::infinity();
    Peak<T> peak = {max_of(e, padded, -std::numeric_limits<T>::infinity()), 0};
    for (int64_t c = 0; c < padded; c += chunk) {
        const int64_t end = c + chunk < padded ? c + chunk : padded;
#pragma omp simd
        for (int64_t i = c; i < end; ++i)
            e[i] = vmath::exp_down(e[i] - peak.maximum);
        peak.sum += sum_of(e + c, end - c);
    }
    if (out) {
        const T scale = static_cast<T>(factor / peak.sum);
        T *const to = frames.streaming ? e : out;
#pragma omp simd
        for (int64_t c = 0; c < classes; ++c)
            to[c] = e[c] * scale;
        if (frames.streaming)
            stream(out, e, classes * sizeof(T));
    }
    return peak;
}

template <class T>
[[gnu::flatten]] void frame(const Frames<T> &frames, int64_t step, int64_t n, T *scratch, int &wrong) {
    const Sample &of = frames.samples[n];
    const T *const x = frames.input + frames.row(step, n);
    T *const out = frames.gradient ? frames.gradient + frames.row(step, n) : nullptr;
    const bool counts = step < of.steps;
    if (out && !(counts && frames.call.from_logits))
        fill_zero(out, frames.classes * sizeof(T), frames.streaming);
    if (!counts)
        return;
    Peak<T> peak = {0, 1};
    if (frames.call.from_logits)
        peak = soften(frames, x, scratch, of.factor, out);
    else
        wrong |= max_of(x, frames.classes, T(0)) > T(above_zero) ? bad_input : 0;
    wrong |= peak.sum < std::numeric_limits<double>::infinity() ? 0 : bad_input;
    T *const labels = frames.labels + of.scores + step * of.pairs, *const blank = frames.blank + of.frames + step;
    const int32_t *const ids = of.labels;
    const T maximum = peak.maximum;
    const int64_t pairs = of.pairs;
#pragma omp simd
    for (int64_t k = 0; k < pairs; ++k)
        labels[k] = x[ids[k]] - maximum;
    *blank = x[frames.call.blank] - peak.maximum;
    frames.sums[of.frames + step] = peak.sum;
}

// False where there is no memory.
template <class T> bool look_at_frames(const Frames<T> &frames, int &wrong) {
    const Sequence &call = frames.call;
    const Blocks blocks(call.steps * call.samples, (32 * chunk + call.classes - 1) / call.classes);
    const int64_t numbers = (call.classes + 31) / 16 * 16;
    Block<T> scratch(numbers * std::max<int64_t>(std::min<int64_t>(call.threads, blocks.count), 1));
    if (!scratch)
        return false;
    wrong |=
        blocks
            .total(call.threads,
                   [&](int64_t begin, int64_t end, int thread) {
                       Total own = {0, 0};
                       for (int64_t i = begin; i < end; ++i)
                           frame(frames, i / call.samples, i % call.samples, scratch + thread * numbers, own.found);
                       if (frames.streaming)
                           end_streaming();
                       return own;
                   })
            .found;
    return true;
}

} // namespace losskit

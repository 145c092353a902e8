// The driver of losses over label sequences: connectionist temporal classification. First all frames in the order of
// memory, then the samples, each by itself.
#include "abi.h"
#include "frames.h"

namespace losskit {
namespace {

// A thread's memory: the paths up to every step, and from two neighbouring ones on.
template <class T> struct Paths {
    char *const memory;
    const int64_t pairs, bytes;
    T *const blanks, *const labels; // how much of one step is each
    Int<T> *const skip;

    static int64_t bytes_of(const Sample &of) {
        return (of.steps + 3) * Pairs<T>::bytes(of.pairs) + (3 * of.pairs + Pairs<T>::width) * sizeof(T);
    }

    Paths(const Sample &of, char *memory)
        : memory(memory), pairs(of.pairs), bytes(Pairs<T>::bytes(pairs)),
          blanks(reinterpret_cast<T *>(memory + (of.steps + 3) * bytes)), labels(blanks + pairs),
          skip(reinterpret_cast<Int<T> *>(labels + pairs)) {
        for (int64_t k = 0; k <= pairs; ++k)
            skip[k] = k > 0 && k < of.count && of.labels[k] != of.labels[k - 1] ? 0 : Exponents<T>::never;
        for (int64_t i = 0; i < of.steps + 3; ++i)
            at(i).close(pairs);
    }

    Pairs<T> at(int64_t i) const { return {memory + i * bytes, pairs}; }
};

// The chance of all paths of a sample.
template <class T> [[gnu::flatten]] Wide<T> forwards(const Frames<T> &frames, const Sample &of, const Paths<T> &paths) {
    const States<T> states = {paths.skip, frames.low, of.pairs};
    paths.at(0).start_at(0, of.pairs);
    for (int64_t t = 0; t < of.steps; ++t)
        advance(states, paths.at(t), paths.at(t + 1), frames.labels + of.scores + t * of.pairs,
                wide_exp(frames.blank[of.frames + t], frames.low));
    const Pairs<T> last = paths.at(of.steps);
    return product(joined(last.blank_at(of.count), last.label_at(of.count - 1)), Wide<T>{1, 0});
}

// Fetches what a row's labels will be taken from: the whole row, where that is less.
template <class T> void fetch(const Frames<T> &frames, const Sample &of, const T *row) {
    const int64_t line = 64 / sizeof(T);
    if (frames.classes > of.count * line)
        for (int64_t k = 0; k < of.count; ++k)
            __builtin_prefetch(row + of.labels[k], 1);
    else
        for (int64_t c = 0; c < frames.classes; c += line)
            __builtin_prefetch(row + c, 1);
}

// Takes from the gradient what part of all paths has each label at each step.
template <class T>
[[gnu::flatten]] void backwards(const Frames<T> &frames, const Sample &of, int64_t n, const Paths<T> &paths,
                                Wide<T> all) {
    const States<T> states = {paths.skip, frames.low, of.pairs};
    const Wide<T> inverse = {1 / all.significand, -all.exponent};
    const T factor = static_cast<T>(of.factor);
    paths.at(of.steps + 1).start_at(of.count, of.pairs);
    for (int64_t t = of.steps - 1, even = 1; t >= 0; --t, even = 3 - even) {
        T *const out = frames.gradient + frames.row(t, n);
        if (t > 0)
            fetch(frames, of, frames.gradient + frames.row(t - 1, n));
        retreat(states, paths.at(of.steps + even), paths.at(of.steps + 3 - even), paths.at(t + 1), inverse,
                frames.labels + of.scores + t * of.pairs, wide_exp(frames.blank[of.frames + t], frames.low),
                paths.blanks, paths.labels);
        out[frames.call.blank] -= factor * static_cast<T>(sum_of(paths.blanks, of.pairs));
        for (int64_t k = 0; k < of.count; ++k)
            out[of.labels[k]] -= factor * paths.labels[k];
    }
}

// Whether the states know the log-probabilities, none of which may be NaN, or too low but finite.
template <class T> bool known(const T *log_p, int64_t n, T low) {
    int strange = 0;
#pragma omp simd reduction(| : strange)
    for (int64_t i = 0; i < n; ++i)
        strange |= !(log_p[i] >= low) & (log_p[i] != -std::numeric_limits<T>::infinity());
    return !strange;
}

// The loss of a sample; the frames have begun its gradient.
template <class T> double align(const Frames<T> &frames, int64_t n, char *memory, int &wrong) {
    const Sample &of = frames.samples[n];
    if (!known(frames.labels + of.scores, of.steps * of.pairs, frames.low) ||
        !known(frames.blank + of.frames, of.steps, frames.low)) {
        wrong |= bad_input;
        return 0;
    }
    const Paths<T> paths(of, memory);
    const Wide<T> all = forwards(frames, of, paths);
    if (all.exponent < Exponents<T>::possible) {
        for (int64_t t = 0; frames.gradient && frames.call.from_logits && t < of.steps; ++t)
            std::memset(frames.gradient + frames.row(t, n), 0, frames.classes * sizeof(T));
        return frames.call.zero_infinity ? 0 : std::numeric_limits<double>::infinity();
    }
    if (frames.gradient)
        backwards(frames, of, n, paths, all);
    constexpr double log_2 = 0.693147180559945309417;
    double loss = -vmath::log(static_cast<double>(all.significand)) - static_cast<double>(all.exponent) * log_2;
    const double *const sums = frames.sums + of.frames;
#pragma omp simd reduction(+ : loss)
    for (int64_t t = 0; t < of.steps; ++t)
        loss += vmath::log(sums[t]);
    return loss;
}

// The sum of the losses, each divided by its labels where the mean is asked for. False where there is no memory.
template <class T> bool align(const Frames<T> &frames, Total &total) {
    const Sequence &call = frames.call;
    int64_t bytes = 64, work = 1;
    for (int64_t n = 0; n < call.samples; ++n) {
        bytes = std::max(bytes, (Paths<T>::bytes_of(frames.samples[n]) + 63) / 64 * 64);
        work = std::max(work, frames.samples[n].steps * frames.samples[n].pairs);
    }
    const Blocks blocks(call.samples, (8 * chunk + work - 1) / work);
    Block<char> memory(bytes * std::max<int64_t>(std::min<int64_t>(call.threads, blocks.count), 1));
    if (!memory)
        return false;
    total = blocks.total(call.threads, [&](int64_t begin, int64_t end, int thread) {
        Total own = {0, 0};
        for (int64_t n = begin; n < end; ++n) {
            const Sample &of = frames.samples[n];
            const double loss = align(frames, n, memory + thread * bytes, own.found);
            const double weighted = of.weight == 0 ? 0 : of.weight * loss;
            if (call.reduction == none)
                static_cast<T *>(call.value)[n] = static_cast<T>(weighted);
            own.sum +=
                call.reduction == mean ? weighted / static_cast<double>(std::max<int64_t>(of.count, 1)) : weighted;
        }
        return own;
    });
    return true;
}

template <class T> int run(Sequence &call) {
    Block<Sample> samples(call.samples);
    if (!samples)
        return out_of_memory;
    call.found = bad_target;
    const int64_t numbers = survey<T>(call, samples);
    if (numbers < 0)
        return out_of_range;
    Block<int32_t> ids(numbers);
    if (!ids)
        return out_of_memory;
    if (!take_labels(call, samples, ids))
        return out_of_range;
    const double share = weigh(call, samples);
    const Sample &last = samples[call.samples - 1];
    Block<T> blank(last.frames + last.steps), labels(last.scores + last.steps * last.pairs);
    Block<double> sums(last.frames + last.steps);
    if (!blank || !labels || !sums)
        return out_of_memory;
    const Frames<T> frames(call, samples, blank, labels, sums);
    Total total;
    call.found = 0;
    if (!look_at_frames(frames, call.found))
        return out_of_memory;
    if (call.found)
        return out_of_range;
    if (!align(frames, total))
        return out_of_memory;
    call.found = total.found;
    if (call.found)
        return out_of_range;
    if (call.reduction != none)
        *static_cast<T *>(call.value) = static_cast<T>(call.reduction == mean ? total.sum / share : total.sum);
    return ok;
}

} // namespace

int sequence(Sequence &call) {
    if (call.samples < 1 || call.classes < 1 || call.steps < 0 || call.blank < 0 || call.blank >= call.classes)
        return out_of_range;
    switch (call.dtype) {
    case float32:
        return run<float>(call);
    case float64:
        return run<double>(call);
    default:
        return unknown_dtype;
    }
}

} // namespace losskit

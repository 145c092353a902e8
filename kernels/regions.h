// Losses of the overlap of regions: sums over the pixels of a class come first, and the gradient in a second pass. The
// classes of a pixel exclude each other where the target holds ids; else each is a yes or no.
#pragma once
#include "ops/op.h"
#include "tile.h"
#include "units.h"

namespace losskit {

// Up to 64 pixels of a sample: the probabilities of their classes, and of a yes or no the target.
template <class T> struct Pixels {
    T *p, *target, *turned;
    int64_t first, width, stride, offset;
    T counts[lanes];   // 1, or 0 where a pixel is taken out
    T beside[lanes];   // 1 - p of the largest class, to more digits
    int32_t id[lanes]; // -1 where a pixel is taken out
    int32_t largest[lanes];
};

// The softmax, in the place of the logits.
template <class T> [[gnu::flatten]] void exclude(Pixels<T> &of, int64_t classes, const T *__restrict maximum) {
    T *const __restrict p = of.p;
    const int64_t stride = of.stride;
    alignas(64) T inverse[lanes];
    for (int64_t i = 0; i < stride; ++i)
        of.largest[i] = -1, of.beside[i] = 0;
    for (int64_t c = 0; c < classes; ++c)
#pragma omp simd
        for (int64_t i = 0; i < stride; ++i) {
            const bool top = (p[c * stride + i] == maximum[i]) & (of.largest[i] < 0);
            of.largest[i] = top ? static_cast<int32_t>(c) : of.largest[i];
            p[c * stride + i] = vmath::exp_down(p[c * stride + i] - maximum[i]);
            of.beside[i] += top ? T(0) : p[c * stride + i];
        }
    for (int64_t i = 0; i < stride; ++i)
        inverse[i] = 1 / (1 + of.beside[i]), of.beside[i] *= inverse[i];
    for (int64_t c = 0; c < classes; ++c)
#pragma omp simd
        for (int64_t i = 0; i < stride; ++i) {
            const bool top = of.largest[i] == static_cast<int32_t>(c);
            p[c * stride + i] = top ? 1 - of.beside[i] : p[c * stride + i] * inverse[i];
        }
}

// Reads the pixels and finds their probabilities; of a yes or no, p stays the logit.
template <class S, class T> void read_pixels(const Batch<S> &batch, Pixels<T> &of, int &wrong) {
    const int64_t classes = batch.classes;
    alignas(64) T maximum[lanes];
    int odd = 0;
    if (!batch.one_id) {
        load_tile(batch, static_cast<const S *>(batch.call.target) + of.offset, of.width, of.stride, of.target,
                  of.turned, maximum);
    }
    load_tile(batch, batch.input + of.offset, of.width, of.stride, of.p, of.turned, maximum);
    for (int64_t i = 0; i < of.stride; ++i) {
        const bool kept = i < of.width && batch.kept(of.first + i);
        of.counts[i] = kept ? T(1) : T(0);
        of.id[i] = kept && batch.one_id ? static_cast<int32_t>(batch.id(of.first + i)) : -1;
        for (int64_t c = 0; !kept && c < classes; ++c) {
            of.p[c * of.stride + i] = maximum[i] = 0;
            if (!batch.one_id)
                of.target[c * of.stride + i] = 0;
        }
    }
    for (int64_t c = 0; c < classes; ++c)
        for (int64_t i = 0; i < of.width; ++i) {
            odd |= batch.one_id ? vmath::abs(maximum[i]) > std::numeric_limits<T>::max() : 0;
            odd |= of.p[c * of.stride + i] != of.p[c * of.stride + i];
        }
    wrong |= odd ? bad_input : 0; // the formula knows the limit
    for (int64_t c = 0; !batch.one_id && c < classes; ++c)
        wrong |= outside<Domain::unit>(of.target + c * of.stride, nullptr, of.width) ? bad_target : 0;
    if (batch.one_id)
        exclude(of, classes, maximum);
}

struct Share {
    double wrong, there; // what Dice calls so
};

// Of a class that excludes the others.
template <class T> [[gnu::flatten]] Share excluding(const Pixels<T> &of, int32_t c) {
    const T *const p = of.p + c * of.stride;
    T wrong = 0, there = 0;
#pragma omp simd reduction(+ : wrong, there)
    for (int64_t i = 0; i < of.stride; ++i) {
        const bool hit = of.id[i] == c;
        const T rest = of.largest[i] == c ? of.beside[i] : 1 - p[i];
        wrong += of.counts[i] * (hit ? rest : p[i]);
        there += of.counts[i] * (hit ? p[i] + 1 : p[i]);
    }
    return {wrong, there};
}

// Of a yes or no.
template <class T> [[gnu::flatten]] Share alone(const Pixels<T> &of, int64_t c) {
    const T *const x = of.p + c * of.stride, *const t = of.target + c * of.stride;
    T wrong = 0, there = 0;
#pragma omp simd reduction(+ : wrong, there)
    for (int64_t i = 0; i < of.stride; ++i) {
        const Sigmoid<T> s(x[i]);
        const T p = s.denied(s.e * s.sure, s.sure), rest = s.denied(s.sure, s.e * s.sure);
        wrong += of.counts[i] * (p * (1 - t[i]) + rest * t[i]);
        there += of.counts[i] * (p + t[i]);
    }
    return {wrong, there};
}

// The gradient, in the place of the probabilities; the derivative in p is steady - 2 target * per_target.
template <class T>
[[gnu::flatten]] void slopes_excluding(Pixels<T> &of, int64_t classes, const T *steady, const T *per_target) {
    alignas(64) T others[lanes] = {}, top[lanes] = {};
    T *const __restrict p = of.p;
    const int64_t stride = of.stride;
    for (int32_t c = 0; c < classes; ++c)
#pragma omp simd
        for (int64_t i = 0; i < stride; ++i) {
            const T pull = steady[c] - (of.id[i] == c ? 2 * per_target[c] : T(0));
            const bool largest = of.largest[i] == c;
            top[i] += largest ? pull : T(0);
            others[i] += largest ? T(0) : p[c * stride + i] * pull;
        }
    for (int32_t c = 0; c < classes; ++c)
#pragma omp simd
        for (int64_t i = 0; i < stride; ++i) {
            const T pull = steady[c] - (of.id[i] == c ? 2 * per_target[c] : T(0));
            const T beyond = of.largest[i] == c ? pull * of.beside[i] : pull - (1 - of.beside[i]) * top[i];
            p[c * stride + i] *= of.counts[i] * (beyond - others[i]);
        }
}

template <class T>
[[gnu::flatten]] void slopes_alone(Pixels<T> &of, int64_t classes, const T *steady, const T *per_target) {
    for (int64_t c = 0; c < classes; ++c) {
        T *const __restrict x = of.p + c * of.stride;
        const T *const __restrict t = of.target + c * of.stride;
#pragma omp simd
        for (int64_t i = 0; i < of.stride; ++i) {
            const Sigmoid<T> s(x[i]);
            x[i] = of.counts[i] * (s.e * s.sure * s.sure) * (steady[c] - 2 * t[i] * per_target[c]);
        }
    }
}

// What the mean divides by: an item without pixels does not count.
template <class S> double region_share(const Batch<S> &batch) {
    const int64_t pixels = batch.call.inner;
    double share = 0;
    for (int64_t sample = 0; sample < batch.call.outer; ++sample) {
        bool any = false;
        for (int64_t i = 0; i < pixels && !any; ++i)
            any = batch.kept(sample * pixels + i);
        for (int64_t c = 0; any && c < batch.classes; ++c)
            share += batch.sample_weight(sample * batch.classes + c);
    }
    return share;
}

// The pixels of a sample from `at` on.
template <class S, class T>
Pixels<T> pixels_at(const Batch<S> &batch, int64_t sample, int64_t at, T *scratch, int &wrong) {
    const int64_t classes = batch.classes, pixels = batch.call.inner, size = classes * lanes;
    Pixels<T> of;
    of.p = scratch, of.target = scratch + size, of.turned = scratch + 2 * size;
    of.first = sample * pixels + at, of.offset = sample * classes * pixels + at;
    of.width = pixels - at < lanes ? pixels - at : lanes, of.stride = (of.width + 15) / 16 * 16;
    read_pixels(batch, of, wrong);
    return of;
}

// The losses of a sample's classes, from their sums, and what gives the slopes. An item without pixels has none.
template <class Op, class S, class T>
double region_losses(const Batch<S> &batch, const Op &op, int64_t sample, bool any, const Share *sums, T *steady,
                     T *per_target, int &wrong) {
    double total = 0;
    for (int64_t c = 0; c < batch.classes; ++c) {
        const double weight = any ? batch.sample_weight(sample * batch.classes + c) : 0;
        const double factor = weight != 0 ? batch.scale * weight : 0;
        const auto region = op(sums[c].wrong, sums[c].there);
        wrong |= region.value <= std::numeric_limits<double>::max() ? 0 : bad_input;
        steady[c] = static_cast<T>(factor * region.steady), per_target[c] = static_cast<T>(factor * region.per_target);
        total += weight * region.value;
    }
    return total;
}

// A sample: its pixels, 64 at a time, twice. Returns the loss of its classes.
template <template <class> class Op, class S, class T>
double region_sample(const Batch<S> &batch, int64_t sample, T *scratch, int &wrong) {
    const int64_t classes = batch.classes, pixels = batch.call.inner;
    T *const steady = scratch + 3 * classes * lanes, *const per_target = steady + classes;
    Share *const sums = reinterpret_cast<Share *>(per_target + classes);
    Pixels<T> of;
    bool any = false;
    for (int64_t c = 0; c < classes; ++c)
        sums[c] = {0, 0};
    for (int64_t at = 0; at < pixels; at += lanes) {
        of = pixels_at(batch, sample, at, scratch, wrong);
        for (int64_t c = 0; c < classes; ++c) {
            const Share own = batch.one_id ? excluding(of, static_cast<int32_t>(c)) : alone(of, c);
            sums[c].wrong += own.wrong, sums[c].there += own.there;
        }
        for (int64_t i = 0; i < of.width; ++i)
            any |= of.counts[i] != 0;
    }
    const double loss = region_losses(batch, Op<T>(batch.call.params), sample, any, sums, steady, per_target, wrong);
    for (int64_t at = 0; batch.gradient && at < pixels; at += lanes) {
        if (pixels > lanes) // else they are still there
            of = pixels_at(batch, sample, at, scratch, wrong);
        batch.one_id ? slopes_excluding(of, classes, steady, per_target)
                     : slopes_alone(of, classes, steady, per_target);
        store_tile(batch, batch.gradient + of.offset, of.width, of.stride, of.p, of.turned);
    }
    return loss;
}

// False where there is no memory.
template <template <class> class Op, class S> bool regions(const Batch<S> &batch, Total &total) {
    const int64_t room = (3 * lanes + 6) * batch.classes;
    return over<Compute<S>>(
        batch.call.threads, batch.streaming, batch.call.outer, room, total,
        [&](int64_t sample, auto *scratch, int &wrong) { return region_sample<Op>(batch, sample, scratch, wrong); });
}

} // namespace losskit

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
    if (!batch.one_id) {
        load_tile(batch, static_cast<const S *>(batch.call.target) + of.offset, of.width, of.stride, of.target,
                  of.turned, maximum);
    }
    load_tile(batch, batch.input + of.offset, of.width, of.stride, of.p, of.turned, maximum);
    for (int64_t i = 0; i < of.stride; ++i) {
        const bool kept = i < of.width && batch.kept(of.first + i);
        of.counts[i] = kept ? T(1) : T(0);
        of.id[i] = kept && batch.one_id ? static_cast<int32_t>(batch.id(of.first + i)) : -1;
        for (int64_t c = 0; !kept && i < of.width && c < classes; ++c) {
            of.p[c * of.stride + i] = 0;
            if (!batch.one_id)
                of.target[c * of.stride + i] = 0;
        }
        maximum[i] = kept ? maximum[i] : T(0);
    }
    for (int64_t c = 0; !batch.one_id && c < classes; ++c)
        wrong |= outside<Domain::unit>(of.target + c * of.stride, nullptr, of.width) ? bad_target : 0;
    if (!batch.one_id)
        return; // what is NaN shows in the loss
    exclude(of, classes, maximum);
    for (int64_t i = 0; i < of.width; ++i) // the formula knows the limit
        wrong |= vmath::abs(maximum[i]) <= std::numeric_limits<T>::max() && of.beside[i] <= 1 ? 0 : bad_input;
}

template <class T> struct Share {
    T wrong, there; // what Dice calls so
};

// What a pixel adds to a class that excludes the others.
template <class T> inline Share<T> excluding(const Pixels<T> &of, int32_t c, int64_t i) {
    const T p = of.p[c * of.stride + i], rest = of.largest[i] == c ? of.beside[i] : 1 - p;
    const bool hit = of.id[i] == c;
    return {of.counts[i] * (hit ? rest : p), of.counts[i] * (hit ? p + 1 : p)};
}

// And to a yes or no.
template <class T> inline Share<T> alone(const Pixels<T> &of, int32_t c, int64_t i) {
    const T t = of.target[c * of.stride + i];
    const Sigmoid<T> s(of.p[c * of.stride + i]);
    const T p = s.denied(s.e * s.sure, s.sure), rest = s.denied(s.sure, s.e * s.sure);
    return {of.counts[i] * (p * (1 - t) + rest * t), of.counts[i] * (p + t)};
}

template <bool ids, class T> [[gnu::flatten]] Share<T> share_of_class(const Pixels<T> &of, int32_t c) {
    T wrong = 0, there = 0;
#pragma omp simd reduction(+ : wrong, there)
    for (int64_t i = 0; i < of.stride; ++i) {
        const Share<T> own = ids ? excluding(of, c, i) : alone(of, c, i);
        wrong += own.wrong, there += own.there;
    }
    return {wrong, there};
}

// The derivatives in p, in the place of the target.
template <bool ids, class T>
[[gnu::flatten]] void pulls(Pixels<T> &of, int64_t classes, const T *steady, const T *per_target) {
    T *const __restrict to = of.target;
    for (int32_t c = 0; c < classes; ++c)
#pragma omp simd
        for (int64_t i = 0; i < of.stride; ++i) {
            const T target = ids ? (of.id[i] == c ? T(1) : T(0)) : to[c * of.stride + i];
            to[c * of.stride + i] = steady[c] - 2 * target * per_target[c];
        }
}

// The same where each pixel is a sample, and so has losses of its own. Returns their sum.
template <bool ids, class Op, class S, class T>
[[gnu::flatten]] double pulls_of_points(const Batch<S> &batch, const Op op, Pixels<T> &of, int &wrong) {
    const int64_t classes = batch.classes;
    const bool weighs = batch.call.sample_weight.data;
    T *const __restrict to = of.target;
    double total = 0;
    alignas(64) T weight[lanes], factor[lanes], values[lanes];
    for (int32_t c = 0; c < classes; ++c) {
        for (int64_t i = 0; (weighs || c == 0) && i < of.stride; ++i) {
            weight[i] = weighs && of.counts[i] != 0 ? static_cast<T>(batch.sample_weight((of.first + i) * classes + c))
                                                    : of.counts[i];
            factor[i] = weight[i] != 0 ? static_cast<T>(batch.scale) * weight[i] : T(0);
        }
#pragma omp simd
        for (int64_t i = 0; i < of.stride; ++i) {
            const T target = ids ? (of.id[i] == c ? T(1) : T(0)) : to[c * of.stride + i];
            const Share<T> own = ids ? excluding(of, c, i) : alone(of, c, i);
            const auto region = op(own.wrong, own.there);
            values[i] = weight[i] * region.value;
            to[c * of.stride + i] = factor[i] * (region.steady - 2 * target * region.per_target);
        }
        total += sum_of(values, of.stride);
    }
    wrong |= total <= std::numeric_limits<double>::max() ? 0 : bad_input;
    return total;
}

// The gradient, in the place of the probabilities.
template <class T> [[gnu::flatten]] void slopes_excluding(Pixels<T> &of, int64_t classes) {
    alignas(64) T others[lanes] = {}, top[lanes] = {};
    T *const __restrict p = of.p;
    const T *const __restrict pull = of.target;
    const int64_t stride = of.stride;
    for (int32_t c = 0; c < classes; ++c)
#pragma omp simd
        for (int64_t i = 0; i < stride; ++i) {
            const bool largest = of.largest[i] == c;
            top[i] += largest ? pull[c * stride + i] : T(0);
            others[i] += largest ? T(0) : p[c * stride + i] * pull[c * stride + i];
        }
    for (int32_t c = 0; c < classes; ++c)
#pragma omp simd
        for (int64_t i = 0; i < stride; ++i) {
            const T own = pull[c * stride + i];
            const T beyond = of.largest[i] == c ? own * of.beside[i] : own - (1 - of.beside[i]) * top[i];
            p[c * stride + i] *= of.counts[i] * (beyond - others[i]);
        }
}

template <class T> [[gnu::flatten]] void slopes_alone(Pixels<T> &of, int64_t classes) {
    T *const __restrict x = of.p;
    const T *const __restrict pull = of.target;
    for (int64_t c = 0; c < classes; ++c)
#pragma omp simd
        for (int64_t i = 0; i < of.stride; ++i) {
            const Sigmoid<T> s(x[c * of.stride + i]);
            x[c * of.stride + i] = of.counts[i] * (s.e * s.sure * s.sure) * pull[c * of.stride + i];
        }
}

template <class S, class T> void store_slopes(const Batch<S> &batch, Pixels<T> &of) {
    batch.one_id ? slopes_excluding(of, batch.classes) : slopes_alone(of, batch.classes);
    store_tile(batch, batch.gradient + of.offset, of.width, of.stride, of.p, of.turned);
}

// What the mean divides by: an item without pixels does not count.
template <class S> double region_share(const Batch<S> &batch) {
    const int64_t pixels = batch.call.inner;
    double share = 0;
    for (int64_t sample = 0; sample < batch.call.outer; ++sample) {
        bool any = false;
        for (int64_t i = 0; i < pixels && !any; ++i)
            any = batch.kept(sample * pixels + i);
        if (!batch.call.sample_weight.data)
            share += any ? static_cast<double>(batch.classes) : 0;
        for (int64_t c = 0; any && batch.call.sample_weight.data && c < batch.classes; ++c)
            share += batch.sample_weight(sample * batch.classes + c);
    }
    return share;
}

// `width` pixels from one on, of which the logits begin at `offset`.
template <class S, class T>
Pixels<T> pixels_at(const Batch<S> &batch, int64_t first, int64_t width, int64_t offset, T *scratch, int &wrong) {
    const int64_t size = batch.classes * lanes;
    Pixels<T> of;
    of.p = scratch, of.target = scratch + size, of.turned = scratch + 2 * size;
    of.first = first, of.offset = offset, of.width = width, of.stride = (width + 15) / 16 * 16;
    read_pixels(batch, of, wrong);
    return of;
}

// The losses of a sample's classes, from their sums, and what gives the slopes. An item without pixels has none.
template <class Op, class S, class T>
double region_losses(const Batch<S> &batch, const Op &op, int64_t sample, bool any, const Share<double> *sums,
                     T *steady, T *per_target, int &wrong) {
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
    auto *const sums = reinterpret_cast<Share<double> *>(per_target + classes);
    const auto read = [&](int64_t at) {
        const int64_t width = pixels - at < lanes ? pixels - at : lanes;
        return pixels_at(batch, sample * pixels + at, width, sample * classes * pixels + at, scratch, wrong);
    };
    Pixels<T> of;
    bool any = false;
    for (int64_t c = 0; c < classes; ++c)
        sums[c] = {0, 0};
    for (int64_t at = 0; at < pixels; at += lanes) {
        of = read(at);
        for (int32_t c = 0; c < classes; ++c) {
            const Share<T> own = batch.one_id ? share_of_class<true>(of, c) : share_of_class<false>(of, c);
            sums[c].wrong += own.wrong, sums[c].there += own.there;
        }
        for (int64_t i = 0; i < of.width; ++i)
            any |= of.counts[i] != 0;
    }
    const double loss = region_losses(batch, Op<T>(batch.call.params), sample, any, sums, steady, per_target, wrong);
    for (int64_t at = 0; batch.gradient && at < pixels; at += lanes) {
        if (pixels > lanes) // else they are still there
            of = read(at);
        batch.one_id ? pulls<true>(of, classes, steady, per_target) : pulls<false>(of, classes, steady, per_target);
        store_slopes(batch, of);
    }
    return loss;
}

// Up to 64 samples of one pixel each. Returns the losses of their classes.
template <template <class> class Op, class S, class T>
double region_points(const Batch<S> &batch, int64_t first, T *scratch, int &wrong) {
    const int64_t left = batch.items - first;
    Pixels<T> of = pixels_at(batch, first, left < lanes ? left : lanes, first * batch.classes, scratch, wrong);
    const Op<T> op(batch.call.params);
    const double loss =
        batch.one_id ? pulls_of_points<true>(batch, op, of, wrong) : pulls_of_points<false>(batch, op, of, wrong);
    if (batch.gradient)
        store_slopes(batch, of);
    return loss;
}

// False where there is no memory.
template <template <class> class Op, class S> bool regions(const Batch<S> &batch, Total &total) {
    const int64_t room = (3 * lanes + 6) * batch.classes;
    const bool points = batch.call.inner == 1;
    const int64_t units = points ? (batch.items + lanes - 1) / lanes : batch.call.outer;
    return over<Compute<S>>(batch.call.threads, batch.streaming, units, room, total,
                            [&](int64_t unit, auto *scratch, int &wrong) {
                                return points ? region_points<Op>(batch, unit * lanes, scratch, wrong)
                                              : region_sample<Op>(batch, unit, scratch, wrong);
                            });
}

} // namespace losskit

// Up to 64 items: which are kept and their ids, and their losses once the classes have been summed up.
#pragma once
#include "batch.h"
#include "domains.h"

namespace losskit {

constexpr int64_t lanes = 64;
constexpr double sure = 1.25, one_hot = 1e-2; // a sum of exponentials, and a level, below which an answer is sure
constexpr double off_one = 1e-2;              // how far from 1 the sum of probabilities may be

// What is known of up to 64 items once their logits have been read, and what follows from it. The gradient of an item
// is e * common - q * soft - [target] * hard, where e are the exponentials, and q is the soft part of the target.
struct Items {
    int64_t first, count;
    int64_t kept[lanes];  // 0 or 1; as wide as the other members, for the sake of vectors
    int64_t id[lanes];    // 0 where it is not kept; of a soft target the largest class where that is sure, else 0
    double below[lanes];  // the target's logit less the maximum; 0 where a soft target is nearly all at the maximum
    double sum[lanes];    // of the exponentials
    double rest[lanes];   // the sum but for the largest, which is 1 and would round small ones away
    double spread[lanes]; // the sum of q
    double level[lanes];  // the sum of q times (maximum - logit)
    double value[lanes], common[lanes], soft[lanes], hard[lanes], inverse[lanes]; // of the sum
};

// Which of `count` items from `first` on are kept, and their ids.
template <class S> void look_up(const Batch<S> &batch, Items &of, int64_t first, int64_t count) {
    const Rowwise &call = batch.call;
    const bool soft_target = batch.soft_target;
    of.first = first, of.count = count;
    if (soft_target)
        std::memset(of.id, 0, sizeof of.id);
    else
        with_ids(call, [&](auto ids) {
            for (int64_t i = 0; i < count; ++i)
                of.id[i] = ids[first + i];
        });
    const int64_t ignored = call.ignore_index;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i)
        of.kept[i] = soft_target | (of.id[i] != ignored);
    for (int64_t i = 0; call.mask.data && i < count; ++i)
        of.kept[i] &= !batch.masked(first + i);
#pragma omp simd
    for (int64_t i = 0; i < count; ++i)
        of.id[i] = of.kept[i] ? of.id[i] : 0;
    for (int64_t i = 0; i < lanes; ++i)
        of.spread[i] = of.level[i] = 0;
}

// From what the classes have summed up to the items' losses and the coefficients of their gradients. Not
// inlined: within what is flattened it takes longer.
template <class S> [[gnu::noinline]] void settle(const Batch<S> &batch, Items &of) {
    const Rowwise &call = batch.call;
    double log_sum[lanes], log_p[lanes], loss[lanes] = {}, slope[lanes] = {}, share[lanes], weight[lanes];
    const double keep = batch.keep, factor = batch.scale;
#pragma omp simd
    for (int64_t i = 0; i < of.count; ++i) {
        of.inverse[i] = 1 / of.sum[i];
        log_sum[i] = vmath::log(of.sum[i]) + (of.rest[i] - (of.sum[i] - 1)) * of.inverse[i]; // log1p(rest)
        log_p[i] = of.below[i] - log_sum[i];
        share[i] = keep, weight[i] = static_cast<double>(of.kept[i]);
    }
    if (!batch.soft_target && keep > 0)
        batch.op(call.params, log_p, loss, slope, of.count);
    for (int64_t i = 0; batch.class_weight && i < of.count; ++i)
        share[i] *= batch.class_weight[of.id[i]];
    for (int64_t i = 0; call.sample_weight.data && i < of.count; ++i)
        weight[i] = of.kept[i] ? batch.sample_weight(of.first + i) : 0;
#pragma omp simd
    for (int64_t i = 0; i < of.count; ++i) {
        const double pull = -share[i] * slope[i];
        of.value[i] = weight[i] * (of.level[i] + of.spread[i] * log_sum[i] + share[i] * loss[i]);
        of.soft[i] = weight[i] != 0 ? factor * weight[i] : 0; // where nothing counts, the factor is inf
        of.common[i] = of.soft[i] * (of.spread[i] + pull) * of.inverse[i];
        of.hard[i] = of.soft[i] * pull;
    }
    // 0 times infinity is 0.
    for (int64_t i = 0; batch.class_weight && i < of.count; ++i)
        if (share[i] == 0)
            of.value[i] = weight[i] * (of.level[i] + of.spread[i] * log_sum[i]);
    for (int64_t i = 0; call.sample_weight.data && i < of.count; ++i)
        if (weight[i] == 0)
            of.value[i] = 0;
}

// The class whose exponential is 1.
template <class T> inline int64_t largest_of(const T *e, int64_t stride, int64_t classes) {
    int64_t c = 0;
    while (c < classes - 1 && e[c * stride] < 1)
        ++c;
    return c;
}

// The gradient at the target. In double, and for the largest, whose exponential is 1, from what the others sum up to:
// the softmax and 1 cancel where the answer is right.
template <class T> inline T gradient_at(const Items &of, int64_t i, T e, T q) {
    const double soft = of.soft[i], others = of.rest[i];
    return static_cast<T>(e == 1 ? of.inverse[i] * (soft * (of.spread[i] - q - q * others) - of.hard[i] * others)
                                 : e * of.common[i] - q * soft - of.hard[i]);
}

} // namespace losskit

// The driver of losses over classes: softmax, a target's log-probability, and the gradient, while a row is in cache.
//
// The input lies as (outer, classes, inner). Where the classes lie side by side and are many, a vector runs over the
// classes of one item (`row`). Otherwise it runs over up to 64 items, class by class (`tile`).
#include "abi.h"
#include "lanes.h"
#include "ops/cross_entropy.h"
#include "ops/softmax_focal.h"
#include "parallel.h"
#include "storage.h"
#include <cmath>
#include <cstdlib>

namespace losskit {
namespace {

// The losses of log-probabilities, and their derivatives in these.
using Settled = void (*)(const double *params, const double *log_p, double *value, double *slope, int64_t n);

template <class Kind>
[[gnu::flatten]] void settled(const double *params, const double *__restrict log_p, double *__restrict value,
                              double *__restrict slope, int64_t n) {
    const Kind op(params);
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
        const ValueAndSlope<double> result = op(log_p[i]);
        value[i] = result.value, slope[i] = result.slope;
    }
}

struct Entry {
    const char *name;
    Settled settle; // null: the input holds log-probabilities already, and the loss is that of the target
};

constexpr Entry table[] = {
    {"cross_entropy", settled<CrossEntropy>},
    {"nll", nullptr},
    {"softmax_focal", settled<SoftmaxFocal>}, // gamma
};
constexpr int32_t ops = sizeof table / sizeof *table;

constexpr int64_t lanes = 64, few_classes = 64, many_classes = 2048;
constexpr double sure = 1.25, one_hot = 1e-2;    // a sum of exponentials, and a level, below which an answer is sure
constexpr double above_zero = 1e-3;              // a log-softmax in half precision may round to just above 0
constexpr int64_t read_whole = int64_t(1) << 16; // numbers in which every log-probability is looked at

int64_t id_at(const Rowwise &call, int64_t item) {
    switch (call.ids) {
    case int64:
        return static_cast<const int64_t *>(call.target)[item];
    case int32:
        return static_cast<const int32_t *>(call.target)[item];
    default:
        return static_cast<const uint8_t *>(call.target)[item];
    }
}

// How many ids are kept, and how many of these are no class.
template <class Id> void count_ids(const Rowwise &call, int64_t begin, int64_t end, int64_t &kept, int64_t &wrong) {
    const Id *const ids = static_cast<const Id *>(call.target);
    const int64_t ignored = call.ignore_index, classes = call.classes;
    int64_t all_kept = 0, all_wrong = 0;
#pragma omp simd reduction(+ : all_kept, all_wrong)
    for (int64_t i = begin; i < end; ++i) {
        const int64_t id = ids[i];
        all_kept += id != ignored;
        all_wrong += (id != ignored) & ((id < 0) | (id >= classes));
    }
    kept = all_kept, wrong = all_wrong;
}

template <class Id> void widen_ids(const void *from, int64_t first, int64_t n, int64_t *to) {
    for (int64_t i = 0; i < n; ++i)
        to[i] = static_cast<const Id *>(from)[first + i];
}

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

template <class S> class Driver {
    using T = Compute<S>;
    static constexpr T infinity = std::numeric_limits<T>::infinity();
    Rowwise &call;
    const Entry &op;
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

public:
    Driver(Rowwise &call, const Entry &op) : call(call), op(op) {}

    int run() {
        if (const int status = survey())
            return status;
        scale = call.unscaled ? 1 : call.scale;
        if (!op.settle)
            pick();
        else if (const int status = softmax())
            return status;
        if (call.reduction != none)
            *value = static_cast<T>(call.reduction == mean ? call.sum / call.share : call.sum);
        return ok;
    }

private:
    bool masked(int64_t item) const {
        const Spread &mask = call.mask;
        return mask.data && !static_cast<const uint8_t *>(mask.data)[item / mask.inner % mask.period];
    }

    bool kept(int64_t item) const { return !masked(item) && (soft_target || id_at(call, item) != call.ignore_index); }

    double sample_weight(int64_t item) const {
        const Spread &weight = call.sample_weight;
        return weight.data ? static_cast<const T *>(weight.data)[item / weight.inner % weight.period] : 1;
    }

    double weight_of(int64_t id) const { return class_weight ? class_weight[id] : 1; }

    // Before the logits are read: what the mean divides by, and whether every id is a class.
    int survey() {
        const bool plain = !call.mask.data && !call.sample_weight.data && (soft_target || !class_weight);
        double shares[max_blocks];
        int64_t firsts[max_blocks], wrongs[max_blocks];
        const Blocks blocks(items, 16 * chunk);
        blocks.run(call.threads, [&](int64_t block, int64_t begin, int64_t end, int) {
            int64_t kept_ids = end - begin, wrong = 0, first = -1;
            if (!soft_target) {
                if (call.ids == int64)
                    count_ids<int64_t>(call, begin, end, kept_ids, wrong);
                else if (call.ids == int32)
                    count_ids<int32_t>(call, begin, end, kept_ids, wrong);
                else
                    count_ids<uint8_t>(call, begin, end, kept_ids, wrong);
            }
            double share = static_cast<double>(kept_ids);
            if (wrong || !plain) {
                share = 0, wrong = 0;
                for (int64_t i = begin; i < end; ++i) {
                    if (!kept(i))
                        continue;
                    const int64_t id = soft_target ? 0 : id_at(call, i);
                    if (id < 0 || id >= classes) {
                        first = wrong++ ? first : i;
                        continue;
                    }
                    share += (soft_target ? 1 : weight_of(id)) * sample_weight(i);
                }
            }
            shares[block] = share, firsts[block] = first, wrongs[block] = wrong;
        });
        call.found = 0;
        call.bad_count = 0;
        for (int64_t block = 0; block < blocks.count; ++block) {
            if (wrongs[block] && !call.bad_count)
                call.bad_position = firsts[block], call.bad_value = id_at(call, firsts[block]);
            call.bad_count += wrongs[block];
        }
        if (call.bad_count) {
            call.found = bad_target;
            return out_of_range; // nothing has been read by a wrong id
        }
        call.share = call.reduction == mean && call.normalizer != 0 ? call.normalizer : fold(shares, blocks.count);
        call.scale = call.reduction == mean ? 1 / call.share : 1;
        return ok;
    }

    // The loss is the input at the target: no class but that has a gradient.
    void pick() {
        if (gradient)
            Blocks(items * classes, 64 * chunk).run(call.threads, [&](int64_t, int64_t begin, int64_t end, int) {
                fill_zero(gradient + begin, (end - begin) * sizeof(S), streaming);
                if (streaming)
                    end_streaming();
            });
        double partials[max_blocks];
        unsigned char found[max_blocks];
        const Blocks blocks(items, 4 * chunk);
        blocks.run(call.threads, [&](int64_t block, int64_t begin, int64_t end, int) {
            Items of;
            double total = 0;
            bool wrong = false;
            for (int64_t first = begin; first < end; first += lanes) {
                look_up(of, first, end - first < lanes ? end - first : lanes);
                total += pick(of, wrong);
            }
            partials[block] = total, found[block] = wrong;
        });
        call.sum = fold(partials, blocks.count);
        for (int64_t block = 0; block < blocks.count; ++block)
            call.found |= found[block] ? bad_input : 0;
        if (!call.found && positive_at_first())
            call.found = bad_input;
    }

    double pick(const Items &of, bool &wrong) {
        int64_t at[lanes];
        double total = 0;
        for (int64_t i = 0; i < of.count; ++i) {
            const int64_t outer = call.inner == 1 ? of.first + i : (of.first + i) / call.inner;
            at[i] = (outer * classes + of.id[i]) * call.inner + (of.first + i) - outer * call.inner;
            __builtin_prefetch(input + at[i]);
            if (gradient)
                __builtin_prefetch(gradient + at[i], 1);
        }
        for (int64_t i = 0; i < of.count; ++i) {
            T buffer[1], number[1];
            const double weight = of.kept[i] ? weight_of(of.id[i]) * sample_weight(of.first + i) : 0;
            const T log_p = of.kept[i] ? *load(input + at[i], 1, buffer) : T(0);
            wrong |= log_p > T(above_zero);                        // NaN is not
            const double loss = weight == 0 ? 0 : -weight * log_p; // 0 times infinity is 0
            if (call.reduction == none)
                value[of.first + i] = static_cast<T>(loss);
            total += loss;
            if (gradient && of.kept[i]) {
                *target_of(gradient + at[i], false, number) = static_cast<T>(-scale * weight);
                store(gradient + at[i], number, 1, false);
            }
        }
        return total;
    }

    // Whether a log-probability of an item that counts is positive, among the first numbers: to read all of a large
    // input would take longer than the loss, and what is not log-probabilities shows in any part of it.
    bool positive_at_first() const {
        const int64_t numbers = items * classes < read_whole ? items * classes : read_whole;
        alignas(64) T buffer[chunk];
        for (int64_t begin = 0; begin < numbers; begin += chunk) {
            const int64_t n = numbers - begin < chunk ? numbers - begin : chunk;
            const T *const from = load(input + begin, n, buffer);
            int any = 0;
#pragma omp simd reduction(| : any)
            for (int64_t i = 0; i < n; ++i)
                any |= from[i] > T(above_zero);
            for (int64_t i = 0; any && i < n; ++i)
                if (from[i] > T(above_zero) &&
                    kept((begin + i) / (classes * call.inner) * call.inner + (begin + i) % call.inner))
                    return true;
        }
        return false;
    }

    int softmax() {
        const bool rows = call.inner == 1 && classes > few_classes;
        const int64_t width = rows ? 1 : classes > many_classes ? lanes / 4 : lanes;
        // A tile holds neighbours of one outer index; where the classes lie side by side, any neighbours.
        const int64_t tiles = call.inner == 1 ? 1 : (call.inner + width - 1) / width;
        const int64_t units = rows ? items : call.inner == 1 ? (items + width - 1) / width : call.outer * tiles;
        const int64_t of_unit = classes * width;
        const Blocks blocks(units, of_unit ? (32 * chunk + of_unit - 1) / of_unit : 1);
        const int64_t threads = call.threads < blocks.count ? call.threads : blocks.count;
        const int64_t numbers = (3 * of_unit + 15) / 16 * 16; // e, q, and the tile before it is turned
        T *const scratch =
            static_cast<T *>(std::aligned_alloc(64, ((threads > 0 ? threads : 1) * numbers + 16) * sizeof(T)));
        if (!scratch)
            return out_of_memory;
        double partials[max_blocks];
        unsigned char found[max_blocks];
        blocks.run(call.threads, [&](int64_t block, int64_t begin, int64_t end, int thread) {
            T *const own = scratch + thread * numbers;
            double total = 0;
            int wrong = 0;
            for (int64_t unit = begin; unit < end; ++unit) {
                if (rows) {
                    total += row(unit, own, wrong);
                } else if (call.inner == 1) {
                    const int64_t first = unit * width;
                    total += tile(first, items - first < width ? items - first : width, first * classes, own, wrong);
                } else {
                    const int64_t outer = unit / tiles, at = unit % tiles * width;
                    total += tile(outer * call.inner + at, call.inner - at < width ? call.inner - at : width,
                                  outer * classes * call.inner + at, own, wrong);
                }
            }
            if (streaming)
                end_streaming();
            partials[block] = total, found[block] = static_cast<unsigned char>(wrong);
        });
        std::free(scratch);
        for (int64_t block = 0; block < blocks.count; ++block)
            call.found |= found[block];
        call.sum = fold(partials, blocks.count);
        return ok;
    }

    // Which of `count` items from `first` on are kept, and their ids.
    void look_up(Items &of, int64_t first, int64_t count) const {
        of.first = first, of.count = count;
        switch (call.ids) {
        case int64:
            widen_ids<int64_t>(call.target, first, count, of.id);
            break;
        case int32:
            widen_ids<int32_t>(call.target, first, count, of.id);
            break;
        case uint8:
            widen_ids<uint8_t>(call.target, first, count, of.id);
            break;
        default:
            std::memset(of.id, 0, sizeof of.id);
        }
        const int64_t ignored = call.ignore_index;
#pragma omp simd
        for (int64_t i = 0; i < count; ++i)
            of.kept[i] = soft_target | (of.id[i] != ignored);
        for (int64_t i = 0; call.mask.data && i < count; ++i)
            of.kept[i] &= !masked(first + i);
#pragma omp simd
        for (int64_t i = 0; i < count; ++i)
            of.id[i] = of.kept[i] ? of.id[i] : 0;
        for (int64_t i = 0; i < lanes; ++i)
            of.spread[i] = of.level[i] = 0;
    }

    // From what the classes have summed up to the items' losses and the coefficients of their gradients.
    void settle(Items &of) const {
        double log_sum[lanes], log_p[lanes], loss[lanes] = {}, slope[lanes] = {}, share[lanes], weight[lanes];
        const bool hard = !soft_target && keep > 0;
#pragma omp simd
        for (int64_t i = 0; i < of.count; ++i) {
            of.inverse[i] = 1 / of.sum[i];
            log_sum[i] = vmath::log(of.sum[i]) + (of.rest[i] - (of.sum[i] - 1)) * of.inverse[i]; // log1p(rest)
            log_p[i] = of.below[i] - log_sum[i];
            share[i] = keep, weight[i] = static_cast<double>(of.kept[i]);
        }
        if (hard)
            op.settle(call.params, log_p, loss, slope, of.count);
        for (int64_t i = 0; class_weight && i < of.count; ++i)
            share[i] *= class_weight[of.id[i]];
        for (int64_t i = 0; call.sample_weight.data && i < of.count; ++i)
            weight[i] = of.kept[i] ? sample_weight(of.first + i) : 0;
        const double factor = scale;
#pragma omp simd
        for (int64_t i = 0; i < of.count; ++i) {
            const double pull = -share[i] * slope[i];
            of.value[i] = weight[i] * (of.level[i] + of.spread[i] * log_sum[i] + share[i] * loss[i]);
            of.soft[i] = weight[i] != 0 ? factor * weight[i] : 0; // where nothing counts, the factor is inf
            of.common[i] = of.soft[i] * (of.spread[i] + pull) * of.inverse[i];
            of.hard[i] = of.soft[i] * pull;
        }
        // 0 times infinity is 0.
        for (int64_t i = 0; class_weight && i < of.count; ++i)
            if (share[i] == 0)
                of.value[i] = weight[i] * (of.level[i] + of.spread[i] * log_sum[i]);
        for (int64_t i = 0; call.sample_weight.data && i < of.count; ++i)
            if (weight[i] == 0)
                of.value[i] = 0;
    }

    // Fetches one part of the row at `from` into the cache; a long row the processor itself sees coming.
    void fetch(const S *from, int64_t part, int64_t parts) const {
        if (classes * sizeof(S) > 16384)
            return;
        for (int64_t c = classes * part / parts; c < classes * (part + 1) / parts; c += 64 / sizeof(S))
            __builtin_prefetch(from + c);
    }

    // One item whose classes lie side by side. Returns its loss.
    double row(int64_t item, T *scratch, int &wrong) {
        S *const out = gradient ? gradient + item * classes : nullptr;
        Items of;
        look_up(of, item, 1);
        if (!of.kept[0]) {
            if (out)
                std::memset(static_cast<void *>(out), 0, classes * sizeof(S));
            if (call.reduction == none)
                value[item] = 0;
            return 0;
        }
        T *const e = scratch, *const q = scratch + classes;
        const S *const own = input + item * classes;
        const T *const x = load(own, classes, e);
        const T maximum = max_of(x, classes);
        wrong |= maximum == infinity ? bad_input : 0; // the formula knows the limit
        of.below[0] = double(x[of.id[0]]) - double(maximum);
        if (soft)
            row_soft(item, x, maximum, q, of.spread[0], of.level[0], wrong);
        if (soft_target)
            of.below[0] = of.level[0] <= one_hot * of.spread[0] ? 0 : -1;
        fetch(own + classes, 0, 3); // memory would be idle until the next row
        of.sum[0] = row_exponentials(x, maximum, e);
        of.rest[0] = of.sum[0] - 1;
        if (of.sum[0] < sure && of.below[0] == 0) {
            of.id[0] = soft_target ? largest(e, 1) : of.id[0];
            of.rest[0] = row_others(e, of.id[0]);
            of.sum[0] = 1 + of.rest[0];
        }
        fetch(own + classes, 1, 3);
        settle(of);
        if (call.reduction == none)
            value[item] = static_cast<T>(of.value[0]);
        fetch(own + classes, 2, 3);
        if (out)
            row_gradient(of, e, q, out);
        return of.value[0];
    }

    double row_exponentials(const T *x, T maximum, T *e) const {
        double total = 0;
        for (int64_t c = 0; c < classes; c += chunk) {
            const int64_t n = classes - c < chunk ? classes - c : chunk;
            const T *const from = x + c;
            T *const to = e + c;
            T sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < n; ++i) {
                to[i] = vmath::exp_down(from[i] - maximum);
                sum += to[i];
            }
            total += sum;
        }
        return total;
    }

    int64_t largest(const T *e, int64_t stride) const {
        int64_t c = 0;
        while (c < classes - 1 && e[c * stride] < 1)
            ++c;
        return c;
    }

    double row_others(T *e, int64_t id) const {
        double total = 0;
        e[id] = 0;
        for (int64_t c = 0; c < classes; c += chunk)
            total += sum_of(e + c, classes - c < chunk ? classes - c : chunk);
        e[id] = 1;
        return total;
    }

    void row_gradient(const Items &of, T *e, const T *q, S *out) const {
        const int64_t id = of.id[0];
        const T common = static_cast<T>(of.common[0]), factor = static_cast<T>(of.soft[0]);
        const T at_id = gradient_at(of, 0, e[id], soft ? q[id] : T(0));
        for (int64_t c = 0; c < classes; c += chunk) {
            const int64_t n = classes - c < chunk ? classes - c : chunk;
            T *const from = e + c, *const to = target_of(out + c, streaming, from);
            const T *const less = q + c;
            if (soft) {
#pragma omp simd
                for (int64_t i = 0; i < n; ++i)
                    to[i] = from[i] * common - less[i] * factor;
            } else {
#pragma omp simd
                for (int64_t i = 0; i < n; ++i)
                    to[i] = from[i] * common;
            }
            if (id >= c && id < c + n)
                to[id - c] = at_id;
            store(out + c, to, n, streaming);
        }
    }

    // In double, and for the largest, whose exponential is 1, from what the others sum up to: the softmax and 1 cancel
    // where the answer is right.
    static T gradient_at(const Items &of, int64_t i, T e, T q) {
        const double soft = of.soft[i], others = of.rest[i];
        return static_cast<T>(e == 1 ? of.inverse[i] * (soft * (of.spread[i] - q - q * others) - of.hard[i] * others)
                                     : e * of.common[i] - q * soft - of.hard[i]);
    }

    // The soft part of a target, weighted: q, its sum, and its sum times (maximum - x).
    void row_soft(int64_t item, const T *x, T maximum, T *q, double &spread, double &level, int &wrong) const {
        const T *const given =
            soft_target ? load(static_cast<const S *>(call.target) + item * classes, classes, q) : nullptr;
        double possible = 0, given_total = 0;
        if (given) {
            for (int64_t c = 0; c < classes; c += chunk)
                given_total += sum_of(given + c, classes - c < chunk ? classes - c : chunk);
            wrong |= outside_unit(given, nullptr, classes) ? bad_target : 0;
            wrong |= std::abs(given_total - 1) > 1e-2 ? bad_total : 0;
        }
        if (call.label_smoothing > 0) {
            int64_t count = 0;
#pragma omp simd reduction(+ : count)
            for (int64_t c = 0; c < classes; ++c)
                count += x[c] != -std::numeric_limits<T>::infinity();
            possible = static_cast<double>(count);
        }
        const T kept = static_cast<T>(keep), even = static_cast<T>(possible ? call.label_smoothing / possible : 0);
        for (int64_t c = 0; c < classes; c += chunk) {
            const int64_t n = classes - c < chunk ? classes - c : chunk;
            alignas(64) T levels[chunk];
            T *const to = q + c;
            const T *const from = x + c, *const target = given ? given + c : nullptr;
            if (target) {
#pragma omp simd
                for (int64_t i = 0; i < n; ++i)
                    to[i] = kept * target[i];
            }
#pragma omp simd
            for (int64_t i = 0; i < n; ++i)
                to[i] = (target ? to[i] : T(0)) + (from[i] != -std::numeric_limits<T>::infinity() ? even : T(0));
            if (class_weight)
                multiply(to, class_weight + c, n);
#pragma omp simd
            for (int64_t i = 0; i < n; ++i) {
                const T distance = maximum - from[i];
                levels[i] = to[i] == 0 ? T(0) : to[i] * distance; // 0 log 0 = 0
            }
            spread += sum_of(to, n);
            level += sum_of(levels, n);
        }
    }

    // Up to 64 items: numbers[class * stride + item] from where they lie, with the largest of each, and back.
    void load_tile(const S *from, int64_t width, int64_t stride, T *__restrict numbers, T *turned,
                   T *__restrict maximum) const {
        const T *const flat = call.inner == 1 ? load(from, width * classes, turned) : nullptr;
        if (flat)
            transpose(flat, classes, width, classes, numbers, stride);
        for (int64_t i = 0; i < stride; ++i)
            maximum[i] = -std::numeric_limits<T>::infinity();
        for (int64_t c = 0; c < classes; ++c) {
            T *const to = numbers + c * stride;
            const T *const row = flat ? nullptr : load(from + c * call.inner, width, to);
            for (int64_t i = width; i < stride; ++i)
                to[i] = 0;
#pragma omp simd
            for (int64_t i = 0; i < width; ++i) {
                const T next = flat ? to[i] : row[i];
                to[i] = next;
                maximum[i] = next > maximum[i] ? next : maximum[i];
            }
        }
    }

    void store_tile(S *to, int64_t width, int64_t stride, T *numbers, T *turned) const {
        if (call.inner != 1) {
            for (int64_t c = 0; c < classes; ++c)
                put(to + c * call.inner, numbers + c * stride, width);
        } else {
            transpose(numbers, stride, classes, width, turned, classes);
            for (int64_t i = 0; i < width * classes; i += chunk)
                put(to + i, turned + i, width * classes - i < chunk ? width * classes - i : chunk);
        }
    }

    void put(S *to, T *from, int64_t n) const {
        if (T *const place = target_of(to, streaming, from); place != from)
            std::memcpy(place, from, n * sizeof(T));
        store(to, from, n, streaming);
    }

    // Items first, first + 1, …, whose logits begin at `offset`. Returns the sum of their losses.
    double tile(int64_t first, int64_t width, int64_t offset, T *scratch, int &wrong) {
        const int64_t stride = (width + 15) / 16 * 16;
        T *const __restrict e = scratch, *const __restrict q = scratch + classes * stride;
        T *const turned = scratch + 2 * classes * stride;
        alignas(64) T maximum[lanes];
        Items of;
        look_up(of, first, width);
        if (soft_target)
            load_tile(static_cast<const S *>(call.target) + offset, width, stride, q, turned, maximum);
        load_tile(input + offset, width, stride, e, turned, maximum);
        for (int64_t i = 0; i < width; ++i) {
            if (!of.kept[i])
                clear_item(i, stride, e, q, maximum);
            of.below[i] = double(e[of.id[i] * stride + i]) - double(maximum[i]);
            wrong |= maximum[i] == infinity ? bad_input : 0; // the formula knows the limit
        }
        if (soft)
            tile_soft(width, stride, e, maximum, q, of.spread, of.level, wrong);
        for (int64_t i = 0; soft_target && i < width; ++i)
            of.below[i] = of.level[i] <= one_hot * of.spread[i] ? 0 : -1;
        tile_exponentials(of, stride, maximum, e);
        settle(of);
        for (int64_t i = 0; call.reduction == none && i < width; ++i)
            value[first + i] = static_cast<T>(of.value[i]);
        if (gradient) {
            tile_gradient(of, stride, e, q);
            store_tile(gradient + offset, width, stride, e, turned);
        }
        return sum_of(of.value, width);
    }

    // Whatever an item that is not kept holds, NaN too.
    void clear_item(int64_t i, int64_t stride, T *e, T *q, T *maximum) const {
        maximum[i] = 0;
        for (int64_t c = 0; c < classes; ++c) {
            e[c * stride + i] = 0;
            if (soft_target)
                q[c * stride + i] = c == 0;
        }
    }

    void tile_exponentials(Items &of, int64_t stride, const T *__restrict maximum, T *__restrict e) const {
        for (int64_t i = 0; i < of.count; ++i)
            of.sum[i] = 0;
        for (int64_t c = 0; c < classes;) {
            const int64_t end = c + 64 < classes ? c + 64 : classes; // few enough for the lanes of float
            alignas(64) T partial[lanes] = {};
            for (; c < end; ++c)
#pragma omp simd
                for (int64_t i = 0; i < stride; ++i) {
                    e[c * stride + i] = vmath::exp_down(e[c * stride + i] - maximum[i]);
                    partial[i] += e[c * stride + i];
                }
            for (int64_t i = 0; i < of.count; ++i)
                of.sum[i] += partial[i];
        }
        int64_t any = 0;
#pragma omp simd reduction(| : any)
        for (int64_t i = 0; i < of.count; ++i) {
            of.rest[i] = of.sum[i] - 1;
            any |= (of.sum[i] < sure) & (of.below[i] == 0);
        }
        if (any)
            tile_others(of, stride, e);
    }

    void tile_others(Items &of, int64_t stride, const T *__restrict e) const {
        double others[lanes] = {};
        for (int64_t c = 0; c < classes;) {
            const int64_t end = c + 64 < classes ? c + 64 : classes;
            alignas(64) T partial[lanes] = {};
            for (; c < end; ++c)
#pragma omp simd
                for (int64_t i = 0; i < stride; ++i)
                    partial[i] += e[c * stride + i] < 1 ? e[c * stride + i] : T(0);
            for (int64_t i = 0; i < of.count; ++i)
                others[i] += partial[i];
        }
        for (int64_t i = 0; soft_target && i < of.count; ++i)
            of.id[i] = of.sum[i] < sure && of.below[i] == 0 ? largest(e + i, stride) : 0;
#pragma omp simd
        for (int64_t i = 0; i < of.count; ++i)
            if ((of.sum[i] < sure) & (of.below[i] == 0)) // whatever its neighbours are
                of.rest[i] = others[i], of.sum[i] = 1 + others[i];
    }

    void tile_gradient(const Items &of, int64_t stride, T *__restrict e, const T *__restrict q) const {
        alignas(64) T common[lanes] = {}, factor[lanes] = {}, at_id[lanes];
        for (int64_t i = 0; i < of.count; ++i) {
            const int64_t at = of.id[i] * stride + i;
            at_id[i] = gradient_at(of, i, e[at], soft ? q[at] : T(0));
            common[i] = static_cast<T>(of.common[i]), factor[i] = static_cast<T>(of.soft[i]);
        }
        for (int64_t c = 0; c < classes; ++c) {
            if (soft) {
#pragma omp simd
                for (int64_t i = 0; i < stride; ++i)
                    e[c * stride + i] = e[c * stride + i] * common[i] - q[c * stride + i] * factor[i];
            } else {
#pragma omp simd
                for (int64_t i = 0; i < stride; ++i)
                    e[c * stride + i] *= common[i];
            }
        }
        for (int64_t i = 0; i < of.count; ++i)
            e[of.id[i] * stride + i] = at_id[i];
    }

    void tile_soft(int64_t width, int64_t stride, const T *__restrict x, const T *__restrict maximum, T *__restrict q,
                   double *__restrict spread, double *__restrict level, int &wrong) const {
        constexpr T impossible = -std::numeric_limits<T>::infinity();
        alignas(64) T even[lanes], count[lanes] = {};
        if (soft_target) {
            double total[lanes] = {};
            for (int64_t c = 0; c < classes; ++c) {
                wrong |= outside_unit(q + c * stride, nullptr, width) ? bad_target : 0;
                for (int64_t i = 0; i < width; ++i)
                    total[i] += q[c * stride + i];
            }
            for (int64_t i = 0; i < width; ++i)
                wrong |= std::abs(total[i] - 1) > 1e-2 ? bad_total : 0;
        }
        for (int64_t c = 0; c < classes; ++c)
#pragma omp simd
            for (int64_t i = 0; i < stride; ++i)
                count[i] += x[c * stride + i] != impossible ? T(1) : T(0);
        for (int64_t i = 0; i < stride; ++i)
            even[i] = static_cast<T>(count[i] > 0 ? call.label_smoothing / count[i] : 0);
        for (int64_t c = 0; c < classes; ++c) {
            const T weight = class_weight ? class_weight[c] : T(1), kept = soft_target ? static_cast<T>(keep) : T(0);
            T *const __restrict own = q + c * stride;
            const T *const __restrict logits = x + c * stride;
            if (!soft_target)
                for (int64_t i = 0; i < stride; ++i)
                    own[i] = 0;
#pragma omp simd
            for (int64_t i = 0; i < stride; ++i) {
                own[i] = weight * (kept * own[i] + (logits[i] != impossible ? even[i] : T(0)));
                spread[i] += own[i];
                level[i] += own[i] == 0 ? T(0) : own[i] * (maximum[i] - logits[i]); // 0 log 0 = 0
            }
        }
    }
};

} // namespace

int find_rowwise(const char *name) {
    for (int32_t i = 0; i < ops; ++i)
        if (std::strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

int rowwise(Rowwise &call) {
    if (call.op < 0 || call.op >= ops)
        return unknown_op;
    if (call.classes < 1)
        return out_of_range;
    switch (call.dtype) {
    case float32:
        return Driver<float>(call, table[call.op]).run();
    case float64:
        return Driver<double>(call, table[call.op]).run();
    case bfloat16:
        return Driver<BFloat>(call, table[call.op]).run();
    case float16:
        return Driver<Half>(call, table[call.op]).run();
    default:
        return unknown_dtype;
    }
}

} // namespace losskit

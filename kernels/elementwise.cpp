// The driver of losses that read one element of input and target at a time. It owns loops, threads, weights and sums;
// a loss is a struct in ops/ and a line in the table below.
#include "abi.h"
#include "lanes.h"
#include "ops/bce.h"
#include "ops/bce_with_logits.h"
#include "ops/focal.h"
#include "ops/huber.h"
#include "ops/l1.h"
#include "ops/mse.h"
#include "ops/smooth_l1.h"
#include "parallel.h"
#include "storage.h"
#include <initializer_list>

namespace losskit {
namespace {

// What a loop over at most a chunk gives beside what it writes: the sum of the values, unless it wrote them, and
// whether a number that must lie in [0, 1] does not.
template <class T> struct Tally {
    T sum;
    int found;
};

// Values where they are wanted, and slopes times scale where they are.
template <class T>
using Compiled = Tally<T> (*)(const double *params, const T *x, const T *y, const T *pos_weight, T scale, T *value,
                              T *slope, int64_t n);

template <bool hard, class Kind, class T> inline ValueAndSlope<T> applied(const Kind &op, T x, T y, T pos_weight) {
    if constexpr (hard)
        return op.hard(x, y, pos_weight);
    else if constexpr (Kind::takes_pos_weight)
        return op(x, y, pos_weight);
    else
        return (void)pos_weight, op(x, y);
}

// Flattened, that is with the op inlined however long it is: a loop that calls it cannot be vectorised.
template <class Kind, bool wants_value, bool wants_slope, bool weighs, bool hard, class T>
[[gnu::flatten]] Tally<T> loop(const Kind op, const T *__restrict x, const T *__restrict y,
                               const T *__restrict pos_weight, T scale, T *__restrict value, T *__restrict slope,
                               int64_t n) {
    T sum = 0;
    typename vmath::Format<T>::Uint input = 0, target = 0;
#pragma omp simd reduction(+ : sum) reduction(max : input, target)
    for (int64_t i = 0; i < n; ++i) {
        const ValueAndSlope<T> result = applied<hard>(op, x[i], y[i], weighs ? pos_weight[i] : T(1));
        if constexpr (wants_value)
            value[i] = result.value;
        else
            sum += result.value;
        if constexpr (wants_slope)
            slope[i] = result.slope * scale;
        if constexpr (Kind::unit_input)
            input = vmath::rank(x[i]) > input ? vmath::rank(x[i]) : input;
        if constexpr (Kind::unit_target)
            target = vmath::rank(y[i]) > target ? vmath::rank(y[i]) : target;
    }
    const auto one = vmath::rank(T(1));
    return {sum, (input > one ? bad_input : 0) | (target > one ? bad_target : 0)};
}

// Calls work with the flag as a type.
template <class Work> inline auto with(bool flag, Work work) {
    return flag ? work(std::true_type()) : work(std::false_type());
}

template <template <class> class Kind, class T>
Tally<T> compiled(const double *params, const T *x, const T *y, const T *pos_weight, T scale, T *value, T *slope,
                  int64_t n) {
    using Op = Kind<T>;
    return with(value, [&](auto values) {
        return with(slope, [&](auto slopes) {
            return with(pos_weight, [&](auto weighs) {
                return with(Op::knows_hard && all_hard(y, n), [&](auto hard) {
                    constexpr bool own_weighs = weighs && Op::takes_pos_weight, own_hard = hard && Op::knows_hard;
                    return loop<Op, values, slopes, own_weighs, own_hard>(Op(params), x, y, pos_weight, scale, value,
                                                                          slope, n);
                });
            });
        });
    });
}

struct Entry {
    const char *name;
    bool mean_divides_by_weight;
    Compiled<float> in_float;
    Compiled<double> in_double;

    template <class T> Compiled<T> in() const {
        if constexpr (std::is_same_v<T, float>)
            return in_float;
        else
            return in_double;
    }
};

template <template <class> class Kind> constexpr Entry entry(const char *name) {
    return {name, Kind<float>::mean_divides_by_weight, compiled<Kind, float>, compiled<Kind, double>};
}

constexpr Entry table[] = {
    entry<Mse>("mse"),
    entry<L1>("l1"),
    entry<SmoothL1>("smooth_l1"),            // beta
    entry<Huber>("huber"),                   // delta
    entry<Bce>("bce"),                       //
    entry<BceWithLogits>("bce_with_logits"), // label_smoothing
    entry<Focal>("focal"),                   // gamma, weight of yes, weight of no
    entry<FocalSquared>("focal_squared"),    // 2, weight of yes, weight of no
};
constexpr int32_t ops = sizeof table / sizeof *table;

// A masked item is nothing, even where its input is NaN: selected, not multiplied.
template <class T> void clear_masked(T *__restrict values, const uint8_t *__restrict mask, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
        values[i] = mask[i] ? values[i] : T(0);
}

// What the mean divides by: over the kept items, the weights that count.
template <class T> double share_of(const Elementwise &call, const Entry &op) {
    const bool weighs = call.weight.data && op.mean_divides_by_weight;
    if (!weighs && !call.sample_weight.data && !call.mask.data)
        return static_cast<double>(call.size);
    const Blocks blocks(call.size, 32 * chunk);
    const Total share = blocks.total(call.threads, [&](int64_t begin, int64_t end, int) {
        alignas(64) T shares[chunk], buffer[chunk];
        alignas(64) uint8_t bytes[chunk];
        Total own = {0, 0};
        for (int64_t i = begin; i < end; i += chunk) {
            const int64_t n = end - i < chunk ? end - i : chunk;
            for (int64_t j = 0; j < n; ++j)
                shares[j] = 1;
            if (weighs)
                multiply(shares, gather(call.weight, i, n, buffer), n);
            if (call.sample_weight.data)
                multiply(shares, gather(call.sample_weight, i, n, buffer), n);
            if (call.mask.data)
                clear_masked(shares, gather(call.mask, i, n, bytes), n);
            own.sum += sum_of(shares, n);
        }
        return own;
    });
    return share.sum;
}

template <class S> int run(Elementwise &call, const Entry &op) {
    using T = Compute<S>;
    const bool reduced = call.reduction != none,
               weighted = call.weight.data || call.sample_weight.data || call.mask.data;
    const double share = call.reduction != mean || call.normalizer != 0 ? call.normalizer : share_of<T>(call, op);
    // Of the mean of nothing: NaN, as the mean itself is, lest weights of 0 make it nothing.
    call.scale = call.reduction != mean ? 1 : share != 0 ? 1 / share : std::numeric_limits<double>::quiet_NaN();
    const S *const input = static_cast<const S *>(call.input), *const target = static_cast<const S *>(call.target);
    S *const gradient = static_cast<S *>(call.gradient);
    T *const value = static_cast<T *>(call.value);
    const T scale = static_cast<T>(call.unscaled ? 1 : call.scale);
    const bool streaming = gradient && overflows_cache(3 * sizeof(S) * call.size);
    const Blocks blocks(call.size, 32 * chunk);
    const Total total = blocks.total(call.threads, [&](int64_t begin, int64_t end, int) {
        alignas(64) T x_buffer[chunk], y_buffer[chunk], value_buffer[chunk], slope_buffer[chunk], buffer[chunk];
        alignas(64) uint8_t bytes[chunk];
        Total own = {0, 0};
        for (int64_t i = begin; i < end; i += chunk) {
            const int64_t n = end - i < chunk ? end - i : chunk;
            const T *const x = load(input + i, n, x_buffer), *const y = load(target + i, n, y_buffer);
            const uint8_t *const mask = call.mask.data ? gather(call.mask, i, n, bytes) : nullptr;
            T *const values = !reduced ? value + i : weighted ? value_buffer : nullptr;
            T *const slopes = gradient ? target_of(gradient + i, streaming, slope_buffer) : nullptr;
            const T *const pos_weight = call.pos_weight.data ? gather(call.pos_weight, i, n, buffer) : nullptr;
            const Tally<T> tally = op.in<T>()(call.params, x, y, pos_weight, scale, values, slopes, n);
            for (const Spread *weight : {&call.weight, &call.sample_weight})
                if (weight->data) {
                    const T *const weights = gather(*weight, i, n, buffer);
                    multiply(values, weights, n);
                    if (slopes)
                        multiply(slopes, weights, n);
                }
            if (mask) {
                clear_masked(values, mask, n);
                if (slopes)
                    clear_masked(slopes, mask, n);
            }
            if (tally.found & bad_input && outside_unit(x, mask, n))
                own.found |= bad_input;
            if (tally.found & bad_target && outside_unit(y, mask, n))
                own.found |= bad_target;
            own.sum += reduced && weighted ? sum_of(values, n) : tally.sum;
            if (slopes)
                store(gradient + i, slopes, n, streaming);
        }
        if (streaming)
            end_streaming();
        return own;
    });
    call.found = total.found;
    if (reduced)
        *value = static_cast<T>(call.reduction == mean ? total.sum / share : total.sum);
    return ok;
}

} // namespace

int find_elementwise(const char *name) {
    for (int32_t i = 0; i < ops; ++i)
        if (std::strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

int elementwise(Elementwise &call) {
    if (call.op < 0 || call.op >= ops)
        return unknown_op;
    switch (call.dtype) {
    case float32:
        return run<float>(call, table[call.op]);
    case float64:
        return run<double>(call, table[call.op]);
    case bfloat16:
        return run<BFloat>(call, table[call.op]);
    case float16:
        return run<Half>(call, table[call.op]);
    default:
        return unknown_dtype;
    }
}

} // namespace losskit

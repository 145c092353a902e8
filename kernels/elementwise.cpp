// The driver of losses that read one element of input and target at a time. It owns loops, threads, weights and sums;
// a loss is a struct in ops/ and a line in the table below.
#include "abi.h"
#include "lanes.h"
#include "ops/bce.h"
#include "ops/bce_with_logits.h"
#include "ops/focal.h"
#include "ops/gaussian_nll.h"
#include "ops/hinge_embedding.h"
#include "ops/huber.h"
#include "ops/keras.h"
#include "ops/kl_div.h"
#include "ops/l1.h"
#include "ops/margin_ranking.h"
#include "ops/mse.h"
#include "ops/poisson_nll.h"
#include "ops/quantile.h"
#include "ops/smooth_l1.h"
#include "ops/soft_margin.h"
#include "parallel.h"
#include "storage.h"
#include <initializer_list>

namespace losskit {
namespace {

// What a loop over at most a chunk gives beside what it writes: the sum of the values, unless it wrote them, and which
// tensors hold what they must not.
template <class T> struct Tally {
    T sum;
    int found;
};

// What a loop reads, in the type it is computed in. `third` is of the third tensor, or pos_weight; null: there is none.
template <class T> struct Read {
    const T *x, *y, *third;
};

// What it writes: values where they are wanted, and slopes times scale where they are.
template <class T> struct Written {
    T *value, *slope, *third_slope;
    T scale;
};

template <class T>
using Compiled = Tally<T> (*)(const double *params, const Read<T> &from, const Written<T> &to, int64_t n);

template <bool hard, class Kind, class T> inline auto applied(const Kind &op, T x, T y, T third) {
    if constexpr (hard)
        return op.hard(x, y, third);
    else if constexpr (Kind::takes_pos_weight || Kind::takes_third)
        return op(x, y, third);
    else
        return (void)third, op(x, y);
}

// Flattened, that is with the op inlined however long it is: a loop that calls it cannot be vectorised.
template <class Kind, bool wants_value, bool wants_slope, bool wants_third, bool has_third, bool hard, class T>
[[gnu::flatten]] Tally<T> loop(const Kind op, const T *__restrict x, const T *__restrict y, const T *__restrict third,
                               T scale, T *__restrict value, T *__restrict slope, T *__restrict third_slope,
                               int64_t n) {
    T sum = 0;
    typename vmath::Format<T>::Uint in_x = 0, in_y = 0, in_third = 0;
#pragma omp simd reduction(+ : sum) reduction(max : in_x, in_y, in_third)
    for (int64_t i = 0; i < n; ++i) {
        const T z = has_third ? third[i] : T(1);
        const auto result = applied<hard>(op, x[i], y[i], z);
        if constexpr (wants_value)
            value[i] = result.value;
        else
            sum += result.value;
        if constexpr (wants_slope)
            slope[i] = result.slope * scale;
        if constexpr (wants_third)
            third_slope[i] = result.third * scale;
        const auto own_x = strangeness<Kind::input>(x[i]), own_y = strangeness<Kind::target>(y[i]),
                   own_third = strangeness<Kind::third>(z);
        in_x = own_x > in_x ? own_x : in_x;
        in_y = own_y > in_y ? own_y : in_y;
        in_third = own_third > in_third ? own_third : in_third;
    }
    return {sum, (in_x > bound<Kind::input, T>() ? bad_input : 0) | (in_y > bound<Kind::target, T>() ? bad_target : 0) |
                     (in_third > bound<Kind::third, T>() ? bad_third : 0)};
}

// Calls work with the flag as a type.
template <class Work> inline auto with(bool flag, Work work) {
    return flag ? work(std::true_type()) : work(std::false_type());
}

template <template <class> class Kind, class T>
Tally<T> compiled(const double *params, const Read<T> &from, const Written<T> &to, int64_t n) {
    using Op = Kind<T>;
    return with(to.value, [&](auto values) {
        return with(to.slope, [&](auto slopes) {
            return with(to.third_slope, [&](auto thirds) {
                return with(from.third, [&](auto has_third) {
                    return with(Op::knows_hard && all_hard(from.y, n), [&](auto hard) {
                        constexpr bool own_thirds = thirds && Op::third_slope, own_hard = hard && Op::knows_hard,
                                       own_third = Op::takes_third || (has_third && Op::takes_pos_weight);
                        return loop<Op, values, slopes, own_thirds, own_third, own_hard>(
                            Op(params), from.x, from.y, from.third, to.scale, to.value, to.slope, to.third_slope, n);
                    });
                });
            });
        });
    });
}

struct Entry {
    const char *name;
    bool mean_divides_by_weight, takes_third, sums_rows;
    int slopes;
    Domain domains[3];
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
    using Op = Kind<float>;
    return {name,
            Op::mean_divides_by_weight,
            Op::takes_third,
            Op::sums_rows,
            Op::third_slope ? 3
            : Op::opposite  ? 2
                            : 1,
            {Op::input, Op::target, Op::third},
            compiled<Kind, float>,
            compiled<Kind, double>};
}

constexpr Entry table[] = {
    entry<Mse>("mse"),
    entry<L1>("l1"),
    entry<SmoothL1>("smooth_l1"),                            // beta
    entry<Huber>("huber"),                                   // delta
    entry<Quantile>("quantile"),                             // the quantile, and 1 less the quantile
    entry<Quantiles>("quantiles"),                           //
    entry<Bce>("bce"),                                       //
    entry<ClippedBce>("clipped_bce"),                        // label_smoothing
    entry<BceWithLogits>("bce_with_logits"),                 // label_smoothing
    entry<Focal>("focal"),                                   // gamma, weight of yes, weight of no
    entry<FocalSquared>("focal_squared"),                    // 2, weight of yes, weight of no
    entry<SoftMargin>("soft_margin"),                        //
    entry<HingeEmbedding>("hinge_embedding"),                // margin
    entry<MarginRanking>("margin_ranking"),                  // margin
    entry<KlDiv>("kl_div"),                                  //
    entry<KlDivLog>("kl_div_log"),                           //
    entry<ClippedKlDiv>("clipped_kl_div"),                   //
    entry<PoissonNll>("poisson_nll"),                        //
    entry<PoissonNllFull>("poisson_nll_full"),               //
    entry<PoissonNllOfRate>("poisson_nll_of_rate"),          // eps
    entry<PoissonNllOfRateFull>("poisson_nll_of_rate_full"), // eps
    entry<GaussianNll>("gaussian_nll"),                      // eps, constant
};
constexpr int32_t ops = sizeof table / sizeof *table;

// A masked item is nothing, even where its input is NaN: selected, not multiplied.
template <class T> void clear_masked(T *__restrict values, const uint8_t *__restrict mask, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
        values[i] = mask[i] ? values[i] : T(0);
}

// An item of weight 0 is nothing, either.
template <class T> void weigh(T *__restrict values, const T *__restrict by, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
        values[i] = by[i] == 0 ? T(0) : values[i] * by[i];
}

template <class T> void negate(const T *__restrict from, T *__restrict to, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
        to[i] = -from[i];
}

// Adds numbers of rows, the first of which is number `begin` of them all, to `sum`; a row that ends writes its item.
template <class T>
void sum_rows(const T *values, int64_t begin, int64_t n, int64_t row, double scale, double &sum, T *items) {
    for (int64_t i = 0; i < n;) {
        const int64_t item = (begin + i) / row, left = (item + 1) * row - begin - i, run = left < n - i ? left : n - i;
        sum += sum_of(values + i, run);
        if (run == left)
            items[item] = static_cast<T>(sum * scale), sum = 0;
        i += run;
    }
}

// What the mean divides by: over the kept numbers, the weights that count.
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
    const bool reduced = call.reduction != none, by_row = !reduced && call.row > 1,
               weighted = call.weight.data || call.sample_weight.data || call.mask.data;
    const double of_row = op.sums_rows ? 1 : double(call.row); // what a number of an item is divided by
    const double share =
        of_row * (call.reduction != mean || call.normalizer != 0 ? call.normalizer : share_of<T>(call, op) / call.row);
    // Of the mean of nothing: NaN, as the mean itself is, lest weights of 0 make it nothing.
    call.scale = call.reduction != mean ? 1 / of_row
                 : share != 0           ? 1 / share
                                        : std::numeric_limits<double>::quiet_NaN();
    const S *const input = static_cast<const S *>(call.input);
    S *const gradients[] = {static_cast<S *>(call.gradient), static_cast<S *>(call.target_gradient),
                            static_cast<S *>(call.third_gradient)};
    T *const value = static_cast<T *>(call.value);
    const T scale = static_cast<T>(call.unscaled && reduced ? 1 : call.scale);
    const bool any_slope = gradients[0] || gradients[1],
               streaming = (any_slope || gradients[2]) && overflows_cache(3 * sizeof(S) * call.size);
    const int64_t unit = by_row ? call.row : 1; // blocks end where items do
    const Blocks blocks(call.size / unit, (32 * chunk + unit - 1) / unit);
    const Total total = blocks.total(call.threads, [&](int64_t first, int64_t last, int) {
        alignas(64) T x_buffer[chunk], y_buffer[chunk], third_buffer[chunk], value_buffer[chunk], slope_buffer[chunk],
            third_slope_buffer[chunk], buffer[chunk];
        alignas(64) S gathered[chunk];
        alignas(64) uint8_t bytes[chunk];
        Total own = {0, 0};
        double item = 0;
        for (int64_t i = first * unit, end = last * unit; i < end; i += chunk) {
            const int64_t n = end - i < chunk ? end - i : chunk;
            const T *const x = load(input + i, n, x_buffer), *const y =
                                                                 load(gather(call.target, i, n, gathered), n, y_buffer);
            const T *const third = op.takes_third         ? load(gather(call.third, i, n, gathered), n, third_buffer)
                                   : call.pos_weight.data ? gather(call.pos_weight, i, n, third_buffer)
                                                          : nullptr;
            const uint8_t *const mask = call.mask.data ? gather(call.mask, i, n, bytes) : nullptr;
            T *const values = by_row || (reduced && weighted) ? value_buffer : reduced ? nullptr : value + i;
            T *const slopes = gradients[0] ? target_of(gradients[0] + i, streaming, slope_buffer)
                              : any_slope  ? slope_buffer
                                           : nullptr;
            T *const third_slopes = gradients[2] ? target_of(gradients[2] + i, streaming, third_slope_buffer) : nullptr;
            const Tally<T> tally = op.in<T>()(call.params, {x, y, third}, {values, slopes, third_slopes, scale}, n);
            T *const results[] = {values, slopes, third_slopes};
            for (T *const result : results) {
                if (result && call.weight.data)
                    multiply(result, gather(call.weight, i, n, buffer), n);
                if (result && call.sample_weight.data)
                    weigh(result, gather(call.sample_weight, i, n, buffer), n);
            }
            if (mask)
                for (T *const result : results)
                    if (result)
                        clear_masked(result, mask, n);
            const T *const given[] = {x, y, third};
            constexpr int bits[] = {bad_input, bad_target, bad_third};
            for (int which = 0; which < 3; ++which)
                if (tally.found & bits[which] && outside(op.domains[which], given[which], mask, n))
                    own.found |= bits[which];
            if (by_row)
                sum_rows(values, i, n, call.row, 1 / of_row, item, value);
            else
                own.sum += reduced && weighted ? sum_of(values, n) : tally.sum;
            if (gradients[0])
                store(gradients[0] + i, slopes, n, streaming);
            if (gradients[1]) {
                T *const opposite = target_of(gradients[1] + i, streaming, buffer);
                negate(slopes, opposite, n);
                store(gradients[1] + i, opposite, n, streaming);
            }
            if (gradients[2])
                store(gradients[2] + i, third_slopes, n, streaming);
        }
        if (streaming)
            end_streaming();
        return own;
    });
    call.found = total.found;
    if (reduced)
        *value = static_cast<T>(call.reduction == mean ? total.sum / share : total.sum / of_row);
    return ok;
}

} // namespace

int find_elementwise(const char *name) {
    for (int32_t i = 0; i < ops; ++i)
        if (std::strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

int elementwise_slopes(int op) { return op < 0 || op >= ops ? 0 : table[op].slopes; }

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

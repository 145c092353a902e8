// The driver of losses over rows of two matrices or three, which it reads together. It owns loops, threads, weights and
// sums; a loss is a struct in ops/ and a line in the table below.
#include "abi.h"
#include "ops/arc.h"
#include "ops/contrastive.h"
#include "ops/cosine_embedding.h"
#include "ops/triplet_margin.h"
#include "reduced.h"
#include "scratch.h"
#include <cstring>

namespace losskit {
namespace {

// A call with its types.
template <class S> struct Typed {
    using T = Compute<S>;
    const Pairwise &call;
    const int matrices;
    const S *const input[3];
    S *const gradient[3];
    const S *const label;
    T *const value = static_cast<T *>(call.value);
    const bool wanted = call.gradient || call.target_gradient || call.third_gradient;
    const bool streaming = wanted && overflows_cache(2 * matrices * sizeof(S) * call.items * call.width);
    double scale = 1;

    Typed(const Pairwise &call, int matrices, bool labelled)
        : call(call), matrices(matrices), input{at(call.input), at(call.target), at(call.third)},
          gradient{to(call.gradient), to(call.target_gradient), to(call.third_gradient)},
          label(labelled ? at(call.third) : nullptr) {}

    bool kept(int64_t item) const { return !call.mask.data || element<uint8_t>(call.mask, item); }
    double weight(int64_t item) const { return call.sample_weight.data ? element<T>(call.sample_weight, item) : 1; }

    // What the mean divides by.
    double share() const {
        if (!call.mask.data && !call.sample_weight.data)
            return static_cast<double>(call.items);
        double total = 0;
        for (int64_t item = 0; item < call.items; ++item)
            total += kept(item) ? weight(item) : 0;
        return total;
    }

private:
    static const S *at(const void *data) { return static_cast<const S *>(data); }
    static S *to(void *data) { return static_cast<S *>(data); }
};

template <class S> void clear_row(const Typed<S> &of, int64_t item) {
    for (int m = 0; m < of.matrices; ++m)
        if (of.gradient[m])
            fill_zero(of.gradient[m] + item * of.call.width, of.call.width * sizeof(S), of.streaming);
}

template <int matrices, class R, class T, class Op>
[[gnu::flatten]] void slope_part(const Op op, const T *__restrict x, const T *__restrict y, const T *__restrict z,
                                 T *__restrict to_x, T *__restrict to_y, T *__restrict to_z, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
        const Slopes<R> at =
            op(static_cast<R>(x[i]), static_cast<R>(y[i]), matrices == 3 ? static_cast<R>(z[i]) : R(0));
        to_x[i] = static_cast<T>(at.x), to_y[i] = static_cast<T>(at.y);
        if (matrices == 3)
            to_z[i] = static_cast<T>(at.z);
    }
}

template <int matrices, class S, class T, class Op>
void slope_row(const Typed<S> &of, int64_t item, const Rows<T> &rows, const Op &op) {
    alignas(64) T buffer[matrices][chunk];
    for (int64_t c = 0; c < rows.width; c += chunk) {
        const int64_t n = rows.width - c < chunk ? rows.width - c : chunk, place = item * rows.width + c;
        T *to[3] = {};
        for (int m = 0; m < matrices; ++m)
            to[m] = of.gradient[m] ? target_of(of.gradient[m] + place, of.streaming, buffer[m]) : buffer[m];
        if (op.wide())
            slope_part<matrices, double>(op, rows.x + c, rows.y + c, rows.z + c, to[0], to[1], to[2], n);
        else
            slope_part<matrices, T>(op, rows.x + c, rows.y + c, rows.z + c, to[0], to[1], to[2], n);
        for (int m = 0; m < matrices; ++m)
            if (of.gradient[m])
                store(of.gradient[m] + place, to[m], n, of.streaming);
    }
}

// Returns the item's loss.
template <class Op, class S, class T>
double row(const Typed<S> &of, const Op &op, int64_t item, T *scratch, int &wrong) {
    const int64_t width = of.call.width;
    const bool each = of.call.reduction == none, kept = of.kept(item);
    const double weight = kept ? of.weight(item) : 0, factor = weight != 0 ? of.scale * weight : 0;
    double loss = 0;
    bool written = !of.wanted;
    if (kept) {
        const T *x[3];
        for (int m = 0; m < 3; ++m)
            x[m] = m < Op::matrices ? load(of.input[m] + item * width, width, scratch + m * width) : x[0];
        T room[1];
        const Rows<T> rows = {x[0], x[1], x[2], of.label ? *load(of.label + item, 1, room) : T(0), width};
        if constexpr (Op::labelled)
            wrong |= Op::fits(rows.label) ? 0 : bad_third;
        loss = op(rows, factor, [&](const auto &slopes) {
            if (of.wanted)
                slope_row<Op::matrices>(of, item, rows, slopes);
            written = true;
        });
        wrong |= loss <= std::numeric_limits<double>::max() ? 0 : bad_input; // the formula knows the limit
    }
    if (!written)
        clear_row(of, item);
    loss *= weight;
    if (each)
        of.value[item] = static_cast<T>(loss);
    return loss;
}

template <template <class> class Kind, class S> int run(Pairwise &call) {
    using T = Compute<S>;
    using Op = Kind<T>;
    Typed<S> of(call, Op::matrices, Op::labelled);
    const Op op(call.params);
    const double share = call.reduction != mean || call.normalizer != 0 ? call.normalizer : of.share();
    of.scale = slope_factor(call, share);
    Total total;
    const int64_t room = Op::matrices * call.width;
    if (!over<T>(call.threads, of.streaming, call.items, room, total,
                 [&](int64_t item, T *scratch, int &wrong) { return row(of, op, item, scratch, wrong); }))
        return out_of_memory;
    tell(call, total, share, of.value);
    return ok;
}

struct Entry {
    const char *name;
    int slopes;
    int (*in[4])(Pairwise &); // by dtype
};

template <template <class> class Kind> constexpr Entry entry(const char *name) {
    return {name, Kind<float>::matrices, {run<Kind, float>, run<Kind, double>, run<Kind, BFloat>, run<Kind, Half>}};
}

constexpr Entry table[] = {
    entry<CosineEmbedding>("cosine_embedding"), // margin
    entry<Contrastive>("contrastive"),          // margin
    entry<TripletMargin>("triplet_margin"),     // margin, p, eps, swap
    entry<Arc>("arc"),                          // margin, scale
};
constexpr int32_t ops = sizeof table / sizeof *table;

} // namespace

int find_pairwise(const char *name) {
    for (int32_t i = 0; i < ops; ++i)
        if (std::strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

// Of how many matrices an op gives the gradients.
int pairwise_slopes(int op) { return op < 0 || op >= ops ? 0 : table[op].slopes; }

int pairwise(Pairwise &call) {
    if (call.op < 0 || call.op >= ops)
        return unknown_op;
    if (call.width < 1)
        return out_of_range;
    return call.dtype < float32 || call.dtype > float16 ? int(unknown_dtype) : table[call.op].in[call.dtype](call);
}

} // namespace losskit

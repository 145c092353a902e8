// The driver of losses over classes: finds the loss in its table, and runs it for the input's dtype. A loss is a struct
// in ops/ and a line of the table.
#include "abi.h"
#include "label_lists.h"
#include "margins.h"
#include "ops/cross_entropy.h"
#include "ops/dice.h"
#include "ops/multi_margin.h"
#include "ops/multilabel_margin.h"
#include "ops/softmax_focal.h"
#include "pick.h"
#include "reduced.h"
#include "regions.h"
#include "softmax.h"
#include "survey.h"

namespace losskit {
namespace {

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

// How a loss reads its rows. False where there is no memory.
struct Usual {
    static constexpr bool mean_weighs = true, lists = false; // as Batch has them
    static constexpr Settled op = nullptr;
    template <class S> static double share(const Batch<S> &, const Total &kept) { return kept.sum; }
};
template <class Kind> struct OfSoftmax : Usual {
    static constexpr Settled op = settled<Kind>;
    template <class S> static bool run(const Batch<S> &batch, Total &total) { return softmax(batch, total); }
};
struct OfTarget : Usual {
    template <class S> static bool run(const Batch<S> &batch, Total &total) { return total = pick(batch), true; }
};
template <template <class> class Kind> struct OfMargins : Usual {
    static constexpr bool mean_weighs = false;
    template <class S> static bool run(const Batch<S> &batch, Total &total) { return margins<Kind>(batch, total); }
};
template <template <class> class Kind> struct OfLists : Usual {
    static constexpr bool lists = true;
    template <class S> static bool run(const Batch<S> &batch, Total &total) { return label_lists<Kind>(batch, total); }
};

template <template <class> class Kind> struct OfRegions : Usual {
    static constexpr bool mean_weighs = false;
    template <class S> static double share(const Batch<S> &batch, const Total &) { return region_share(batch); }
    template <class S> static bool run(const Batch<S> &batch, Total &total) { return regions<Kind>(batch, total); }
};

template <class Way, class S> int run(Rowwise &call) {
    Batch<S> batch(call, Way::op, Way::mean_weighs, Way::lists);
    const Total kept = survey(batch);
    call.found = kept.found;
    if (kept.found)
        return out_of_range; // nothing has been read by a wrong id
    const bool told = call.reduction == mean && call.normalizer != 0;
    const double share = told ? call.normalizer : Way::share(batch, kept);
    batch.scale = slope_factor(call, share);
    Total total;
    if (!Way::run(batch, total))
        return out_of_memory;
    tell(call, total, share, batch.value);
    return ok;
}

struct Entry {
    const char *name;
    int (*in[4])(Rowwise &); // by dtype
};

template <class Way> constexpr Entry entry(const char *name) {
    return {name, {run<Way, float>, run<Way, double>, run<Way, BFloat>, run<Way, Half>}};
}

constexpr Entry table[] = {
    entry<OfSoftmax<CrossEntropy>>("cross_entropy"),
    entry<OfTarget>("nll"),
    entry<OfSoftmax<SoftmaxFocal>>("softmax_focal"),              // gamma
    entry<OfMargins<MultiMargin>>("multi_margin"),                // margin
    entry<OfMargins<MultiMarginSquared>>("multi_margin_squared"), // margin
    entry<OfLists<MultiLabelMargin>>("multilabel_margin"),
    entry<OfRegions<Dice>>("dice"), // smooth
};
constexpr int32_t ops = sizeof table / sizeof *table;

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
    return call.dtype < float32 || call.dtype > float16 ? int(unknown_dtype) : table[call.op].in[call.dtype](call);
}

} // namespace losskit

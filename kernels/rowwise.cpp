// The driver of losses over classes: finds the loss in its table, and runs it for the input's dtype. A loss is a struct
// in ops/ and a line of the table.
#include "abi.h"
#include "ops/cross_entropy.h"
#include "ops/softmax_focal.h"
#include "pick.h"
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

struct Entry {
    const char *name;
    Settled op;
};

constexpr Entry table[] = {
    {"cross_entropy", settled<CrossEntropy>},
    {"nll", nullptr},
    {"softmax_focal", settled<SoftmaxFocal>}, // gamma
};
constexpr int32_t ops = sizeof table / sizeof *table;

template <class S> int run(Rowwise &call) {
    Batch<S> batch(call, table[call.op].op);
    const Total kept = survey(batch);
    call.found = kept.found;
    if (kept.found)
        return out_of_range; // nothing has been read by a wrong id
    const double share = call.reduction == mean && call.normalizer != 0 ? call.normalizer : kept.sum;
    call.scale = call.reduction == mean ? 1 / share : 1;
    batch.scale = call.unscaled ? 1 : call.scale;
    Total total;
    if (!batch.op)
        total = pick(batch);
    else if (!softmax(batch, total))
        return out_of_memory;
    call.found = total.found;
    if (call.reduction != none)
        *batch.value = static_cast<Compute<S>>(call.reduction == mean ? total.sum / share : total.sum);
    return ok;
}

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
        return run<float>(call);
    case float64:
        return run<double>(call);
    case bfloat16:
        return run<BFloat>(call);
    case float16:
        return run<Half>(call);
    default:
        return unknown_dtype;
    }
}

} // namespace losskit

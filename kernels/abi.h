// The only interface of the library: a function per driver, each of which takes one pointer to a plain struct, because
// a single pointer is the cheapest call that ctypes can make. `src/losskit/native/library.py` declares the same structs
// field by field, and asks for their sizes when it loads the library.
#pragma once
#include <cstdint>

#define LOSSKIT_API extern "C" __attribute__((visibility("default")))

namespace losskit {

constexpr int abi_version = 3;

enum Dtype : int32_t { float32, float64, bfloat16, float16 };
enum Reduction : int32_t { none, sum, mean };
enum Ids : int32_t { int64, int32, uint8, probabilities }; // what a rowwise target holds

// What a call returns.
enum Status : int32_t { ok = 0, unknown_op = 1, unknown_dtype = 2, out_of_memory = 3, out_of_range = 4 };

// Bits of `found`: what is wrong with the values.
enum Found : int32_t { bad_target = 1, bad_input = 2, bad_third = 4 };

// A tensor that is broadcast over the items: item i reads element (i / inner) % period. Absent where data is null.
struct Spread {
    const void *data;
    int64_t period, inner;
};

// Of float32 for half inputs, else of the input's dtype: weights, pos_weight, sample_weight and value. A mask is uint8.
// What is broadcast is so over the numbers of the input.
struct Elementwise {
    int32_t op, dtype, reduction, threads;
    int32_t unscaled;     // write the derivative itself, without the factor that the reduction gives (float16)
    int32_t found;        // out
    int64_t size, row;    // numbers of the input, and of these of an item
    const void *input;    // the tensors of the loss, in its order, of one dtype: input, target, third
    Spread target, third; // broadcast over the input
    void *value;          // one number, or one an item where the reduction is none
    void *gradient, *target_gradient, *third_gradient; // null: not wanted
    Spread weight, pos_weight, sample_weight, mask;
    double normalizer; // of the mean; 0: what counts
    double params[4];
    double scale; // out: the gradient's factor
};

struct Rowwise {
    int32_t op, dtype, reduction, threads;
    int32_t unscaled;
    int32_t found; // out
    int32_t ids;
    int64_t outer, classes, inner; // the input's layout; there are outer * inner items
    const void *input, *target;
    void *value, *gradient;
    int64_t ignore_index;
    const void *class_weight; // null: all 1
    Spread sample_weight, mask;
    double normalizer, label_smoothing;
    double params[4];
    double scale; // out
};

// Label sequences against steps of scores, (steps, samples, classes).
struct Sequence {
    int32_t dtype, reduction, threads;
    int32_t found; // out
    int32_t from_logits, zero_infinity;
    int64_t steps, samples, classes, blank;
    int64_t width, labels; // of a row of targets, or -1: they lie one after the other; how many there are in all
    const void *input;
    const int64_t *targets, *input_lengths, *target_lengths;
    void *value, *gradient;
    Spread sample_weight, mask;
    double normalizer;
};

// Rows of two matrices or three, read together. The tensors of the loss, in its order: input, target, third. Where
// there are two matrices, the third holds a number an item.
struct Pairwise {
    int32_t op, dtype, reduction, threads;
    int32_t unscaled;
    int32_t found;        // out
    int64_t items, width; // rows, and numbers of each
    const void *input, *target, *third;
    void *value;
    void *gradient, *target_gradient, *third_gradient; // null: not wanted
    Spread sample_weight, mask;
    double normalizer;
    double params[4];
    double scale; // out
};

} // namespace losskit

// The recursions over the states of one sample: a blank before, between and after its labels. Pair k is the blank
// before label k, and that label. A vector runs over the pairs; those that are made up to fill the last one have no
// chance.
#pragma once
#include "wide_range.h"
#include <cstdint>

namespace losskit {

// Pairs of one step, as significands and exponents in one block of memory. Before the first label and after the last
// pair stands one that has no chance.
template <class T> struct Pairs {
    static constexpr int64_t width = 64 / sizeof(T);

    static int64_t filled(int64_t pairs) { return (pairs + width - 1) / width * width; }
    static int64_t bytes(int64_t pairs) { return (2 * pairs + 3 * width) * (sizeof(T) + sizeof(Int<T>)); }

    T *blank, *label;
    Int<T> *blank_exponent, *label_exponent;

    Pairs(char *memory, int64_t pairs) {
        blank = reinterpret_cast<T *>(memory), label = blank + pairs + 2 * width;
        blank_exponent = reinterpret_cast<Int<T> *>(label + pairs + width);
        label_exponent = blank_exponent + pairs + 2 * width;
    }

    // Once, before a row is used.
    void close(int64_t pairs) {
        label[-1] = blank[pairs] = label[pairs] = 1;
        label_exponent[-1] = blank_exponent[pairs] = label_exponent[pairs] = Exponents<T>::never;
    }

    Wide<T> blank_at(int64_t k) const { return {blank[k], blank_exponent[k]}; }
    Wide<T> label_at(int64_t k) const { return {label[k], label_exponent[k]}; }

    // Every chance lies with the blank of one pair.
    void start_at(int64_t sole, int64_t pairs) {
        for (int64_t k = 0; k < pairs; ++k) {
            blank[k] = label[k] = 1;
            blank_exponent[k] = label_exponent[k] = Exponents<T>::never;
        }
        blank_exponent[sole] = 0;
    }
};

// What holds for all steps of a sample. `skip` is 0 where a label may follow the one before it with no blank between,
// elsewhere never.
template <class T> struct States {
    const Int<T> *skip;
    T low; // log-probabilities below are -inf
    int64_t pairs;
};

// From the paths up to one step to those up to the next. The compiler makes vectors of structs under ivdep, not under
// omp simd.
template <class T>
void advance(const States<T> &states, const Pairs<T> &from, const Pairs<T> &to, const T *__restrict scores,
             Wide<T> blank) {
    const T *const b = from.blank, *const l = from.label;
    const Int<T> *const be = from.blank_exponent, *const le = from.label_exponent, *const skip = states.skip;
    T *const __restrict to_b = to.blank, *const __restrict to_l = to.label;
    Int<T> *const __restrict to_be = to.blank_exponent, *const __restrict to_le = to.label_exponent;
    const T low = states.low;
    const int64_t pairs = states.pairs;
#pragma GCC ivdep
    for (int64_t k = 0; k < pairs; ++k) {
        const Wide<T> own = {b[k], be[k]}, here = {l[k], le[k]};
        const Wide<T> to_blank = product(joined(own, Wide<T>{l[k - 1], le[k - 1]}), blank);
        const Wide<T> to_label =
            product(joined(here, own, Wide<T>{l[k - 1], le[k - 1] + skip[k]}), wide_exp(scores[k], low));
        to_b[k] = to_blank.significand, to_be[k] = to_blank.exponent;
        to_l[k] = to_label.significand, to_le[k] = to_label.exponent;
    }
}

// From the paths that start after a step to those that start with it, and which part of all paths, whose chance is
// 1 / `inverse`, has each blank and each label at that step.
template <class T>
void retreat(const States<T> &states, const Pairs<T> &from, const Pairs<T> &to, const Pairs<T> &up_to, Wide<T> inverse,
             const T *__restrict scores, Wide<T> blank, T *__restrict blanks, T *__restrict labels) {
    const T *const b = from.blank, *const l = from.label, *const up_b = up_to.blank, *const up_l = up_to.label;
    const Int<T> *const be = from.blank_exponent, *const le = from.label_exponent, *const skip = states.skip;
    const Int<T> *const up_be = up_to.blank_exponent, *const up_le = up_to.label_exponent;
    T *const __restrict to_b = to.blank, *const __restrict to_l = to.label;
    Int<T> *const __restrict to_be = to.blank_exponent, *const __restrict to_le = to.label_exponent;
    const T low = states.low;
    const int64_t pairs = states.pairs;
#pragma GCC ivdep
    for (int64_t k = 0; k < pairs; ++k) {
        const Wide<T> here = {l[k], le[k]};
        const Wide<T> of_blank = joined(Wide<T>{b[k], be[k]}, here);
        const Wide<T> of_label = joined(here, Wide<T>{b[k + 1], be[k + 1]}, Wide<T>{l[k + 1], le[k + 1] + skip[k + 1]});
        blanks[k] = up_b[k] * of_blank.significand * inverse.significand *
                    down<T>(up_be[k] + of_blank.exponent + inverse.exponent);
        labels[k] = up_l[k] * of_label.significand * inverse.significand *
                    down<T>(up_le[k] + of_label.exponent + inverse.exponent);
        const Wide<T> to_blank = product(of_blank, blank), to_label = product(of_label, wide_exp(scores[k], low));
        to_b[k] = to_blank.significand, to_be[k] = to_blank.exponent;
        to_l[k] = to_label.significand, to_le[k] = to_label.exponent;
    }
}

} // namespace losskit

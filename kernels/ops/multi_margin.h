#pragma once
#include "op.h"

namespace losskit {

// A margin op gives the loss of what the right score lacks beside another one, and its derivative in that.
template <class T> struct MultiMargin {
    T margin;

    explicit MultiMargin(const double *params) : margin(representable<T>(params[0])) {}
    ValueAndSlope<T> operator()(T lacking) const { return {lacking, lacking > 0 ? T(1) : T(0)}; }
};

template <class T> struct MultiMarginSquared : MultiMargin<T> {
    using MultiMargin<T>::MultiMargin;
    ValueAndSlope<T> operator()(T lacking) const { return {lacking * lacking, 2 * lacking}; }
};

} // namespace losskit

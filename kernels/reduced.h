// What a reduction does to the slopes and the losses of a call over rows; `share` is what its mean divides by.
#pragma once
#include "abi.h"
#include "parallel.h"

namespace losskit {

// The factor that the kernel puts into the slopes; the caller is told what remains to be done.
template <class Call> double slope_factor(Call &call, double share) {
    const bool nothing = call.unscaled && share == 0; // has no slopes, whatever their factor
    call.scale = call.reduction == mean && !nothing ? 1 / share : 1;
    return call.unscaled ? 1 : call.scale;
}

template <class T, class Call> void tell(Call &call, const Total &total, double share, T *value) {
    call.found = total.found;
    if (call.reduction != none)
        *value = static_cast<T>(call.reduction == mean ? total.sum / share : total.sum);
}

} // namespace losskit

// The softmax of every item, in rows or in tiles.
#pragma once
#include "softmax_row.h"
#include "softmax_tile.h"
#include "units.h"

namespace losskit {

// False where there is no memory.
template <class S> bool softmax(const Batch<S> &batch, Total &total) {
    return over_units(
        batch, total, [&](int64_t item, auto *scratch, int &wrong) { return softmax_row(batch, item, scratch, wrong); },
        [&](int64_t first, int64_t width, int64_t offset, auto *scratch, int &wrong) {
            return softmax_tile(batch, first, width, offset, scratch, wrong);
        });
}

} // namespace losskit

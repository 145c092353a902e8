// Which items go through the softmax together, and in whose scratch memory.
#pragma once
#include "parallel.h"
#include "softmax_row.h"
#include "softmax_tile.h"
#include <cstdlib>

namespace losskit {

constexpr int64_t few_classes = 64, many_classes = 2048;

// Where the classes lie side by side and are many, an item is a unit. Otherwise a tile of up to 64 of them is.
struct Units {
    bool rows;
    int64_t width, neighbours, tiles, count; // items of a tile, items that tiles divide, into how many; tiles in all

    explicit Units(const Rowwise &call) {
        const bool side_by_side = call.inner == 1;
        rows = side_by_side && call.classes > few_classes;
        width = rows ? 1 : call.classes > many_classes ? lanes / 4 : lanes;
        neighbours = side_by_side ? call.outer : call.inner; // any items, or those of one outer index
        tiles = (neighbours + width - 1) / width;
        count = side_by_side ? tiles : call.outer * tiles;
    }
};

// Returns the loss of a unit.
template <class S, class T>
double softmax_unit(const Batch<S> &batch, const Units &units, int64_t unit, T *scratch, int &wrong) {
    if (units.rows)
        return softmax_row(batch, unit, scratch, wrong);
    const int64_t classes = batch.classes, inner = batch.call.inner;
    const int64_t outer = unit / units.tiles, at = unit % units.tiles * units.width, left = units.neighbours - at;
    const int64_t offset = outer * classes * inner + (inner == 1 ? at * classes : at);
    return softmax_tile(batch, outer * inner + at, left < units.width ? left : units.width, offset, scratch, wrong);
}

// False where there is no memory.
template <class S> bool softmax(const Batch<S> &batch, Total &total) {
    using T = Compute<S>;
    const Units units(batch.call);
    const int64_t of_unit = batch.classes * units.width;
    const Blocks blocks(units.count, (32 * chunk + of_unit - 1) / of_unit);
    const int64_t threads = batch.call.threads < blocks.count ? batch.call.threads : blocks.count;
    const int64_t numbers = (3 * of_unit + 15) / 16 * 16; // e, q, and the tile before it is turned
    T *const scratch =
        static_cast<T *>(std::aligned_alloc(64, ((threads > 0 ? threads : 1) * numbers + 16) * sizeof(T)));
    if (!scratch)
        return false;
    total = blocks.total(batch.call.threads, [&](int64_t begin, int64_t end, int thread) {
        Total own = {0, 0};
        for (int64_t unit = begin; unit < end; ++unit)
            own.sum += softmax_unit(batch, units, unit, scratch + thread * numbers, own.found);
        if (batch.streaming)
            end_streaming();
        return own;
    });
    std::free(scratch);
    return true;
}

} // namespace losskit

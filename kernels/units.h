// Which items a step takes together, and in whose scratch memory.
#pragma once
#include "batch.h"
#include "items.h"
#include "scratch.h"

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

// The factor of an item's slopes, as a mean over the classes. Where nothing counts, the scale is inf.
template <class S> Compute<S> mean_rate(const Batch<S> &batch, double weight) {
    return static_cast<Compute<S>>(weight != 0 ? batch.scale * weight / static_cast<double>(batch.classes) : 0);
}

// An item's loss as a mean over the classes, from their sum. What is not finite the formula decides.
template <class S> double mean_loss(const Batch<S> &batch, int64_t item, double sum, double weight, int &wrong) {
    using T = Compute<S>;
    wrong |= sum <= std::numeric_limits<T>::max() ? 0 : bad_input;
    const double loss = weight * (sum / static_cast<double>(batch.classes));
    if (batch.call.reduction == none)
        batch.value[item] = static_cast<T>(loss);
    return loss;
}

// Calls row(item, scratch, wrong) for every item, or tile(first, width, offset, scratch, wrong); scratch has room for
// four units.
template <class S, class Row, class Tile> bool over_units(const Batch<S> &batch, Total &total, Row row, Tile tile) {
    using T = Compute<S>;
    const Units units(batch.call);
    const int64_t classes = batch.classes, inner = batch.call.inner, room = 4 * classes * units.width;
    return over<T>(batch.call.threads, batch.streaming, units.count, room, total,
                   [&](int64_t unit, T *scratch, int &wrong) -> double {
                       if (units.rows)
                           return row(unit, scratch, wrong);
                       const int64_t outer = unit / units.tiles, at = unit % units.tiles * units.width;
                       const int64_t left = units.neighbours - at,
                                     offset = inner == 1 ? at * classes : outer * classes * inner + at;
                       return tile(outer * inner + at, left < units.width ? left : units.width, offset, scratch, wrong);
                   });
}

} // namespace losskit

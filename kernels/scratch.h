// Units of work, each thread with memory of its own.
#pragma once
#include "parallel.h"
#include "storage.h"
#include <cstdlib>

namespace losskit {

// Sums up the losses that work(unit, scratch, wrong) returns, with memory for `room` numbers. False where there is
// none.
template <class T, class Work>
bool over(int threads, bool streaming, int64_t units, int64_t room, Total &total, Work work) {
    const Blocks blocks(units, (128 * chunk + room - 1) / room);
    const int64_t most = threads < blocks.count ? threads : blocks.count, numbers = (room + 15) / 16 * 16;
    T *const scratch = static_cast<T *>(std::aligned_alloc(64, ((most > 0 ? most : 1) * numbers + 16) * sizeof(T)));
    if (!scratch)
        return false;
    total = blocks.total(threads, [&](int64_t begin, int64_t end, int thread) {
        Total own = {0, 0};
        for (int64_t unit = begin; unit < end; ++unit)
            own.sum += work(unit, scratch + thread * numbers, own.found);
        if (streaming)
            end_streaming();
        return own;
    });
    std::free(scratch);
    return true;
}

} // namespace losskit

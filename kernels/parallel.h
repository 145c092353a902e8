// A partition that depends on the work alone, never on the threads: each block yields one total, and these are
// added in order, so that a sum is bitwise the same from run to run and on any number of threads.
#pragma once
#include <cstdint>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace losskit {

constexpr int64_t max_blocks = 1024;

struct Total {
    double sum;
    int found; // what is wrong with the values
};

struct Blocks {
    int64_t items, each, count;

    // Blocks of at least `least` items, and at most max_blocks of them.
    Blocks(int64_t items, int64_t least) : items(items) {
        const int64_t even = (items + max_blocks - 1) / max_blocks;
        each = (even + least - 1) / least * least;
        if (each == 0)
            each = least;
        count = (items + each - 1) / each;
    }

    // Calls work(block, begin, end, thread) for every block; `threads` is an upper bound.
    template <class Work> void run(int threads, Work &&work) const {
        if (threads > count)
            threads = static_cast<int>(count);
#ifdef _OPENMP
        if (threads > 1) {
#pragma omp parallel for num_threads(threads) schedule(static)
            for (int64_t block = 0; block < count; ++block)
                work(block, block * each, end(block), omp_get_thread_num());
            return;
        }
#endif
        for (int64_t block = 0; block < count; ++block)
            work(block, block * each, end(block), 0);
    }

    // The total of those that work(begin, end, thread) returns, one a block.
    template <class Work> Total total(int threads, Work &&work) const {
        Total totals[max_blocks], all = {0, 0};
        run(threads,
            [&](int64_t block, int64_t begin, int64_t end, int thread) { totals[block] = work(begin, end, thread); });
        for (int64_t block = 0; block < count; ++block)
            all.sum += totals[block].sum, all.found |= totals[block].found;
        return all;
    }

private:
    int64_t end(int64_t block) const { return (block + 1) * each < items ? (block + 1) * each : items; }
};

} // namespace losskit

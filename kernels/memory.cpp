// Memory for large gradients. A fresh block of the usual heap costs a page fault for every 4 KiB, which takes longer
// than the loss; here a block is mapped with huge pages, and handed to torch with its deleter (DLPack).
#include "abi.h"
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sys/mman.h>

namespace losskit {
namespace {

// DLPack's own structs, version 0.8, which every torch takes.
struct DLTensor {
    void *data;
    struct {
        int32_t type, id;
    } device;
    int32_t ndim;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
};
struct DLManagedTensor {
    DLTensor tensor;
    void *manager;
    void (*deleter)(DLManagedTensor *);
};

constexpr int max_dims = 64; // as torch
constexpr size_t huge_page = size_t(2) << 20, page = 4096;

struct Lease {
    DLManagedTensor managed;
    int64_t shape[max_dims], strides[max_dims];
    void *block;
    size_t bytes;
};

// Where the system has no transparent huge pages a fresh block is slow again, so that blocks are kept for the next
// call.
struct FreeList {
    struct Block {
        void *start;
        size_t bytes;
    };
    static constexpr int room = 8;
    Block blocks[room];
    int count = 0;
    size_t held = 0, cap = 0;
    std::mutex lock; // only ever tried: a fork may have copied it locked
};
FreeList free_list;

size_t rounded(size_t bytes) {
    const size_t huge = (bytes + huge_page - 1) / huge_page * huge_page;
    if (bytes >= huge_page && huge - bytes <= huge / 8)
        return huge;
    return (bytes + page - 1) / page * page;
}

void *map(size_t bytes) {
#ifdef __linux__
    // Aligned to huge pages: map a huge page more, and give back both ends.
    char *const start = static_cast<char *>(
        mmap(nullptr, bytes + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (start == MAP_FAILED)
        return nullptr;
    const size_t head = -reinterpret_cast<uintptr_t>(start) % huge_page;
    if (head)
        munmap(start, head);
    munmap(start + head + bytes, huge_page - head);
    madvise(start + head, bytes, MADV_HUGEPAGE);
    return start + head;
#else
    return (void)bytes, nullptr;
#endif
}

void *take(size_t bytes) {
    if (free_list.cap && free_list.lock.try_lock()) {
        void *found = nullptr;
        for (int i = free_list.count - 1; i >= 0 && !found; --i)
            if (free_list.blocks[i].bytes == bytes) {
                found = free_list.blocks[i].start;
                free_list.blocks[i] = free_list.blocks[--free_list.count];
                free_list.held -= bytes;
            }
        free_list.lock.unlock();
        if (found)
            return found;
    }
    return map(bytes);
}

void give_back(void *block, size_t bytes) {
    if (free_list.cap && free_list.lock.try_lock()) {
        const bool keep = free_list.count < FreeList::room && free_list.held + bytes <= free_list.cap;
        if (keep) {
            free_list.blocks[free_list.count++] = {block, bytes};
            free_list.held += bytes;
        }
        free_list.lock.unlock();
        if (keep)
            return;
    }
    munmap(block, bytes);
}

void release(DLManagedTensor *managed) {
    Lease *const lease = static_cast<Lease *>(managed->manager);
    give_back(lease->block, lease->bytes);
    std::free(lease);
}

} // namespace
} // namespace losskit

// A DLManagedTensor of that shape, which owns its memory; null where there is none.
LOSSKIT_API void *losskit_lease(const int64_t *shape, int32_t dims, int32_t dtype) {
    using namespace losskit;
    if (dims > max_dims)
        return nullptr;
    const uint8_t bits = dtype == float64 ? 64 : dtype == float32 ? 32 : 16;
    size_t bytes = bits / 8;
    for (int32_t i = 0; i < dims; ++i)
        bytes *= static_cast<size_t>(shape[i]);
    bytes = rounded(bytes);
    Lease *const lease = static_cast<Lease *>(std::calloc(1, sizeof(Lease)));
    if (!lease)
        return nullptr;
    lease->block = bytes ? take(bytes) : nullptr;
    lease->bytes = bytes;
    if (!lease->block) {
        std::free(lease);
        return nullptr;
    }
    int64_t stride = 1;
    for (int32_t i = dims - 1; i >= 0; --i) {
        lease->shape[i] = shape[i];
        lease->strides[i] = stride;
        stride *= shape[i];
    }
    constexpr int cpu = 1, dl_float = 2, dl_bfloat = 4;
    DLTensor &tensor = lease->managed.tensor;
    tensor.data = lease->block;
    tensor.device = {cpu, 0};
    tensor.ndim = dims;
    tensor.dtype = {static_cast<uint8_t>(dtype == bfloat16 ? dl_bfloat : dl_float), bits, 1};
    tensor.shape = lease->shape;
    tensor.strides = lease->strides;
    lease->managed.manager = lease;
    lease->managed.deleter = release;
    return &lease->managed;
}

// Unused blocks may be kept up to `cap` bytes; 0, the default, keeps none.
LOSSKIT_API void losskit_keep_blocks(int64_t cap) { losskit::free_list.cap = static_cast<size_t>(cap); }

// Gives the kept blocks back to the system; returns their bytes.
LOSSKIT_API int64_t losskit_empty_cache() {
    using losskit::free_list;
    if (!free_list.lock.try_lock())
        return 0;
    const size_t held = free_list.held;
    for (int i = 0; i < free_list.count; ++i)
        munmap(free_list.blocks[i].start, free_list.blocks[i].bytes);
    free_list.count = 0;
    free_list.held = 0;
    free_list.lock.unlock();
    return static_cast<int64_t>(held);
}

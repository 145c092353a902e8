#include "abi.h"
#include <cstring>

namespace losskit {
int find_elementwise(const char *name);
int find_rowwise(const char *name);
int find_pairwise(const char *name);
int elementwise_slopes(int op);
int pairwise_slopes(int op);
int elementwise(Elementwise &call);
int rowwise(Rowwise &call);
int sequence(Sequence &call);
int pairwise(Pairwise &call);
} // namespace losskit

LOSSKIT_API int losskit_abi_version() { return losskit::abi_version; }

// The bytes of the struct of that name, which must be as many for who calls; -1: there is none.
LOSSKIT_API int losskit_sizeof(const char *name) {
    return std::strcmp(name, "Spread") == 0        ? int(sizeof(losskit::Spread))
           : std::strcmp(name, "Elementwise") == 0 ? int(sizeof(losskit::Elementwise))
           : std::strcmp(name, "Rowwise") == 0     ? int(sizeof(losskit::Rowwise))
           : std::strcmp(name, "Sequence") == 0    ? int(sizeof(losskit::Sequence))
           : std::strcmp(name, "Pairwise") == 0    ? int(sizeof(losskit::Pairwise))
                                                   : -1;
}

// The highest x86-64 level (2, 3, 4) of this processor; 0 where it has none.
LOSSKIT_API int losskit_level() {
#if defined(__x86_64__) && defined(__GNUC__) && (defined(__clang__) ? __clang_major__ >= 17 : __GNUC__ >= 12)
    __builtin_cpu_init();
    return __builtin_cpu_supports("x86-64-v4")   ? 4
           : __builtin_cpu_supports("x86-64-v3") ? 3
           : __builtin_cpu_supports("x86-64-v2") ? 2
                                                 : 0;
#else
    return 0;
#endif
}

// The number by which a driver knows the op of that name; -1: it has none.
LOSSKIT_API int losskit_elementwise_op(const char *name) { return losskit::find_elementwise(name); }
LOSSKIT_API int losskit_rowwise_op(const char *name) { return losskit::find_rowwise(name); }
LOSSKIT_API int losskit_pairwise_op(const char *name) { return losskit::find_pairwise(name); }

// Of how many tensors an op gives the gradients, from the first on.
LOSSKIT_API int losskit_elementwise_slopes(int op) { return losskit::elementwise_slopes(op); }
LOSSKIT_API int losskit_rowwise_slopes(int) { return 1; }
LOSSKIT_API int losskit_pairwise_slopes(int op) { return losskit::pairwise_slopes(op); }

LOSSKIT_API int losskit_elementwise(losskit::Elementwise *call) { return losskit::elementwise(*call); }
LOSSKIT_API int losskit_rowwise(losskit::Rowwise *call) { return losskit::rowwise(*call); }
LOSSKIT_API int losskit_sequence(losskit::Sequence *call) { return losskit::sequence(*call); }
LOSSKIT_API int losskit_pairwise(losskit::Pairwise *call) { return losskit::pairwise(*call); }

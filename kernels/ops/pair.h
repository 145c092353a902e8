// What an op of pairs is: it reads a row of each matrix, gives the loss, and then a functor of the slopes in these.
// That says whether float32 has too few digits for its numbers, or no room.
#pragma once
#include "norm.h"
#include "op.h"

namespace losskit {

// The rows of an item, of two matrices or three, and a number of the target where there are two.
template <class T> struct Rows {
    const T *x, *y, *z;
    T label;
    int64_t width;
};

// The derivatives in the three numbers of a place.
template <class R> struct Slopes {
    R x, y, z;
};

} // namespace losskit

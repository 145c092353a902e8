// What an op of pairs is: it reads a row of each matrix, gives the loss, and then a functor of the slopes in these.
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
struct Slopes {
    double x, y, z;
};

} // namespace losskit

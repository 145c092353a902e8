// The functions of kernels/vmath.h over arrays, for test_vmath.py. Not part of the library.
#include "../kernels/vmath.h"

#define PROBE(name)                                                                                                    \
    extern "C" void name##_float32(const float *x, float *y, long n) {                                                 \
        _Pragma("omp simd") for (long i = 0; i < n; ++i) y[i] = losskit::vmath::name(x[i]);                            \
    }                                                                                                                  \
    extern "C" void name##_float64(const double *x, double *y, long n) {                                               \
        _Pragma("omp simd") for (long i = 0; i < n; ++i) y[i] = losskit::vmath::name(x[i]);                            \
    }
PROBE(exp)
PROBE(exp_down)
PROBE(expm1)
PROBE(log)
PROBE(log1p_unit)
PROBE(log_normal)
PROBE(log_unit)
PROBE(log_rest)

// exp, expm1 and log without branches or tables, so that the compiler vectorises the loops that call them.
// Right for subnormals, infinities and NaN. Worst errors in units in the last place: tests/test_vmath.py.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>

namespace losskit::vmath {

template <class To, class From> inline To bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

// What differs between the two formats. ln2 is split so that k * ln2_high is exact without a fused multiply-add.
template <class T> struct Format;

template <> struct Format<float> {
    using Int = int32_t;
    using Uint = uint32_t;
    static constexpr int mantissa = 23, bias = 127;
    static constexpr float magic =
        12582912.0f + bias; // 1.5 * 2^23: adding it rounds to an integer, kept in the low bits
    static constexpr float exp_low = -104, exp_high = 89, expm1_low = -18, exp_zero = -88;
    static constexpr float log2_e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    static constexpr Uint sqrt_half = 0x3f3504f3;
    static constexpr float up = 33554432.0f; // 2^25 lifts subnormals
    static constexpr int up_log2 = 25;
};

template <> struct Format<double> {
    using Int = int64_t;
    using Uint = uint64_t;
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr double magic = 6755399441055744.0 + bias;
    static constexpr double exp_low = -746, exp_high = 710, expm1_low = -38, exp_zero = -709;
    static constexpr double log2_e = 1.4426950408889634;
    static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    static constexpr Uint sqrt_half = 0x3fe6a09e667f3bcd;
    static constexpr double up = 18014398509481984.0; // 2^54
    static constexpr int up_log2 = 54;
};

// 2^k for a normal result. Unsigned, as is all that follows from NaN, whose k may be anything.
template <class T> inline T power_of_two(typename Format<T>::Uint k) {
    using F = Format<T>;
    return bits<T>((k + F::bias) << F::mantissa);
}

// exp(r) = 1 + r + tail for |r| <= ln(2) / 2; r is high - low, rounded.
inline float exp_tail(float r, float) {
    const float r2 = r * r; // minimax
    const float p = (1.381454e-3f * r2 + (8.368745e-3f * r + 4.166839e-2f)) * r2 + (1.6666521e-1f * r + 4.9999994e-1f);
    return p * r2;
}
inline double exp_tail(double r, double low) {
    const double t = r * r; // fdlibm e_exp.c
    double p = 4.13813679705723846039e-08;
    p = p * t - 1.65339022054652515390e-06;
    p = p * t + 6.61375632143793436117e-05;
    p = p * t - 2.77777777770155933842e-03;
    p = p * t + 1.66666666666666019037e-01;
    const double c = r - t * p;
    return r * c / (2 - c) - low;
}

template <class T> struct Reduced {
    T r, tail;
    typename Format<T>::Uint raw; // its low bits hold k + bias

    typename Format<T>::Uint k() const { return raw - bits<typename Format<T>::Uint>(Format<T>::magic); }
};

// x = k ln(2) + r, for an x within bounds. NaN runs through.
template <class T> inline Reduced<T> reduce(T x) {
    using F = Format<T>;
    const T shifted = x * F::log2_e + F::magic, k = shifted - F::magic;
    const T high = x - k * F::ln2_high, low = k * F::ln2_low, r = high - low;
    return {r, exp_tail(r, low - (high - r)), bits<typename F::Uint>(shifted)};
}

// Bounds that leave NaN alone: no comparison holds for it.
template <class T> inline T at_least(T x, T low) { return x < low ? low : x; }
template <class T> inline T at_most(T x, T high) { return x > high ? high : x; }

// k / 2, rounded down; AVX2 shifts 64 bits but without their sign.
inline uint32_t halved(uint32_t k) { return static_cast<uint32_t>(static_cast<int32_t>(k) >> 1); }
inline uint64_t halved(uint64_t k) { return ((k + 2048) >> 1) - 1024; }

template <class T> inline T exp(T x) {
    using F = Format<T>;
    const Reduced<T> x_is = reduce<T>(at_most(at_least(x, F::exp_low), F::exp_high));
    // 2^k in two steps: 2^k alone may overflow or be subnormal where the result is not.
    const auto k = x_is.k(), half = halved(k);
    return (T(1) + (x_is.r + x_is.tail)) * power_of_two<T>(half) * power_of_two<T>(k - half);
}

// exp for x <= 0, where a result that is not normal (x < -87 in float32) may as well be 0: cheaper.
template <class T> inline T exp_down(T x) {
    using F = Format<T>;
    const Reduced<T> x_is = reduce<T>(at_least(x, F::exp_zero)); // there k + bias = 0, and so is the factor
    return (T(1) + (x_is.r + x_is.tail)) * bits<T>(x_is.raw << F::mantissa);
}

template <class T> inline T expm1(T x) {
    using F = Format<T>;
    const Reduced<T> x_is = reduce<T>(at_most(at_least(x, F::expm1_low), F::exp_high));
    const T half = power_of_two<T>(x_is.k() - 1); // half of 2^k, which would overflow at the top
    const T y = ((half - T(0.5)) + half * x_is.r) + half * x_is.tail;
    const T magnitude = x < 0 ? -x : x;
    return magnitude < T(1e-30) ? x : 2 * y;
}

// log(1 + f) + k ln(2) for 1 + f in [sqrt(1/2), sqrt(2)].
inline float log_core(float f, float k) {
    const float z = f * f;
    float p = 7.0376836292e-2f; // Cephes logf
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    const float y = (f * z) * p + k * Format<float>::ln2_low - 0.5f * z;
    return f + y + k * Format<float>::ln2_high;
}
inline double log_core(double f, double k) {
    const double s = f / (2 + f), z = s * s; // fdlibm e_log.c
    double p = 1.479819860511658591e-01;
    p = p * z + 1.531383769920937332e-01;
    p = p * z + 1.818357216161805012e-01;
    p = p * z + 2.222219843214978396e-01;
    p = p * z + 2.857142874366239149e-01;
    p = p * z + 3.999999999940941908e-01;
    p = p * z + 6.666666666666735130e-01;
    const double half_square = 0.5 * f * f;
    return k * Format<double>::ln2_high -
           ((half_square - (s * (half_square + z * p) + k * Format<double>::ln2_low)) - f);
}

// Small non-negative integers to floating point; AVX2 has no such instruction for 64 bits.
inline float to_real(uint32_t n) { return static_cast<float>(static_cast<int32_t>(n)); }
inline double to_real(uint64_t n) { return bits<double>(n | 0x4330000000000000u) - 4503599627370496.0; }

template <class T> struct Split {
    T m; // in [sqrt(1/2), sqrt(2)]
    typename Format<T>::Int k;
    T k_real;
};

// x = m 2^k for a positive normal x.
template <class T> inline Split<T> split(T x) {
    using F = Format<T>;
    using Uint = typename F::Uint;
    const Uint one = static_cast<Uint>(F::bias) << F::mantissa;
    const Uint raised = bits<Uint>(x) + (one - F::sqrt_half), exponent = raised >> F::mantissa;
    const Uint m = (raised & ((Uint(1) << F::mantissa) - 1)) + F::sqrt_half;
    return {bits<T>(m), static_cast<typename F::Int>(exponent) - F::bias, to_real(exponent) - F::bias};
}

template <class T> inline T log(T x) {
    using F = Format<T>;
    constexpr T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    const bool subnormal = x < std::numeric_limits<T>::min();
    const Split<T> parts = split<T>(subnormal ? x * F::up : x);
    const T y = log_core(parts.m - 1, subnormal ? parts.k_real - F::up_log2 : parts.k_real);
    const T above_zero = x == inf ? inf : y, from_zero = x == 0 ? -inf : above_zero;
    return x >= 0 ? from_zero : nan; // NaN is not >= 0 either
}

// log, bit for bit, of a positive number that is not subnormal: cheaper.
template <class T> inline T log_normal(T x) {
    const Split<T> parts = split<T>(x);
    constexpr T inf = std::numeric_limits<T>::infinity();
    return x == inf ? inf : log_core(parts.m - 1, parts.k_real);
}

// log for x in [0, 1]; of 0 it is finite, but below -100.
template <class T> inline T log_unit(T x) {
    const Split<T> lifted = split<T>(x * Format<T>::up + 0); // subnormals too; -0 becomes 0
    return log_core(lifted.m - 1, lifted.k_real - Format<T>::up_log2);
}

// log(1 - x) for x in [0, 1]; of 1 it is finite, but below -100.
template <class T> inline T log_rest(T x) {
    const T u = 1 - x, lost = (1 - u) - x; // exactly what the subtraction rounded away
    const Split<T> lifted = split<T>(u * Format<T>::up);
    const T down = power_of_two<T>(Format<T>::up_log2 - lifted.k);
    return log_core((lifted.m - 1) + lost * down, lifted.k_real - Format<T>::up_log2);
}

// log_unit(x) where `unit`, else log_rest(x), bit for bit.
template <class T> inline T log_either(bool unit, T x) {
    const T u = unit ? x : 1 - x, lost = unit ? T(0) : (1 - u) - x;
    const Split<T> lifted = split<T>(u * Format<T>::up + 0); // -0 becomes 0
    const T down = power_of_two<T>(Format<T>::up_log2 - lifted.k);
    return log_core((lifted.m - 1) + lost * down, lifted.k_real - Format<T>::up_log2);
}

// log1p for x in [0, 1], the only ones that a sigmoid needs.
inline float log1p_unit(float x) {
    const float t = x - 0.5f, t2 = t * t; // about the middle, where the terms do not cancel
    float odd = -3.2440119e-3f,
          even = 5.2533471e-3f; // minimax of log1p(x) / x - 1, in two chains, as one would be long
    odd = odd * t2 - 6.7499187e-3f, even = even * t2 + 1.15761524e-2f;
    odd = odd * t2 - 2.0570295e-2f, even = even * t2 + 3.6635473e-2f;
    odd = odd * t2 - 6.7687698e-2f, even = even * t2 + 1.3260901e-1f;
    odd = odd * t2 - 2.885271e-1f, even = even * t2 - 1.8906978e-1f;
    return x * (odd * t + even) + x;
}
inline double log1p_unit(double x) {
    const bool above = x > 0.41421356237309503; // 1 + x > sqrt(2)
    return log_core(above ? 0.5 * x - 0.5 : x, above ? 1.0 : 0.0);
}

template <class T> inline T abs(T x) {
    using Uint = typename Format<T>::Uint;
    return bits<T>(bits<Uint>(x) & (~Uint(0) >> 1));
}

// An integer that grows with x from 0 on, and is larger still for what is negative or NaN: two instructions tell of
// many numbers whether all lie in [0, 1]. Adding 0 turns -0 into 0.
template <class T> inline typename Format<T>::Uint rank(T x) { return bits<typename Format<T>::Uint>(x + T(0)); }

} // namespace losskit::vmath

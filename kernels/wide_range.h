// Positive numbers whose exponents are integers of their own: products of thousands of probabilities, which in a
// floating-point number would underflow, and whose logarithms would lose the digits that a posterior is made of.
#pragma once
#include "vmath.h"

namespace losskit {

template <class T> using Int = typename vmath::Format<T>::Int;

// Bounds of exponents. What has no chance has `never`; no sum of two exponents overflows.
template <class T> struct Exponents {
    static constexpr Int<T> never = -(Int<T>(1) << (8 * sizeof(T) - 4)), least = 2 * never, possible = never / 2;
    static constexpr Int<T> exact = Int<T>(1) << (vmath::Format<T>::mantissa - 2); // vmath::reduce knows no larger one
};

// significand * 2^exponent, the significand at least 1/2 and small.
template <class T> struct Wide {
    T significand;
    Int<T> exponent;
};

template <class T> inline Int<T> larger(Int<T> a, Int<T> b) { return a > b ? a : b; }

// 2^exponent for an exponent <= 0; 0 where it is too small for a normal number.
template <class T> inline T down(Int<T> exponent) {
    using F = vmath::Format<T>;
    const Int<T> biased = larger<T>(exponent + F::bias, 0);
    return vmath::bits<T>(static_cast<typename F::Uint>(biased) << F::mantissa);
}

// exp(x), or nothing for an x below `low`.
template <class T> inline Wide<T> wide_exp(T x, T low) {
    const vmath::Reduced<T> x_is = vmath::reduce<T>(vmath::at_least(x, low));
    return {T(1) + (x_is.r + x_is.tail), x < low ? Exponents<T>::never : static_cast<Int<T>>(x_is.k())};
}

template <class T> inline Wide<T> joined(Wide<T> a, Wide<T> b) {
    const Int<T> top = larger<T>(a.exponent, b.exponent);
    return {a.significand * down<T>(a.exponent - top) + b.significand * down<T>(b.exponent - top), top};
}

template <class T> inline Wide<T> joined(Wide<T> a, Wide<T> b, Wide<T> c) {
    const Int<T> top = larger<T>(larger<T>(a.exponent, b.exponent), c.exponent);
    return {a.significand * down<T>(a.exponent - top) + b.significand * down<T>(b.exponent - top) +
                c.significand * down<T>(c.exponent - top),
            top};
}

// The product, its significand in [1, 2).
template <class T> inline Wide<T> product(Wide<T> a, Wide<T> b) {
    using F = vmath::Format<T>;
    using Uint = typename F::Uint;
    constexpr Uint one = static_cast<Uint>(F::bias) << F::mantissa, fraction = (Uint(1) << F::mantissa) - 1;
    const Uint raw = vmath::bits<Uint>(a.significand * b.significand);
    const Int<T> exponent = static_cast<Int<T>>(raw >> F::mantissa) - F::bias;
    return {vmath::bits<T>((raw & fraction) | one), larger<T>(a.exponent + b.exponent + exponent, Exponents<T>::least)};
}

} // namespace losskit

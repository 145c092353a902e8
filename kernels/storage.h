// How numbers lie in memory: half precision by bit arithmetic (computed in float32), streaming stores, broadcasting.
#pragma once
#include "abi.h"
#include "vmath.h"
#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace losskit {

constexpr int64_t chunk = 1024; // numbers that a step works on: few enough for every buffer to stay in cache

struct Half {
    uint16_t raw;
};
struct BFloat {
    uint16_t raw;
};

// The type that a storage type is computed in.
template <class S> using Compute = std::conditional_t<std::is_same_v<S, double>, double, float>;

inline float widen(BFloat from) { return vmath::bits<float>(static_cast<uint32_t>(from.raw) << 16); }
inline float widen(Half from) {
    const uint32_t magnitude = from.raw & 0x7fffu, sign = (from.raw & 0x8000u) << 16;
    // The exponent's bias by a multiplication, which puts subnormals right as well.
    const uint32_t finite = vmath::bits<uint32_t>(vmath::bits<float>(magnitude << 13) * 0x1p112f);
    const uint32_t number = magnitude >= 0x7c00u ? (magnitude << 13) | 0x7f800000u : finite;
    return vmath::bits<float>(number | sign);
}

inline void narrow(float from, BFloat &to) {
    const uint32_t raw = vmath::bits<uint32_t>(from);
    const uint32_t rounded = (raw + 0x7fffu + ((raw >> 16) & 1)) >> 16; // to nearest, ties to even
    to.raw = static_cast<uint16_t>((raw & 0x7fffffffu) > 0x7f800000u ? (raw >> 16) | 0x40u : rounded);
}
inline void narrow(float from, Half &to) {
    const uint32_t raw = vmath::bits<uint32_t>(from), magnitude = raw & 0x7fffffffu;
    const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1)) >> 13;
    const uint32_t subnormal = vmath::bits<uint32_t>(vmath::bits<float>(magnitude) + 0.5f) - 0x3f000000u;
    const uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    const uint32_t finite = magnitude < (113u << 23) ? subnormal : normal;
    to.raw = static_cast<uint16_t>((magnitude >= (143u << 23) ? special : finite) | ((raw >> 16) & 0x8000u));
}

template <class S> inline void widen(const S *from, float *to, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
        to[i] = widen(from[i]);
}
template <class S> inline void narrow(const float *from, S *to, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
        narrow(from[i], to[i]);
}

#if defined(__F16C__)
// The processor's own conversion, which rounds alike; the compiler makes no loop of it.
inline void widen(const Half *from, float *to, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from + i))));
    for (; i < n; ++i)
        to[i] = widen(from[i]);
}
inline void narrow(const float *from, Half *to, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), 0));
    for (; i < n; ++i)
        narrow(from[i], to[i]);
}
#endif

// `n` numbers in the type they are computed in: where they lie, or converted into `buffer`.
template <class S> inline const Compute<S> *load(const S *from, int64_t n, Compute<S> *buffer) {
    if constexpr (std::is_same_v<S, Compute<S>>) {
        (void)n, (void)buffer;
        return from;
    } else {
        widen(from, buffer, n);
        return buffer;
    }
}

// Past the cache: a gradient that would be evicted before anyone reads it need not be fetched to be overwritten.
inline void stream(void *to, const void *from, size_t bytes) {
    char *out = static_cast<char *>(to);
    const char *in = static_cast<const char *>(from);
#if defined(__AVX512F__)
    constexpr size_t width = 64;
#elif defined(__SSE2__)
    constexpr size_t width = 16;
#else
    constexpr size_t width = 1;
#endif
    size_t head = -reinterpret_cast<uintptr_t>(out) % width;
    head = head < bytes ? head : bytes;
    std::memcpy(out, in, head);
    size_t i = head;
#if defined(__AVX512F__)
    for (; i + width <= bytes; i += width)
        _mm512_stream_si512(reinterpret_cast<__m512i *>(out + i), _mm512_loadu_si512(in + i));
#elif defined(__SSE2__)
    for (; i + width <= bytes; i += width)
        _mm_stream_si128(reinterpret_cast<__m128i *>(out + i),
                         _mm_loadu_si128(reinterpret_cast<const __m128i *>(in + i)));
#endif
    std::memcpy(out + i, in + i, bytes - i);
}

inline void fill_zero(void *to, size_t bytes, bool streaming) {
    alignas(64) static constexpr char zeros[4096] = {};
    if (!streaming) {
        std::memset(to, 0, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i += sizeof zeros)
        stream(static_cast<char *>(to) + i, zeros, bytes - i < sizeof zeros ? bytes - i : sizeof zeros);
}

// Streaming stores are ordered with nothing: called before another thread may read them.
inline void end_streaming() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

// Whether what a pass reads and writes is too much for a core's share of the last-level cache. Not asked of the system:
// a virtual machine reports the whole host's.
inline bool overflows_cache(int64_t bytes) { return bytes > int64_t(24) << 20; }

// The buffer that `n` numbers bound for `to` are computed in: `to` itself, where they need no conversion.
template <class S> inline Compute<S> *target_of(S *to, bool streaming, Compute<S> *buffer) {
    if constexpr (std::is_same_v<S, Compute<S>>)
        return streaming ? buffer : to;
    else
        return (void)to, (void)streaming, buffer;
}

// Brings `n` numbers (at most a chunk) from where target_of put them to `to`.
template <class S> inline void store(S *to, Compute<S> *from, int64_t n, bool streaming) {
    if constexpr (std::is_same_v<S, Compute<S>>) {
        if (streaming)
            stream(to, from, n * sizeof(S));
    } else {
        alignas(64) S narrowed[chunk];
        S *const end = streaming ? narrowed : to;
        narrow(from, end, n);
        if (streaming)
            stream(to, narrowed, n * sizeof(S));
    }
}

// Brings `n` numbers (at most a chunk) from anywhere to `to`.
template <class S, class T> inline void put(S *to, T *from, int64_t n, bool streaming) {
    if (T *const place = target_of(to, streaming, from); place != from)
        std::memcpy(place, from, n * sizeof(T));
    store(to, from, n, streaming);
}

// The element that an item reads.
template <class T> inline T element(const Spread &from, int64_t item) {
    return static_cast<const T *>(from.data)[item / from.inner % from.period];
}

// The `n` elements that items begin, begin + 1, … of a broadcast tensor read: where they lie, or gathered into
// `buffer`.
template <class T> inline const T *gather(const Spread &from, int64_t begin, int64_t n, T *buffer) {
    const T *const data = static_cast<const T *>(from.data);
    int64_t element = begin / from.inner % from.period, repeated = begin % from.inner;
    if (from.inner == 1 && element + n <= from.period)
        return data + element;
    for (int64_t i = 0; i < n;) {
        const int64_t left = from.inner == 1 ? from.period - element : from.inner - repeated;
        const int64_t run = left < n - i ? left : n - i;
        if (from.inner == 1) {
            for (int64_t j = 0; j < run; ++j)
                buffer[i + j] = data[element + j];
            element = 0;
        } else {
            for (int64_t j = 0; j < run; ++j)
                buffer[i + j] = data[element];
            element = element + 1 == from.period ? 0 : element + 1;
            repeated = 0;
        }
        i += run;
    }
    return buffer;
}

} // namespace losskit

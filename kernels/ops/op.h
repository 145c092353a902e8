// What an elementwise op is: a struct of parameters whose call gives the loss of x against y and its derivative in x;
// of three tensors, the loss of x, y and z.
#pragma once
#include "../domains.h"
#include "../vmath.h"

namespace losskit {

template <class T> struct ValueAndSlope {
    T value, slope;
};

// The same, with the derivative in z.
template <class T> struct ValueAndSlopes {
    T value, slope, third;
};

// The facts of an op, with their usual answers; an op states those that differ.
struct Op {
    static constexpr Domain input = Domain::real, target = Domain::real, third = Domain::real;
    static constexpr bool takes_third = false;      // called with a number of a third tensor
    static constexpr bool opposite = false;         // the derivative in y is that in x with the other sign
    static constexpr bool third_slope = false;      // gives the derivative in z
    static constexpr bool takes_pos_weight = false; // called with a third number: the weight of "yes", or a quantile
    static constexpr bool sums_rows = false;        // an item of several numbers is their sum, not their mean
    static constexpr bool mean_divides_by_weight = false; // as torch's mse_loss and l1_loss do
    static constexpr bool knows_hard = false;             // has a cheaper `hard` for targets of 0 and 1
};

// A loss that no answer makes infinite: 0 times infinity is 0.
template <class T> inline T times(T weight, T loss) { return weight == 0 ? T(0) : weight * loss; }

// The number of this type nearest to a parameter, but neither 0 nor infinite where the parameter is not.
template <class T> inline T representable(double x) {
    using Limits = std::numeric_limits<T>;
    const double size = x < 0 ? -x : x, least = double(Limits::denorm_min()), most = double(Limits::max());
    const T nearest = T(size == 0 ? 0 : size < least ? least : size > most ? most : size);
    return x < 0 ? -nearest : nearest;
}

template <class T> inline T sign_of(T x) {
    return x > 0 ? T(1) : x < 0 ? T(-1) : x; // NaN stays NaN
}

// The sigmoid of x from the side of the answer, yes or no, that x itself gives: `sure` is that answer's probability,
// e * sure the other's, and both logarithms come to full relative accuracy however large |x| is.
template <class T> struct Sigmoid {
    T x, e, sure, right, wrong; // the loss where the answer is right, or wrong: minus log(sure), minus log(e * sure)

    explicit Sigmoid(T x) : x(x) {
        const T size = vmath::abs(x);
        e = vmath::exp_down(-size);
        sure = 1 / (1 + e);
        right = vmath::log1p_unit(e);
        wrong = right + size;
    }

    // Of what is given for yes and for no, that of the answer which x denies, or gives.
    T denied(T yes, T no) const { return x > 0 ? no : yes; }
    T given(T yes, T no) const { return x > 0 ? yes : no; }
    // A slope in the direction of x, as one in x.
    T turned(T slope) const { return x > 0 ? slope : -slope; }
};

} // namespace losskit

//! Scalar functions of multiply-adds, selects and bit shifts only, so that a loop over them becomes
//! vector code with the same bytes at every vector width.

use std::f32::consts::LOG2_E;

/// 1.5 × 2²³ + 127: adding it rounds a small number to an integer and leaves the biased exponent of
/// that power of two in the low bits.
const ROUND_TO_EXPONENT: f32 = 12_582_912.0 + 127.0;
/// Below this, `exp` would be subnormal and is 0 instead.
const EXP_UNDERFLOW: f32 = -87.336_54;
/// The upper bits of ln 2, few enough that a product with any exponent is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
/// ln 2 minus [`LN_2_HIGH`].
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// Computes eˣ for x ≤ 0 (a rounding error above 0 is harmless): relative error below 2e-7, 0 for
/// −∞ and where the true value is subnormal, monotone.
///
/// x is split into n·ln 2 + f with |f| ≤ ln 2 / 2; the polynomial in f is the minimax one of degree
/// 6 whose first two coefficients are 1 (relative error 3.1e-9).
#[inline(always)]
pub fn exp_nonpositive(x: f32) -> f32 {
    let shifted = x.mul_add(LOG2_E, ROUND_TO_EXPONENT);
    let exponent = shifted - ROUND_TO_EXPONENT;
    let f = exponent.mul_add(-LN_2_LOW, exponent.mul_add(-LN_2_HIGH, x));
    let mut polynomial = 1.381_459_9e-3;
    for coefficient in [8.368_717e-3, 4.166_838_6e-2, 0.166_665_21, 0.499_999_93] {
        polynomial = f.mul_add(polynomial, coefficient);
    }
    // Adding 1 last, to what is small and rounded, makes it monotone.
    let minus_one = (f * f).mul_add(polynomial, f);
    let scale = f32::from_bits(shifted.to_bits() << 23);
    if x < EXP_UNDERFLOW {
        0.0
    } else {
        (1.0 + minus_one) * scale
    }
}

/// Computes 2ˣ for x ≤ 0 with a relative error below 1e-4, a twentieth of that of rounding to bf16;
/// 0 for −∞ and up to −127.
///
/// The polynomial in the fraction of x is the minimax one of degree 3.
#[inline(always)]
pub fn rough_exp2_nonpositive(power: f32) -> f32 {
    // At −127 the scale is 0; written so that a NaN stays one.
    let power = if power < -127.0 { -127.0 } else { power };
    let shifted = power + ROUND_TO_EXPONENT;
    let f = power - (shifted - ROUND_TO_EXPONENT);
    let mut polynomial = 5.517_167e-2;
    for coefficient in [0.242_611_13, 0.693_260_97, 0.999_928_06] {
        polynomial = f.mul_add(polynomial, coefficient);
    }
    polynomial * f32::from_bits(shifted.to_bits() << 23)
}

/// Computes 1 / (1 + e⁻ˣ) from the exponential of −|x|, which cannot overflow.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp_nonpositive(-x.abs());
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}

/// Computes SiLU (swish): x · sigmoid(x).
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

/// Computes the sigmoid approximation of GELU that OpenAI's CLIP uses: x · sigmoid(1.702 x).
#[inline(always)]
pub fn quick_gelu(x: f32) -> f32 {
    x * sigmoid(1.702 * x)
}

/// Computes the exact GELU, x · Φ(x) with the normal distribution Φ(x) = (1 + erf(x / √2)) / 2.
#[inline(always)]
pub fn gelu_erf(x: f32) -> f32 {
    let positive_part = if x > 0.0 { x } else { 0.0 };
    positive_part - x.abs() * normal_tail(x.abs())
}

/// Computes Φ(−a) for a ≥ 0: e^(−a²/2) times a polynomial in t = 1 / (1 + 0.3 a), the minimax one
/// of degree 8 for a from 0 to 14 (relative error 5.8e-8). Beyond, the exponential is 0.
#[inline(always)]
fn normal_tail(a: f32) -> f32 {
    let t = 1.0 / a.mul_add(0.3, 1.0);
    let mut polynomial = 3.837_828e-2;
    for coefficient in [
        -0.169_166_06,
        0.228_659_97,
        -7.650_638e-2,
        0.142_535_45,
        9.468_353_5e-2,
        0.121_920_33,
        0.119_487_69,
        7.168_836e-6,
    ] {
        polynomial = t.mul_add(polynomial, coefficient);
    }
    exp_nonpositive(-0.5 * a * a) * polynomial
}

/// Adds up 16 partial sums by one fixed tree: neighbours at distance 8, 4, 2, 1.
#[inline(always)]
pub(super) fn sum_lanes(mut lanes: [f32; 16]) -> f32 {
    for distance in [8, 4, 2, 1] {
        for lane in 0..distance {
            lanes[lane] += lanes[lane + distance];
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns every 97th float from 0 down to −110.
    fn nonpositive() -> impl Iterator<Item = f32> {
        let last = (110.0f32).to_bits();
        (0..=last).step_by(97).map(|bits| -f32::from_bits(bits))
    }

    #[test]
    fn exp_is_accurate_and_monotone() {
        let mut before = f32::INFINITY;
        for x in nonpositive() {
            let (actual, exact) = (exp_nonpositive(x), f64::from(x).exp());
            if x >= EXP_UNDERFLOW {
                let error = (f64::from(actual) - exact).abs() / exact;
                assert!(error <= 2e-7, "exp({x}) has relative error {error:e}");
            }
            assert!(actual <= before, "exp rises at {x}");
            before = actual;
        }
    }

    #[test]
    fn exp_reaches_its_limits() {
        assert_eq!(exp_nonpositive(0.0), 1.0);
        for x in [-88.0, -1e10, f32::MIN, f32::NEG_INFINITY] {
            assert_eq!(exp_nonpositive(x), 0.0);
        }
        assert!(exp_nonpositive(f32::NAN).is_nan());
    }

    #[test]
    fn rough_exp2_is_exact_enough_for_bf16() {
        for x in nonpositive().filter(|x| *x > -125.0) {
            let (actual, exact) = (rough_exp2_nonpositive(x), f64::from(x).exp2());
            let error = (f64::from(actual) - exact).abs() / exact;
            assert!(error <= 1e-4, "2^{x} has relative error {error:e}");
        }
        for x in [-127.1, -1e10, f32::MIN, f32::NEG_INFINITY] {
            assert_eq!(rough_exp2_nonpositive(x), 0.0);
        }
        assert!(rough_exp2_nonpositive(f32::NAN).is_nan());
    }

    /// Computes the error function in `f64`: its Taylor series, or its complement's continued
    /// fraction.
    fn erf(x: f64) -> f64 {
        if x.abs() > 3.0 {
            let fraction = (1..=60)
                .rev()
                .fold(0.0, |tail, n| f64::from(n) / 2.0 / (x.abs() + tail));
            let complement = (-x * x).exp() / (std::f64::consts::PI.sqrt() * (x.abs() + fraction));
            return x.signum() * (1.0 - complement);
        }
        let terms = (0..100).scan(x, |power, n| {
            let term = *power / f64::from(2 * n + 1);
            *power *= -x * x / f64::from(n + 1);
            Some(term)
        });
        terms.sum::<f64>() * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn activations_are_accurate() {
        for step in -200_000..=200_000 {
            let x = step as f32 * 1e-4;
            let exact = f64::from(x);
            let check = |name: &str, actual: f32, expected: f64| {
                let error = (f64::from(actual) - expected).abs() / exact.abs().max(1.0);
                assert!(error <= 2e-7, "{name}({x}) is {actual}, not {expected}");
            };
            check(
                "gelu",
                gelu_erf(x),
                exact * (1.0 + erf(exact * 0.5f64.sqrt())) / 2.0,
            );
            check("silu", silu(x), exact / (1.0 + (-exact).exp()));
            let scaled = f64::from(1.702f32) * exact;
            check("quick_gelu", quick_gelu(x), exact / (1.0 + (-scaled).exp()));
        }
    }

    #[test]
    fn activations_reach_their_limits() {
        for activation in [silu, quick_gelu, gelu_erf] {
            assert_eq!(activation(0.0), 0.0);
            assert_eq!(activation(1e30), 1e30);
            assert_eq!(activation(-1e30), 0.0);
            assert!(activation(f32::NAN).is_nan());
        }
    }
}

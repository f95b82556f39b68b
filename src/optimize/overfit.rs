//! How much of a best result chance alone would give.
//!
//! The best of many trials looks good even when none has any edge. D. H. Bailey and M. Lopez de Prado, "The Deflated
//! Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting and Non-Normality", Journal of Portfolio
//! Management 40(5), 2014: the expected maximum of N Sharpe ratios without an edge, and the probability that a ratio is
//! above it, given how many returns it was measured on and their skewness and kurtosis. Trials count as independent,
//! which neighbours in a grid are not: the figure errs on the side of doubt.

use std::f64::consts::{E, SQRT_2};

/// Euler and Mascheroni.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// A Sharpe ratio of returns of one period, not a year's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    pub sharpe: f64,
    /// Returns that it was measured on.
    pub returns: f64,
    pub skewness: f64,
    /// 3 for the normal distribution.
    pub kurtosis: f64,
}

/// The expected best Sharpe ratio of `trials` trials of which none has an edge; `deviation` is that of the trials'
/// ratios. The paper's equation 1.
pub fn expected_best(trials: f64, deviation: f64) -> f64 {
    if trials < 2.0 {
        return 0.0;
    }
    let first = normal_quantile(1.0 - 1.0 / trials);
    let second = normal_quantile(1.0 - 1.0 / (trials * E));
    deviation * ((1.0 - GAMMA) * first + GAMMA * second)
}

/// The probability that the true ratio is above `benchmark`. The paper's equation 2; `None` where it is not defined.
pub fn probability_above(measured: &Measured, benchmark: f64) -> Option<f64> {
    let Measured { sharpe, returns, skewness, kurtosis } = *measured;
    let spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    (returns > 1.0 && spread > 0.0)
        .then(|| normal_cdf((sharpe - benchmark) * (returns - 1.0).sqrt() / spread.sqrt()))
}

/// The mean's deviation from the mean, over one less than the count; 0 for fewer than two.
#[expect(clippy::cast_precision_loss, reason = "counts of trials are far below 2^53")]
pub fn deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    if count < 2.0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
}

/// The standard normal distribution, to 1.2e-7: W. H. Press et al., "Numerical Recipes in C", 2nd ed. 1992, section
/// 6.2 (`erfcc`).
pub fn normal_cdf(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let z = x.abs() / SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    let sum = COEFFICIENTS.iter().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let tail = t * (sum - z * z).exp() / 2.0;
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// The inverse of [`normal_cdf`] for 0 < p < 1, by bisection: it is asked for a handful of times.
pub fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if normal_cdf(middle) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64, within: f64) {
        assert!((one - other).abs() < within, "{one} is not near {other}");
    }

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        for (x, p) in [(0.0, 0.5), (1.0, 0.841_344_7), (1.959_964, 0.975), (-2.326_348, 0.01)] {
            near(normal_cdf(x), p, 2e-7);
            near(normal_quantile(p), x, 1e-5);
        }
    }

    /// The numerical example of the paper, section "A numerical example": a yearly ratio of 2.5 over 1,250 days, skewness
    /// -3, kurtosis 10, 100 trials whose yearly ratios have a variance of 1/2.
    #[test]
    fn the_example_of_the_paper_comes_out() {
        let benchmark = expected_best(100.0, (0.5_f64 / 250.0).sqrt());
        near(benchmark, 0.1132, 0.0005);
        let measured =
            Measured { sharpe: 2.5 / 250.0_f64.sqrt(), returns: 1_250.0, skewness: -3.0, kurtosis: 10.0 };
        near(probability_above(&measured, benchmark).unwrap(), 0.9004, 0.002);
        let fewer = expected_best(46.0, (0.5_f64 / 250.0).sqrt());
        near(probability_above(&measured, fewer).unwrap(), 0.9505, 0.002);
    }

    #[test]
    fn one_trial_is_compared_with_nothing() {
        near(expected_best(1.0, 3.0), 0.0, 1e-12);
        near(deviation(&[5.0]), 0.0, 1e-12);
        near(deviation(&[1.0, 3.0]), SQRT_2, 1e-12);
    }
}

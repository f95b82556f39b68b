//! A small random number generator whose numbers are the same on every platform, for ever.
//!
//! PCG-XSH-RR 64/32: M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for
//! Random Number Generation", 2014 (pcg-random.org, `pcg32_random_r`). Not for secrets.

const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

#[derive(Debug, Clone)]
pub(crate) struct Pcg {
    state: u64,
    /// Odd; tells streams of one seed apart.
    increment: u64,
}

impl Pcg {
    /// Streams of one seed are independent of each other.
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        let mut pcg = Self { state: 0, increment: (stream << 1) | 1 };
        pcg.next_u32();
        pcg.state = pcg.state.wrapping_add(seed);
        pcg.next_u32();
        pcg
    }

    #[expect(clippy::cast_possible_truncation, reason = "the algorithm takes the low 32 bits")]
    pub(crate) const fn next_u32(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
        let xorshifted = (((old >> 18) ^ old) >> 27) as u32;
        xorshifted.rotate_right((old >> 59) as u32)
    }

    /// 0 <= x < 1, a multiple of 2^-32.
    pub(crate) fn uniform(&mut self) -> f64 {
        f64::from(self.next_u32()) / 4_294_967_296.0
    }

    /// Mean 0, standard deviation 1, never beyond 6: the sum of twelve uniforms (Irwin-Hall), which needs only
    /// additions and is therefore the same on every platform.
    pub(crate) fn gaussian(&mut self) -> f64 {
        (0..12).fold(-6.0, |sum, _| sum + self.uniform())
    }

    /// `from..=to`, slightly uneven for wide ranges; `from` when the range is empty.
    pub(crate) fn between(&mut self, from: u32, to: u32) -> u32 {
        match to.checked_sub(from).and_then(|width| width.checked_add(1)) {
            Some(width) => from + self.next_u32() % width,
            None => from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_reference_implementation() {
        // pcg32-demo of the reference C implementation: pcg32_srandom_r(&rng, 42u, 54u), round 1.
        let mut pcg = Pcg::new(42, 54);
        let numbers: Vec<u32> = (0..6).map(|_| pcg.next_u32()).collect();
        assert_eq!(numbers, [0xA15C_02B7, 0x7B47_F409, 0xBA1D_3330, 0x83D2_F293, 0xBFA4_784B, 0xCBED_606E]);
    }

    #[test]
    fn gaussians_have_mean_0_and_deviation_1() {
        let mut pcg = Pcg::new(1, 1);
        let numbers: Vec<f64> = (0..20_000).map(|_| pcg.gaussian()).collect();
        let mean = numbers.iter().sum::<f64>() / 20_000.0;
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn between_stays_between() {
        let mut pcg = Pcg::new(3, 1);
        assert!((0..1_000).all(|_| (5..=9).contains(&pcg.between(5, 9))));
        assert_eq!(pcg.between(9, 5), 9);
    }
}

//! Numbers that look random and are the same for the same seed.

pub(crate) struct Pcg(u64);

impl Pcg {
    pub(crate) fn new(seed: u64) -> Self {
        let mut pcg = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        pcg.roll();
        pcg.roll();
        pcg
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub(crate) fn flips(&mut self) -> bool {
        self.roll() & 16 == 0
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll()).unwrap_or(0) % most.max(1)
    }
}

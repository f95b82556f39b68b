//! PCG-XSH-RR 64/32 (O'Neill 2014): small, fast, and with streams, so that one concern's draws never shift another's.

const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

#[derive(Debug, Clone)]
pub(crate) struct Pcg {
    state: u64,
    increment: u64,
}

impl Pcg {
    /// The numbers of one seed for one concern.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut pcg = Self { state: 0, increment: (stream << 1) | 1 };
        pcg.next();
        pcg.state = pcg.state.wrapping_add(seed);
        pcg.next();
        pcg
    }

    pub(crate) fn next(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
        let shifted = (((old >> 18) ^ old) >> 27) & 0xFFFF_FFFF;
        let rotation = u32::try_from(old >> 59).unwrap();
        u32::try_from(shifted).unwrap().rotate_right(rotation)
    }

    /// 0 to `n` - 1.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        let wide = u64::from(self.next()) * u64::from(n);
        u32::try_from(wide >> 32).unwrap()
    }

    /// Both ends included.
    pub(crate) fn within(&mut self, from: i64, to: i64) -> i64 {
        from + i64::from(self.below(u32::try_from(to - from + 1).unwrap()))
    }

    pub(crate) fn flips(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

//! Numbers from a seed.

/// Knuth's linear generator; its high bits are good enough to choose by.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 to `sides` - 1.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }

    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.roll(most.saturating_sub(least) + 1)
    }

    /// One of several, each as often as its weight says.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(T, u64)]) -> Option<T> {
        let mut left = self.roll(choices.iter().map(|(_, weight)| weight).sum());
        choices.iter().find_map(|(choice, weight)| match left.checked_sub(*weight) {
            None => Some(*choice),
            Some(rest) => {
                left = rest;
                None
            }
        })
    }
}

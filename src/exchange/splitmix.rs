//! SplitMix64 (Steele, Lea, Flood 2014): numbers that look random and follow from a seed alone.

/// What one step adds to the state.
pub(super) const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finalizer: neighbours in, strangers out.
pub(super) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

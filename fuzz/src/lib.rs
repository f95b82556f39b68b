//! The targets of `tests/mangled`, for libFuzzer.

pub use libfuzzer_sys::fuzz_target;

#[path = "../../tests/mangled/targets/mod.rs"]
#[expect(dead_code, reason = "seeds are for bounded runs, which write the corpora")]
mod targets;

use targets::TARGETS;

/// A fuzz target of that name: `fuzz_targets` has a file for each.
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        $crate::fuzz_target!(|bytes: &[u8]| $crate::read($name, bytes));
    };
}

/// Reads bytes as the target does.
pub fn read(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("every target is in the table");
    let _ = (target.read)(bytes);
}

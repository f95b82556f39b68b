//! The targets of `tests/mangled`, for libFuzzer.

pub use libfuzzer_sys::fuzz_target;

#[path = "../../tests/mangled/targets/mod.rs"]
#[expect(dead_code, reason = "how long a reading takes is for bounded runs")]
mod targets;

use targets::{FOUND, TARGETS};

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

/// Name and seeds of every target, with what was found once.
pub fn seeds() -> impl Iterator<Item = (&'static str, Vec<Vec<u8>>)> {
    TARGETS.iter().map(|target| {
        let found =
            FOUND.iter().filter(|(name, _)| *name == target.name).map(|(_, text)| text.as_bytes().to_vec());
        (target.name, (target.seeds)().into_iter().chain(found).collect())
    })
}

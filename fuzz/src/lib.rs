//! The targets of `tests/mangled`, for libFuzzer.

use std::panic::{catch_unwind, take_hook};
use std::sync::Once;

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

static BEFORE_THE_FIRST: Once = Once::new();

/// Reads bytes as the target does. libFuzzer's hook ends the process at every panic, also where one is caught: those of
/// the reader of damaged feather files are. Here it ends at those that nobody catches.
pub fn read(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("every target is in the table");
    BEFORE_THE_FIRST.call_once(|| drop(take_hook()));
    if catch_unwind(|| (target.read)(bytes)).is_err() {
        std::process::abort();
    }
}

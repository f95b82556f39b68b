//! Exhaustive crash points: each scenario is played once in calm, every step it takes on the disk is numbered, and then it
//! is played again for each step and each trouble: the process stops before it or within it, the power goes, the step
//! fails, the disk is full; once, and for good. After each the program must find its way back by itself.
//!
//! `cargo test --test crash` stops at every step, plays a part of the other troubles, and of the pairs: a second stop on the
//! way back from the first. `TRADEFLEET_CRASH_POINTS=all TRADEFLEET_CRASH_PAIRS=all` plays all there are.
//! `TRADEFLEET_CRASH_POINT="rotation: 17 stop once Durable"` plays one again, as a failure prints it.
//!
//! What happens between the process and an exchange has its own exhaustive loop, in `tests/sim`.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failed step is a failed test"
)]

mod commands;
mod home;
mod people;
mod points;
mod soundness;

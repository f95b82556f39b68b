//! Deterministic simulation: the real account machine, a journal with the store's meaning and the executor's loop,
//! against exchanges of three kinds that lose answers, repeat themselves, tell old news and are meddled with, in virtual
//! time. Every seed is one world; the same seed is the same world, on every machine. Some accounts work grids, and some
//! live in dry run.
//!
//! `cargo test --test sim` plays a bounded number of seeds and mutants. For more, and for one seed again:
//!
//! ```text
//! TRADEFLEET_SEEDS=5000 cargo test --release --test sim -- --nocapture
//! TRADEFLEET_SEED=17 [TRADEFLEET_WITHOUT=crash,slow] [TRADEFLEET_CYCLES=40] cargo test --test sim replay -- --nocapture
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    clippy::unreachable,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    reason = "a simulation that is wrong should stop"
)]

mod calls;
mod chat;
mod checks;
mod comparing;
mod counters;
mod desk;
mod dialect;
mod executor;
mod faults;
mod grids;
mod journal;
mod ladders;
mod market;
mod matching;
mod mirror;
mod mutants;
mod paper;
mod pcg;
mod people;
mod plan;
mod points;
mod reads;
mod run;
mod script;
mod settled;
mod shrink;
mod signals;
mod stories;
mod story;
mod stream;
mod tests;
mod travel;
mod units;
mod venue;

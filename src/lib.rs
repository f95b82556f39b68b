//! tradefleet
pub mod domain;
pub mod exchange;
pub mod matching;
pub mod signal;

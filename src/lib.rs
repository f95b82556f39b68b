//! tradefleet
pub mod clock;
pub mod daemon;
pub mod domain;
pub mod engine;
pub mod exchange;
pub mod market;
pub mod matching;
pub mod signal;
pub mod store;
pub mod strategy;
pub mod vault;

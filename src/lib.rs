//! tradefleet
pub mod domain;
pub mod engine;
pub mod signal;
pub mod store;
pub mod strategy;
pub mod vault;

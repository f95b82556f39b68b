//! tradefleet
pub mod domain;
pub mod engine;
pub mod market;
pub mod signal;
pub mod store;
pub mod strategy;
pub mod vault;

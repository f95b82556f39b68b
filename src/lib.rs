//! tradefleet
pub mod domain;
pub mod engine;
pub mod market;
pub mod signal;
pub mod strategy;

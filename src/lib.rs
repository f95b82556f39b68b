//! tradefleet
pub mod domain;
pub mod signal;
pub mod strategy;

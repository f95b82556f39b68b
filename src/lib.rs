//! tradefleet
pub mod domain;
pub mod market;
pub mod signal;

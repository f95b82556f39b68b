//! tradefleet
pub mod domain;
pub mod signal;

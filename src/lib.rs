//! tradefleet
pub mod domain;
pub mod signal;
pub mod store;
pub mod vault;

//! tradefleet
pub mod clock;
pub mod config;
pub mod control;
pub mod domain;
pub mod engine;
pub mod signal;
pub mod store;
pub mod strategy;
pub mod vault;
pub mod cli;

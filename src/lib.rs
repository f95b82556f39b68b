//! tradefleet
pub mod domain;
pub mod engine;
pub mod signal;
pub mod strategy;

pub mod store;
pub mod vault;

pub mod cli;
pub mod clock;
pub mod config;

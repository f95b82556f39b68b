//! tradefleet
pub mod domain;
pub mod engine;
pub mod exchange;
pub mod market;
pub mod matching;
pub mod signal;
pub mod store;
pub mod strategy;
pub mod vault;

pub mod cli;
pub mod clock;
pub mod config;
pub mod control;

//! tradefleet

pub mod domain;
pub mod engine;
pub mod matching;
pub mod signal;
pub mod strategy;

pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod exchange;
pub mod market;
pub mod store;
pub mod vault;

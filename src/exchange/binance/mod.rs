//! Binance USDⓈ-M futures.
//!
//! Reading order: [`calls`] and [`orders`] make requests, [`sign`] signs them, [`answers`] and [`errors`] read what
//! comes back, [`convert`] and [`trade`] turn it into our words; [`frames`] and [`events`] do the same for the sockets. All of
//! these are pure. [`rest`] sends and [`sockets`] listen; above them [`BinanceExchange`] is one account (its parts:
//! `placing`, `queries`, `sweep`, `stream`, `profile`), and [`BinanceMarket`] what everybody may know.

pub use account::{BinanceExchange, BinanceParts, capabilities, connect_gate};
pub use answers::IdSpace;
pub use market::BinanceMarket;

mod account;
pub mod answers;
pub mod calls;
pub mod convert;
pub mod errors;
pub mod events;
pub mod frames;
mod market;
pub mod orders;
mod placing;
mod profile;
mod queries;
pub mod query;
pub mod rest;
pub mod sign;
pub mod sockets;
mod stream;
mod sweep;
pub mod trade;

/// The asset of margins, profits and, but for discounts, fees.
pub const QUOTE_ASSET: &str = "USDT";

#[cfg(test)]
mod testing;

//! Bitget, USDT futures (API v2, classic accounts): its dialect.
//!
//! [`endpoints`], [`calls`], [`orders`] and [`sign`] make requests; [`wire`], [`fields`], [`errors`] and [`frames`] read
//! what comes back; [`way`], [`convert`], [`fills`], [`market_rows`] and [`permissions`] translate: these are pure.
//! [`rest`] and [`sockets`] are the two ways to the exchange; [`BitgetExchange`] (in `account`, `placing`, `query`,
//! `sweep`, `stream` and `links`) is one account, [`BitgetMarket`] what everybody may know.
//!
//! Keys of unified trading accounts are refused by this version of the API, which is told in plain words.

use crate::domain::time::DurationMs;

pub use account::{BitgetExchange, BitgetParts, capabilities, connect_gate};
pub use market::BitgetMarket;

mod account;
pub mod calls;
pub mod convert;
pub mod endpoints;
pub mod errors;
pub mod fields;
pub mod fills;
pub mod frames;
mod links;
mod market;
pub mod market_rows;
pub mod orders;
pub mod permissions;
mod placing;
mod query;
pub mod rest;
pub mod sign;
pub mod sockets;
mod stream;
mod sweep;
#[cfg(test)]
mod testing;
pub mod way;
pub mod wire;

/// What a request waits for its answer at most: the lines of this exchange are made with it. It is shorter than the
/// stamp of a late order is taken.
pub const HTTP_TIMEOUT: DurationMs = DurationMs::from_secs(10);

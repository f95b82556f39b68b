//! Bitget, USDT futures (API v2, classic accounts): its dialect.
//!
//! [`endpoints`], [`calls`], [`orders`] and [`sign`] make requests; [`wire`], [`fields`], [`errors`] and [`frames`] read
//! what comes back; [`way`], [`convert`], [`fills`], [`market_rows`] and [`permissions`] translate: these are pure.
//! [`rest`] and [`sockets`] are the two ways to the exchange; [`account`] (with `placing`, `query`, `sweep`, `stream`
//! and [`links`]) and [`market`] are what the daemon uses.
//!
//! Keys of unified trading accounts are refused by this version of the API, which is told in plain words.

pub mod account;
pub mod calls;
pub mod convert;
pub mod endpoints;
pub mod errors;
pub mod fields;
pub mod fills;
pub mod frames;
pub mod links;
pub mod market;
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
pub mod way;
pub mod wire;

//! Upbit, spot in KRW: its dialect.
//!
//! Coins are bought and sold against cash. There are no shorts, no leverage and no orders that wait for a trigger, so
//! that positions are protected only while this program runs; what asks for any of these is refused with the reason.
//!
//! [`params`], [`sign`] and [`calls`] make requests, [`wire`], [`frames`] and [`errors`] read answers, [`convert`],
//! [`orders`] and [`fills`] translate: these are pure. [`rest`] sends, [`sockets`] listen, and above them
//! [`UpbitExchange`] is one account, [`UpbitMarket`] what everybody may know.

pub use account::{HTTP_TIMEOUT, UpbitExchange, UpbitParts, capabilities};
pub use market::UpbitMarket;

mod account;
pub mod calls;
pub mod convert;
pub mod errors;
pub mod fills;
pub mod frames;
mod market;
pub mod orders;
pub mod params;
pub mod rest;
pub mod sign;
pub mod sockets;
mod sweep;
pub mod ticks;
pub mod wire;

//! Binance USDⓈ-M futures.
//!
//! Reading order: [`calls`] and [`orders`] make requests, [`sign`] signs them, [`answers`] and [`errors`] read what
//! comes back, [`convert`] turns it into our words; [`frames`] and [`events`] do the same for the sockets. All of
//! these are pure.

pub mod answers;
pub mod calls;
pub mod convert;
pub mod errors;
pub mod events;
pub mod frames;
pub mod orders;
pub mod query;
pub mod sign;

pub use answers::IdSpace;

/// The asset of margins, profits and, but for discounts, fees.
pub const QUOTE_ASSET: &str = "USDT";

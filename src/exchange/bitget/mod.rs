//! Bitget, USDT futures (API v2, classic accounts): its dialect.
//!
//! [`endpoints`], [`calls`], [`orders`] and [`sign`] make requests; [`wire`], [`fields`], [`errors`] and [`frames`] read
//! what comes back; [`way`], [`convert`], [`fills`], [`market_rows`] and [`permissions`] translate: these are pure.

pub mod calls;
pub mod convert;
pub mod endpoints;
pub mod errors;
pub mod fields;
pub mod fills;
pub mod frames;
pub mod market_rows;
pub mod orders;
pub mod permissions;
pub mod sign;
pub mod sockets;
pub mod way;
pub mod wire;

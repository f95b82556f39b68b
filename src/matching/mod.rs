//! The matching engine: the book of one account, driven by closed bars.
//!
//! Paper trading, the backtest and the exchange simulator fill orders with this code and no other, so that they
//! agree by construction. It is pure: the same orders and the same steps give the same events, and the whole state
//! of a [`book::Book`] is a value that can be written down between any two events and continued later. The rules of
//! the game are in `docs/matching.md`.

pub mod book;
pub mod config;
pub mod event;
pub mod liquidation;
pub mod net_position;
pub mod order;
pub mod placement;
pub mod refusal;

mod cursor;
mod execution;
mod prices;
mod stepping;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;

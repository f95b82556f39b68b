//! The account's mind: settings, limits, entries, exits, and what follows from fills. Pure: it is handed events and
//! the time, and returns what must become durable and what must be asked of the exchange.
//!
//! Read [`event`] and [`turn`] first, then [`machine`]; the other files are its chapters.

pub mod booked;
pub mod breaker;
pub mod config;
pub mod cycle;
pub mod decision;
pub mod event;
pub mod grid;
pub mod levels;
pub mod machine;
pub mod orders;
pub mod settings;
pub mod state;
pub mod sweep;
pub mod turn;
pub mod watch;
pub mod words;

mod chase;
mod dca;
mod discrepancies;
mod early;
mod entries;
mod exits;
mod external;
mod fees;
mod intent;
mod ledger;
mod lifecycle;
mod liquidation;
mod protection;
mod reconcile;
mod reversals;

#[cfg(test)]
mod tests;

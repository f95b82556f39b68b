//! A local exchange over the matching engine: real wire protocols on loopback, for rehearsing everything.
//!
//! # How it is made
//!
//! A [`venue::Venue`] is one exchange in no dialect: clock, market, accounts, rules, faults, limits, oracle. A
//! [`dialect::Dialect`] speaks for it on the wire; a [`server::Server`] binds a port, applies the faults and hands
//! the dialect what is left. `/_sim/` on the same port is answered by `control`.
//!
//! # To add a dialect
//!
//! A folder here with a type that holds an `Arc<Venue>` and implements [`dialect::Dialect`], and its line in
//! [`opening`]:
//!
//! - `answer` gets each request as it was sent (raw query and body, for the signature) and returns an
//!   [`dialect::Answer`]. It runs to its end without waiting; faults, latency, counting and bans are done around it.
//! - Who asks: [`venue::Venue::account_of_key`] gives an [`event::AccountIndex`], which names the account in every
//!   other call; keys and secrets are in [`account::Account::spec`]. [`venue::Venue::is_timely`] checks a signature's
//!   time.
//! - Reading: `venue.with(account, |account| ...)` and `venue.market(|market| ...)`. Do not call the venue inside
//!   these closures: they hold a lock. Order queries hide what is newer than [`venue::Venue::horizon`].
//! - Trading: [`venue::Venue::place`], `cancel`, `amend`, `place_conditional`, `cancel_conditional`, `set_leverage`,
//!   `set_isolated`, `set_position_mode`. They answer with the record as it is afterwards (a market order: filled),
//!   or with a [`refusal::Refusal`] for the dialect to give its code. Ids on the wire: orders and conditional orders
//!   are numbered per account from [`account::FirstIds`] in two spaces; a dialect that shows other ids (UUIDs) maps
//!   numbers to them. Client ids are arbitrary text. The core refuses one only while an order with it is open; a
//!   dialect whose exchange is stricter asks [`account::Account::order_by_client_id`] first. What the dialect wants to
//!   say again about an order goes into its [`order::Tags`].
//! - Spot is a hedged book that is only ever long, at leverage 1 ([`account::Account::free_cash`], `locked_cash`,
//!   `locked_qty` give the balances); the dialect refuses what is not covered.
//! - `socket` opens a [`dialect::Session`] for a WebSocket. It is told every [`market::MarketUpdate`], and, once it
//!   has called [`venue::Venue::join`] with its link, every [`event::AccountEvent`] of that account. Duplicates, reordering,
//!   cuts and silence are done around it.
//! - Limits: [`limits::Limiter`] counts costs by address or account in windows of exchange time; the dialect charges
//!   what its exchange charges through [`venue::Venue::charge`] and writes the headers.
//! - Decimals go over the wire as text of the exact value; `f64` appears nowhere but in fault rates.

pub mod account;
pub mod accounts_file;
pub mod binance;
pub mod bitget;
pub mod clock;
pub mod dialect;
pub mod event;
pub mod faults;
pub mod funding;
pub mod hub;
pub mod limits;
pub mod market;
pub mod opening;
pub mod order;
pub mod refusal;
pub mod server;
pub mod stats;
pub mod upbit;
pub mod venue;

mod control;
mod fee_wallet;
mod lock;
mod oracle;
mod path;
mod settlement;
mod socket;
mod tasks;
mod trading;
mod triggers;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

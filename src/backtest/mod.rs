//! Backtests: the same machine, the same matching and the same strategies as a run, over candles in memory.
//!
//! [`driver`] plays a market for one account, [`results`] says what came of it. A plain loop: no runtime, no database.
//! Semantics are those of a run on a tape and stated in `docs/backtest.md`.

pub mod account;
pub mod columns;
pub mod driver;
pub mod funding;
pub mod grids;
pub mod html;
pub mod ledger;
pub mod lookahead;
pub mod market;
pub mod played;
pub mod results;
pub mod row;
pub mod settings;
pub mod setup;
pub mod signals;
pub mod skipping;
pub mod statistics;
pub mod terms;
pub mod trades;

mod look;
mod play;
mod room;
mod timeline;
mod waiting;

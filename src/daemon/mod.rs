//! The running fleet: one driver for the market, one executor an account, one writer for the database.
//!
//! [`fleet`] is the story; [`executor`] is one account's part of it; [`pace`] keeps their time.

pub mod analyst;
pub mod answers;
pub mod backups;
pub mod connections;
pub mod control;
pub mod counters;
pub mod desk;
pub mod executor;
pub mod fleet;
pub mod handle;
pub mod limits_log;
pub mod live;
pub mod live_market;
pub mod monitor;
pub mod pace;
pub mod recorder;
pub mod reload;
pub mod replay;
pub mod roster;
pub mod shutdown;
pub mod supervisor;
pub mod timer;

mod follows;
mod joining;
mod rules;
mod tellers;
mod warm_up;
mod watch;

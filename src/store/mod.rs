//! The durable state: one SQLite database, one writer, every statement of SQL.
//!
//! [`open`] gives a connection whose schema is exactly the one this program knows, [`writer`] groups the daemon's
//! writes into durable commits, [`lease`] keeps a second daemon out. The other modules hold the statements of one
//! table each and take a `&Connection`, so that callers compose them into one transaction. Times are arguments.
//!
//! Encrypted values are opaque text here; only [`crate::vault`] can read them.

pub mod accounts;
pub mod alerts;
pub mod audit;
pub mod backup;
pub mod backup_log;
pub mod bots;
pub mod check;
pub mod commands;
pub mod confirmations;
pub mod error;
pub mod grid_configs;
pub mod grids;
pub mod holdings;
pub mod ignored_updates;
pub mod journal;
pub mod latches;
pub mod lease;
pub mod ledger_check;
pub mod market_log;
pub mod notice_preferences;
pub mod open;
pub mod outbox;
pub mod queries;
pub mod rate_limits;
pub mod reader;
pub mod research;
pub mod restore;
pub mod savepoint;
pub mod schema;
pub mod strategies;
pub mod telegram_bots;
pub mod telegram_replies;
pub mod vault_meta;
pub mod writer;

mod column;
pub(crate) mod files;
mod lock;
mod setting_columns;
mod tries;

#[cfg(test)]
pub(crate) mod scratch;

pub use error::StoreError;
pub use open::{OpenMode, Store};
pub use reader::Reader;
pub use writer::Writer;

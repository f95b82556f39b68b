//! What the read commands ask: typed rows whose field names are the stable JSON of the CLI.
//!
//! Plain functions over a connection. Nothing here writes, reads a clock or depends on the order in which rows were
//! stored: every list is ordered by times and ids. Money is exact; times are ms UTC.

pub mod daily;
pub mod decisions;
pub mod equity;
pub mod explain;
pub mod external;
pub mod feed;
pub mod fees;
pub mod fills;
pub mod gauges;
pub mod grid;
pub mod names;
pub mod orders;
pub mod parity;
pub mod pnl;
pub mod positions;
pub mod signals;
pub mod status;
pub mod trades;

mod filter;
mod tally;

use rusqlite::{Connection, Transaction};

use super::StoreError;

pub use filter::Filter;
pub use tally::{BookKind, Tally};

/// Several queries that see one state, whatever a daemon writes meanwhile. Dropping it changes nothing.
pub fn snapshot(conn: &Connection) -> Result<Transaction<'_>, StoreError> {
    Ok(conn.unchecked_transaction()?)
}

#[cfg(test)]
mod tests;

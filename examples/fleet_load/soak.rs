//! What a fleet holds at one moment of a long run: what grows without a reason shows.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use super::kernel;

/// What each table grows by. One that grows and is not here grows without a reason.
const REASONS: [(&str, &str); 12] = [
    ("orders", "by orders"),
    ("order_events", "by orders: one row a change"),
    ("fills", "by fills"),
    ("bot_positions", "by positions opened"),
    ("equity_snapshots", "an account and hour"),
    ("decisions", "up to retention.decisions"),
    ("signals", "up to retention.signals"),
    ("signals_of_markets", "up to retention.signals"),
    ("outbox", "by what is told to people"),
    ("cash_adjustments", "by deposits and withdrawals"),
    ("prices", "a symbol"),
    ("audit_log", "by what people and the daemon change"),
];

/// One look at the process and its database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) cycles: u64,
    pub(crate) orders: u64,
    pub(crate) rss_kb: u64,
    pub(crate) open_files: usize,
    pub(crate) rows: BTreeMap<String, u64>,
}

impl Sample {
    pub(crate) fn take(database: &Path, cycles: u64, orders: u64) -> anyhow::Result<Self> {
        let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let names =
            conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        let mut rows = BTreeMap::new();
        for name in names {
            let sql = format!("SELECT count(*) FROM \"{name}\"");
            let count: i64 = conn.query_row(&sql, [], |row| row.get(0))?;
            rows.insert(name, u64::try_from(count)?);
        }
        Ok(Self {
            cycles,
            orders,
            rss_kb: kernel::memory_kb(std::process::id(), "VmRSS")?,
            open_files: std::fs::read_dir("/proc/self/fd")?.count(),
            rows,
        })
    }
}

/// Why a table grows.
pub(crate) fn reason(table: &str) -> Option<&'static str> {
    REASONS.iter().find(|(name, _)| *name == table).map(|(_, reason)| *reason)
}

/// Tables that hold more rows at the end than at the first look.
pub(crate) fn grown(samples: &[Sample]) -> Vec<&str> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
    let grows = |(name, rows): &(&String, &u64)| first.rows.get(*name).is_none_or(|before| before < *rows);
    last.rows.iter().filter(grows).map(|(name, _)| name.as_str()).collect()
}

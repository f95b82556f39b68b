//! What the daemon's journal and its metrics say of a stretch of time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::crowd::Crowd;
use super::market::MINUTE_MS;

/// Delays in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Spread {
    pub(crate) p50: i64,
    pub(crate) p99: i64,
    pub(crate) max: i64,
}

impl Spread {
    fn of(mut delays: Vec<i64>) -> Self {
        delays.sort_unstable();
        let at = |percent: usize| delays.get(delays.len().saturating_sub(1) * percent / 100).copied();
        let [p50, p99, max] = [50, 99, 100].map(|percent| at(percent).unwrap_or_default());
        Self { p50, p99, max }
    }
}

/// Entries of the accounts that no trouble meets, wave by wave, counted from the first decision of each wave.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Waves {
    pub(crate) count: usize,
    pub(crate) entries: usize,
    pub(crate) decided: Spread,
    pub(crate) sent: Spread,
    pub(crate) answered: Spread,
    /// From the bar's close to the first decision, the longest.
    pub(crate) first_after_close_ms: i64,
}

/// One entry: when it was decided, sent and answered.
type Entry = (i64, Option<i64>, Option<i64>);

pub(crate) fn waves(database: &Path, crowd: Crowd, from: i64, until: i64) -> anyhow::Result<Waves> {
    let mut by_wave: BTreeMap<i64, Vec<Entry>> = BTreeMap::new();
    let conn = open(database)?;
    let sql = "SELECT account_id, decided_at, sent_at, acknowledged_at FROM orders
               WHERE purpose = 'entry' AND dry_run = 0 AND decided_at >= ?1 AND decided_at < ?2";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([from, until])?;
    while let Some(row) = rows.next()? {
        let decided_at: i64 = row.get(1)?;
        if crowd.is_spared(row.get(0)?) {
            by_wave.entry(decided_at / MINUTE_MS).or_default().push((decided_at, row.get(2)?, row.get(3)?));
        }
    }
    let (mut decided, mut sent, mut answered, mut first_after_close_ms) = (vec![], vec![], vec![], 0);
    for entries in by_wave.values() {
        let first = entries.iter().map(|entry| entry.0).min().unwrap_or_default();
        first_after_close_ms = first_after_close_ms.max(first % MINUTE_MS);
        decided.extend(entries.iter().map(|entry| entry.0 - first));
        sent.extend(entries.iter().filter_map(|entry| Some(entry.1? - first)));
        answered.extend(entries.iter().filter_map(|entry| Some(entry.2? - first)));
    }
    Ok(Waves {
        count: by_wave.len(),
        entries: decided.len(),
        decided: Spread::of(decided),
        sent: Spread::of(sent),
        answered: Spread::of(answered),
        first_after_close_ms,
    })
}

/// Rows of all tables.
pub(crate) fn rows(database: &Path) -> anyhow::Result<u64> {
    let conn = open(database)?;
    let mut statement =
        conn.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    names.iter().try_fold(0, |sum, name| {
        let count: i64 = conn.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get(0))?;
        Ok(sum + u64::try_from(count)?)
    })
}

fn open(database: &Path) -> anyhow::Result<Connection> {
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.busy_timeout(Duration::from_secs(10))?;
    Ok(conn)
}

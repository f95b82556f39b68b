//! One daemon per database.
//!
//! The lock file keeps a second daemon out and proves that the owner lives; the row says who the owner is. Every
//! acquisition raises the epoch, so whatever a former owner still writes can be told from the present one's.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::lock::FileLock;
use super::{StoreError, column};
use crate::domain::time::Timestamp;

/// Who asks for the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseClaim {
    pub pid: u32,
    pub host: String,
    /// The program's version.
    pub version: String,
    /// Where the market data comes from.
    pub source: String,
}

/// The lease as it stands: the present owner's, or the last one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseInfo {
    pub epoch: u64,
    pub owner: LeaseClaim,
    pub acquired_at: Timestamp,
    pub heartbeat_at: Timestamp,
    pub released_at: Option<Timestamp>,
    /// Where the owner answers `/health`, `/ready` and `/metrics`.
    pub http_address: Option<String>,
    live: bool,
}

impl LeaseInfo {
    /// Whether the owner was alive when this was read. The row of a daemon that died without a word is not live.
    pub const fn is_live(&self) -> bool {
        self.live
    }
}

/// Owned by the daemon as long as it runs; the lock goes with it.
#[derive(Debug)]
pub struct Lease {
    epoch: u64,
    _lock: FileLock,
}

impl Lease {
    /// Takes the lease of the database behind `conn`, or names the daemon that has it.
    pub fn acquire(conn: &Connection, claim: &LeaseClaim, now: Timestamp) -> Result<Self, StoreError> {
        let Some(lock) = FileLock::acquire(database_path(conn)?)? else {
            return Err(running_error(conn));
        };
        let epoch: i64 = conn.query_row(
            "INSERT INTO lease (id, epoch, pid, host, version, source, acquired_at, heartbeat_at)
             VALUES (1, 1, ?1, ?2, ?3, ?4, ?5, ?5)
             ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1, pid = excluded.pid, host = excluded.host,
                 version = excluded.version, source = excluded.source, acquired_at = excluded.acquired_at,
                 heartbeat_at = excluded.heartbeat_at, released_at = NULL, http_address = NULL
             RETURNING epoch",
            params![claim.pid, claim.host, claim.version, claim.source, now.ms()],
            |row| row.get(0),
        )?;
        Ok(Self { epoch: u64::try_from(epoch).unwrap_or(0), _lock: lock })
    }

    /// Counts the daemons this database has had; the present one's number.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Says that the owner of `epoch` is at work. An error means that it is not the owner any more.
    pub fn heartbeat(conn: &Connection, epoch: u64, now: Timestamp) -> Result<(), StoreError> {
        touch(conn, "UPDATE lease SET heartbeat_at = ?2 WHERE epoch = ?1 AND released_at IS NULL", epoch, now)
    }

    /// Says where the owner of `epoch` answers `/health`, `/ready` and `/metrics`.
    pub fn answers_at(conn: &Connection, epoch: u64, address: &str) -> Result<(), StoreError> {
        let row_epoch = i64::try_from(epoch).map_err(|_| StoreError::LeaseLost { epoch })?;
        conn.execute("UPDATE lease SET http_address = ?2 WHERE epoch = ?1", params![row_epoch, address])?;
        Ok(())
    }

    /// Says that the owner of `epoch` has ended in order. The lock itself is freed when the [`Lease`] is dropped.
    pub fn release(conn: &Connection, epoch: u64, now: Timestamp) -> Result<(), StoreError> {
        touch(conn, "UPDATE lease SET released_at = ?2 WHERE epoch = ?1 AND released_at IS NULL", epoch, now)
    }
}

/// The lease's row, with the proof whether its owner lives; `None` when no daemon has ever run.
pub fn current(conn: &Connection) -> Result<Option<LeaseInfo>, StoreError> {
    let Some(mut info) = read(conn)? else {
        return Ok(None);
    };
    info.live = FileLock::is_held(database_path(conn)?)?;
    Ok(Some(info))
}

/// The refusal that names the daemon which holds the lock.
pub(super) fn running_error(conn: &Connection) -> StoreError {
    match read(conn) {
        Ok(Some(info)) => {
            StoreError::DaemonRunning { pid: info.owner.pid, host: info.owner.host, since: info.acquired_at }
        }
        // It has the lock but has not said who it is: another is starting, migrating or restoring.
        Ok(None) | Err(_) => StoreError::Busy,
    }
}

fn read(conn: &Connection) -> Result<Option<LeaseInfo>, StoreError> {
    Ok(conn.query_row("SELECT * FROM lease WHERE id = 1", [], from_row).optional()?)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<LeaseInfo> {
    Ok(LeaseInfo {
        epoch: u64::try_from(row.get::<_, i64>("epoch")?).unwrap_or(0),
        owner: LeaseClaim {
            pid: row.get("pid")?,
            host: row.get("host")?,
            version: row.get("version")?,
            source: row.get("source")?,
        },
        acquired_at: column::timestamp(row, "acquired_at")?,
        heartbeat_at: column::timestamp(row, "heartbeat_at")?,
        released_at: column::timestamp_opt(row, "released_at")?,
        http_address: row.get("http_address")?,
        live: false,
    })
}

fn touch(conn: &Connection, sql: &str, epoch: u64, now: Timestamp) -> Result<(), StoreError> {
    let row_epoch = i64::try_from(epoch).map_err(|_| StoreError::LeaseLost { epoch })?;
    match conn.prepare_cached(sql)?.execute(params![row_epoch, now.ms()])? {
        0 => Err(StoreError::LeaseLost { epoch }),
        _ => Ok(()),
    }
}

fn database_path(conn: &Connection) -> Result<&Path, StoreError> {
    conn.path()
        .filter(|path| !path.is_empty())
        .map(Path::new)
        .ok_or_else(|| StoreError::Other { detail: "a database in memory cannot be leased".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    fn claim(pid: u32) -> LeaseClaim {
        LeaseClaim { pid, host: "alpha".to_owned(), version: "0.1.0".to_owned(), source: "tape".to_owned() }
    }

    #[test]
    fn a_second_daemon_is_refused_and_told_who_runs() {
        let scratch = Scratch::new();
        let (first, second) = (scratch.open(), scratch.open());
        let lease = Lease::acquire(first.conn(), &claim(7), Timestamp::from_ms(1_000)).unwrap();
        let refused = Lease::acquire(second.conn(), &claim(8), Timestamp::from_ms(2_000)).unwrap_err();
        assert_eq!(
            refused,
            StoreError::DaemonRunning { pid: 7, host: "alpha".to_owned(), since: Timestamp::from_ms(1_000) }
        );
        assert!(current(second.conn()).unwrap().unwrap().is_live());
        Lease::heartbeat(first.conn(), lease.epoch(), Timestamp::from_ms(3_000)).unwrap();
        assert_eq!(current(second.conn()).unwrap().unwrap().heartbeat_at, Timestamp::from_ms(3_000));
    }

    #[test]
    fn a_dead_owner_is_not_live_and_its_epoch_is_over() {
        let scratch = Scratch::new();
        let store = scratch.open();
        assert_eq!(current(store.conn()).unwrap(), None);
        let dead = Lease::acquire(store.conn(), &claim(7), Timestamp::from_ms(1_000)).unwrap();
        let dead_epoch = dead.epoch();
        drop(dead);
        let left = current(store.conn()).unwrap().unwrap();
        assert!(!left.is_live() && left.released_at.is_none());

        let lease = Lease::acquire(store.conn(), &claim(8), Timestamp::from_ms(2_000)).unwrap();
        assert_eq!(lease.epoch(), dead_epoch + 1);
        assert_eq!(
            Lease::heartbeat(store.conn(), dead_epoch, Timestamp::from_ms(3_000)),
            Err(StoreError::LeaseLost { epoch: dead_epoch })
        );
        Lease::release(store.conn(), lease.epoch(), Timestamp::from_ms(4_000)).unwrap();
        assert_eq!(current(store.conn()).unwrap().unwrap().released_at, Some(Timestamp::from_ms(4_000)));
    }
}

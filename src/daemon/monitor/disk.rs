//! Free disk beside the database, and a file that keeps some of it back: a full disk must not keep exits from being
//! journalled.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::vitals::Vitals;
use crate::store::StoreError;

pub(super) const MB: u64 = 1 << 20;

/// The file that is given up when the disk is full.
pub struct Reserve {
    path: PathBuf,
    folder: PathBuf,
    /// Only who trades with money keeps room back.
    is_kept: bool,
}

impl Reserve {
    pub fn beside(database: &Path, is_kept: bool) -> Self {
        let folder = database.parent().unwrap_or(Path::new(".")).to_owned();
        Self { path: database.with_extension("reserve"), folder, is_kept }
    }

    /// Reads how much is free, gives the reserve up when the journal meets a full disk, and fills it again once there
    /// is room for it.
    pub fn look(&self, vitals: &Vitals) {
        let Some(free) = free_bytes(&self.folder) else { return };
        vitals.set_free_bytes(free);
        let watch = vitals.watch();
        let bytes = watch.reserve_mb.saturating_mul(MB);
        let has_room = free > watch.min_free_mb.saturating_mul(MB).saturating_add(bytes.saturating_mul(2));
        let is_full = vitals.failing().is_some_and(|(_, error)| error == StoreError::DiskFull);
        let is_wanted = self.is_kept && bytes > 0;
        if self.path.exists() {
            if is_full || !is_wanted {
                self.give_up(is_full, vitals);
            }
        } else if is_wanted && has_room && !is_full {
            self.fill(bytes, vitals);
        }
    }

    fn give_up(&self, is_full: bool, vitals: &Vitals) {
        match std::fs::remove_file(&self.path) {
            Ok(()) if is_full => {
                vitals.set_reserve_spent(true);
                tracing::error!(path = %self.path.display(), "the disk is full: the reserve is given up for exits");
            }
            Ok(()) => {}
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "the reserve cannot be given up");
            }
        }
    }

    fn fill(&self, bytes: u64, vitals: &Vitals) {
        let made = allocate(&self.path, bytes);
        if let Err(error) = made {
            tracing::warn!(path = %self.path.display(), %error, "no disk is kept back for exits");
            // Half a reserve would never be filled up.
            drop(std::fs::remove_file(&self.path));
            return;
        }
        vitals.set_reserve_spent(false);
    }
}

fn allocate(path: &Path, bytes: u64) -> io::Result<()> {
    let file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(fallocate(&file, FallocateFlags::empty(), 0, bytes)?)
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The database with its write-ahead log.
pub fn database_bytes(database: &Path) -> u64 {
    let log = database.with_extension("db-wal");
    [database, log.as_path()].iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum()
}

/// Memory of this process that is in use.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kb.unwrap_or(0).saturating_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WatchConfig;
    use crate::store::writer::CommitObserver;

    #[test]
    fn the_reserve_goes_when_the_disk_is_full_and_comes_back_when_there_is_room() {
        let home = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&home.path().join("tradefleet.db"), true);
        let vitals = Vitals::default();
        vitals.set_watch(&WatchConfig { min_free_mb: 0, reserve_mb: 1, ..WatchConfig::default() });
        reserve.look(&vitals);
        let file = home.path().join("tradefleet.reserve");
        assert_eq!(file.metadata().unwrap().len(), MB);
        vitals.ended(Err(&StoreError::DiskFull));
        reserve.look(&vitals);
        assert!(!file.exists() && vitals.is_reserve_spent());
        vitals.ended(Ok(()));
        reserve.look(&vitals);
        assert!(file.exists() && !vitals.is_reserve_spent());
    }
}

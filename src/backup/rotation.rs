//! Which backups of a folder are kept. Only files that are named as ours are ever removed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::BackupError;
use crate::domain::time::{DurationMs, Timestamp};
use crate::store::files;

const PREFIX: &str = "tradefleet-";
const PLAIN: &str = ".db";
const ENCRYPTED: &str = ".db.age";
/// What a backup that was killed leaves behind.
const LEFTOVERS: [&str; 2] = [".partial", ".plain"];
/// A leftover that old belongs to no backup that still runs.
const LEFTOVER_AGE: DurationMs = DurationMs::from_secs(86_400);

/// How many backups are kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The newest so many; at least 1.
    pub count: u32,
    /// None older than this; `None`: whatever their age.
    pub age: Option<DurationMs>,
}

/// `tradefleet-20261127T000123456Z.db`: names sort by time.
pub(super) fn file_name(at: Timestamp, encrypted: bool) -> String {
    format!("{PREFIX}{}{}", stamp(at), if encrypted { ENCRYPTED } else { PLAIN })
}

/// `20261127T000123456Z`, UTC.
pub fn stamp(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.ms()).map_or_else(
        |_| at.ms().to_string(),
        |instant| format!("{}{:03}Z", instant.strftime("%Y%m%dT%H%M%S"), at.ms().rem_euclid(1_000)),
    )
}

/// Removes what is beyond what is kept; `newest`, which was just made and checked, stays whatever the rules say.
pub(super) fn rotate(
    dir: &Path,
    keep: Keep,
    newest: &Path,
    now: Timestamp,
) -> Result<Vec<PathBuf>, BackupError> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(dir).map_err(|error| BackupError::file(dir, &error))? {
        let entry = entry.map_err(|error| BackupError::file(dir, &error))?;
        if let Ok(name) = entry.file_name().into_string() {
            names.insert(name);
        }
    }
    let oldest = keep.age.map(|age| stamp(now.minus(age)));
    let mut removed = Vec::new();
    let backups = names.iter().rev().filter_map(|name| Some((name, time_of(name, &[ENCRYPTED, PLAIN])?)));
    for (index, (name, time)) in (0_u32..).zip(backups) {
        let path = dir.join(name);
        let is_old = oldest.as_deref().is_some_and(|oldest| time < oldest);
        if path != newest && (index >= keep.count.max(1) || is_old) {
            files::remove(&path)?;
            removed.push(path);
        }
    }
    let abandoned = stamp(now.minus(LEFTOVER_AGE));
    for name in &names {
        let whole = LEFTOVERS.iter().find_map(|suffix| name.strip_suffix(suffix));
        let time = whole.and_then(|name| time_of(name, &[ENCRYPTED, PLAIN]));
        if time.is_some_and(|time| time < abandoned.as_str()) {
            files::remove(&dir.join(name))?;
        }
    }
    removed.sort();
    Ok(removed)
}

/// The time in the name of a backup; `None` for every other name.
fn time_of<'a>(name: &'a str, endings: &[&str]) -> Option<&'a str> {
    let rest = name.strip_prefix(PREFIX)?;
    let time = endings.iter().find_map(|ending| rest.strip_suffix(ending))?;
    let is_time = time.len() == 19
        && time.char_indices().all(|(index, c)| match index {
            8 => c == 'T',
            18 => c == 'Z',
            _ => c.is_ascii_digit(),
        });
    is_time.then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_737_683_456);
    const DAY: DurationMs = DurationMs::from_secs(86_400);

    fn folder(ages_in_days: &[i64]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        for age in ages_in_days {
            fs::write(dir.path().join(file_name(NOW.minus(DAY.times(*age)), age % 2 == 0)), "x").unwrap();
        }
        let newest = dir.path().join(file_name(NOW, true));
        fs::write(&newest, "x").unwrap();
        (dir, newest)
    }

    fn left(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn names_tell_their_time() {
        assert_eq!(file_name(NOW, false), "tradefleet-20261127T000123456Z.db");
        assert_eq!(
            time_of("tradefleet-20261127T000123456Z.db.age", &[ENCRYPTED]),
            Some("20261127T000123456Z")
        );
        for other in ["tradefleet.db", "tradefleet-x.db", "tradefleet-20261127T000123456Z.db.partial"] {
            assert_eq!(time_of(other, &[ENCRYPTED, PLAIN]), None, "{other}");
        }
    }

    #[test]
    fn the_newest_are_kept_by_number_and_by_age() {
        let (dir, newest) = folder(&[1, 2, 3, 10]);
        let removed = rotate(dir.path(), Keep { count: 3, age: None }, &newest, NOW).unwrap();
        assert_eq!((removed.len(), left(dir.path())), (2, 3));

        let (dir, newest) = folder(&[1, 2, 3, 10]);
        rotate(dir.path(), Keep { count: 99, age: Some(DAY.times(5)) }, &newest, NOW).unwrap();
        assert_eq!(left(dir.path()), 4);
    }

    #[test]
    fn the_last_good_one_and_what_is_not_ours_stay() {
        let (dir, newest) = folder(&[]);
        // A clock that went back: a file from the future is not the reason to lose the present one.
        fs::write(dir.path().join(file_name(NOW.plus(DAY), false)), "x").unwrap();
        fs::write(dir.path().join("notes.txt"), "x").unwrap();
        rotate(dir.path(), Keep { count: 0, age: Some(DurationMs::from_ms(0)) }, &newest, NOW.plus(DAY))
            .unwrap();
        assert!(newest.exists() && dir.path().join("notes.txt").exists());
    }

    #[test]
    fn what_a_killed_backup_left_goes_after_a_day() {
        let (dir, newest) = folder(&[]);
        for (age, suffix) in [(0, ".partial"), (3, ".partial"), (3, ".plain")] {
            fs::write(dir.path().join(file_name(NOW.minus(DAY.times(age)), true) + suffix), "x").unwrap();
        }
        rotate(dir.path(), Keep { count: 9, age: None }, &newest, NOW).unwrap();
        assert_eq!(left(dir.path()), 2);
    }
}

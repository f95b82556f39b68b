//! A wall clock that is set while a process runs, by libfaketime where it is installed. Other clocks stay as they are.

use std::path::{Path, PathBuf};

use super::dice::Dice;

/// By how much the clock is wrong, in milliseconds: what a wrong time zone, a dead battery and a time server do.
const ERRORS_MS: [i64; 9] =
    [0, -3_600_000, 3_600_000, -10_000, 10_000, -1_500, 1_500, -86_400_000, 86_400_000];

/// A process's wall clock.
#[derive(Debug)]
pub(crate) struct WallClock {
    library: PathBuf,
    setting: PathBuf,
}

impl WallClock {
    /// `None`: libfaketime is not installed. `setting` is a file that tells by how much the clock is wrong.
    pub(crate) fn find(setting: PathBuf) -> Option<Self> {
        let places = std::fs::read_dir("/usr/lib").ok()?;
        let mut libraries =
            places.flatten().map(|place| place.path().join("faketime").join("libfaketimeMT.so.1"));
        let library = libraries.find(|library| library.exists())?;
        Some(Self { library, setting })
    }

    /// What a process needs in its environment to live by this clock.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.display().to_string();
        vec![
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.setting)),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    /// Sets it, to a wrong time as well as to the right one.
    pub(crate) fn set(&self, dice: &mut Dice) -> anyhow::Result<()> {
        let error = dice.weighted(&ERRORS_MS.map(|error| (error, 1))).unwrap_or(0);
        let sign = if error < 0 { '-' } else { '+' };
        let size = error.unsigned_abs();
        // Whole at once: the process reads it at any time.
        let new = self.setting.with_extension("new");
        std::fs::write(&new, format!("{sign}{}.{:03}\n", size / 1_000, size % 1_000))?;
        Ok(std::fs::rename(new, &self.setting)?)
    }
}

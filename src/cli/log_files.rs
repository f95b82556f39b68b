//! Log files of a bounded size and number, which only their owner may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::clock::wall_now;

const PREFIX: &str = "tradefleet.";
const SUFFIX: &str = ".log";

/// `tradefleet.2026-01-31.log`, and when that has grown too large `tradefleet.2026-01-31.1.log` and so on. Days are UTC.
pub(super) struct LogFiles {
    dir: PathBuf,
    keep: usize,
    max_bytes: u64,
    open: Option<Open>,
}

struct Open {
    day: String,
    file: File,
    bytes: u64,
}

impl LogFiles {
    /// Makes the folder if need be, and opens the file that comes next.
    pub(super) fn open(dir: &Path, keep: u16, max_bytes: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mut files = Self { dir: dir.to_owned(), keep: usize::from(keep), max_bytes, open: None };
        files.turn_over(&today())?;
        Ok(files)
    }

    fn turn_over(&mut self, day: &str) -> io::Result<()> {
        // Goes on with the last file of the day that has room.
        let mut number = 0_u32;
        let path = loop {
            let path = self.dir.join(name(day, number));
            if fs::metadata(&path).map_or(0, |file| file.len()) < self.max_bytes {
                break path;
            }
            number = number.saturating_add(1);
        };
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let bytes = file.metadata()?.len();
        self.open = Some(Open { day: day.to_owned(), file, bytes });
        self.remove_old()
    }

    fn remove_old(&self) -> io::Result<()> {
        let ours = ours(&self.dir)?;
        let excess = ours.len().saturating_sub(self.keep);
        ours.iter().take(excess).try_for_each(fs::remove_file)
    }
}

impl Write for LogFiles {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let day = today();
        if self.open.as_ref().is_none_or(|open| open.day != day || open.bytes >= self.max_bytes) {
            self.turn_over(&day)?;
        }
        let Some(open) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        open.file.write_all(bytes)?;
        open.bytes = open.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |open| open.file.flush())
    }
}

/// The log files of a folder, oldest first.
pub(super) fn ours(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut ours: Vec<(String, u32, PathBuf)> = fs::read_dir(dir)?
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let (day, number) = parts(entry.file_name().to_str()?)?;
            Some((day, number, entry.path()))
        })
        .collect();
    ours.sort();
    Ok(ours.into_iter().map(|(_, _, path)| path).collect())
}

fn today() -> String {
    let now = Timestamp::from_millisecond(wall_now().ms()).unwrap_or(Timestamp::UNIX_EPOCH);
    now.strftime("%Y-%m-%d").to_string()
}

fn name(day: &str, number: u32) -> String {
    if number == 0 { format!("{PREFIX}{day}{SUFFIX}") } else { format!("{PREFIX}{day}.{number}{SUFFIX}") }
}

/// Day and number of one of our files.
fn parts(name: &str) -> Option<(String, u32)> {
    let middle = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let (day, number) = middle.split_once('.').unwrap_or((middle, "0"));
    let is_day = day.len() == 10 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    Some((day.to_owned(), number.parse().ok()?)).filter(|_| is_day)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_is_full_is_followed_by_another_and_the_oldest_goes() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("logs");
        fs::create_dir(&dir).unwrap();
        for other in
            ["tradefleet.2020-01-02.log", "tradefleet.2020-01-02.10.log", "tradefleet.2020-01-02.9.log"]
        {
            fs::write(dir.join(other), "old").unwrap();
        }
        fs::write(dir.join("other.log"), "not ours").unwrap();
        let mut files = LogFiles::open(&dir, 3, 10).unwrap();
        for _ in 0..3 {
            files.write_all(b"0123456789").unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let day = today();
        let mut expected = vec!["other.log".to_owned(), name(&day, 0), name(&day, 1), name(&day, 2)];
        expected.sort();
        assert_eq!(names, expected);
        let mode = fs::metadata(dir.join(name(&day, 2))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

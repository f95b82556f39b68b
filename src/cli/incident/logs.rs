//! The log lines of the window.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::cli::log_files;
use crate::domain::time::Timestamp;

/// The newest so many bytes are taken.
const BYTES_MAX: usize = 20 << 20;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct LogLines {
    pub(super) lines: Vec<String>,
    /// Older lines of the window that were left out.
    pub(super) left_out: usize,
}

/// The lines from `since` on, oldest first.
pub(super) fn read(
    dir: &Path,
    since: Timestamp,
    clean: impl Fn(&str) -> String,
) -> std::io::Result<LogLines> {
    let mut found = LogLines::default();
    for path in log_files::ours(dir)? {
        read_file(&path, since, &clean, &mut found)?;
    }
    let mut bytes = 0;
    let keep = found.lines.iter().rev().take_while(|line| {
        bytes += line.len() + 1;
        bytes <= BYTES_MAX
    });
    found.left_out = found.lines.len() - keep.count();
    found.lines.drain(..found.left_out);
    Ok(found)
}

fn read_file(
    path: &PathBuf,
    since: Timestamp,
    clean: &impl Fn(&str) -> String,
    found: &mut LogLines,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut bytes, mut is_inside) = (Vec::new(), false);
    loop {
        bytes.clear();
        // A damaged file may hold anything: lines are taken as bytes.
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        // A line without a time belongs to the one before it.
        if let Some(at) = time_of(line) {
            is_inside = at >= since;
        }
        if is_inside {
            found.lines.push(clean(line));
        }
    }
}

/// The first RFC 3339 time of a line, in either format.
fn time_of(line: &str) -> Option<Timestamp> {
    let start = line.find(|c: char| c.is_ascii_digit())?;
    let rest = line.get(start..)?;
    let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
    let instant: jiff::Timestamp = rest.get(..end)?.parse().ok()?;
    Some(Timestamp::from_ms(instant.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_window_are_taken_in_either_format() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write(
            "tradefleet.2026-01-02.log",
            "2026-01-02T03:00:00.000000Z  INFO old\nmore of it\n2026-01-02T04:00:00.000001Z  INFO new\nits tail\n",
        );
        write("tradefleet.2026-01-02.1.log", "{\"timestamp\":\"2026-01-02T05:00:00Z\",\"x\":1}\n");
        write("other.log", "2026-01-02T06:00:00Z not ours\n");
        let since =
            Timestamp::from_ms("2026-01-02T04:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let found = read(dir.path(), since, str::to_uppercase).unwrap();
        assert_eq!(found.lines.len(), 3, "{found:?}");
        assert!(found.lines[0].ends_with("INFO NEW") && found.lines[1] == "ITS TAIL");
        assert!(found.lines[2].starts_with("{\"TIMESTAMP"));
    }
}

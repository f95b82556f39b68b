//! A candle file while it is being written: rows are appended page by page, and whatever interrupts it, the rows that
//! are whole are gone on from.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::candle_text::{header, row};
use super::finding::COLUMNS;
use crate::domain::candle::Candle;
use crate::domain::time::{Timeframe, Timestamp};

/// Why a part cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PartFileError {
    #[error("{}: another download is writing it", path.display())]
    InUse { path: PathBuf },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// The rows so far, plain; held alone until it is dropped.
#[derive(Debug)]
pub struct PartFile {
    path: PathBuf,
    file: File,
    /// Open time of the first candle that is not there yet.
    next: Timestamp,
    candles: u64,
}

impl PartFile {
    /// Opens the part, or begins it. Rows are kept as long as they are whole, in order and of the period; the rest is
    /// cut off.
    pub fn open(
        path: &Path,
        timeframe: Timeframe,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Self, PartFileError> {
        let fail = |source| PartFileError::File { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(fail)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => PartFileError::InUse { path: path.to_owned() },
            TryLockError::Error(source) => fail(source),
        })?;
        let mut part = Self { path: path.to_owned(), file, next: from, candles: 0 };
        part.keep_whole_rows(timeframe, until).map_err(fail)?;
        Ok(part)
    }

    fn keep_whole_rows(&mut self, timeframe: Timeframe, until: Timestamp) -> io::Result<()> {
        let header = header();
        let mut reader = BufReader::new(&self.file);
        let mut line = String::new();
        let mut kept = 0_u64;
        while next_line(&mut reader, &mut line)? {
            if kept > 0 {
                let time = row_time(&line).filter(|at| timeframe.bar_start(*at) == *at);
                let Some(at) = time.filter(|at| (self.next..until).contains(at)) else { break };
                self.next = at.plus(timeframe.duration());
                self.candles += 1;
            } else if line != header {
                break;
            }
            kept += line.len() as u64;
        }
        self.file.set_len(kept)?;
        self.file.seek(SeekFrom::End(0))?;
        if kept == 0 {
            self.file.write_all(header.as_bytes())?;
        }
        Ok(())
    }

    pub const fn candles(&self) -> u64 {
        self.candles
    }

    /// Open time of the first candle that is not there yet.
    pub const fn next(&self) -> Timestamp {
        self.next
    }

    /// Appends candles that follow one another; what is there already is left out.
    pub fn append(&mut self, candles: &[Candle], timeframe: Timeframe) -> Result<(), PartFileError> {
        let mut rows = String::new();
        for candle in candles {
            if candle.open_time < self.next {
                continue;
            }
            self.next = candle.close_time(timeframe);
            self.candles += 1;
            rows.push_str(&row(candle));
        }
        self.file.write_all(rows.as_bytes()).map_err(|source| self.failed(source))
    }

    /// Compresses the rows to where they belong and removes the part.
    pub fn finish(mut self, to: &Path) -> Result<(), PartFileError> {
        let unfinished = to.with_extension("unfinished");
        let fail = |source| PartFileError::File { path: to.to_owned(), source };
        self.file.seek(SeekFrom::Start(0)).map_err(|source| self.failed(source))?;
        compress(&mut self.file, &unfinished).map_err(fail)?;
        fs::rename(&unfinished, to).map_err(fail)?;
        fs::remove_file(&self.path).map_err(|source| self.failed(source))
    }

    /// Removes a part that nothing came into.
    pub fn discard(self) -> Result<(), PartFileError> {
        fs::remove_file(&self.path).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> PartFileError {
        PartFileError::File { path: self.path.clone(), source }
    }
}

/// The next line with its line feed; false at the end, or where the line feed or the text is missing.
fn next_line(reader: &mut impl BufRead, line: &mut String) -> io::Result<bool> {
    line.clear();
    match reader.read_line(line) {
        Ok(_) => Ok(line.ends_with('\n')),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        Err(error) => Err(error),
    }
}

fn compress(rows: &mut impl Read, to: &Path) -> io::Result<()> {
    let mut encoder = GzEncoder::new(BufWriter::new(File::create(to)?), Compression::default());
    io::copy(rows, &mut encoder)?;
    // A name that stands must never name half a file, not even after the power has failed.
    encoder.finish()?.into_inner()?.sync_all()
}

/// The open time of a row that has all its columns.
fn row_time(line: &str) -> Option<Timestamp> {
    let (time, rest) = line.split_once(',')?;
    let is_whole = rest.split(',').count() + 1 == COLUMNS.len();
    is_whole.then(|| time.parse().ok().map(Timestamp::from_ms))?
}

#[cfg(test)]
mod tests;

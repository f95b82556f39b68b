//! The candle store: one file of columns a series, under `candles/EXCHANGE/SYMBOL/` of the home.
//!
//! Readers need no lock: a name always stands for a whole file. Writers go one after another.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::column_file::{self, ColumnFileError, EXTENSION, Header, Prepared};
use super::columns::{Columns, ColumnsError};
use super::merge::{CONFLICTS_KEPT, MergeReport, OnConflict, merge};
use super::series::{ExchangeName, SeriesKey, SeriesName};
use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::time::Timestamp;

/// The store's folder in a home.
const FOLDER: &str = "candles";
const LOCK: &str = ".lock";

/// Why the store does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CandleStoreError {
    #[error(transparent)]
    File(#[from] ColumnFileError),
    #[error("{}: {source}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("{series}: {source}")]
    Columns { series: SeriesKey, source: ColumnsError },
    #[error("no candles of {name} are stored{}", others(near))]
    NotFound { name: SeriesName, near: Vec<SeriesKey> },
    #[error("{name} is stored of several exchanges: {}", listed(found))]
    Ambiguous { name: SeriesName, found: Vec<SeriesKey> },
    #[error(
        "{series}: {conflicts} of the new candles differ from those that are stored or stand in a file before; the first: {first}"
    )]
    Conflict { series: SeriesKey, conflicts: usize, first: String },
}

fn listed(keys: &[SeriesKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn others(near: &[SeriesKey]) -> String {
    if near.is_empty() { String::new() } else { format!("; of this symbol there is {}", listed(near)) }
}

/// The store of one home.
#[derive(Debug, Clone)]
pub struct CandleStore {
    folder: PathBuf,
}

/// A series that the store has, and what its file says of it.
#[derive(Debug)]
pub struct Stored {
    pub key: SeriesKey,
    pub path: PathBuf,
    pub header: Result<Header, ColumnFileError>,
}

impl CandleStore {
    /// The store of the home at `home`; nothing is created before something is written.
    pub fn in_home(home: &Path) -> Self {
        Self { folder: home.join(FOLDER) }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the series is, or would be.
    pub fn path(&self, key: &SeriesKey) -> PathBuf {
        let folder = self.folder.join(key.exchange.as_str()).join(key.symbol.as_str());
        folder.join(format!("{}.{EXTENSION}", key.timeframe))
    }

    /// The names of all series, sorted.
    pub fn keys(&self) -> Result<Vec<SeriesKey>, CandleStoreError> {
        let mut keys = Vec::new();
        for (exchange, folder) in entries(&self.folder)? {
            let Ok(exchange) = ExchangeName::try_new(&exchange) else { continue };
            for (symbol, folder) in entries(&folder)? {
                let Ok(symbol) = Symbol::try_new(&symbol) else { continue };
                for (file, _) in entries(&folder)? {
                    let stem = file.strip_suffix(EXTENSION).and_then(|stem| stem.strip_suffix('.'));
                    let Some(timeframe) = stem.and_then(|stem| stem.parse().ok()) else { continue };
                    keys.push(SeriesKey { exchange: exchange.clone(), symbol: symbol.clone(), timeframe });
                }
            }
        }
        keys.sort();
        Ok(keys)
    }

    /// All series with what their headers say.
    pub fn list(&self) -> Result<Vec<Stored>, CandleStoreError> {
        let stored = self.keys()?.into_iter().map(|key| {
            let path = self.path(&key);
            Stored { header: column_file::read_header(&path), path, key }
        });
        Ok(stored.collect())
    }

    /// The one series of that name.
    pub fn find(&self, name: &SeriesName) -> Result<SeriesKey, CandleStoreError> {
        let keys = self.keys()?;
        let found: Vec<_> = keys.iter().filter(|key| name.names(key)).cloned().collect();
        match found.as_slice() {
            [key] => Ok(key.clone()),
            [] => {
                let near = keys.into_iter().filter(|key| key.symbol == name.symbol).collect();
                Err(CandleStoreError::NotFound { name: name.clone(), near })
            }
            [_, _, ..] => Err(CandleStoreError::Ambiguous { name: name.clone(), found }),
        }
    }

    /// One series, checked; `None` when it is not stored.
    pub fn load(&self, key: &SeriesKey) -> Result<Option<Columns>, CandleStoreError> {
        match column_file::read(&self.path(key), &key.to_string()) {
            Ok(columns) => Ok(Some(columns)),
            Err(ColumnFileError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The bars of a series that open at `from` or later.
    pub fn load_since(&self, key: &SeriesKey, from: Timestamp) -> Result<Option<Columns>, CandleStoreError> {
        let columns = self.load(key)?;
        Ok(columns.map(|columns| columns.slice(columns.opened_before(from), columns.len())))
    }

    /// Adds to one series.
    pub fn add(
        &self,
        key: &SeriesKey,
        candles: &[Candle],
        on_conflict: OnConflict,
    ) -> Result<Addition, CandleStoreError> {
        let writer = self.writer()?;
        let mut plan = writer.plan();
        let addition = plan.add(key, candles, on_conflict)?;
        plan.commit()?;
        Ok(addition)
    }

    /// The right to write, when whoever has it now is done.
    pub fn writer(&self) -> Result<StoreWriter<'_>, CandleStoreError> {
        let fail = |source| CandleStoreError::Folder { path: self.folder.clone(), source };
        create_folder(&self.folder).map_err(fail)?;
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false).open(self.folder.join(LOCK));
        let lock = lock.map_err(fail)?;
        lock.lock().map_err(fail)?;
        Ok(StoreWriter { store: self, _lock: lock })
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Names and paths of what a folder holds; nothing where there is no folder.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, CandleStoreError> {
    let fail = |source| CandleStoreError::Folder { path: folder.to_owned(), source };
    let read = match fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(fail(error)),
    };
    let named = read.map(|entry| {
        let entry = entry.map_err(fail)?;
        Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
    });
    named.collect()
}

/// One writer at a time.
#[derive(Debug)]
pub struct StoreWriter<'a> {
    store: &'a CandleStore,
    _lock: File,
}

/// What came, or would come, of new candles.
#[derive(Debug, Clone)]
pub struct Addition {
    pub key: SeriesKey,
    pub report: MergeReport,
    /// Candles of the series with them.
    pub rows: usize,
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Addition {
    /// Counts a later addition to the same series with this one.
    pub fn then(&mut self, later: Self) {
        let Self { key: _, report, rows, first, last } = later;
        (self.rows, self.first, self.last) = (rows, first, last);
        self.report.added += report.added;
        self.report.equal += report.equal;
        self.report.conflicts += report.conflicts;
        let room = CONFLICTS_KEPT.saturating_sub(self.report.first_conflicts.len());
        self.report.first_conflicts.extend(report.first_conflicts.into_iter().take(room));
    }
}

/// Additions that become durable together, or not at all.
#[derive(Debug)]
pub struct Plan<'a> {
    writer: &'a StoreWriter<'a>,
    /// The series as they will be.
    series: Vec<(SeriesKey, Columns)>,
}

impl StoreWriter<'_> {
    pub fn plan(&self) -> Plan<'_> {
        Plan { writer: self, series: Vec::new() }
    }
}

impl Plan<'_> {
    /// Adds candles in order of time, at least one, on the grid of their timeframe. Nothing is written yet.
    pub fn add(
        &mut self,
        key: &SeriesKey,
        candles: &[Candle],
        on_conflict: OnConflict,
    ) -> Result<Addition, CandleStoreError> {
        let fail = |source| CandleStoreError::Columns { series: key.clone(), source };
        let new = Columns::of(key.timeframe, candles).map_err(fail)?;
        let off_grid =
            candles.iter().find(|candle| key.timeframe.bar_start(candle.open_time) != candle.open_time);
        if let Some(candle) = off_grid {
            return Err(fail(ColumnsError::OffGrid { at: candle.open_time }));
        }
        let place = self.series.iter().position(|(known, _)| known == key);
        let known = match place {
            Some(place) => Some(self.series.swap_remove(place).1),
            None => self.writer.store.load(key)?,
        };
        let (columns, report) = match &known {
            Some(known) => merge(known, &new, on_conflict).map_err(fail)?,
            None => (new, MergeReport { added: candles.len(), ..MergeReport::default() }),
        };
        if on_conflict == OnConflict::Refuse
            && let Some(first) = report.first_conflicts.first()
        {
            let first = first.to_string();
            return Err(CandleStoreError::Conflict {
                series: key.clone(),
                conflicts: report.conflicts,
                first,
            });
        }
        let time =
            |index: usize| columns.open_times.get(index).copied().map(Timestamp::from_ms).unwrap_or_default();
        let addition = Addition {
            key: key.clone(),
            report,
            rows: columns.len(),
            first: time(0),
            last: time(columns.len().saturating_sub(1)),
        };
        self.series.push((key.clone(), columns));
        Ok(addition)
    }

    /// Writes all series beside their places, and only then gives them their names.
    pub fn commit(self) -> Result<(), CandleStoreError> {
        let mut prepared = Vec::new();
        for (key, columns) in &self.series {
            match self.prepare(key, columns) {
                Ok(one) => prepared.push(one),
                Err(error) => {
                    prepared.into_iter().for_each(Prepared::discard);
                    return Err(error);
                }
            }
        }
        prepared.into_iter().try_for_each(|one| Ok(one.commit()?))
    }

    fn prepare(&self, key: &SeriesKey, columns: &Columns) -> Result<Prepared, CandleStoreError> {
        let path = self.writer.store.path(key);
        let folder = path.parent().unwrap_or(&self.writer.store.folder);
        create_folder(folder)
            .map_err(|source| CandleStoreError::Folder { path: folder.to_owned(), source })?;
        Ok(Prepared::write(&path, &key.to_string(), columns)?)
    }
}

#[cfg(test)]
mod tests;

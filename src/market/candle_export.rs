//! Writes a series to a file that other programs read: CSV, plain or gzip, a zip as Binance's public archive has them, or
//! a feather file as freqtrade has it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampMillisecondArray};
use arrow_ipc::writer::FileWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_decimal::Decimal;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::candle_text::{ARCHIVE_HEADER, archive_row, header, row};
use super::columns::Columns;
use crate::domain::candle::Candle;

/// What a file is written as, told by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    Csv,
    CsvGz,
    ArchiveZip,
    Feather,
}

/// Why a series is not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} ends in none of .csv, .csv.gz, .zip and .feather", path.display())]
    Ending { path: PathBuf },
}

impl ExportFormat {
    pub fn of(path: &Path) -> Result<Self, ExportError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let formats = [
            (".csv", Self::Csv),
            (".csv.gz", Self::CsvGz),
            (".zip", Self::ArchiveZip),
            (".feather", Self::Feather),
        ];
        let found = formats.into_iter().find(|(ending, _)| name.ends_with(ending));
        found.map(|(_, format)| format).ok_or_else(|| ExportError::Ending { path: path.to_owned() })
    }
}

/// Writes all rows; what is at `path` is replaced when they are.
pub fn export(columns: &Columns, path: &Path, format: ExportFormat) -> Result<(), ExportError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!("{name}.unfinished"));
    let written = write(columns, &unfinished, format, &name).and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|source| {
        drop(fs::remove_file(&unfinished));
        ExportError::File { path: path.to_owned(), source }
    })
}

/// `name` is that of the finished file.
fn write(columns: &Columns, path: &Path, format: ExportFormat, name: &str) -> io::Result<()> {
    let file = BufWriter::with_capacity(1 << 16, File::create(path)?);
    let file = match format {
        ExportFormat::Csv => text(columns, file, &header(), row)?,
        ExportFormat::CsvGz => {
            let packed = GzEncoder::new(file, Compression::default());
            text(columns, packed, &header(), row)?.finish()?
        }
        ExportFormat::ArchiveZip => zipped(columns, file, name)?,
        ExportFormat::Feather => feather(columns, file)?,
    };
    file.into_inner()?.sync_all()
}

fn text<W: Write>(
    columns: &Columns,
    mut to: W,
    header: &str,
    row: impl Fn(&Candle) -> String,
) -> io::Result<W> {
    to.write_all(header.as_bytes())?;
    for candle in columns.candles(0, columns.len()) {
        to.write_all(row(&candle).as_bytes())?;
    }
    Ok(to)
}

/// One CSV file, named as the archive is.
fn zipped<W: Write + Seek>(columns: &Columns, to: W, name: &str) -> io::Result<W> {
    let mut archive = ZipWriter::new(to);
    let stem = name.strip_suffix(".zip").unwrap_or(name);
    archive.start_file(format!("{stem}.csv"), SimpleFileOptions::default())?;
    let row = |candle: &Candle| archive_row(candle, columns.timeframe);
    Ok(text(columns, archive, ARCHIVE_HEADER, row)?.finish()?)
}

/// One batch with the columns `date` (ms, UTC), `open`, `high`, `low`, `close` and `volume` (64-bit floats).
fn feather<W: Write>(columns: &Columns, to: W) -> io::Result<W> {
    let prices = |column: &[i64]| -> ArrayRef {
        let decimals = column.iter().map(|number| float(Decimal::new(*number, columns.price_scale)));
        Arc::new(decimals.collect::<Float64Array>())
    };
    let volumes = (0..columns.len()).filter_map(|index| columns.candle(index)).map(|c| float(c.volume));
    let dates = TimestampMillisecondArray::from(columns.open_times.clone()).with_timezone("UTC");
    let batch = RecordBatch::try_from_iter([
        ("date", Arc::new(dates) as ArrayRef),
        ("open", prices(&columns.opens)),
        ("high", prices(&columns.highs)),
        ("low", prices(&columns.lows)),
        ("close", prices(&columns.closes)),
        ("volume", Arc::new(volumes.collect::<Float64Array>())),
    ]);
    let batch = batch.map_err(io::Error::other)?;
    let mut writer = FileWriter::try_new(to, batch.schema_ref()).map_err(io::Error::other)?;
    writer.write(&batch).map_err(io::Error::other)?;
    writer.into_inner().map_err(io::Error::other)
}

/// The `f64` that the decimal's text reads as, so that the shortest text of the `f64` is the decimal again.
fn float(value: Decimal) -> Option<f64> {
    value.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;
    use crate::domain::candle::Candle;
    use crate::domain::money::Price;
    use crate::domain::time::{Timeframe, Timestamp};
    use crate::market::candle_file::read_candles;

    #[test]
    fn what_is_exported_is_read_back_equal() {
        // A time of today: whether an archive counts in seconds, milliseconds or microseconds is told by its size.
        let hour = |bar: i64| Timestamp::from_ms(1_704_067_200_000 + bar * 3_600_000);
        let candle = |bar: i64, price: Decimal, volume: Decimal| {
            let price = Price::try_new(price).unwrap();
            Candle::try_new(hour(bar), [price; 4], volume).unwrap()
        };
        let candles = [
            candle(1, dec!(46_216.93), dec!(1_535.797_47)),
            candle(2, dec!(46_217.1), dec!(0)),
            candle(5, dec!(31_001.000_012_3), dec!(123_456_789.000_1)),
        ];
        let columns = Columns::of(Timeframe::H1, &candles).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "a.csv.gz", "a.zip", "a.feather"] {
            let path = folder.path().join(name);
            export(&columns, &path, ExportFormat::of(&path).unwrap()).unwrap();
            assert_eq!(read_candles(&path, Timeframe::H1).unwrap().candles, candles, "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
        assert!(ExportFormat::of(Path::new("a.parquet")).unwrap_err().to_string().contains(".feather"));
    }
}

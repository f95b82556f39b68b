//! Files of candles: CSV, feather, and the program's own.

use std::cell::OnceCell;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_ipc::CompressionType;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use flate2::Crc;
use tempfile::TempDir;
use tradefleet::domain::candle::Candle;
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::market::candle_export::{ExportFormat, export};
use tradefleet::market::candle_file::{CandleFile, read_candles, timeframe_of};
use tradefleet::market::column_file::{self, Prepared};
use tradefleet::market::columns::Columns;

use super::exact::Written;

const NAME: &str = "binance/BTCUSDT:1m";
const HEADER: &str = "open_time_ms,open,high,low,close,volume";
/// Decimals that a volume keeps.
const VOLUME_DECIMALS: i64 = 10;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A file of these bytes; the next one takes its place.
fn written(bytes: &[u8]) -> PathBuf {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().unwrap());
        let path = folder.path().join("candles");
        fs::write(&path, bytes).unwrap();
        path
    })
}

fn candles() -> Vec<Candle> {
    let row = |n: i64| {
        let price = |text: String| text.parse().unwrap();
        let prices =
            [price(format!("100.{n}")), price("101.5".into()), price("99.25".into()), price("100.75".into())];
        let at = Timestamp::from_ms(1_767_225_600_000 + n * 60_000);
        Candle::try_new(at, prices, format!("12.{n}").parse().unwrap()).unwrap()
    };
    (0..20).filter(|n| *n != 7).map(row).collect()
}

fn exported(format: ExportFormat) -> Vec<u8> {
    let path = written(b"");
    export(&Columns::of(Timeframe::M1, &candles()).unwrap(), &path, format).unwrap();
    fs::read(path).unwrap()
}

pub(crate) fn csv_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "1767225600000,100,101.5,99.25,100.75,12.5,1767225659999,1258.1,42,6.1,610.2,0\n\
         1767225660000,100.75,101.5,99.25,100.5,9e-05,1767225719999,1258.1,42,6.1,610.2,0\n",
        "date,open,high,low,close,volume\r\n2026-01-01 00:00:00+00:00,\"100\",101.5,99.25,100.75,12.5\r\n\
         2026-01-01T00:01:00Z,100,101.5,99.25,100.75,0\r\n",
    ];
    let texts = texts.into_iter().map(|text| text.as_bytes().to_vec());
    [exported(ExportFormat::Csv), exported(ExportFormat::CsvGz)].into_iter().chain(texts).collect()
}

pub(crate) fn csv(bytes: &[u8]) -> bool {
    let Some(file) = sound(&written(bytes)) else { return false };
    if let Some(rows) = std::str::from_utf8(bytes).ok().and_then(|text| text.strip_prefix(HEADER)) {
        let is_told = |candle: &Candle| rows.split('\n').any(|row| is_row_of(row, candle));
        let invented = file.candles.iter().find(|candle| !is_told(candle));
        assert!(invented.is_none(), "{invented:?} of {rows:?}");
    }
    !file.candles.is_empty()
}

/// Whether a row, split at its commas, is what the candle says.
fn is_row_of(row: &str, candle: &Candle) -> bool {
    let fields: Vec<&str> = row.split(',').map(unquoted).collect();
    let [time, prices @ .., volume] = fields.as_slice() else { return false };
    let told = [candle.open, candle.high, candle.low, candle.close].map(|price| price.to_string());
    let number = |text: &str| Written::whole(text);
    time.parse() == Ok(candle.open_time.ms())
        && prices.len() == told.len()
        && prices.iter().zip(&told).all(|(field, told)| number(field) == number(told))
        && is_volume(volume, &candle.volume.to_string())
}

fn unquoted(field: &str) -> &str {
    let field = field.strip_suffix('\r').unwrap_or(field);
    field.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(field)
}

/// Equal, or one of more decimals than are kept.
fn is_volume(field: &str, told: &str) -> bool {
    let (field, told) = (Written::whole(field), Written::whole(told));
    field == told || field.is_some_and(|(_, field)| field.power < -VOLUME_DECIMALS)
}

/// The series of a file, if it is one: whatever the file holds, it is in order and each candle is one.
fn sound(path: &Path) -> Option<CandleFile> {
    drop(timeframe_of(path));
    let file = read_candles(path, Timeframe::M1).ok()?;
    assert!(file.candles.windows(2).all(|pair| pair[0].open_time < pair[1].open_time));
    for candle in &file.candles {
        assert_eq!(Timeframe::M1.bar_start(candle.open_time), candle.open_time);
        assert!(candle.low <= candle.open.min(candle.close) && candle.high >= candle.open.max(candle.close));
        assert!(!candle.volume.is_sign_negative() || candle.volume.is_zero());
    }
    Some(file)
}

pub(crate) fn feather_seeds() -> Vec<Vec<u8>> {
    let plain = exported(ExportFormat::Feather);
    // As freqtrade writes it.
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap();
    let reader = FileReader::try_new(Cursor::new(&plain), None).unwrap();
    let mut packed = FileWriter::try_new_with_options(Vec::new(), &reader.schema(), options).unwrap();
    for batch in reader {
        packed.write(&batch.unwrap()).unwrap();
    }
    let packed = packed.into_inner().unwrap();
    vec![plain, packed]
}

/// The second decoder of a price is the standard library's, from the candle's text back to the float.
pub(crate) fn feather(bytes: &[u8]) -> bool {
    let Some(file) = sound(&written(bytes)) else { return false };
    if file.candles.is_empty() || !bytes.starts_with(b"ARROW1") {
        return !file.candles.is_empty();
    }
    let mut floats = Vec::new();
    for batch in FileReader::try_new(Cursor::new(bytes), None).unwrap() {
        let batch = batch.unwrap();
        for name in ["open", "high", "low", "close"] {
            let column = batch.column_by_name(name).unwrap().as_primitive::<Float64Type>();
            floats.extend(column.values().iter().map(|value| value.to_bits()));
        }
    }
    for price in file.candles.iter().flat_map(|c| [c.open, c.high, c.low, c.close]) {
        let float: f64 = price.to_string().parse().unwrap();
        assert!(floats.contains(&float.to_bits()), "{price} is not in the file");
    }
    true
}

pub(crate) fn stored_seeds() -> Vec<Vec<u8>> {
    let path = written(b"");
    let columns = Columns::of(Timeframe::M1, &candles()).unwrap();
    Prepared::write(&path, NAME, &columns).unwrap().commit().unwrap();
    vec![fs::read(path).unwrap()]
}

/// With sums that are right, which nothing that damages a file by chance would have.
pub(crate) fn stored(bytes: &[u8]) -> bool {
    let mut bytes = bytes.to_vec();
    let read = |bytes: &[u8]| column_file::read(&written(bytes), NAME);
    let as_it_is = read(&bytes).is_ok();
    set_sums(&mut bytes);
    let Ok(columns) = read(&bytes) else { return as_it_is };
    assert!(columns.open_times.windows(2).all(|pair| pair[0] < pair[1]));
    for index in 0..columns.len() {
        let _ = (columns.candle(index), columns.close(index), columns.close_time(index));
    }
    true
}

/// Header: 60 bytes of which the last four are the body's sum, the header's own sum, the name.
fn set_sums(bytes: &mut [u8]) {
    const SUMMED: usize = 60;
    let Some((head, rest)) = bytes.split_at_mut_checked(SUMMED) else { return };
    let name_len = usize::from(u16::from_le_bytes([head[14], head[15]]));
    let Some((sum, rest)) = rest.split_at_mut_checked(4) else { return };
    let Some((name, body)) = rest.split_at_mut_checked(name_len) else { return };
    head[SUMMED - 4..].copy_from_slice(&sum_of(&[body]));
    sum.copy_from_slice(&sum_of(&[head, name]));
}

fn sum_of(parts: &[&[u8]]) -> [u8; 4] {
    let mut sum = Crc::new();
    for part in parts {
        sum.update(part);
    }
    sum.sum().to_le_bytes()
}

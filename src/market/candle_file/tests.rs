//! Files that are good, bad in one line, or no candle files at all.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::market::candle_export::{ExportFormat, export};
use crate::market::columns::Columns;
use crate::market::tape_name::TapeName;

const HEADER: &str = "open_time_ms,open,high,low,close,volume";

fn written(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("BTCUSDT-1m.csv");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn read(text: &str) -> Result<CandleFile, CandleFileError> {
    let (_folder, path) = written(text.as_bytes());
    read_candles(&path, Timeframe::M1)
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Good rows for the minutes `from..to`.
fn rows(from: i64, to: i64) -> String {
    let row = |minute: i64| [(minute * 60_000).to_string(), ",100,101.50,99,100.5,3.25\n".to_owned()];
    (from..to).flat_map(row).collect()
}

#[test]
fn every_bad_row_is_found_with_its_line_and_kept_out() {
    for (row, expected) in [
        ("120000,1,2,1", "has 4 columns, expected 6 (open_time_ms,open,high,low,close,volume)"),
        ("120000,100,101,99,100,1,7", "has 7 columns, expected 6 (open_time_ms,open,high,low,close,volume)"),
        ("12x,100,101,99,100,1", "open_time_ms `12x` is not a plain decimal number"),
        ("120000.0,100,101,99,100,1", "open_time_ms `120000.0` is not a plain decimal number"),
        (
            "1735689600000000,100,101,99,100,1",
            "open_time_ms 1735689600000000 is not between 0 and 4102444800000 (milliseconds since 1970)",
        ),
        (
            "-60000,100,101,99,100,1",
            "open_time_ms -60000 is not between 0 and 4102444800000 (milliseconds since 1970)",
        ),
        ("120000,abc,101,99,100,1", "open `abc` is not a plain decimal number"),
        ("120000,,101,99,100,1", "open `` is not a plain decimal number"),
        ("120000,100, 101,99,100,1", "high ` 101` is not a plain decimal number"),
        ("120000,100,1.0.1,99,100,1", "high `1.0.1` is not a plain decimal number"),
        ("120000,100,NaN,99,100,1", "high `NaN` is not a finite number"),
        ("120000,100,101,-inf,100,1", "low `-inf` is not a finite number"),
        ("120000,100,101,99,1e2,1", "close `1e2` is written with an exponent, expected plain decimals"),
        ("120000,100,101,99,100,-9e-05", "volume -9e-05 is negative"),
        ("120000,0,101,99,100,1", "open 0 must be above 0"),
        ("120000,100,101,-99,100,1", "low -99 must be above 0"),
        (
            "120000,100,1000000000001,99,100,1",
            "high 1000000000001 is above 10^12 or has more than 12 decimals",
        ),
        (
            "120000,100,101,99,100.0000000000001,1",
            "close 100.0000000000001 is above 10^12 or has more than 12 decimals",
        ),
        ("120000,100,101,99,100,-1", "volume -1 is negative"),
        ("120000,100,101,99,100,2000000000000000", "volume 2000000000000000 is above 10^15"),
        ("120000,100,99.5,99,99,1", "high 99.5 is below the open 100"),
        ("120000,100,101,100.5,101,1", "low 100.5 is above the open 100"),
        ("130000,100,101,99,100,1", "open time 1970-01-01T00:02:10Z is not the start of a 1m bar"),
        ("60000,100,101,99,100,1", "open time 1970-01-01T00:01:00Z is there twice"),
        ("0,100,101,99,100,1", "open time 1970-01-01T00:00:00Z goes back behind 1970-01-01T00:01:00Z"),
        ("120000,2011,2020,99,100,1", "open 2011 is beyond a factor of 20 from the close 100.5 before it"),
        ("120000,100,101,5,5,1", "close 5 is beyond a factor of 20 from the close 100.5 before it"),
    ] {
        let text = format!("{HEADER}\n{}{row}\n{}", rows(1, 2), rows(3, 5));
        let file = read(&text).unwrap();
        let errors: Vec<_> =
            file.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert_eq!(errors.len(), 1, "{row}");
        assert_eq!((errors[0].line, errors[0].problem.to_string().as_str()), (3, expected), "{row}");
        assert_eq!((file.candles.len(), file.bad_rows), (3, 1), "{row}");
        let gap = Problem::Gap { after: Timestamp::from_ms(60_000), missing: 1 };
        assert_eq!(file.findings.last(), Some(&Finding::new(4, gap)), "{row}");
    }
}

#[test]
fn a_gap_is_a_warning_with_its_size() {
    let file = read(&format!("{HEADER}\n{}{}", rows(0, 2), rows(10, 12))).unwrap();
    assert_eq!((file.candles.len(), file.bad_rows, file.gaps, file.missing_bars), (4, 0, 1, 8));
    assert_eq!((file.findings[0].line, file.findings[0].severity), (4, Severity::Warning));
    assert_eq!(file.findings[0].problem.to_string(), "8 bars missing after 1970-01-01T00:01:00Z");
}

#[test]
fn line_ends_byte_order_marks_quotes_and_blank_lines_change_nothing() {
    let plain = format!("{HEADER}\n{}x\n", rows(0, 3));
    let expected = read(&plain).unwrap();
    assert_eq!(expected.findings[0].line, 5);
    for variant in [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("\u{feff}{}", plain.replace('\n', "\r\n")),
        plain.trim_end().to_owned(),
        plain.replace("100.5", "\"100.5\"").replace("open_time_ms", "\"open_time_ms\""),
    ] {
        let file = read(&variant).unwrap();
        assert_eq!((file.candles, file.findings), (expected.candles.clone(), expected.findings.clone()));
    }
    let blank = format!("{HEADER}\r\n\r\n{}\n\nx", rows(0, 3));
    assert_eq!(read(&blank).unwrap().findings[0].line, 8);
}

#[test]
fn gzip_round_trips_and_a_truncated_file_is_refused() {
    let text = format!("{HEADER}\n{}", rows(0, 2_000));
    let plain = read(&text).unwrap();
    let packed = gzipped(&text);
    let (_folder, path) = written(&packed);
    assert_eq!(read_candles(&path, Timeframe::M1).unwrap().candles, plain.candles);
    let two_members = [gzipped(&text), gzipped(&rows(2_000, 2_001))].concat();
    let (_folder, path) = written(&two_members);
    assert_eq!(read_candles(&path, Timeframe::M1).unwrap().candles.len(), 2_001);
    let (_folder, path) = written(&packed[..packed.len() / 2]);
    let error = read_candles(&path, Timeframe::M1).unwrap_err();
    assert!(matches!(error, CandleFileError::Read { .. }), "{error}");
    assert!(error.to_string().contains("truncated"), "{error}");
}

/// Its reader, which is not ours, believes lengths in the file.
#[test]
fn a_feather_file_with_a_changed_byte_is_read_or_refused() {
    let (_folder, path) = written(format!("{HEADER}\n{}", rows(0, 3)).as_bytes());
    let candles = read_candles(&path, Timeframe::M1).unwrap().candles;
    let columns = Columns::of(Timeframe::M1, &candles).unwrap();
    export(&columns, &path, ExportFormat::Feather).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x40;
        std::fs::write(&path, changed).unwrap();
        if let Err(error) = read_candles(&path, Timeframe::M1) {
            refused += 1;
            let error = error.to_string();
            assert!(!error.contains("fill whole buffer"), "memory for what the file does not have: {error}");
        }
    }
    assert!(refused > 0);
}

#[test]
fn what_is_no_candle_file_is_named() {
    for (text, expected) in [
        ("", "is empty"),
        ("\r\n\n", "is empty"),
        (HEADER, "has a header but no rows"),
        ("time,open,high,low,close,volume\n", "has a header but no rows"),
        (
            "time,open,high,low,last,volume\n",
            "header is `time,open,high,low,last,volume`, expected `open_time_ms,open,high,low,close,volume`",
        ),
        ("open_time_ms,open,high,low,close\n", "header is `open_time_ms,open,high,low,close`, expected"),
        ("0,1,1,1,1\n", "header is `0,1,1,1,1`, expected"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let directory = read_candles(folder.path(), Timeframe::M1);
    assert!(matches!(directory, Err(CandleFileError::Directory { .. })));
    let absent = read_candles(&folder.path().join("absent.csv"), Timeframe::M1);
    assert!(matches!(absent, Err(CandleFileError::Open { .. })));
}

#[test]
fn findings_are_capped_by_severity_and_all_are_counted() {
    let wrong = "x\n".repeat(FINDINGS_MAX + 500);
    let file = read(&format!("{HEADER}\n{}{wrong}{}", rows(0, 1), rows(5, 6))).unwrap();
    assert_eq!((file.bad_rows, file.findings.len()), (FINDINGS_MAX as u64 + 500, FINDINGS_MAX + 1));
    assert_eq!(file.findings.last().map(|finding| finding.severity), Some(Severity::Warning));
}

/// File, gaps and missing bars, for the files that are not whole.
const NOT_WHOLE: [(&str, u64, u64); 13] = [
    ("BINANCE-BTCUSDT-1h-20220101_20231231.csv.gz", 1, 1),
    ("BINANCE-BTCUSDT-1m-20210326_20210430.csv.gz", 2, 434),
    ("BINANCE-BTCUSDT-4h-20170817_20231231.csv.gz", 8, 16),
    ("BINANCE-BTCUSDT-5m-20210319_20210422.csv.gz", 1, 30),
    ("BINANCE-ETHUSDT-1h-20220101_20231231.csv.gz", 1, 1),
    ("BINANCE-ETHUSDT-1m-20210809_20210913.csv.gz", 1, 270),
    ("BINANCE-ETHUSDT-4h-20170817_20231231.csv.gz", 8, 16),
    ("BINANCE-ETHUSDT-5m-20210130_20210305.csv.gz", 1, 15),
    ("BINANCE-SOLUSDT-1h-20220101_20260430.csv.gz", 1, 1),
    ("BINANCE-XRPUSDT-1h-20220101_20260430.csv.gz", 1, 1),
    ("UPBIT-KRW-BTC-1h-20220101_20250929.csv.gz", 18, 52),
    ("UPBIT-KRW-BTC-1m-20250901_20251004.csv.gz", 2, 2),
    ("UPBIT-KRW-XRP-1h-20220101_20250929.csv.gz", 18, 55),
];

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn the_shared_files_have_no_bad_rows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ohlcv");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not here", folder.display());
        return;
    };
    let mut seen = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some((_, timeframe)) = TapeName::parse(&name) else { continue };
        let file = read_candles(&path, timeframe).unwrap();
        let whole = (name.as_str(), 0, 0);
        let (_, gaps, missing) = *NOT_WHOLE.iter().find(|known| known.0 == name).unwrap_or(&whole);
        assert_eq!((file.gaps, file.missing_bars, file.bad_rows), (gaps, missing, 0), "{name}");
        seen += 1;
    }
    assert!(seen > 0, "{} holds no candle file", folder.display());
}

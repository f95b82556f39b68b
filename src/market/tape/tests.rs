//! Several files as one tape.

use tempfile::TempDir;

use super::*;

fn file(folder: &TempDir, name: &str, rows: &str) -> TapeFile {
    let path = folder.path().join(name);
    std::fs::write(&path, format!("open_time_ms,open,high,low,close,volume\n{rows}")).unwrap();
    TapeFile { path, symbol: None, timeframe: None }
}

fn rows(minutes: std::ops::Range<i64>, close: &str) -> String {
    let row = |minute: i64| [(minute * 60_000).to_string(), format!(",100,110,90,{close},1\n")];
    minutes.flat_map(row).collect()
}

fn open(files: Vec<TapeFile>) -> Result<Tape, TapeError> {
    Tape::open(files, TapeOptions::default())
}

#[test]
fn files_of_one_series_are_joined_in_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let late = file(&folder, "B-BTCUSDT-1m-20200102_20200103.csv", &rows(20..30, "101"));
    let early = file(&folder, "B-BTCUSDT-1m-20200101_20200102.csv", &rows(0..15, "101"));
    let overlapping = file(&folder, "BTCUSDT-1m.csv", &rows(10..22, "101"));
    let hour = file(&folder, "BTCUSDT-1h.csv", "0,100,110,90,100,1\n");
    let apart = open(vec![late.clone(), early.clone(), hour.clone()]).unwrap();
    let reports = apart.report();
    assert_eq!(reports.len(), 2);
    let minute = reports[0];
    assert_eq!((minute.candles, minute.gaps, minute.missing_bars, minute.files.len()), (25, 1, 5, 2));
    assert_eq!((minute.first.ms(), minute.last.ms()), (0, 29 * 60_000));
    let whole = open(vec![late, overlapping, early, hour.clone()]).unwrap();
    assert_eq!((whole.report()[0].candles, whole.report()[0].gaps), (30, 0));

    let single = open(vec![file(&folder, "BTCUSDT-1m.csv", &rows(0..30, "101.000")), hour]).unwrap();
    assert_eq!(single.fingerprint(), whole.fingerprint());
    assert_ne!(apart.fingerprint(), whole.fingerprint());
}

#[test]
fn files_that_disagree_are_both_named() {
    let folder = tempfile::tempdir().unwrap();
    let one = file(&folder, "A-BTCUSDT-1m-20200101_20200102.csv", &rows(0..15, "101"));
    let other = file(&folder, "B-BTCUSDT-1m-20200101_20200102.csv", &rows(14..20, "102"));
    let error = open(vec![one, other]).unwrap_err().to_string();
    for part in ["A-BTCUSDT", "B-BTCUSDT", "different candles of BTCUSDT 1m at 1970-01-01T00:14:00Z"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn bad_rows_refuse_the_tape_or_are_skipped_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let files = || {
        vec![
            file(&folder, "BTCUSDT-1m.csv", &format!("{}x\n{}", rows(0..3, "101"), rows(3..5, "101"))),
            file(&folder, "ETHUSDT-1m.csv", &format!("0,1,1,1,NaN,1\n{}", rows(1..3, "101"))),
        ]
    };
    let error = open(files()).unwrap_err().to_string();
    assert!(error.starts_with("2 bad rows\n"), "{error}");
    assert!(error.contains("BTCUSDT-1m.csv:5: error: has 1 columns"), "{error}");
    assert!(error.contains("ETHUSDT-1m.csv:2: error: close `NaN` is not a finite number"), "{error}");
    let tape = Tape::open(files(), TapeOptions { skip_bad_rows: true }).unwrap();
    let found: Vec<_> = tape.report().iter().map(|r| (r.candles, r.skipped_rows, r.findings.len())).collect();
    assert_eq!(found, [(5, 1, 1), (2, 1, 1)]);

    let hopeless = file(&folder, "XRPUSDT-1m.csv", "x\ny\n");
    let error = Tape::open(vec![hopeless], TapeOptions { skip_bad_rows: true }).unwrap_err();
    assert!(matches!(error, TapeError::NothingLeft { bad_rows: 2, .. }), "{error}");
}

#[test]
fn a_series_is_named_by_flags_or_by_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let nameless = file(&folder, "prices.csv", &rows(0..3, "101"));
    assert!(matches!(open(vec![nameless.clone()]), Err(TapeError::UnknownSeries { .. })));
    let symbol = Some(Symbol::try_new("ETHUSDT").unwrap());
    let tape = open(vec![TapeFile { symbol, timeframe: Some(Timeframe::M1), ..nameless }]).unwrap();
    assert_eq!(format!("{tape:?}"), "[\"ETHUSDT 1m: 3 candles\"]");
    assert!(matches!(open(vec![]), Err(TapeError::NoFiles)));
}

#[test]
fn candles_in_memory_must_be_ordered() {
    let folder = tempfile::tempdir().unwrap();
    let tape = open(vec![file(&folder, "BTCUSDT-1m.csv", &rows(0..3, "101"))]).unwrap();
    let key = (Symbol::try_new("BTCUSDT").unwrap(), Timeframe::M1);
    let mut candles = tape.candles(&key.0, key.1).unwrap().to_vec();
    let same = Tape::from_candles(BTreeMap::from([(key.clone(), candles.clone())])).unwrap();
    assert_eq!(same.fingerprint(), tape.fingerprint());
    candles.swap(0, 1);
    let error = Tape::from_candles(BTreeMap::from([(key, candles)])).unwrap_err();
    assert!(matches!(error, TapeError::Unordered { .. }), "{error}");
}

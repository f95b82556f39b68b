//! What `run` refuses: a clear error, the right exit code, and nothing changed.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::fleet::{FIRST_BAR, HEADER, MINUTE, Tape, three_bots};
use crate::harness::{Answer, Home};

/// A tape of three good rows with one row put in between, in line 3.
fn with_row(row: &str) -> String {
    let good = |bar: i64| format!("{},100,101,99,100,5\n", FIRST_BAR + bar * MINUTE);
    format!("{HEADER}{}{row}\n{}{}", good(0), good(2), good(3))
}

fn set_mode(home: &Home, name: &str, mode: u32) {
    std::fs::set_permissions(home.file(name), Permissions::from_mode(mode)).unwrap();
}

/// The database's bytes; what a log holds back is not in them, and nothing may be held back.
fn bytes(home: &Home) -> Vec<u8> {
    let log = home.file("tradefleet.db-wal");
    assert!(std::fs::metadata(log).map_or(0, |log| log.len()) == 0, "a log was left behind");
    std::fs::read(home.file("tradefleet.db")).unwrap()
}

/// Runs `line`, and proves that the database was left alone.
#[track_caller]
fn refused(home: &Home, line: &str, code: i32, words: &[&str]) -> Answer {
    let before = bytes(home);
    let answer = home.run(line);
    assert_eq!(answer.code, code, "{line}: {answer:?}");
    for word in words {
        assert!(answer.stderr.contains(word), "no {word:?} in {answer:?}");
    }
    assert!(bytes(home) == before, "{line} changed the database");
    answer
}

#[test]
fn a_broken_tape_is_told_by_file_and_line() {
    let home = three_bots();
    let second = FIRST_BAR + MINUTE;
    for (row, word) in [
        (format!("{second},100,101,99,100"), "column"),
        (format!("{second},100,101,99,abc,5"), "abc"),
        (format!("{second},100,101,99,NaN,5"), "NaN"),
        (format!("{second},100,inf,99,100,5"), "inf"),
        (format!("{second},100,1e2,99,100,5"), "1e2"),
        (format!("{second},-100,101,-100,100,5"), "-100"),
        (format!("{second},0,101,0,100,5"), "0"),
        (format!("{second},100,101,99,100,-5"), "-5"),
        (format!("{second},100,98,99,100,5"), "high"),
        (format!("{second},100,101,102,100,5"), "low"),
        (format!("{},100,101,99,100,5", second + 1), "1m"),
        (format!("{FIRST_BAR},100,101,99,100,5"), "twice"),
        (format!("{},100,101,99,100,5", FIRST_BAR - MINUTE), "goes back"),
        (format!("{second}000,100,101,99,100,5"), "milliseconds"),
        (format!("{second},100,9999,99,9000,5"), "factor of 20"),
        ("-60000,100,101,99,100,5".to_owned(), "1970"),
    ] {
        let file = home.write("BTCUSDT-1m.csv", &with_row(&row));
        let answer = refused(&home, &format!("run --tape {file}"), 2, &["BTCUSDT-1m.csv:3: error:"]);
        assert!(answer.stderr.contains(word), "{row}: no {word:?} in {}", answer.stderr);
        assert!(answer.stderr.contains("--skip-bad-rows"), "{answer:?}");
    }
    // Left out on request, it is a gap.
    let file = home.write("BTCUSDT-1m.csv", &with_row("rubbish"));
    home.run(&format!("run --skip-bad-rows --tape {file}")).ok();
}

#[test]
fn a_tape_that_is_none_is_refused_as_a_whole() {
    let home = three_bots();
    for (text, word) in [
        (String::new(), "empty"),
        (HEADER.to_owned(), "BTCUSDT-1m.csv"),
        ("when,o,h,l,c,v\n1,2,3,4,5,6\n".to_owned(), "open_time_ms"),
    ] {
        let file = home.write("BTCUSDT-1m.csv", &text);
        refused(&home, &format!("run --tape {file}"), 2, &["BTCUSDT-1m.csv", word]);
    }
    let damaged = home.write("BTCUSDT-1m.csv.gz", "\u{1f}");
    refused(&home, &format!("run --tape {damaged}"), 2, &["BTCUSDT-1m.csv.gz"]);
    let nowhere = damaged.replace("BTCUSDT", "ETHUSDT");
    refused(&home, &format!("run --tape {nowhere}"), 2, &["ETHUSDT-1m.csv.gz"]);
    let home_dir = home.path().display().to_string();
    refused(&home, &format!("run --tape {home_dir}"), 2, &["home"]);
}

#[test]
fn symbol_and_timeframe_must_be_known() {
    let home = three_bots();
    let row = "1700000040000,100,101,99,100,5";
    let unnamed = home.write("candles.csv", &format!("{HEADER}{row}\n"));
    refused(&home, &format!("run --tape {unnamed}"), 2, &["candles.csv", "--symbol"]);
    refused(&home, &format!("run --tape {unnamed} --symbol BTCUSDT"), 2, &["candles.csv", "--timeframe"]);
    refused(&home, &format!("run --tape {unnamed} --symbol BTCUSDT --timeframe 7m"), 2, &["7m"]);
    refused(&home, &format!("run --tape {unnamed} --symbol btc/usdt --timeframe 1m"), 2, &["btc/usdt"]);
    refused(&home, &format!("run --tape {unnamed} --synthetic"), 2, &["--synthetic"]);
    refused(&home, "run --speed 60", 2, &["--speed", "live.speed"]);
    refused(&home, "run --synthetic --speed 0", 2, &["speed"]);
    home.run(&format!("run --tape {unnamed} --symbol BTCUSDT --timeframe 1m")).ok();
}

#[test]
fn a_tape_the_fleet_has_been_through_leaves_nothing_to_do() {
    let home = three_bots();
    let tape = Tape::write(&home, 300, 100);
    home.run(&format!("run {}", tape.whole)).ok();
    let before = crate::fleet::ledger(&home);
    for line in [&tape.first, &tape.whole] {
        let report = home.json(&format!("run {line}"));
        assert_eq!((report["end"].as_str(), report["cycles"].as_u64()), (Some("nothing left"), Some(0)));
    }
    assert!(home.run(&format!("run {}", tape.first)).ok().stdout.contains("nothing left to do"));
    assert_eq!(crate::fleet::ledger(&home), before);
}

#[test]
fn a_wrong_key_or_a_database_that_cannot_be_trusted() {
    let home = three_bots();
    let run = format!("run {}", Tape::write(&home, 20, 10).first);
    let key = std::fs::read(home.file("master.key")).unwrap();
    let other = Home::new();
    std::fs::copy(other.file("master.key"), home.file("master.key")).unwrap();
    refused(&home, &run, 6, &["key"]);
    std::fs::write(home.file("master.key"), &key).unwrap();
    set_mode(&home, "master.key", 0o644);
    refused(&home, &run, 6, &["master.key"]);
    set_mode(&home, "master.key", 0o600);

    set_mode(&home, "tradefleet.db", 0o644);
    let answer = refused(&home, &run, 5, &["tradefleet.db", "644"]);
    assert!(answer.stderr.contains("chmod 600"), "it says what to do: {answer:?}");
    set_mode(&home, "tradefleet.db", 0o600);

    home.sql("INSERT INTO refinery_schema_history VALUES (999, 'tomorrow', '2099-01-01T00:00:00Z', '1')");
    let answer = refused(&home, &run, 5, &["999"]);
    let error = home.run(&format!("--json {run}"));
    assert!(error.stderr.contains("\"schema\""), "{answer:?} {error:?}");
    home.sql("DELETE FROM refinery_schema_history WHERE version = 999");

    std::fs::rename(home.file("tradefleet.db"), home.file("away")).unwrap();
    home.run(&run).fails(5, &["tradefleet.db"]);
    std::fs::write(home.file("tradefleet.db"), "not a database, but long enough to be read as one").unwrap();
    set_mode(&home, "tradefleet.db", 0o600);
    refused(&home, &run, 5, &["tradefleet.db"]);
    std::fs::rename(home.file("away"), home.file("tradefleet.db")).unwrap();
    home.run(&run).ok();
}

#[test]
fn a_home_that_cannot_be_written() {
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        eprintln!("skipped: root may write into a read-only directory");
        return;
    }
    let home = three_bots();
    let run = format!("run {}", Tape::write(&home, 20, 10).first);
    std::fs::set_permissions(home.path(), Permissions::from_mode(0o500)).unwrap();
    let answer = home.run(&run);
    std::fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    answer.fails(5, &["tradefleet.db"]);
    home.run(&run).ok();
}

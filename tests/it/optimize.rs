//! `optimize` as it is typed: searches, interruptions, what is shown and what becomes a strategy.

use std::fmt::Write;
use std::process::Stdio;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::harness::Home;

/// An hourly file whose price swings, so that crosses come and go.
fn candles(home: &Home, bars: i64) -> String {
    let mut text = "open_time_ms,open,high,low,close,volume\n".to_owned();
    let mut last = 100_000;
    for bar in 0..bars {
        let step = if bar / 17 % 2 == 0 { 370 } else { -350 } + bar * bar % 97 * 3 - bar % 41 * 4;
        let close = last + step;
        let (high, low) = (last.max(close) + 110, last.min(close) - 130);
        let at = 1_600_000_000_000_i64 / 3_600_000 * 3_600_000 + bar * 3_600_000;
        writeln!(text, "{at},{last},{high},{low},{close},{}", bar % 9 + 1).unwrap();
        last = close.max(20_000);
    }
    home.write("BTCUSDT-1h.csv", &text)
}

/// The plain cross of EMAs.
const PLAIN: &str = "--plain --param trend=0";

fn research(home: &Home) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = Connection::open_with_flags(home.file("research.db"), flags).unwrap();
    conn.busy_timeout(Duration::from_secs(30)).unwrap();
    conn
}

/// Every figure of a search, as text.
fn table(home: &Home, id: i64) -> Vec<String> {
    let conn = research(home);
    let mut statement = conn
        .prepare("SELECT * FROM optimize_trials t JOIN optimize_windows w ON w.run_id = t.run_id AND w.trial = t.number WHERE t.run_id = ?1 ORDER BY 2, trial, window, sample")
        .unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([id], |row| {
        let cells = (0..columns)
            .map(|column| row.get::<_, rusqlite::types::Value>(column).map(|cell| format!("{cell:?}")));
        Ok(cells.collect::<Result<Vec<_>, _>>()?.join(" "))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The documents that a search prints with `--json`.
fn events(home: &Home, line: &str) -> Vec<Value> {
    let answer = home.run(&format!("--json optimize {line}")).ok();
    answer.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_search_is_told_kept_shown_and_applied() {
    let home = Home::new();
    let tape = candles(&home, 900);
    let told = events(
        &home,
        &format!(
            "ema_cross {PLAIN} --param fast=3..5 slow=9,14 leverage=1,3 --tape {tape} --walk-forward 2 --objective return"
        ),
    );
    assert_eq!(
        (told[0]["event"].as_str(), told[0]["trials"].as_u64()),
        (Some("start"), Some(12)),
        "{told:?}"
    );
    let trials: Vec<_> = told.iter().filter(|event| event["event"] == "trial").collect();
    assert_eq!(trials.len(), 12);
    let end = told.last().unwrap();
    assert_eq!((end["event"].as_str(), end["state"].as_str()), (Some("end"), Some("complete")));
    let shown = home.json("optimize show 1 --limit 12");
    assert_eq!(shown["best"].as_array().unwrap().len(), 12);
    assert_eq!(shown["windows"].as_array().unwrap().len(), 2);
    assert_eq!(shown["best"][0], end["best"][0]);
    // The same as a backtest of the same parameters over the same bars.
    let best = &shown["best"][0];
    let window = &shown["windows"][0];
    let (from, to) = (&window["inside_from_ms"], &window["inside_to_ms"]);
    let params = &best["params"];
    let backtest = home.json(&format!(
        "backtest --kind ema_cross {PLAIN} --param fast={} --param slow={} --settings leverage={} --tape {tape} --from {from} --to {to}",
        params["fast"], params["slow"], params["leverage"]
    ));
    let equity: String = research(&home)
        .query_row(
            "SELECT final_equity FROM optimize_windows WHERE trial = ?1 AND window = 1 AND sample = 'in'",
            [best["number"].as_i64()],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(backtest["summary"]["final_equity"], equity);
    assert!(backtest["trades"].as_array().unwrap().len() > 5);
    // Out-of-sample figures come first.
    let text = home.run("optimize show 1").ok();
    let place = |word: &str| text.stdout.find(word).unwrap_or_else(|| panic!("no {word} in {text:?}"));
    assert!(place("OUT OF SAMPLE") < place("IN SAMPLE") && place("CHECKED ON") < place("CHOSEN ON"));
    assert!(place("how much each parameter matters") > 0 && place("chance:") > 0);
    assert_eq!(home.json("optimize list")["searches"][0]["trials_done"], 12);

    let applied = home.run("optimize apply 1 --name found").ok();
    assert!(applied.stderr.contains("`leverage = ") && applied.stderr.contains("warning:"), "{applied:?}");
    let strategy = home.json("strategy show found");
    for key in ["fast", "slow"] {
        assert_eq!(strategy["params"][key], params[key], "{strategy}");
    }
    assert_eq!((&strategy["params"]["trend"], &strategy["timeframe"]), (&Value::from(0), &Value::from("1h")));
    assert!(home.run("audit show").ok().stdout.contains("strategy found"));
    home.run("optimize apply 1 --name found").fails(4, &["`found` exists already"]);
    home.run("optimize apply 1 --trial 99 --name other").fails(3, &["no trial `99`"]);
    // A stored strategy is searched as it is stored.
    let told = events(&home, &format!("found --plain --param fast=2,3 --tape {tape}"));
    assert_eq!(told.last().unwrap()["trials_done"], 2);
}

#[test]
fn a_search_that_is_killed_goes_on_and_ends_as_one_that_was_not() {
    let (calm, killed) = (Home::empty(), Home::empty());
    let tape = candles(&calm, 1_500);
    for method in ["grid", "smart --trials 90"] {
        let line = format!(
            "optimize ema_cross {PLAIN} --param fast=2..9 slow=10..30:2 --method {method} --tape {tape} --walk-forward 2"
        );
        calm.run(&line).ok();
        let mut search = killed
            .program()
            .args(line.split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let id = if method == "grid" { 1 } else { 2 };
        // Some trials are written, or all are: a kill at any moment must do.
        while search.try_wait().unwrap().is_none() && written(&killed, id) < 5 {
            std::thread::sleep(Duration::from_millis(5));
        }
        search.kill().unwrap();
        search.wait().unwrap();
        killed.run(&format!("optimize resume {id} --jobs 1")).ok();
        assert_eq!(table(&calm, id), table(&killed, id), "{method}");
        let (one, other) =
            (calm.json(&format!("optimize show {id}")), killed.json(&format!("optimize show {id}")));
        assert_eq!((&one["best"], &one["walk_forward"]), (&other["best"], &other["walk_forward"]));
        // Nothing is left to do, and nothing is done twice.
        killed.run(&format!("optimize resume {id}")).ok();
        assert_eq!(table(&calm, id), table(&killed, id));
    }
}

fn written(home: &Home, id: i64) -> i64 {
    if !home.file("research.db").exists() {
        return 0;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let count = Connection::open_with_flags(home.file("research.db"), flags).and_then(|conn| {
        conn.query_row("SELECT count(*) FROM optimize_trials WHERE run_id = ?1", [id], |row| row.get(0))
    });
    // Before the tables are there.
    count.unwrap_or(0)
}

#[test]
fn a_search_goes_on_with_the_same_candles_only() {
    let home = Home::empty();
    let tape = candles(&home, 600);
    home.run(&format!("optimize ema_cross {PLAIN} --param fast=3..4 --tape {tape}")).ok();
    candles(&home, 601);
    home.run("optimize resume 1").fails(4, &["the candles are not those", "new search"]);
    home.run("optimize resume 2").fails(3, &["no search `2`"]);
}

#[test]
fn bad_input_is_named_and_nothing_is_begun() {
    let home = Home::empty();
    let tape = candles(&home, 200);
    let fast = "--param fast=3..6";
    for (line, words) in [
        (format!("ema_cross {PLAIN} --param fast=9..3 --tape {tape}"), &["fast=9..3", "lower end"][..]),
        (format!("ema_cross {PLAIN} --param fast=3..9:0 --tape {tape}"), &["step must be above 0"]),
        (format!("ema_cross {PLAIN} --param fast= --tape {tape}"), &["no values"]),
        (format!("ema_cross {PLAIN} --param fats=3..9 --tape {tape}"), &["fats", "did you mean `fast`"]),
        (format!("ema_cross {PLAIN} --param fast=0..9 --tape {tape}"), &["`fast` is 0", "from 1 to 500"]),
        (
            format!("ema_cross {PLAIN} --param fast=40..50 --tape {tape}"),
            &["none of the 11 combinations", "`fast` is 40"],
        ),
        (
            format!("ema_cross {PLAIN} --param fast=1..500 slow=2..1000 --tape {tape}"),
            &["499500 combinations", "--trials"],
        ),
        (
            format!("ema_cross {PLAIN} {fast} --tape {tape} --objective sharp"),
            &["sharp", "did you mean `sharpe`"],
        ),
        (format!("ema_cross {PLAIN} {fast} --tape {tape} --method grd"), &["unknown method `grd`"]),
        (
            format!("ema_cross {PLAIN} {fast} --tape {tape} --walk-forward 20"),
            &["20 walk-forward windows", "230 bars"],
        ),
        (
            format!("ema_cross {PLAIN} {fast} --tape {tape} --from 2020-09-14 --to 2020-09-13"),
            &["not after the start"],
        ),
        (format!("ema_cross {PLAIN} {fast} --tape {tape} --from 2031-01-01"), &["no bar from 2031"]),
        (format!("ema_cross {PLAIN} {fast} --tape {tape} --jobs 0"), &["--jobs is 0"]),
        (format!("ema_cross {PLAIN} {fast} --tape {tape} --trials 0"), &["--trials is 0"]),
        (format!("ema_cross {PLAIN} {fast} --tape {tape} --max-drawdown 120"), &["--max-drawdown is 120"]),
        (format!("ema_cross {PLAIN} --param leverage=10..30 --tape {tape}"), &["leverage = `21`", "1 to 20"]),
        (format!("ema_cross --tape {tape}"), &["--param"]),
    ] {
        home.run(&format!("optimize {line}")).fails(2, words);
    }
    home.run(&format!("optimize nobody {fast} --tape {tape}")).fails(3, &["no strategy `nobody`"]);
    home.run("optimize show 1").fails(3, &["no search `1`"]);
    assert!(home.run("optimize list").ok().stdout.contains("no searches"));
    assert!(!home.file("research.db").exists());
}

#[test]
fn a_search_without_a_trade_says_so() {
    let home = Home::new();
    let tape = candles(&home, 300);
    let line = format!("ema_cross {PLAIN} --param fast=3..5 min_confidence=1 --tape {tape}");
    let found = home.run(&format!("optimize {line}")).ok();
    assert!(found.stderr.contains("no trial has made a single trade"), "{found:?}");
    home.run("optimize apply 1 --name none").fails(4, &["no best trial", "single trade"]);
}

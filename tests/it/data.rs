//! `data` against `simulate`: what is downloaded is whole, goes on where it was torn, and plays as a tape.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::json;

use crate::harness::Home;
use crate::simulator::Simulator;

const DAY_MS: i64 = 86_400_000;
/// More than three days of minutes: two of them are whole whatever the hour.
const HISTORY: &str = "4500";

/// An exchange, and a home that is told where it is.
struct Stage {
    home: Home,
    today: i64,
    _simulator: Simulator,
}

impl Stage {
    async fn start() -> Self {
        let simulator = Simulator::start("binance", &["--warmup", HISTORY]).await;
        let home = Home::new();
        fs::write(home.file("config.toml"), format!("[binance]\nrest_url = \"{}\"\n", simulator.base))
            .unwrap();
        let now = simulator.get("/fapi/v1/time").await["serverTime"].as_i64().unwrap();
        Self { home, today: now - now % DAY_MS, _simulator: simulator }
    }

    /// The day that began so many days before today.
    fn day(&self, ago: i64) -> String {
        let midnight = jiff::Timestamp::from_millisecond(self.today - ago * DAY_MS).unwrap();
        midnight.strftime("%Y-%m-%d").to_string()
    }

    fn download(&self, flags: &str) -> String {
        let dir = self.home.file("tapes").display().to_string();
        format!("data download --exchange binance --dir {dir} {flags}")
    }
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_download_is_whole_goes_on_where_it_was_torn_and_plays() {
    let stage = Stage::start().await;
    let home = &stage.home;
    let line = stage.download(&format!("--symbol BTCUSDT --timeframe 1m --from {}", stage.day(2)));
    let answer = home.json(&line);
    let told = &answer["files"][0];
    assert_eq!((&told["was_complete"], &told["bad_rows"]), (&json!(false), &json!(0)));
    assert_eq!(told["coverage"]["candles"], 2880);
    assert_eq!(told["coverage"]["missing"], 0);
    let (from, until) = (stage.day(2).replace('-', ""), stage.day(0).replace('-', ""));
    let path = home.file("tapes").join(format!("BINANCE-BTCUSDT-1m-{from}_{until}.csv.gz"));
    assert_eq!(told["file"], path.display().to_string());
    let whole = unpacked(&path);

    assert_eq!(home.json(&line)["files"][0]["was_complete"], true);
    assert!(home.run(&line).ok().stdout.contains("complete already, 2880 candles, none missing"));

    // A row that only this part has shows that it was gone on from.
    let lines: Vec<&str> = whole.lines().collect();
    let (row, _volume) = lines[1].rsplit_once(',').unwrap();
    let marked = format!("{row},4711.5");
    let kept = [lines[0], &marked].into_iter().chain(lines[2..700].iter().copied());
    let part = home.file("tapes").join(format!("BINANCE-BTCUSDT-1m-{from}.csv.part"));
    fs::write(&part, format!("{}\n{}", kept.collect::<Vec<_>>().join("\n"), &lines[700][..20])).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(home.json(&line)["files"][0]["coverage"]["missing"], 0);
    assert_eq!(unpacked(&path), whole.replace(lines[1], &marked));
    assert_eq!(fs::read_dir(home.file("tapes")).unwrap().count(), 1, "nothing is left but the file");

    home.run(&format!("run --tape {} --cycles 5", path.display())).ok();
    let checked = home.json(&format!("data check {}", path.display()));
    assert_eq!((&checked["ok"], &checked["files"][0]["coverage"]["candles"]), (&json!(true), &json!(2880)));
}

#[tokio::test]
async fn what_the_exchange_does_not_have_is_told() {
    let stage = Stage::start().await;
    let flags = format!("--symbol BTCUSDT ETHUSDT --timeframe 1h 15m --from {}", stage.day(5));
    let answer = stage.home.json(&stage.download(&flags));
    let files = answer["files"].as_array().unwrap();
    assert_eq!(files.len(), 4);
    for file in files {
        let coverage = &file["coverage"];
        assert!(coverage["before_first"].as_u64().unwrap() > 24, "{file}");
        assert_eq!(coverage["before_first"], coverage["missing"]);
        assert_eq!((&coverage["after_last"], &coverage["gaps"]), (&json!(0), &json!([])));
    }
    let flags = format!("--symbol BTCUSDT --timeframe 1m --from {} --until {}", stage.day(9), stage.day(8));
    stage.home.run(&stage.download(&flags)).fails(3, &["has no 1m candles of BTCUSDT", &stage.day(9)]);
    assert!(
        !fs::read_dir(stage.home.file("tapes"))
            .unwrap()
            .any(|entry| { entry.unwrap().path().to_string_lossy().ends_with(".part") })
    );
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let stage = Stage::start().await;
    let (today, tomorrow, before) = (stage.day(0), stage.day(-1), stage.day(2));
    let cases = [
        ("--symbol BTCUSD --timeframe 1m --from 2026-01-01", vec!["BTCUSD", "did you mean `BTCUSDT`"]),
        ("--symbol btcusdt --timeframe 1m --from 2026-01-01", vec!["btcusdt"]),
        ("--symbol BTCUSDT --timeframe 7m --from 2026-01-01", vec!["7m", "1m 3m 5m"]),
        ("--symbol BTCUSDT --timeframe 1m --from 1.1.2026", vec!["--from", "1.1.2026", "2022-06-15"]),
        (
            &format!("--symbol BTCUSDT --timeframe 1m --from {today}"),
            vec!["--from", "before --until", &today],
        ),
        (
            &format!("--symbol BTCUSDT --timeframe 1m --from {before} --until {tomorrow}"),
            vec!["--until", &tomorrow, "after today"],
        ),
    ];
    for (flags, words) in cases {
        stage.home.run(&stage.download(flags)).fails(2, &words);
    }
    let elsewhere = "--symbol BTCUSDT --timeframe 3m --from 2026-01-01";
    stage.home.run(&format!("data download --exchange bitget {elsewhere}")).fails(2, &["3m", "1m 5m 15m"]);
    stage.home.run(&format!("data download --exchange paper {elsewhere}")).fails(2, &["paper", "upbit"]);
    assert!(!stage.home.file("tapes").exists());
}

#[tokio::test]
async fn a_download_into_the_store_asks_only_for_what_is_missing() {
    let stage = Stage::start().await;
    let home = &stage.home;
    let line = format!(
        "data download --exchange binance --symbol BTCUSDT --timeframe 1h --from {} --until {}",
        stage.day(2),
        stage.day(1)
    );
    let told = home.json(&line);
    assert_eq!(
        (&told["files"][0]["was_complete"], &told["files"][0]["coverage"]["candles"]),
        (&json!(false), &json!(24))
    );
    assert_eq!(home.json(&line)["files"][0]["was_complete"], true);
    let longer = line.replace(&stage.day(1), &stage.day(0));
    assert_eq!(home.json(&longer)["files"][0]["coverage"]["candles"], 48);
    let listed = home.json("data list");
    assert_eq!(listed["series"][0]["series"], "binance/BTCUSDT:1h");
    assert_eq!((&listed["series"][0]["candles"], &listed["series"][0]["missing"]), (&json!(48), &json!(0)));
    home.run(&line.replace("1h", "1m")).ok();
    home.run("run --data BTCUSDT:1m --cycles 5").ok();
}

#[test]
fn a_check_tells_bad_rows_and_gaps() {
    let home = Home::empty();
    let header = "open_time_ms,open,high,low,close,volume";
    let rows = "0,1,1,1,1,0\n60000,1,1,1,x,0\n240000,1,1,1,1,0\n";
    let path = home.write("BTCUSDT-1m.csv", &format!("{header}\n{rows}"));
    let answer = home.run(&format!("data check {path}")).fails(2, &["rows that are no candles: 1"]);
    for words in ["2 candles, 3 missing, bad rows: 1", "line 3: close `x`", "3 from 1970-01-01 00:01 until"] {
        assert!(answer.stdout.contains(words), "{answer:?}");
    }
    let unnamed = home.write("candles.csv", &format!("{header}\n0,1,1,1,1,0\n"));
    home.run(&format!("data check {unnamed}")).fails(2, &["tells no timeframe", "--timeframe"]);
    assert_eq!(
        home.json(&format!("data check {unnamed} --timeframe 1m"))["files"][0]["coverage"]["missing"],
        0
    );
}

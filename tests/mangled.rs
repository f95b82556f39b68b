//! Everything that is read from outside, cut and changed at random: never a panic, and never a number that was not
//! written there. `TRADEFLEET_MANGLED` says how many tries (`docs/proof.md`); a failure names its text.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not hold must fail"
)]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use clap::Parser;
use rust_decimal::Decimal;
use serde::Deserialize;
use tradefleet::cli::Cli;
use tradefleet::config::{Config, LoadedConfig};
use tradefleet::domain::ids::ClientOrderId;
use tradefleet::domain::money::{Leverage, Price, Qty, Quote};
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::engine::settings::{AccountSettings, BotSettings, PolicyLimits};
use tradefleet::exchange::wire::{Access, HttpAnswer};
use tradefleet::exchange::{binance, bitget, upbit};
use tradefleet::market::candle_file::read_candles;
use tradefleet::notify::telegram::{grammar, incoming::Incoming};

/// Tries of one kind of text in a run without wishes.
const TRIES: u64 = 4_000;

/// Texts that stand in for a number.
const HOSTILE: &[&str] = &[
    "1e5",
    "1e-30",
    "1E400",
    "-0",
    "-1",
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    "1,5",
    "01",
    ".5",
    "5.",
    "",
    "79228162514264337593543950336",
    "0.00000000000000000000000000001",
    "1.00000000000000000000000000000000001",
    "99999999999999999999999999999999999999999999999999",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "1.1.1",
    "٣",
    "²",
    " 1",
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
}

fn tries() -> u64 {
    std::env::var("TRADEFLEET_MANGLED").map_or(TRIES, |text| text.parse().unwrap())
}

/// One to three changes.
fn mangle(text: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..=random.below(3) {
        let letters: Vec<char> = text.chars().collect();
        let (a, b) = (random.below(letters.len() + 1), random.below(12));
        let (from, to) = (a.min(letters.len()), (a + b).min(letters.len()));
        let part = |range: &[char]| range.iter().collect::<String>();
        text = match random.below(8) {
            0..=3 => with_hostile_number(&text, random),
            4 => part(&letters[..from]) + &part(&letters[to..]),
            5 => part(&letters[..to]) + &part(&letters[from..]),
            6 => {
                let odd = ['"', '{', '}', '[', ',', ':', '\\', '\u{0}', '가', '-', '9', 'e', '\n', '=', '#'];
                part(&letters[..from])
                    + &odd[random.below(odd.len())].to_string()
                    + &part(&letters[to.min(from + 1).min(letters.len())..])
            }
            _ => part(&letters[..from]),
        };
    }
    text
}

fn with_hostile_number(text: &str, random: &mut Random) -> String {
    let starts: Vec<usize> = text
        .char_indices()
        .zip(std::iter::once(' ').chain(text.chars()))
        .filter(|((_, this), before)| {
            this.is_ascii_digit() && !before.is_ascii_alphanumeric() && *before != '.'
        })
        .map(|((index, _), _)| index)
        .collect();
    if starts.is_empty() {
        return text.to_owned();
    }
    let start = starts[random.below(starts.len())];
    let len = text[start..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').count();
    format!("{}{}{}", &text[..start], HOSTILE[random.below(HOSTILE.len())], &text[start + len..])
}

/// Numbers in a text, as exactly as they are written.
fn numbers(text: &str) -> BTreeSet<Decimal> {
    let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let tokens = text.split(|c| !is_of_number(c)).map(|token| token.trim_end_matches('.'));
    let exact = |token: &str| {
        let plain = Decimal::from_str_exact(token);
        plain.or_else(|_| Decimal::from_scientific(token)).ok()
    };
    // A sign may be told apart from its number.
    tokens.filter_map(exact).flat_map(|number| [number.normalize(), (-number).normalize()]).collect()
}

/// Fractions that a reading shows and the text does not have.
fn invented(read: &str, text: &str) -> Vec<Decimal> {
    let written = numbers(text);
    numbers(read)
        .into_iter()
        .filter(|number| !number.fract().is_zero() && !written.contains(number))
        .collect()
}

/// Reads a text; what was read, for people.
type Reader = fn(&str) -> Option<String>;

fn shown<T: Debug, E>(read: Result<T, E>) -> Option<String> {
    read.ok().map(|value| format!("{value:?}"))
}

/// Tries a reader on changed texts. Returns how many were readable.
fn try_all(name: &str, reader: Reader, texts: &[String], is_exact: bool) -> u64 {
    let seed = name.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut random = Random(seed);
    let mut readable = 0;
    for number in 0..tries() {
        let text = &texts[random.below(texts.len())];
        let text = if number < 50 { text.clone() } else { mangle(text, &mut random) };
        let outcome = catch_unwind(AssertUnwindSafe(|| reader(&text)));
        let Ok(read) = outcome else { panic!("{name} panics on {text:?}") };
        let Some(read) = read else { continue };
        readable += 1;
        let invented = invented(&read, &text);
        assert!(!is_exact || invented.is_empty(), "{name} reads {invented:?} from {text:?}");
    }
    readable
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Bodies that real exchanges have sent, where the folder of recorded vectors is there.
fn recorded(exchange: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<serde_json::Value>,
    }
    let folder = std::env::var("TRADEFLEET_VECTORS").unwrap_or_else(|_| "../shared/vectors".to_owned());
    let read = |file: &str| {
        let text = fs::read_to_string(Path::new(&folder).join(exchange).join(file)).ok()?;
        let file: File = serde_json::from_str(&text).unwrap();
        let bodies = file.vectors.into_iter().flat_map(|vector| texts_of(&vector));
        Some(bodies.collect::<Vec<_>>())
    };
    ["response.json", "error.json"].into_iter().filter_map(read).flatten().collect()
}

/// Everything in a vector that may be a body: objects, arrays, and texts that are such.
fn texts_of(vector: &serde_json::Value) -> Vec<String> {
    let fields = vector.as_object().into_iter().flat_map(|object| object.values());
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) if text.starts_with(['{', '[']) => Some(text.clone()),
        serde_json::Value::Object(_) | serde_json::Value::Array(_) => Some(value.to_string()),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => None,
    };
    fields.filter_map(text).collect()
}

macro_rules! json_readers {
    ($($type:ty),+ $(,)?) => {
        &[$((stringify!($type), |text: &str| shown(serde_json::from_str::<$type>(text)))),+]
    };
}

const BINANCE: &[(&str, Reader)] = {
    use binance::answers::{
        AccountAnswer, AlgoAnswer, ExchangeInfoAnswer, IncomeAnswer, KlineAnswer, OrderAnswer,
        PositionAnswer, TickerAnswer, TradeAnswer,
    };
    json_readers!(
        OrderAnswer,
        AlgoAnswer,
        AccountAnswer,
        ExchangeInfoAnswer,
        Vec<OrderAnswer>,
        Vec<PositionAnswer>,
        Vec<TradeAnswer>,
        Vec<IncomeAnswer>,
        Vec<TickerAnswer>,
        Vec<KlineAnswer>,
    )
};

const UPBIT: &[(&str, Reader)] = {
    use upbit::wire::{AccountRow, CandleRow, OrderRow, TickRow, TickerRow};
    json_readers!(OrderRow, Vec<OrderRow>, Vec<AccountRow>, Vec<CandleRow>, Vec<TickRow>, Vec<TickerRow>)
};

#[test]
fn messages_of_exchanges_never_panic_and_numbers_are_exact() {
    let order = r#"{"orderId":8886774,"clientOrderId":"x-1","symbol":"BTCUSDT","status":"PARTIALLY_FILLED","side":"BUY",
        "positionSide":"BOTH","type":"LIMIT","price":"61234.10","avgPrice":"61234.05","origQty":"0.015","executedQty":"0.007",
        "cumQuote":"428.63835","reduceOnly":false,"stopPrice":"0","time":1767225600123,"updateTime":1767225600456}"#;
    let mut bodies = owned(&[order, &format!("[{order}]")]);
    bodies.extend(recorded("binance_usdm"));
    for (name, reader) in BINANCE {
        try_all(name, *reader, &bodies, true);
    }
    let row = r#"{"uuid":"o1","side":"bid","ord_type":"limit","price":"50000000.5","state":"wait","market":"KRW-BTC",
        "created_at":"2026-01-01T00:00:00+09:00","volume":"0.01234567","remaining_volume":"0.01","reserved_fee":"0.1",
        "remaining_fee":"0.1","paid_fee":"0.05","locked":"1.25","executed_volume":"0.00234567","trades_count":1,"trades":[]}"#;
    let mut bodies = owned(&[row, &format!("[{row}]")]);
    bodies.extend(recorded("upbit"));
    for (name, reader) in UPBIT {
        try_all(name, *reader, &bodies, true);
    }
}

fn answer(body: &str) -> HttpAnswer {
    HttpAnswer { status: 200, headers: std::collections::BTreeMap::new(), body: body.to_owned() }
}

#[test]
fn envelopes_and_errors_are_read_or_refused() {
    let envelope = r#"{"code":"00000","msg":"success","requestTime":1695865615662,"data":[{"orderId":"1","clientOid":"2",
        "symbol":"BTCUSDT","size":"0.015","priceAvg":"61234.10","fillPrice":"61234.10","fee":"-0.0367","state":"live"}]}"#;
    let refusal =
        r#"{"code":"45110","msg":"less than the minimum amount 5 USDT","requestTime":1,"data":null}"#;
    let mut bodies = owned(&[envelope, refusal, r#"{"code":-2019,"msg":"Margin is insufficient."}"#]);
    bodies.push(r#"{"error":{"name":"insufficient_funds_bid","message":"부족합니다"}}"#.to_owned());
    bodies.extend(recorded("bitget"));
    let now = Timestamp::from_ms(1_767_225_600_000);
    // A write is never taken for refused when its answer cannot be read.
    let readers: &[(&str, Reader)] = &[
        ("bitget orders", |text| {
            let now = Timestamp::from_ms(0);
            shown(bitget::errors::read::<Vec<bitget::wire::OrderRow>>(&answer(text), Access::Write, now))
        }),
        ("bitget positions", |text| {
            let now = Timestamp::from_ms(0);
            shown(bitget::errors::read::<Vec<bitget::wire::PositionRow>>(&answer(text), Access::Read, now))
        }),
        ("bitget accounts", |text| {
            let now = Timestamp::from_ms(0);
            shown(bitget::errors::read::<Vec<bitget::wire::AccountRow>>(&answer(text), Access::Read, now))
        }),
    ];
    for (name, reader) in readers {
        try_all(name, *reader, &bodies, true);
    }
    let mut random = Random(3);
    for _ in 0..tries() {
        let text = mangle(&bodies[random.below(bodies.len())], &mut random);
        let bad = HttpAnswer { status: 400, ..answer(&text) };
        let failures = [
            format!("{:?}", binance::errors::failure(&bad, Access::Write, now)),
            format!("{:?}", upbit::errors::classify(&bad, Access::Write, now)),
        ];
        assert!(failures.iter().all(|failure| !failure.contains("Malformed")), "{text}: {failures:?}");
    }
}

#[test]
fn frames_of_sockets_are_read_or_refused() {
    let candle = r#"{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":1638747660000,
        "T":1638747719999,"s":"BTCUSDT","i":"1m","o":"10.5","c":"20.25","h":"25.75","l":"5.125","v":"1000.001","x":true}}}"#;
    let trade = r#"{"e":"ORDER_TRADE_UPDATE","E":1568879465651,"T":1568879465650,"o":{"s":"BTCUSDT","c":"TEST","S":"SELL",
        "o":"MARKET","f":"GTC","q":"0.001","p":"0","ap":"7301.25","sp":"7103.04","x":"TRADE","X":"FILLED","i":8886774,
        "l":"0.001","z":"0.001","L":"7301.25","N":"USDT","n":"0.0036","T":1568879465650,"t":17,"m":false,"R":true,"ps":"BOTH"}}"#;
    let rows = r#"{"action":"snapshot","arg":{"instType":"USDT-FUTURES","channel":"orders","instId":"default"},"data":[{
        "accBaseVolume":"0.015","clientOId":"1","fee":"-0.0367","fillPrice":"61234.1","instId":"BTCUSDT","size":"0.015"}],"ts":1}"#;
    let bars = r#"{"action":"update","arg":{"instType":"USDT-FUTURES","channel":"candle1m","instId":"BTCUSDT"},
        "data":[["1695600000000","2.5","3.5","1.5","2.25","5.125","10","10"]],"ts":1}"#;
    let mine = r#"{"type":"myOrder","code":"KRW-BTC","uuid":"o1","ask_bid":"BID","order_type":"limit","state":"trade",
        "trade_uuid":"t1","price":49990000.5,"avg_price":0.0,"volume":8.428e-05,"remaining_volume":0.01,"executed_volume":0.02,
        "trade_fee":2.5,"is_maker":false,"identifier":null,"trade_timestamp":1710751597500,"timestamp":1710751597500}"#;
    let readers: &[(&str, Reader, &str, bool)] = &[
        ("binance market", |text| shown(binance::frames::market_frame(text)), candle, true),
        ("binance account", |text| shown(binance::frames::account_frame(text)), trade, true),
        ("bitget account", |text| shown(bitget::frames::private_frame(text)), rows, true),
        ("bitget market", |text| shown(bitget::frames::market_frame(text)), bars, true),
        ("upbit account", |text| shown(upbit::frames::private_frame(text)), mine, false),
        ("upbit market", |text| shown(upbit::frames::market_frame(text)), mine, true),
    ];
    for (name, reader, text, is_exact) in readers {
        try_all(name, *reader, &owned(&[text]), *is_exact);
    }
    assert!(try_all("binance market", readers[0].1, &owned(&[candle]), true) > 50, "the text itself is read");
}

#[test]
fn telegram_updates_are_read_or_refused() {
    let update = r#"{"update_id":5,"message":{"message_id":7,"date":1767225600,"chat":{"id":42,"type":"private",
        "first_name":"A"},"from":{"id":42,"is_bot":false,"first_name":"A"},"text":"/set entry_pct 12.5"}}"#;
    let press = r#"{"update_id":6,"callback_query":{"id":"9","from":{"id":42,"is_bot":false,"first_name":"A"},
        "chat_instance":"1","data":"yes:17"}}"#;
    let reader: Reader =
        |text| shown(serde_json::from_str(text).map(|update: teloxide::types::Update| Incoming::of(&update)));
    try_all("update", reader, &owned(&[update, press]), false);
    let lines =
        owned(&["/set entry_pct 12.5", "/halt --flatten", "/flatten BTCUSDT", "/pnl 30d", "/status@bot"]);
    try_all("line", |text| shown(grammar::read(text, Some("bot"))), &lines, true);
}

#[test]
fn configurations_are_read_or_refused() {
    let template = Config::template();
    let active: String =
        template.lines().map(|line| line.strip_prefix("# ").unwrap_or(line).to_owned() + "\n").collect();
    let count = tries().min(1_000);
    let mut random = Random(11);
    for _ in 0..count {
        let source = if random.below(2) == 0 { &template } else { &active };
        let text = mangle(source, &mut random);
        let outcome = catch_unwind(|| LoadedConfig::parse(&text).is_ok());
        assert!(outcome.is_ok(), "the configuration panics on {text:?}");
    }
}

#[test]
fn settings_ids_and_amounts_are_exact_or_refused() {
    let limits = PolicyLimits { max_leverage: Leverage::try_new(20).unwrap() };
    let mut random = Random(13);
    let id = "tfaaaaaacaaaaafrtn3nvxvqaaab";
    for _ in 0..tries() {
        let text = mangle("12.50", &mut random);
        let exact = Decimal::from_str_exact(text.trim()).ok().map(|value| value.normalize());
        for key in AccountSettings::KEYS {
            let mut settings = AccountSettings::default();
            let before = settings.clone();
            if settings.set(key.key, &text, limits).is_err() {
                assert_eq!(settings, before, "{} = {text:?} changed something", key.key);
            }
        }
        for key in BotSettings::KEYS {
            drop(BotSettings::default().set(key.key, &text, limits));
        }
        let amounts = [
            text.parse::<Price>().ok().map(Price::decimal),
            text.parse::<Qty>().ok().map(Qty::decimal),
            text.parse::<Quote>().ok().map(Quote::decimal),
        ];
        for read in amounts.into_iter().flatten() {
            assert_eq!(Some(read.normalize()), exact, "{text:?}");
        }
        let text = mangle(id, &mut random);
        if let Ok(read) = text.parse::<ClientOrderId>() {
            assert_eq!(ClientOrderId::new(&read.key().unwrap()).as_str(), text);
        }
    }
}

#[test]
fn candle_files_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("BTCUSDT-1m.csv");
    let row = |n: i64| format!("{},100.{n},101.5,99.25,100.75,12.{n}\n", 1_767_225_600_000 + n * 60_000);
    let rows = (0..20).map(row).collect::<Vec<_>>().concat();
    let text = format!("open_time_ms,open,high,low,close,volume\n{rows}");
    let mut random = Random(17);
    let mut readable = 0;
    for _ in 0..tries().min(1_500) {
        let text = mangle(&text, &mut random);
        fs::write(&path, &text).unwrap();
        let read = catch_unwind(|| read_candles(&path, Timeframe::M1));
        let Ok(read) = read else { panic!("panics on {text:?}") };
        let Ok(file) = read else { continue };
        readable += 1;
        let shown = format!("{:?}", file.candles);
        assert!(invented(&shown, &text).is_empty(), "{:?} from {text:?}", invented(&shown, &text));
    }
    assert!(readable > 100);
}

#[test]
fn arguments_are_read_or_refused() {
    let lines = [
        "tradefleet account set main entry_pct=12.5 leverage=10",
        "tradefleet bot add main --name one --type ai_trend --symbol BTCUSDT",
        "tradefleet run --synthetic --seed 7",
        "tradefleet orders --account main --since 2h --json",
        "tradefleet backtest --synthetic --bars 1000",
    ];
    let mut random = Random(19);
    // clap builds its tree anew each time: few tries are many here.
    for _ in 0..tries().min(300) {
        let line = mangle(lines[random.below(lines.len())], &mut random);
        let outcome = catch_unwind(|| Cli::try_parse_from(line.split(' ')).is_ok());
        assert!(outcome.is_ok(), "the arguments panic on {line:?}");
    }
}

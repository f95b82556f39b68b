//! Everything that is read from outside, each as one function of bytes that panics where it reads what was not written.
//!
//! `tests/mangled` gives them changed seeds at every change; the fuzz targets in `fuzz/` give the same functions what
//! libFuzzer finds.

mod amounts;
mod binance;
mod bitget;
mod candle_files;
mod exact;
pub(crate) mod found;
mod grids;
mod refusals;
mod telegram;
mod texts;
mod upbit;

use tradefleet::domain::money::Leverage;
use tradefleet::engine::settings::PolicyLimits;

/// Something that is read from outside.
pub(crate) struct Target {
    /// That of the fuzz target too.
    pub(crate) name: &'static str,
    /// Says whether the bytes could be read.
    pub(crate) read: fn(&[u8]) -> bool,
    /// Readable ones to begin with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    pub(crate) cost: Cost,
}

/// What one reading takes, roughly.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    Microseconds,
    Milliseconds,
}

macro_rules! messages {
    ($name:literal) => {
        || lines(include_str!(concat!("../../fixtures/messages/", $name, ".jsonl")))
    };
}

pub(crate) const TARGETS: &[Target] = &[
    of("binance_rest", binance::rest, messages!("binance_rest")),
    of("binance_frames", binance::frames, messages!("binance_frames")),
    of("bitget_rest", bitget::rest, messages!("bitget_rest")),
    of("bitget_frames", bitget::frames, messages!("bitget_frames")),
    of("upbit_rest", upbit::rest, messages!("upbit_rest")),
    of("upbit_frames", upbit::frames, messages!("upbit_frames")),
    of("refusals", refusals::read, messages!("refusals")),
    of("telegram_updates", telegram::updates, messages!("telegram_updates")),
    of("telegram_lines", telegram::lines, || lines(telegram::LINES)),
    of("decimals", amounts::decimals, || lines(amounts::DECIMALS)),
    of("settings", amounts::settings, || lines(amounts::SETTINGS)),
    of("client_order_ids", amounts::client_order_ids, || lines(amounts::IDS)),
    of("grids", grids::plan, || lines(grids::WISHES)),
    slow("candle_csv", candle_files::csv, candle_files::csv_seeds),
    slow("candle_feather", candle_files::feather, candle_files::feather_seeds),
    slow("stored_candles", candle_files::stored, candle_files::stored_seeds),
    slow("configuration", texts::configuration, texts::configuration_seeds),
    slow("accounts_file", texts::accounts_file, texts::accounts_seeds),
    slow("arguments", texts::arguments, || lines(texts::ARGUMENTS)),
];

const fn of(name: &'static str, read: fn(&[u8]) -> bool, seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, read, seeds, cost: Cost::Microseconds }
}

const fn slow(name: &'static str, read: fn(&[u8]) -> bool, seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, read, seeds, cost: Cost::Milliseconds }
}

/// Of a fixture: each line is one seed.
fn lines(text: &str) -> Vec<Vec<u8>> {
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

/// For readers of text, which never see anything else.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// What policy allows where readings ask for it.
fn limits() -> PolicyLimits {
    PolicyLimits { max_leverage: Leverage::try_new(100).unwrap() }
}

/// Goes on with each of what was read; that it does not panic is all.
fn each<T, R>(rows: impl IntoIterator<Item = T>, convert: impl Fn(T) -> R) {
    for row in rows {
        drop(convert(row));
    }
}

use super::Analyst;
use crate::config::Config;
use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::time::{Timeframe, Timestamp};

fn step(minute: i64, closes: &[(&str, &str)]) -> MarketStep {
    let at = Timestamp::from_ms(minute * 60_000);
    let bar = |(symbol, close): &(&str, &str)| {
        let (symbol, close) = (Symbol::try_new(symbol).unwrap(), close.parse().unwrap());
        let open_time = Timestamp::from_ms((minute - 1) * 60_000);
        let candle = Candle { open_time, open: close, high: close, low: close, close, volume: 1.into() };
        Bar { symbol, timeframe: Timeframe::M1, candle, complete: true }
    };
    MarketStep { at, price_bars: closes.iter().map(bar).collect(), closed_bars: Vec::new() }
}

#[test]
fn a_price_keeps_the_time_at_which_it_was_seen() {
    let mut analyst = Analyst::new(&Config::default());
    analyst.observe(step(1, &[("BTCUSDT", "20000"), ("ETHUSDT", "1000")]));
    analyst.observe(step(2, &[("BTCUSDT", "20100")]));
    let prices: Vec<_> = analyst
        .prices()
        .iter()
        .map(|seen| format!("{} {} {}", seen.symbol, seen.price, seen.at.ms()))
        .collect();
    assert_eq!(prices, ["BTCUSDT 20100 120000", "ETHUSDT 1000 60000"], "nobody follows the second any more");
}

//! The requests, and what they cost.

use std::collections::BTreeSet;

use super::*;
use crate::exchange::bitget::endpoints::{CANDLES, ENDPOINTS};
use crate::exchange::bitget::rest::limits;

#[test]
fn every_call_is_charged_to_its_endpoint_and_to_the_address() {
    let limited: BTreeSet<_> = limits().iter().map(|limit| limit.bucket).collect();
    assert_eq!(limited.len(), ENDPOINTS.len() + 1, "one bucket an endpoint");
    for call in [time(), accounts(), fills(window(0, 1), None)] {
        assert!(call.charges().iter().all(|charge| limited.contains(&charge.bucket)), "{call:?}");
    }
    assert!(!time().is_private() && accounts().is_private());
}

fn window(from: i64, until: i64) -> Window {
    Window { from: Timestamp::from_ms(from), until: Some(Timestamp::from_ms(until)) }
}

#[test]
fn the_past_is_asked_for_in_parts_that_leave_nothing_out() {
    let (at, span) = (Timestamp::from_ms, DurationMs::from_ms(10));
    assert_eq!(Window::parts(at(5), at(25), span), [window(5, 15), window(15, 25)]);
    assert_eq!(Window::parts(at(5), at(5), span), []);
    let open = |from| Window { from: at(from), until: None };
    assert_eq!(Window::since(at(5), at(28), span), [window(5, 15), window(15, 18), open(18)]);
    assert_eq!(Window::since(at(25), at(28), span), [open(25)]);
    // A clock that is behind the exchange's must not hide anything.
    assert_eq!(Window::since(at(99), at(28), span), [open(99)]);
    let now = at(1_700_000_000_000);
    assert_eq!(Window::since(at(0), now, FUNDING_SPAN)[0].from, now.minus(HISTORY));
}

#[test]
fn pages_go_on_below_the_last_row() {
    assert!(pending(None, Some("77")).target().contains("idLessThan=77"));
    assert!(!pending(None, None).target().contains("idLessThan"));
}

#[test]
fn long_candles_are_those_that_start_at_midnight_utc() {
    assert_eq!(granularity(Timeframe::D1), Some("1Dutc"));
    assert_eq!(granularity(Timeframe::H1), Some("1H"));
    assert_eq!(granularity(Timeframe::H8), None);
    let symbol = Symbol::try_new("BTCUSDT").unwrap();
    assert_eq!(
        candles(CANDLES, &symbol, "1m", window(60_000, 120_000)).target(),
        "/api/v2/mix/market/candles?symbol=BTCUSDT&productType=USDT-FUTURES&granularity=1m&startTime=60000\
         &endTime=120000&limit=200"
    );
}

//! Answers and frames of Upbit.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use tradefleet::domain::time::Timeframe;
use tradefleet::exchange::json;
use tradefleet::exchange::upbit::frames::{market_frame, private_frame};
use tradefleet::exchange::upbit::wire::{
    AccountRow, CandleRow, KeyRow, MarketRow, OrderRow, TickRow, TickerRow,
};
use tradefleet::exchange::upbit::{convert, fills};

use super::exact::assert_read_from;
use super::{each, text};

pub(crate) fn rest(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let of_account = [
        seen::<OrderRow>(text, |row| order(&row)),
        seen::<Vec<OrderRow>>(text, |rows| {
            each(&rows, order);
            drop(convert::open_orders(&rows, |_| true));
        }),
        seen::<Vec<AccountRow>>(text, |rows| {
            drop(convert::positions(&rows));
            drop(convert::balance(&rows));
        }),
        seen::<Vec<KeyRow>>(text, |rows| rows.iter().for_each(|row| drop(convert::time(&row.expire_at)))),
    ];
    let of_market = [
        seen::<Vec<MarketRow>>(text, drop),
        seen::<Vec<TickRow>>(text, |rows| {
            let market = |row: &TickRow| MarketRow { market: row.market.clone() };
            let markets: Vec<MarketRow> = rows.iter().map(market).collect();
            drop(convert::instruments(&markets, &rows));
        }),
        seen::<Vec<TickerRow>>(text, |rows| each(&rows, convert::ticker)),
        seen::<Vec<CandleRow>>(text, |rows| {
            each(&rows, |row| convert::candle(row, Timeframe::M1));
        }),
    ];
    of_account.contains(&true) | of_market.contains(&true)
}

fn order(row: &OrderRow) {
    drop(fills::of_order(row));
    if let Some(id) = convert::our_id(row.identifier.as_deref()) {
        drop(convert::order_report(row, id));
    }
}

/// Reads an answer, whose numbers must be those of its text, and goes on with it.
fn seen<T: DeserializeOwned + Debug>(text: &str, convert: impl FnOnce(T)) -> bool {
    let Ok(answer) = json::parse::<T>(text) else { return false };
    assert_read_from(&answer, text);
    convert(answer);
    true
}

pub(crate) fn frames(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let market = market_frame(text).inspect(|frame| assert_read_from(frame, text)).is_ok();
    let account = private_frame(text).inspect(|frame| assert_read_from(frame, text)).is_ok();
    market | account
}

//! What an account holds (docs.upbit.com, "Accounts"): KRW and each coin in a row of its own.

use serde_json::{Value, json};

use super::market_data::coin;
use super::number::{korean, text};
use super::{Call, Reply, reply};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Qty, Quote};
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::DurationMs;
use crate::matching::net_position::NetPosition;
use crate::simulator::account::Account;
use crate::simulator::order::OrderRecord;

/// Keys are made when the exchange opens, and good for a year.
const KEY_VALID: DurationMs = DurationMs::from_secs(365 * 86_400);

pub(super) fn accounts(call: &Call<'_>) -> Reply {
    let rows = call.venue.with(call.account, |account| {
        let coins = account.positions().iter().map(|held| coin_row(account, &held.symbol));
        std::iter::once(cash_row(account)).chain(coins).collect::<Vec<_>>()
    });
    reply(&rows)
}

pub(super) fn keys(call: &Call<'_>) -> Reply {
    let expire_at = korean(call.venue.clock.started().plus(KEY_VALID));
    let key = call.venue.with(call.account, |account| account.spec.api_key.clone());
    reply(&json!([{"access_key": key, "expire_at": expire_at}]))
}

/// KRW that waits in open orders, with their fees.
pub(super) fn locked_cash(account: &Account) -> Quote {
    let buys = account.open_orders().filter(|order| order.side == Side::Buy);
    let locked = |order: &OrderRecord| {
        let remaining = order.kind.price()?.notional(order.remaining_qty());
        Some(remaining + remaining.part(account.spec.taker_fee_pct))
    };
    buys.filter_map(locked).sum()
}

/// KRW that can be spent.
pub(super) fn free_cash(account: &Account) -> Quote {
    account.cash() - locked_cash(account)
}

/// Coins that can be sold.
pub(super) fn free_coins(account: &Account, symbol: &Symbol) -> Qty {
    let held = account.position(symbol, PositionSide::Long).map_or(Qty::ZERO, |held| held.qty);
    held.minus(account.locked_qty(symbol))
}

pub(super) fn cash_row(account: &Account) -> Value {
    json!({
        "currency": "KRW", "balance": text(free_cash(account).decimal()),
        "locked": text(locked_cash(account).decimal()), "avg_buy_price": "0", "avg_buy_price_modified": true,
        "unit_currency": "KRW",
    })
}

pub(super) fn coin_row(account: &Account, symbol: &Symbol) -> Value {
    let held = account.position(symbol, PositionSide::Long);
    let average =
        held.and_then(NetPosition::entry_price_avg).map_or_else(|| "0".to_owned(), |price| price.to_string());
    json!({
        "currency": coin(symbol), "balance": free_coins(account, symbol).to_string(),
        "locked": account.locked_qty(symbol).to_string(), "avg_buy_price": average,
        "avg_buy_price_modified": false, "unit_currency": "KRW",
    })
}

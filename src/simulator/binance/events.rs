//! User data events (<https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams>).

use serde_json::{Value, json};

use super::account_data::{position_lines, side_word};
use super::algo_json::{self, WORKING_TYPE};
use super::order_json::{self, CLOSE_POSITION, TYPE};
use crate::domain::fill::Liquidity;
use crate::domain::money::Quote;
use crate::domain::side::PositionMode;
use crate::domain::time::Timestamp;
use crate::simulator::account::Account;
use crate::simulator::event::{AccountEvent, Happening, Holdings, OrderChange};
use crate::simulator::fee_wallet::FeeWallet;
use crate::simulator::funding::FundingRecord;
use crate::simulator::order::{Conditional, FillRecord, OrderRecord, Origin};
use crate::simulator::venue::Venue;

/// What the event is to the account's user stream.
pub(super) fn user_events(event: &AccountEvent, venue: &Venue) -> Vec<Value> {
    let mode = venue.with(event.account, Account::position_mode).unwrap_or(PositionMode::OneWay);
    let at = event.at.ms();
    match &event.happening {
        Happening::Order { order, change } => {
            let mut events = vec![order_trade_update(order, change, mode, at)];
            if let (Origin::Conditional(id), false) = (order.origin, order.is_open()) {
                let conditional =
                    venue.with(event.account, |account| account.conditional(id).cloned()).flatten();
                events
                    .extend(conditional.map(|conditional| algo_update(&conditional, Some(order), mode, at)));
            }
            events
        }
        Happening::Conditional(conditional) => vec![algo_update(conditional, None, mode, at)],
        Happening::Holdings(holdings) => vec![account_update(event, holdings, venue)],
        Happening::Funding { wallet, record } => vec![funding_update(event, *wallet, record)],
        Happening::Leverage { symbol, leverage } => vec![json!({
            "e": "ACCOUNT_CONFIG_UPDATE", "E": at, "T": at,
            "ac": { "s": symbol.as_str(), "l": leverage.get() },
        })],
    }
}

fn order_trade_update(order: &OrderRecord, change: &OrderChange, mode: PositionMode, at: i64) -> Value {
    let (execution, fill): (&str, Option<&FillRecord>) = match change {
        OrderChange::Accepted => ("NEW", None),
        OrderChange::Amended => ("AMENDMENT", None),
        OrderChange::Filled(fill) => ("TRADE", Some(fill)),
        OrderChange::Cancelled => ("CANCELED", None),
        OrderChange::Expired => ("EXPIRED", None),
    };
    let of_fill = |read: fn(&FillRecord) -> String| fill.map_or_else(|| "0".to_owned(), read);
    let word = order_json::kind(order.kind);
    json!({
        "e": "ORDER_TRADE_UPDATE", "E": at, "T": at,
        "o": {
            "s": order.symbol.as_str(), "c": order.client_id, "S": order_json::side(order.side), "o": word,
            "f": order_json::time_in_force(order.kind), "q": order.qty.to_string(),
            "p": order_json::price(order.kind), "ap": order_json::average(order), "sp": "0", "x": execution,
            "X": order_json::status(order.status), "i": order.id, "l": of_fill(|fill| fill.qty.to_string()),
            "z": order.filled_qty.to_string(), "L": of_fill(|fill| fill.price.to_string()),
            "N": fill.map_or("USDT", |fill| fill.fee.asset()),
            "n": of_fill(|fill| fill.fee.amount().to_string()), "T": at, "t": fill.map_or(0, |fill| fill.trade_id),
            "b": "0", "a": "0", "m": fill.is_some_and(|fill| fill.liquidity == Liquidity::Maker),
            "R": order.reduce_only, "wt": "CONTRACT_PRICE", "ot": order.tag(TYPE).unwrap_or(word),
            "ps": side_word(mode, order.position_side), "cp": order.tag(CLOSE_POSITION).is_some(),
            "rp": of_fill(|fill| fill.realized.to_string()), "pP": false, "si": 0, "ss": 0, "V": "EXPIRE_MAKER",
            "pm": "NONE", "gtd": 0, "er": "0",
        },
    })
}

fn algo_update(conditional: &Conditional, order: Option<&OrderRecord>, mode: PositionMode, at: i64) -> Value {
    let id = conditional.order_id.map_or_else(String::new, |id| id.to_string());
    json!({
        "e": "ALGO_UPDATE", "E": at, "T": at,
        "o": {
            "caid": conditional.client_id, "aid": conditional.id, "at": "CONDITIONAL",
            "o": conditional.tag(TYPE).unwrap_or_default(), "s": conditional.symbol.as_str(),
            "S": order_json::side(conditional.side), "ps": side_word(mode, conditional.position_side),
            "f": order_json::time_in_force(conditional.kind),
            "q": conditional.qty.map_or_else(|| "0".to_owned(), |qty| qty.to_string()),
            "X": algo_json::status(conditional, order), "ai": id,
            "ap": order.map_or_else(|| "0".to_owned(), order_json::average),
            "aq": order.map_or_else(|| "0".to_owned(), |order| order.filled_qty.to_string()),
            "act": order.map_or("", |order| order_json::kind(order.kind)),
            "tp": algo_json::trigger_price(conditional.trigger), "p": order_json::price(conditional.kind),
            "V": "EXPIRE_MAKER", "wt": conditional.tag(WORKING_TYPE), "pm": "NONE",
            "cp": conditional.tag(CLOSE_POSITION).is_some(), "pP": false, "R": conditional.reduce_only,
            "tt": conditional.triggered_at.map_or(0, Timestamp::ms), "gtd": 0,
            "rm": conditional.reason.as_deref().unwrap_or_default(),
        },
    })
}

fn account_update(event: &AccountEvent, holdings: &Holdings, venue: &Venue) -> Value {
    let mark = venue.price(&holdings.symbol);
    let lines = venue.with(event.account, |account| position_lines(account, &holdings.symbol, mark));
    let position = |line: &super::account_data::PositionLine| {
        json!({
            "s": line.symbol.as_str(), "pa": line.amount.to_string(), "ep": line.entry.to_string(),
            "bep": line.entry.to_string(), "cr": "0", "up": line.profit.to_string(), "mt": "cross", "iw": "0",
            "ps": line.side,
        })
    };
    json!({
        "e": "ACCOUNT_UPDATE", "E": event.at.ms(), "T": event.at.ms(),
        "a": {
            "m": "ORDER",
            "B": balances(holdings.wallet, holdings.fee_wallet.as_ref()),
            "P": lines.unwrap_or_default().iter().map(position).collect::<Vec<_>>(),
        },
    })
}

fn balances(wallet: Quote, fee_wallet: Option<&FeeWallet>) -> Vec<Value> {
    let line = |asset: &str, amount: String| json!({ "a": asset, "wb": amount, "cw": amount, "bc": "0" });
    let fees = fee_wallet.map(|wallet| line(&wallet.asset, wallet.balance.to_string()));
    std::iter::once(line("USDT", wallet.to_string())).chain(fees).collect()
}

/// Of a crossed position: the balance alone.
fn funding_update(event: &AccountEvent, wallet: Quote, record: &FundingRecord) -> Value {
    let amount = wallet.to_string();
    json!({
        "e": "ACCOUNT_UPDATE", "E": event.at.ms(), "T": event.at.ms(),
        "a": {
            "m": "FUNDING_FEE",
            "B": [{ "a": "USDT", "wb": amount, "cw": amount, "bc": record.amount.to_string() }],
            "P": [],
        },
    })
}

pub(super) fn listen_key_expired(key: &str, at: i64) -> Value {
    json!({ "e": "listenKeyExpired", "E": at, "listenKey": key })
}

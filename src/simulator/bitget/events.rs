//! Rows of the private channels (<https://www.bitget.com/api-doc/contract/websocket/private/Order-Channel>).

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::account_data::{margin_word, position_row};
use super::order_rows::{
    self, entry_point, fees, force, is_forced, kind, mode_word, position_side, price, reduce_word, scope,
    side, trade_side,
};
use super::{ids, plan_rows};
use crate::domain::fill::Liquidity;
use crate::simulator::account::Account;
use crate::simulator::event::{AccountEvent, AccountIndex, Happening, OrderChange};
use crate::simulator::order::{Conditional, FillRecord, OrderRecord};
use crate::simulator::venue::Venue;

/// A channel and a row of it.
pub(super) type Pushed = (&'static str, Vec<Value>);

/// What the event is to the channels of its account.
pub(super) fn pushes(event: &AccountEvent, venue: &Venue) -> Vec<Pushed> {
    let with = |read: &dyn Fn(&Account) -> Value| venue.with(event.account, read).unwrap_or_default();
    match &event.happening {
        Happening::Order { order, change } => {
            let fill = match change {
                OrderChange::Filled(fill) => Some(fill),
                OrderChange::Accepted
                | OrderChange::Amended
                | OrderChange::Cancelled
                | OrderChange::Expired => None,
            };
            let mut pushes = vec![("orders", vec![with(&|account| order_row(order, fill, account))])];
            pushes.extend(fill.map(|fill| ("fill", vec![with(&|account| fill_row(fill, order, account))])));
            pushes
        }
        Happening::Conditional(plan) => vec![("orders-algo", vec![with(&|account| plan_row(plan, account))])],
        Happening::Holdings(_) => {
            vec![("positions", positions(event.account, venue)), ("account", money(event.account, venue))]
        }
        Happening::Funding { .. } => vec![("account", money(event.account, venue))],
        Happening::Leverage { .. } => vec![("positions", positions(event.account, venue))],
    }
}

/// `baseVolume` is the size of the latest fill, `accBaseVolume` the sum of all.
fn order_row(order: &OrderRecord, fill: Option<&FillRecord>, account: &Account) -> Value {
    let mode = account.position_mode();
    let settings = account.settings(&order.symbol);
    let of_fill = |read: fn(&FillRecord) -> String| fill.map(read).unwrap_or_default();
    let average = order.average_price().map_or_else(|| "0".to_owned(), |price| price.to_string());
    json!({
        "accBaseVolume": order.filled_qty.to_string(), "cTime": order.created_at.ms().to_string(),
        "clientOid": order.client_id,
        "feeDetail": order_fees(order),
        "fillFee": of_fill(|fill| (-fill.fee.amount()).normalize().to_string()),
        "fillFeeCoin": fill.map(|fill| fill.fee.asset()).unwrap_or_default(),
        "fillNotionalUsd": order.filled_notional.to_string(), "fillPrice": of_fill(|fill| fill.price.to_string()),
        "baseVolume": fill.map_or_else(|| "0".to_owned(), |fill| fill.qty.to_string()),
        "fillTime": of_fill(|fill| fill.at.ms().to_string()), "force": force(order.kind),
        "instId": order.symbol.as_str(), "leverage": settings.leverage.to_string(), "marginCoin": "USDT",
        "marginMode": margin_word(settings.isolated), "notionalUsd": order.filled_notional.to_string(),
        "orderId": ids::of_order(order.id), "orderType": kind(order.kind),
        "pnl": of_fill(|fill| fill.realized.to_string()), "posMode": mode_word(mode),
        "posSide": position_side(mode, order.position_side), "price": price(order.kind), "priceAvg": average,
        "reduceOnly": reduce_word(mode, order.reduce_only), "side": side(mode, order.side, order.position_side),
        "size": order.qty.to_string(), "enterPointSource": entry_point(order.origin),
        "status": order_rows::status(order.status),
        "tradeScope": fill.map(|fill| scope_letter(fill.liquidity)).unwrap_or_default(),
        "tradeId": of_fill(|fill| fill.trade_id.to_string()),
        "tradeSide": trade_side(mode, order.side, order.position_side, is_forced(order.origin)),
        "presetStopSurplusPrice": "", "presetStopLossPrice": "", "totalProfits": "0", "stpMode": "none",
        "uTime": order.updated_at.ms().to_string(),
    })
}

fn order_fees(order: &OrderRecord) -> Vec<Value> {
    let fee =
        |asset: &str, amount: Decimal| json!({ "feeCoin": asset, "fee": (-amount).normalize().to_string() });
    let mut fees: Vec<Value> = order.fees.iter().map(|sum| fee(&sum.asset, sum.amount)).collect();
    if fees.is_empty() {
        fees.push(fee("USDT", Decimal::ZERO));
    }
    fees
}

const fn scope_letter(liquidity: Liquidity) -> &'static str {
    match liquidity {
        Liquidity::Maker => "M",
        Liquidity::Taker => "T",
    }
}

/// Of all places only this channel has the economic side in hedge mode too.
fn fill_row(fill: &FillRecord, order: &OrderRecord, account: &Account) -> Value {
    let mode = account.position_mode();
    let at = fill.at.ms().to_string();
    json!({
        "orderId": ids::of_order(fill.order_id), "clientOid": order.client_id,
        "tradeId": fill.trade_id.to_string(), "symbol": fill.symbol.as_str(), "side": fill.side.as_str(),
        "orderType": kind(order.kind), "posMode": mode_word(mode), "price": fill.price.to_string(),
        "baseVolume": fill.qty.to_string(), "quoteVolume": fill.price.notional(fill.qty).to_string(),
        "profit": fill.realized.to_string(),
        "tradeSide": trade_side(mode, fill.side, fill.position_side, is_forced(order.origin)),
        "tradeScope": scope(fill.liquidity), "feeDetail": fees(fill), "cTime": at, "uTime": at,
    })
}

fn plan_row(plan: &Conditional, account: &Account) -> Value {
    let mode = account.position_mode();
    let plan_type = match plan.tag(plan_rows::PLAN_TYPE) {
        Some("profit_plan") => "tp",
        Some("loss_plan") => "sl",
        Some("pos_profit") => "ptp",
        Some("pos_loss") => "psl",
        Some("track_plan") => "track",
        Some("moving_plan") => "mtpsl",
        _ => "pl",
    };
    json!({
        "instId": plan.symbol.as_str(), "orderId": plan.id.to_string(), "clientOid": plan.client_id,
        "triggerPrice": plan_rows::trigger_price(plan),
        "triggerType": plan.tag(plan_rows::TRIGGER_TYPE).unwrap_or("fill_price"),
        "triggerTime": plan.triggered_at.map(|at| at.ms().to_string()).unwrap_or_default(), "planType": plan_type,
        "price": price(plan.kind), "executePrice": price(plan.kind), "size": plan_rows::size(plan),
        "actualSize": "0", "orderType": kind(plan.kind), "side": side(mode, plan.side, plan.position_side),
        "tradeSide": trade_side(mode, plan.side, plan.position_side, false),
        "posSide": position_side(mode, plan.position_side), "marginCoin": "USDT",
        "status": plan_rows::status(plan), "posMode": mode_word(mode), "enterPointSource": "API",
        "cTime": plan.created_at.ms().to_string(), "uTime": plan.updated_at.ms().to_string(),
    })
}

/// All open positions; none means flat.
pub(super) fn positions(account: AccountIndex, venue: &Venue) -> Vec<Value> {
    let held = venue.with(account, |account| account.positions().to_vec()).unwrap_or_default();
    let rows = held.iter().filter_map(|held| {
        let mark = venue.price(&held.symbol)?;
        let mut row = venue.with(account, |account| position_row(account, held, mark))?;
        let fields = row.as_object_mut()?;
        let symbol = fields.remove("symbol")?;
        fields.insert("instId".to_owned(), symbol);
        fields.insert("frozen".to_owned(), json!("0"));
        Some(row)
    });
    rows.collect()
}

pub(super) fn money(account: AccountIndex, venue: &Venue) -> Vec<Value> {
    let row = venue.with(account, |account| {
        let balance = account.balance();
        let equity = (balance.wallet + balance.unrealized).to_string();
        let available = balance.available.to_string();
        json!({
            "marginCoin": "USDT", "frozen": "0", "available": available, "maxOpenPosAvailable": available,
            "maxTransferOut": available, "equity": equity, "usdtEquity": equity,
            "unrealizedPL": balance.unrealized.to_string(), "crossedRiskRate": "0",
        })
    });
    row.into_iter().collect()
}

//! What sockets say of an account: its orders and assets (docs.upbit.com, "MyOrder", "MyAsset").

use rust_decimal::Decimal;
use serde::Serialize;

use super::market_data::coin;
use super::number::Number;
use super::order_rows::{self, IDENTIFIER, TIME_IN_FORCE, TOTAL};
use super::{account_data, ids};
use crate::domain::fill::Liquidity;
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::domain::side::Side;
use crate::domain::time::Timestamp;
use crate::simulator::account::Account;
use crate::simulator::order::{FillRecord, OrderRecord};

/// One change of an order. In state `trade`, price and volume are those of the execution.
#[derive(Serialize)]
pub(super) struct MyOrder {
    #[serde(rename = "type")]
    kind: &'static str,
    code: String,
    uuid: String,
    ask_bid: &'static str,
    order_type: String,
    state: &'static str,
    trade_uuid: Option<String>,
    price: Option<Number>,
    avg_price: Number,
    volume: Option<Number>,
    remaining_volume: Option<Number>,
    executed_volume: Number,
    trades_count: usize,
    reserved_fee: Number,
    remaining_fee: Number,
    paid_fee: Number,
    locked: Number,
    executed_funds: Number,
    time_in_force: Option<String>,
    trade_fee: Option<Number>,
    is_maker: Option<bool>,
    identifier: Option<String>,
    smp_type: Option<&'static str>,
    trade_timestamp: Option<i64>,
    order_timestamp: i64,
    timestamp: i64,
    stream_type: &'static str,
}

impl MyOrder {
    /// The order in one of the states that are no execution.
    pub(super) fn of(account: &Account, order: &OrderRecord, state: &'static str, at: Timestamp) -> Self {
        let aside = order_rows::set_aside(order, account.spec.taker_fee_pct);
        let is_for_total = order.tag(TOTAL).is_some();
        let total = order.tag(TOTAL).and_then(|total| total.parse().ok());
        let price = total.or_else(|| Some(order.kind.price()?.decimal()));
        let volume = |volume: Decimal| (!is_for_total).then_some(Number(volume));
        Self {
            kind: "myOrder",
            code: order.symbol.to_string(),
            uuid: ids::of_order(account.index(), order.id),
            ask_bid: if order.side == Side::Buy { "BID" } else { "ASK" },
            order_type: order_rows::ord_type(order).to_owned(),
            state,
            trade_uuid: None,
            price: price.map(Number),
            avg_price: Number(order.average_price().map_or(Decimal::ZERO, Price::decimal)),
            volume: volume(order.qty.decimal()),
            remaining_volume: volume(order.remaining_qty().decimal()),
            executed_volume: Number(order.filled_qty.decimal()),
            trades_count: order_rows::trades(account, order).count(),
            reserved_fee: Number(aside.reserved_fee.decimal()),
            remaining_fee: Number(aside.remaining_fee.decimal()),
            paid_fee: Number(order.fees.of("KRW")),
            locked: Number(aside.locked),
            executed_funds: Number(order.filled_notional.decimal()),
            time_in_force: order.tag(TIME_IN_FORCE).map(str::to_owned),
            trade_fee: None,
            is_maker: None,
            identifier: order.tag(IDENTIFIER).map(str::to_owned),
            smp_type: None,
            trade_timestamp: None,
            order_timestamp: order.created_at.ms(),
            timestamp: at.ms(),
            stream_type: "REALTIME",
        }
    }

    /// An execution.
    pub(super) fn of_trade(account: &Account, order: &OrderRecord, fill: &FillRecord) -> Self {
        Self {
            trade_uuid: Some(ids::of_trade(account.index(), fill.trade_id)),
            price: Some(Number(fill.price.decimal())),
            volume: Some(Number(fill.qty.decimal())),
            trade_fee: Some(Number(fill.fee.amount())),
            is_maker: Some(fill.liquidity == Liquidity::Maker),
            trade_timestamp: Some(fill.at.ms()),
            ..Self::of(account, order, "trade", fill.at)
        }
    }
}

/// What the account holds of KRW and of one coin.
#[derive(Serialize)]
pub(super) struct MyAsset {
    #[serde(rename = "type")]
    kind: &'static str,
    asset_uuid: String,
    assets: [Asset; 2],
    asset_timestamp: i64,
    timestamp: i64,
    stream_type: &'static str,
}

#[derive(Serialize)]
struct Asset {
    currency: String,
    balance: Number,
    locked: Number,
}

impl MyAsset {
    pub(super) fn of(account: &Account, symbol: &Symbol, at: Timestamp) -> Self {
        let cash = Asset {
            currency: "KRW".to_owned(),
            balance: Number(account_data::free_cash(account).decimal()),
            locked: Number(account_data::locked_cash(account).decimal()),
        };
        let coins = Asset {
            currency: coin(symbol).to_owned(),
            balance: Number(account_data::free_coins(account, symbol).decimal()),
            locked: Number(account.locked_qty(symbol).decimal()),
        };
        Self {
            kind: "myAsset",
            asset_uuid: uuid::Uuid::new_v4().to_string(),
            assets: [cash, coins],
            asset_timestamp: at.ms(),
            timestamp: at.ms(),
            stream_type: "REALTIME",
        }
    }
}

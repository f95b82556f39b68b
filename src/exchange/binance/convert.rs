//! From the exchange's words to ours: whose an order is, reports, fills, positions, rules.

use rust_decimal::Decimal;

use super::answers::{
    AccountAnswer, AlgoAnswer, AlgoState, AssetAnswer, FilterAnswer, IncomeAnswer, KlineAnswer, OrderAnswer,
    OrderState, PositionAnswer, PositionSideWord, RateLimitAnswer, SymbolAnswer, TickerAnswer, Unreadable,
};
use super::{QUOTE_ASSET, calls};
use crate::domain::candle::Candle;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{MoneyError, Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::{Timeframe, Timestamp};
use crate::exchange::governor::Limit;
use crate::exchange::json::{DecimalText, OptionalDecimal};
use crate::exchange::market_data::Ticker;
use crate::exchange::report::{
    Balance, ExternalCause, ExternalOrder, FundingPayment, OrderReport, PositionReport,
};
use crate::exchange::wire::Bucket;

impl From<MoneyError> for Unreadable {
    fn from(error: MoneyError) -> Self {
        Self(error.to_string())
    }
}

/// A symbol that this program can name. The others are traded by nobody here.
pub fn symbol(text: &str) -> Option<Symbol> {
    Symbol::try_new(text).ok()
}

/// [`symbol`] of something of ours, which always has one.
fn own_symbol(text: &str) -> Result<Symbol, Unreadable> {
    Symbol::try_new(text).map_err(|error| Unreadable(error.to_string()))
}

/// Whose an order is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    Ours(ClientOrderId),
    External(ExternalCause),
}

impl Owner {
    /// Read from the client id: ours, one that the exchange gives to the orders it makes, or anybody's.
    pub fn of(client_id: &str) -> Self {
        if let Ok(id) = client_id.parse() {
            return Self::Ours(id);
        }
        let cause = if client_id.starts_with("autoclose-") {
            ExternalCause::Liquidation
        } else if client_id.starts_with("adl_autoclose") {
            ExternalCause::Deleveraging
        } else if client_id.starts_with("settlement_autoclose-") {
            ExternalCause::Settlement
        } else {
            ExternalCause::Manual
        };
        Self::External(cause)
    }
}

/// The position that an order of ours belongs to. In one-way mode it follows from its side and purpose.
pub fn position_side_of(id: &ClientOrderId, side: Side, word: PositionSideWord) -> PositionSide {
    let increases = id.key().is_some_and(|key| key.purpose.increases());
    match (word, side, increases) {
        (PositionSideWord::Long, _, _)
        | (PositionSideWord::Both, Side::Buy, true)
        | (PositionSideWord::Both, Side::Sell, false) => PositionSide::Long,
        (PositionSideWord::Short, _, _)
        | (PositionSideWord::Both, Side::Sell, true)
        | (PositionSideWord::Both, Side::Buy, false) => PositionSide::Short,
    }
}

/// `None` in one-way mode.
pub(super) const fn named_position_side(word: PositionSideWord) -> Option<PositionSide> {
    match word {
        PositionSideWord::Both => None,
        PositionSideWord::Long => Some(PositionSide::Long),
        PositionSideWord::Short => Some(PositionSide::Short),
    }
}

/// The status of an order in the book.
pub fn order_status(state: OrderState) -> Result<OrderStatus, Unreadable> {
    match state {
        OrderState::New => Ok(OrderStatus::Open),
        OrderState::PartiallyFilled => Ok(OrderStatus::PartiallyFilled),
        OrderState::Filled => Ok(OrderStatus::Filled),
        OrderState::Canceled => Ok(OrderStatus::Cancelled),
        OrderState::Expired => Ok(OrderStatus::Expired),
        OrderState::Rejected => Ok(OrderStatus::Rejected),
        OrderState::Other => Err(Unreadable("an order has a status that is not documented".to_owned())),
    }
}

/// The status of a conditional order, and why it ended, as far as it is known without the order it became. One that is
/// rejected when it triggers has rested: it ends as expired.
pub fn algo_status(state: AlgoState) -> Result<(OrderStatus, Option<&'static str>), Unreadable> {
    match state {
        AlgoState::New | AlgoState::Triggering | AlgoState::Triggered => Ok((OrderStatus::Open, None)),
        AlgoState::Canceled => Ok((OrderStatus::Cancelled, None)),
        AlgoState::Expired => Ok((OrderStatus::Expired, Some("the condition expired"))),
        AlgoState::Rejected => Ok((OrderStatus::Expired, Some("rejected when it was triggered"))),
        // The order it became is forgotten by the exchange only if it had no fill.
        AlgoState::Finished => Ok((OrderStatus::Expired, Some("ended without a fill"))),
        AlgoState::Other => {
            Err(Unreadable("a conditional order has a status that is not documented".to_owned()))
        }
    }
}

/// Zero stands for "none".
fn price_if_any(price: impl Into<Option<Decimal>>) -> Result<Option<Price>, MoneyError> {
    price.into().filter(|price| !price.is_zero()).map(Price::try_new).transpose()
}

/// Price x quantity of what is filled. Without either of the two fields that tell it, only "nothing" is known.
pub fn filled_notional(order: &OrderAnswer) -> Result<Quote, Unreadable> {
    let from_average = || order.avg_price.0?.checked_mul(order.executed_qty.0);
    match order.cum_quote.0.or_else(from_average) {
        Some(total) => Ok(Quote::try_new(total)?),
        None if order.executed_qty.0.is_zero() => Ok(Quote::ZERO),
        None => Err(Unreadable(format!("order {} tells no price of its fills", order.order_id.0))),
    }
}

/// An order of ours. The order that a condition of ours became is reported under the condition's own id.
pub fn order_report(order: &OrderAnswer, id: ClientOrderId) -> Result<OrderReport, Unreadable> {
    let side = order.side.side();
    Ok(OrderReport {
        exchange_order_id: order.order_id.0.clone(),
        symbol: own_symbol(&order.symbol)?,
        side,
        position_side: position_side_of(&id, side, order.position_side),
        status: order_status(order.status)?,
        price: price_if_any(order.price.0)?,
        qty: Qty::try_new(order.orig_qty.0)?,
        filled_qty: Qty::try_new(order.executed_qty.0)?,
        filled_notional: filled_notional(order)?,
        reduce_only: order.reduce_only,
        end_reason: None,
        client_order_id: id,
    })
}

/// A number that every condition of ours has.
pub(super) fn told(number: OptionalDecimal, id: &ClientOrderId, what: &str) -> Result<Decimal, Unreadable> {
    number.0.ok_or_else(|| Unreadable(format!("condition {id} tells no {what}")))
}

/// A conditional order of ours, with the order that it became, if it did.
pub fn algo_report(
    algo: &AlgoAnswer,
    id: ClientOrderId,
    actual: Option<&OrderAnswer>,
) -> Result<OrderReport, Unreadable> {
    let side = algo.side.side();
    let (status, end_reason) = match actual {
        Some(order) => (order_status(order.status)?, None),
        None => algo_status(algo.algo_status)?,
    };
    Ok(OrderReport {
        exchange_order_id: algo.algo_id.0.clone(),
        symbol: own_symbol(&algo.symbol)?,
        side,
        position_side: position_side_of(&id, side, algo.position_side),
        status,
        price: price_if_any(told(algo.trigger_price, &id, "trigger")?)?,
        qty: Qty::try_new(told(algo.quantity, &id, "quantity")?)?,
        filled_qty: actual.map_or(Ok(Qty::ZERO), |order| Qty::try_new(order.executed_qty.0))?,
        filled_notional: actual.map_or(Ok(Quote::ZERO), filled_notional)?,
        reduce_only: algo.reduce_only,
        end_reason: end_reason.map(str::to_owned),
        client_order_id: id,
    })
}

/// A stranger's order in the book; `None` for a symbol that nobody trades here.
pub fn external_order(order: &OrderAnswer) -> Result<Option<ExternalOrder>, Unreadable> {
    let Some(symbol) = symbol(&order.symbol) else { return Ok(None) };
    Ok(Some(ExternalOrder {
        exchange_order_id: order.order_id.0.clone(),
        symbol,
        side: order.side.side(),
        qty: Qty::try_new(order.orig_qty.0)?,
        price: price_if_any(order.price.0)?,
    }))
}

/// A stranger's condition; one that closes a position whole tells no quantity.
pub fn external_condition(algo: &AlgoAnswer) -> Result<Option<ExternalOrder>, Unreadable> {
    let Some(symbol) = symbol(&algo.symbol) else { return Ok(None) };
    Ok(Some(ExternalOrder {
        exchange_order_id: algo.algo_id.0.clone(),
        symbol,
        side: algo.side.side(),
        qty: Qty::try_new(algo.quantity.0.unwrap_or_default())?,
        price: price_if_any(algo.trigger_price.0)?,
    }))
}

/// `None` for what is flat, or nobody's here.
pub fn position_report(position: &PositionAnswer) -> Result<Option<PositionReport>, Unreadable> {
    let amount = position.position_amt.0;
    let Some(symbol) = symbol(&position.symbol).filter(|_| !amount.is_zero()) else { return Ok(None) };
    let by_sign = if amount > Decimal::ZERO { PositionSide::Long } else { PositionSide::Short };
    Ok(Some(PositionReport {
        symbol,
        side: named_position_side(position.position_side).unwrap_or(by_sign),
        qty: Qty::try_new(amount.abs())?,
        // An average has more decimals than a price keeps.
        entry_price_avg: price_if_any(position.entry_price.0.round_dp(12))?,
        leverage: None,
    }))
}

/// The money of the quote asset; all zero for an account that never had any.
pub fn balance(account: &AccountAnswer) -> Balance {
    let asset = account.assets.iter().find(|asset| asset.asset == QUOTE_ASSET);
    let amount =
        |of: fn(&AssetAnswer) -> DecimalText| asset.map_or(Quote::ZERO, |asset| Quote::new(of(asset).0));
    Balance {
        wallet: amount(|asset| asset.wallet_balance),
        unrealized: amount(|asset| asset.unrealized_profit),
        available: amount(|asset| asset.available_balance),
    }
}

/// `None` for what is no funding in quote currency.
pub fn funding_payment(income: &IncomeAnswer) -> Option<FundingPayment> {
    if income.income_type != "FUNDING_FEE" || income.asset != QUOTE_ASSET {
        return None;
    }
    // The id is unique among payments of one sort; the symbol makes it so across accounts that share it.
    let id = income.tran_id.0.clone().unwrap_or_else(|| income.time.0.ms().to_string());
    Some(FundingPayment {
        id: format!("{id}-{}", income.symbol),
        symbol: symbol(&income.symbol)?,
        amount: Quote::new(income.income.0),
        at: income.time.0,
    })
}

/// The rules of a symbol that can be traded here; `None` for all others. A quantity must pass the filters of limit
/// and of market orders, so the stricter of both counts.
pub fn instrument(answer: &SymbolAnswer) -> Result<Option<Instrument>, Unreadable> {
    let tradable = answer.status == "TRADING"
        && answer.contract_type == "PERPETUAL"
        && answer.quote_asset == QUOTE_ASSET;
    let Some(symbol) = symbol(&answer.symbol).filter(|_| tradable) else { return Ok(None) };
    let of = |kinds: &[&str], field: fn(&FilterAnswer) -> OptionalDecimal, what: &str| {
        let filters = answer.filters.iter().filter(|filter| kinds.contains(&filter.filter_type.as_str()));
        filters
            .filter_map(|filter| field(filter).0)
            .max()
            .ok_or_else(|| Unreadable(format!("{} has no {what}", answer.symbol)))
    };
    let lots = ["LOT_SIZE", "MARKET_LOT_SIZE"];
    Ok(Some(Instrument {
        tick: Price::try_new(of(&["PRICE_FILTER"], |filter| filter.tick_size, "tick size")?)?,
        step: Qty::try_new(of(&lots, |filter| filter.step_size, "step size")?)?,
        min_qty: Qty::try_new(of(&lots, |filter| filter.min_qty, "minimum quantity")?)?,
        min_notional: Quote::try_new(of(&["MIN_NOTIONAL"], |filter| filter.notional, "minimum notional")?)?,
        symbol,
    }))
}

/// Our limits with the amounts that the exchange tells; those it does not tell stay as they are documented.
pub fn limits(told: &[RateLimitAnswer]) -> Vec<Limit> {
    let amount = |bucket: Bucket| {
        let of = |kind, interval, number| {
            let is_it = |limit: &&RateLimitAnswer| {
                limit.rate_limit_type == kind && limit.interval == interval && limit.interval_num == number
            };
            told.iter().find(is_it).map(|limit| limit.limit)
        };
        match bucket {
            calls::WEIGHT => of("REQUEST_WEIGHT", "MINUTE", 1),
            calls::ORDERS_10S => of("ORDERS", "SECOND", 10),
            _ => of("ORDERS", "MINUTE", 1),
        }
    };
    let told = |limit: Limit| Limit { amount: amount(limit.bucket).unwrap_or(limit.amount), ..limit };
    calls::LIMITS.into_iter().map(told).collect()
}

/// `None` for a symbol that has no price, or that nobody trades here.
pub fn ticker(answer: &TickerAnswer) -> Result<Option<Ticker>, Unreadable> {
    let Some(symbol) = symbol(&answer.symbol) else { return Ok(None) };
    let Some(last) = price_if_any(answer.last_price.0)? else { return Ok(None) };
    Ok(Some(Ticker { symbol, last, quote_volume_24h: Quote::try_new(answer.quote_volume.0)? }))
}

/// A candle that has closed by `at`; the last one of an answer is normally still open.
pub fn closed_candle(
    kline: &KlineAnswer,
    timeframe: Timeframe,
    at: Timestamp,
) -> Option<Result<Candle, Unreadable>> {
    let open_time = kline.open_time.0;
    let is_closed = open_time.plus(timeframe.duration()) <= at;
    is_closed.then(|| candle(open_time, kline.prices, kline.volume))
}

/// A candle from its texts.
pub fn candle(
    open_time: Timestamp,
    prices: [DecimalText; 4],
    volume: DecimalText,
) -> Result<Candle, Unreadable> {
    let [open, high, low, close] = prices;
    let prices =
        [Price::try_new(open.0)?, Price::try_new(high.0)?, Price::try_new(low.0)?, Price::try_new(close.0)?];
    Candle::try_new(open_time, prices, volume.0).map_err(|error| Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests;

//! The exchange's rows in this program's words.
//!
//! **Positions**: a coin with a market in KRW is a long position of all that the account has of it, whoever bought it.
//!
//! **Money**: the wallet is the cash, set aside or not, plus what the coins have cost by the exchange's own average. A
//! purchase then moves money within the wallet and only fees and realized profit change it, as on a futures exchange.
//! The exchange does not value the coins, so no unrealized profit is told.

use super::wire::{AccountRow, BidAsk, CandleRow, MarketRow, OrderRow, OrderState, TickRow, TickerRow};
use crate::domain::candle::Candle;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Leverage, MoneyError, Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::{Timeframe, Timestamp};
use crate::exchange::json::DecimalText;
use crate::exchange::market_data::Ticker;
use crate::exchange::report::{Balance, ExternalOrder, OpenOrders, OrderReport, PositionReport};
use rust_decimal::{Decimal, dec};

/// The currency everything is quoted in.
pub const QUOTE_ASSET: &str = "KRW";

/// Volumes have eight decimals.
const VOLUME_STEP: Decimal = dec!(0.00000001);
/// What an order is worth at least, in KRW.
const MIN_TOTAL: Decimal = dec!(5_000);

/// A row that does not mean what its field promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl From<MoneyError> for Unreadable {
    fn from(error: MoneyError) -> Self {
        Self(error.to_string())
    }
}

impl From<BidAsk> for Side {
    fn from(side: BidAsk) -> Self {
        match side {
            BidAsk::Bid => Self::Buy,
            BidAsk::Ask => Self::Sell,
        }
    }
}

/// Whether a market is one that this program trades.
pub fn is_traded(market: &str) -> bool {
    market.strip_prefix(QUOTE_ASSET).is_some_and(|rest| rest.starts_with('-'))
}

pub fn symbol(market: &str) -> Result<Symbol, Unreadable> {
    Symbol::try_new(market).map_err(|error| Unreadable(error.to_string()))
}

/// The symbol of an order's market. `None` for a stranger's on a market that this program cannot name: those are traded by
/// nobody here.
pub fn order_symbol(market: &str, id: Option<&ClientOrderId>) -> Result<Option<Symbol>, Unreadable> {
    match symbol(market) {
        Err(_) if id.is_none() => Ok(None),
        named => named.map(Some),
    }
}

/// A time with its own offset, such as `2023-11-15T07:13:20+09:00`.
pub fn time(text: &str) -> Result<Timestamp, Unreadable> {
    let instant: jiff::Timestamp =
        text.parse().map_err(|_| Unreadable(format!("time `{text}` is not ISO 8601")))?;
    Ok(Timestamp::from_ms(instant.as_millisecond()))
}

/// A time in UTC that does not say so, such as `2023-11-14T22:12:00`.
pub fn utc_time(text: &str) -> Result<Timestamp, Unreadable> {
    time(&format!("{text}Z"))
}

/// The id an order carries, if it is one of ours.
pub fn our_id(identifier: Option<&str>) -> Option<ClientOrderId> {
    identifier?.parse().ok()
}

/// What became of an order. A state never says whether anything was executed: an order to be filled at once or not
/// ends as `cancel` when it was filled in part, and one that bought for a total when it was filled altogether. `volume` is
/// what the order was for; of one that bought for a total there is none.
pub fn status(
    state: OrderState,
    volume: Option<Qty>,
    executed: Qty,
    time_in_force: Option<&str>,
) -> OrderStatus {
    match state {
        OrderState::Wait | OrderState::Watch | OrderState::Prevented | OrderState::Other
            if executed.is_zero() =>
        {
            OrderStatus::Open
        }
        OrderState::Wait | OrderState::Watch | OrderState::Prevented | OrderState::Other => {
            OrderStatus::PartiallyFilled
        }
        OrderState::Done | OrderState::Cancel
            if volume.map_or(!executed.is_zero(), |volume| executed >= volume) =>
        {
            OrderStatus::Filled
        }
        OrderState::Done | OrderState::Cancel => unfilled(time_in_force),
    }
}

/// How an order ends of which a part was not filled.
pub fn unfilled(time_in_force: Option<&str>) -> OrderStatus {
    if matches!(time_in_force, Some("ioc" | "fok")) { OrderStatus::Expired } else { OrderStatus::Cancelled }
}

/// Why an order of that status ended with a part unfilled.
pub fn end_reason(status: OrderStatus) -> Option<&'static str> {
    match status {
        OrderStatus::Expired => Some("nothing more was offered at its price"),
        OrderStatus::Cancelled => Some("cancelled"),
        OrderStatus::Intended
        | OrderStatus::Sent
        | OrderStatus::Unknown
        | OrderStatus::Open
        | OrderStatus::PartiallyFilled
        | OrderStatus::Filled
        | OrderStatus::Rejected => None,
    }
}

pub fn order_report(row: &OrderRow, id: ClientOrderId) -> Result<OrderReport, Unreadable> {
    if row.state == OrderState::Other {
        return Err(Unreadable(format!("order {id} has a state that is not documented")));
    }
    let filled_qty = Qty::try_new(row.executed())?;
    let volume = quantity(row.volume)?;
    let status = status(row.state, volume, filled_qty, row.time_in_force.as_deref());
    Ok(OrderReport {
        client_order_id: id,
        exchange_order_id: row.uuid.clone(),
        symbol: symbol(&row.market)?,
        side: row.side.into(),
        position_side: PositionSide::Long,
        status,
        price: limit_price(row)?,
        qty: volume.unwrap_or(filled_qty),
        filled_qty,
        filled_notional: executed_funds(row),
        reduce_only: false,
        end_reason: end_reason(status).map(str::to_owned),
    })
}

/// Sum of price x volume of what was executed.
pub fn executed_funds(row: &OrderRow) -> Quote {
    row.executed_funds.map_or_else(
        || row.trades.iter().map(|trade| Quote::new(trade.funds.0)).sum(),
        |funds| Quote::new(funds.0.normalize()),
    )
}

/// Sorts open orders into ours and others; those of markets outside `is_wanted` are left out.
pub fn open_orders(rows: &[OrderRow], is_wanted: impl Fn(&Symbol) -> bool) -> Result<OpenOrders, Unreadable> {
    let mut open = OpenOrders::default();
    for row in rows.iter().filter(|row| is_traded(&row.market)) {
        let id = our_id(row.identifier.as_deref());
        let symbol = order_symbol(&row.market, id.as_ref())?;
        let Some(symbol) = symbol.filter(&is_wanted) else { continue };
        match id {
            Some(id) => open.ours.push(order_report(row, id)?),
            None => open.external.push(ExternalOrder {
                exchange_order_id: row.uuid.clone(),
                symbol,
                side: row.side.into(),
                qty: quantity(row.volume)?.unwrap_or_default(),
                price: limit_price(row)?,
            }),
        }
    }
    Ok(open)
}

pub fn positions(rows: &[AccountRow]) -> Result<Vec<PositionReport>, Unreadable> {
    let mut positions = Vec::new();
    for row in coins(rows) {
        let qty = held(row)?;
        let Ok(symbol) = symbol(&format!("{QUOTE_ASSET}-{}", row.currency)) else { continue };
        if qty.is_zero() {
            continue;
        }
        positions.push(PositionReport {
            symbol,
            side: PositionSide::Long,
            qty,
            entry_price_avg: Price::try_new(row.avg_buy_price.0).ok(),
            leverage: Some(Leverage::ONE),
        });
    }
    Ok(positions)
}

pub fn balance(rows: &[AccountRow]) -> Result<Balance, Unreadable> {
    let mut balance = Balance { wallet: Quote::ZERO, unrealized: Quote::ZERO, available: Quote::ZERO };
    for row in rows.iter().filter(|row| row.currency == QUOTE_ASSET) {
        balance.wallet += Quote::new(row.balance.0) + Quote::new(row.locked.0);
        balance.available += Quote::new(row.balance.0);
    }
    for row in coins(rows) {
        // Coins that were given away have no price.
        if let Ok(price) = Price::try_new(row.avg_buy_price.0) {
            balance.wallet += price.notional(held(row)?);
        }
    }
    Ok(balance)
}

/// The coins that cost KRW.
fn coins(rows: &[AccountRow]) -> impl Iterator<Item = &AccountRow> {
    rows.iter().filter(|row| row.currency != QUOTE_ASSET && row.unit_currency == QUOTE_ASSET)
}

fn held(row: &AccountRow) -> Result<Qty, Unreadable> {
    Ok(Qty::try_new(row.balance.0)?.plus(Qty::try_new(row.locked.0)?))
}

/// The rules of every traded market whose price step is known.
pub fn instruments(markets: &[MarketRow], ticks: &[TickRow]) -> Result<Vec<Instrument>, Unreadable> {
    let step = Qty::try_new(VOLUME_STEP)?;
    let mut instruments = Vec::new();
    for tick in ticks.iter().filter(|tick| markets.iter().any(|row| row.market == tick.market)) {
        let Ok(symbol) = symbol(&tick.market) else { continue };
        instruments.push(Instrument {
            symbol,
            tick: Price::try_new(tick.tick_size.0)?,
            step,
            min_qty: step,
            min_notional: Quote::new(MIN_TOTAL),
        });
    }
    Ok(instruments)
}

/// `None` for a market that nobody trades here.
pub fn ticker(row: &TickerRow) -> Result<Option<Ticker>, Unreadable> {
    let Ok(symbol) = symbol(&row.market) else { return Ok(None) };
    Ok(Some(Ticker {
        symbol,
        last: Price::try_new(row.trade_price.0)?,
        quote_volume_24h: Quote::new(row.acc_trade_price_24h.0),
    }))
}

pub fn candle(row: &CandleRow, timeframe: Timeframe) -> Result<Candle, Unreadable> {
    let open_time = timeframe.bar_start(utc_time(&row.candle_date_time_utc)?);
    let price = |number: DecimalText| Price::try_new(number.0);
    let prices =
        [price(row.opening_price)?, price(row.high_price)?, price(row.low_price)?, price(row.trade_price)?];
    Candle::try_new(open_time, prices, row.candle_acc_trade_volume.0)
        .map_err(|error| Unreadable(error.to_string()))
}

pub fn quantity(number: Option<DecimalText>) -> Result<Option<Qty>, Unreadable> {
    Ok(number.map(|number| Qty::try_new(number.0)).transpose()?)
}

/// The price an order rests at; for one that buys for a total, the field of that name holds the total.
fn limit_price(row: &OrderRow) -> Result<Option<Price>, Unreadable> {
    let price = row.price.filter(|_| row.ord_type == "limit");
    Ok(price.map(|price| Price::try_new(price.0)).transpose()?)
}

#[cfg(test)]
mod tests;

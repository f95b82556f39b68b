//! From the exchange's rows to what the daemon calls things: orders, positions, money.

use super::calls::MARGIN_COIN;
use super::fields::{
    BadField, number, number_or_zero, order_status, order_symbol, position_side, some_number, some_price,
    symbol, time,
};
use super::way::Way;
use super::wire::{AccountRow, BillRow, OrderRow, PlanRow, PositionRow, Text};
use crate::domain::ids::{ClientOrderId, OrderKey};
use crate::domain::instrument::Symbol;
use crate::domain::kind::MarginMode;
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::side::PositionMode;
use crate::exchange::report::{
    Balance, ExternalOrder, FundingPayment, OrderReport, PositionReport, SymbolTerms,
};

/// An order, ours or somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadOrder {
    Ours(OrderReport),
    External(ExternalOrder),
}

impl ReadOrder {
    pub fn ours(self) -> Option<OrderReport> {
        match self {
            Self::Ours(report) => Some(report),
            Self::External(_) => None,
        }
    }
}

/// The id, and what it says, if it is one of ours.
pub fn our_id(text: &Text) -> Option<(ClientOrderId, OrderKey)> {
    let id: ClientOrderId = text.as_str().parse().ok()?;
    let key = id.key()?;
    Some((id, key))
}

/// `None` for an order of a symbol that nobody trades here.
pub fn order(row: &OrderRow) -> Result<Option<ReadOrder>, BadField> {
    let ours = our_id(&row.client_oid);
    let Some(symbol) = order_symbol(&row.symbol, &row.inst_id, ours.is_some())? else { return Ok(None) };
    let common = Common {
        exchange_order_id: row.order_id.to_string(),
        symbol,
        way: Way::read(&row.pos_mode, &row.pos_side, &row.side, &row.trade_side)?,
        price: some_price("price", &row.price)?,
        qty: number("size", &row.size)?,
    };
    let Some((id, key)) = ours else { return Ok(Some(ReadOrder::External(common.external()))) };
    let (filled_qty, filled_notional) = filled(row)?;
    Ok(Some(ReadOrder::Ours(OrderReport {
        filled_qty,
        filled_notional,
        end_reason: row.cancel_reason.some().map(str::to_owned),
        ..common.ours(id, key.purpose, order_status(row.status())?)
    })))
}

/// What orders and plan orders have in common.
struct Common {
    exchange_order_id: String,
    symbol: Symbol,
    way: Way,
    price: Option<Price>,
    qty: Qty,
}

impl Common {
    fn external(self) -> ExternalOrder {
        let Self { exchange_order_id, symbol, way, price, qty } = self;
        ExternalOrder { exchange_order_id, symbol, side: way.side(), qty, price }
    }

    /// As an order of ours with nothing filled.
    fn ours(self, client_order_id: ClientOrderId, purpose: Purpose, status: OrderStatus) -> OrderReport {
        OrderReport {
            client_order_id,
            exchange_order_id: self.exchange_order_id,
            symbol: self.symbol,
            side: self.way.side(),
            position_side: self.way.position_side(purpose),
            status,
            price: self.price,
            qty: self.qty,
            filled_qty: Qty::ZERO,
            filled_notional: Quote::ZERO,
            reduce_only: !purpose.increases(),
            end_reason: None,
        }
    }
}

/// What has been filled of an order so far.
fn filled(row: &OrderRow) -> Result<(Qty, Quote), BadField> {
    let cumulative = if row.acc_base_volume.is_empty() { &row.base_volume } else { &row.acc_base_volume };
    let qty: Qty = number_or_zero("filled volume", cumulative)?;
    let notional: Quote = number_or_zero("quoteVolume", &row.quote_volume)?;
    if notional != Quote::ZERO || qty.is_zero() {
        return Ok((qty, notional));
    }
    // Some answers about filled orders leave the turnover at zero.
    let average: Option<Price> = some_price("priceAvg", &row.price_avg)?;
    Ok((qty, average.map_or(Quote::ZERO, |price| price.notional(qty))))
}

/// A plan order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPlan {
    pub order: ReadOrder,
    /// It has been triggered: what becomes of it is what becomes of the order that executes it.
    pub is_triggered: bool,
    /// The order that executes it.
    pub executed_by: Option<String>,
}

/// `None` for a plan order of a symbol that nobody trades here.
pub fn plan(row: &PlanRow) -> Result<Option<ReadPlan>, BadField> {
    let ours = our_id(&row.client_oid);
    let Some(symbol) = order_symbol(&row.symbol, &row.inst_id, ours.is_some())? else { return Ok(None) };
    let common = Common {
        exchange_order_id: row.order_id.to_string(),
        symbol,
        way: Way::read(&row.pos_mode, &row.pos_side, &row.side, &row.trade_side)?,
        price: some_price("triggerPrice", &row.trigger_price)?,
        qty: number_or_zero("size", &row.size)?,
    };
    let is_triggered = matches!(row.plan_status().as_str(), "executed" | "triggered");
    let order = match ours {
        Some((id, key)) => {
            let status = if is_triggered { OrderStatus::Open } else { order_status(row.plan_status())? };
            let reason = (status == OrderStatus::Expired).then(|| "it could not be triggered".to_owned());
            ReadOrder::Ours(OrderReport { end_reason: reason, ..common.ours(id, key.purpose, status) })
        }
        None => ReadOrder::External(common.external()),
    };
    let executed_by = row.execute_order_id.some().map(str::to_owned);
    Ok(Some(ReadPlan { order, is_triggered, executed_by }))
}

/// A plan order that was triggered, as far as the order that executes it has come.
pub fn executed(plan: OrderReport, by: &OrderRow) -> Result<OrderReport, BadField> {
    let (filled_qty, filled_notional) = filled(by)?;
    let status = order_status(by.status())?;
    let end_reason = by.cancel_reason.some().map(str::to_owned);
    Ok(OrderReport { status, filled_qty, filled_notional, end_reason, ..plan })
}

/// `None` for a position of size zero, or of a symbol that nobody trades here.
pub fn position(row: &PositionRow) -> Result<Option<PositionReport>, BadField> {
    let Some(symbol) = symbol(&row.symbol, &row.inst_id) else { return Ok(None) };
    let qty: Qty = number("total", &row.total)?;
    if qty.is_zero() {
        return Ok(None);
    }
    let side = position_side(&row.hold_side)
        .ok_or_else(|| BadField::new("holdSide", &row.hold_side, "long or short"))?;
    Ok(Some(PositionReport {
        symbol,
        side,
        qty,
        entry_price_avg: some_price("openPriceAvg", &row.open_price_avg)?,
        leverage: leverage(&row.leverage),
    }))
}

/// `None` where it is not told or higher than ours can be.
pub fn leverage(text: &Text) -> Option<Leverage> {
    let whole = text.as_str().split('.').next()?;
    whole.parse().ok().and_then(|times| Leverage::try_new(times).ok())
}

pub fn margin_mode(text: &Text) -> Result<MarginMode, BadField> {
    match text.as_str() {
        "crossed" | "cross" => Ok(MarginMode::Cross),
        "isolated" => Ok(MarginMode::Isolated),
        _ => Err(BadField::new("marginMode", text, "crossed or isolated")),
    }
}

/// What a symbol is traded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownTerms {
    pub margin_mode: MarginMode,
    /// `None` where it is not one of ours, or not the same for both sides.
    pub leverage: Option<Leverage>,
}

impl From<SymbolTerms> for KnownTerms {
    fn from(terms: SymbolTerms) -> Self {
        Self { margin_mode: terms.margin_mode, leverage: Some(terms.leverage) }
    }
}

pub fn terms(row: &AccountRow) -> Result<KnownTerms, BadField> {
    let margin_mode = margin_mode(&row.margin_mode)?;
    let leverage = match margin_mode {
        MarginMode::Cross => leverage(&row.crossed_margin_leverage),
        MarginMode::Isolated => leverage(&row.isolated_long_lever)
            .filter(|long| leverage(&row.isolated_short_lever) == Some(*long)),
    };
    Ok(KnownTerms { margin_mode, leverage })
}

pub fn position_mode(text: &Text) -> Result<PositionMode, BadField> {
    match text.as_str() {
        "hedge_mode" => Ok(PositionMode::Hedge),
        "one_way_mode" => Ok(PositionMode::OneWay),
        _ => Err(BadField::new("posMode", text, "hedge_mode or one_way_mode")),
    }
}

/// The money of the accounts; an account that never held any has no row.
pub fn balance(rows: &[AccountRow]) -> Result<Balance, BadField> {
    let zero = Balance { wallet: Quote::ZERO, unrealized: Quote::ZERO, available: Quote::ZERO };
    let Some(row) = rows.iter().find(|row| is_margin_coin(&row.margin_coin)) else { return Ok(zero) };
    let unrealized: Quote = number_or_zero("unrealizedPL", &row.unrealized_pl)?;
    let equity: Quote = number("accountEquity", &row.account_equity)?;
    let available = number_or_zero("crossedMaxAvailable", &row.crossed_max_available)?;
    Ok(Balance { wallet: equity - unrealized, unrealized, available })
}

/// The wallet by a row of the stream; `None` where the row does not tell all of it.
pub fn wallet(row: &AccountRow) -> Result<Option<Quote>, BadField> {
    if !is_margin_coin(&row.margin_coin) {
        return Ok(None);
    }
    let equity: Option<Quote> = some_number("equity", &row.equity)?;
    let unrealized: Option<Quote> = some_number("unrealizedPL", &row.unrealized_pl)?;
    Ok(equity.zip(unrealized).map(|(equity, unrealized)| equity - unrealized))
}

fn is_margin_coin(text: &Text) -> bool {
    text.as_str().eq_ignore_ascii_case(MARGIN_COIN)
}

/// `None` for a symbol that nobody trades here.
pub fn funding(row: &BillRow) -> Result<Option<FundingPayment>, BadField> {
    let Some(symbol) = symbol(&row.symbol, &row.symbol) else { return Ok(None) };
    Ok(Some(FundingPayment {
        id: row.bill_id.to_string(),
        symbol,
        amount: number("amount", &row.amount)?,
        at: time("cTime", &row.c_time)?,
    }))
}

#[cfg(test)]
mod tests;

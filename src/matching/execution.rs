//! One execution: price, fee, and what it does to order, position and wallet.

use rust_decimal::{Decimal, RoundingStrategy};

use super::book::Book;
use super::event::BookEvent;
use super::net_position::NetPosition;
use super::order::BookOrder;
use crate::domain::candle::Candle;
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::TradeId;
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::PositionMode;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;

/// Decimals that a quantity can have (the bound of [`Qty`]).
const QTY_DECIMALS: u32 = 10;

/// What is about to be filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Execution {
    /// The price the order met, before slippage.
    pub(super) market: Price,
    /// Above zero.
    pub(super) qty: Qty,
    pub(super) at: Timestamp,
}

impl Book {
    /// What of an order can fill in this bar: its remainder, what there is to reduce, what the bar's volume gives.
    pub(super) fn fillable(&self, order: &BookOrder, candle: &Candle) -> Qty {
        let mut qty = order.remaining_qty();
        if self.only_reduces(order) {
            qty = qty.min(self.reducible(order));
        }
        let Some(participation) = self.config.participation_pct else {
            return qty;
        };
        // A product beyond 28 digits is more than any order.
        let Some(share) = candle.volume.checked_mul(participation.fraction()) else {
            return qty;
        };
        let left = (share - self.cursor.volume_used(&order.symbol).decimal()).max(Decimal::ZERO);
        if left >= qty.decimal() {
            return qty;
        }
        let left = left.round_dp_with_strategy(QTY_DECIMALS, RoundingStrategy::ToZero);
        Qty::try_new(left).unwrap_or_default().floor_to(order.step)
    }

    /// Fills; what follows from it (the wallet, an end) is told by the next events.
    pub(super) fn execute(&mut self, index: usize, execution: Execution) -> Option<BookEvent> {
        let Execution { market, qty, at } = execution;
        let order = self.working.get(index)?;
        let price = self.fill_price(order, market);
        let (liquidity, fee_pct) = if order.is_limit() && !order.crossed {
            (Liquidity::Maker, self.config.maker_fee_pct)
        } else {
            (Liquidity::Taker, self.config.taker_fee_pct)
        };
        let fill = Fill {
            trade_id: TradeId(String::new()),
            client_order_id: order.client_order_id.clone(),
            symbol: order.symbol.clone(),
            side: order.side,
            position_side: order.position_side,
            price,
            qty,
            fee: Fee::from_cash(price.notional(qty).part(fee_pct), self.config.quote_asset.clone()),
            liquidity,
            at,
        };
        let leverage = order.leverage;
        let fill = Fill { trade_id: self.next_trade_id(), ..fill };
        if self.config.participation_pct.is_some() {
            self.cursor.use_volume(&fill.symbol, qty);
        }
        self.prices.set(&fill.symbol, market);
        let realized = self.book_fill(&fill, leverage);
        self.move_wallet(realized - fill.fee.cash());
        self.advance_order(index, &fill);
        self.remember_fill(fill.clone());
        self.changed();
        Some(BookEvent::Fill(fill))
    }

    pub(super) fn move_wallet(&mut self, amount: Quote) {
        if amount != Quote::ZERO {
            self.wallet += amount;
            self.untold.push_back(BookEvent::Balance { wallet: self.wallet });
        }
    }

    /// Limit orders fill at the price they met; the others slip, and all round to the worse tick.
    fn fill_price(&self, order: &BookOrder, market: Price) -> Price {
        if order.is_limit() {
            return order.round_against(market);
        }
        let slippage = match order.side {
            Side::Buy => self.config.slippage_pct,
            Side::Sell => -self.config.slippage_pct,
        };
        order.round_against(market.moved_by(slippage).unwrap_or(market))
    }

    fn advance_order(&mut self, index: usize, fill: &Fill) {
        let Some(order) = self.working.get_mut(index) else {
            return;
        };
        order.filled_qty = order.filled_qty.plus(fill.qty);
        order.filled_notional += fill.price.notional(fill.qty);
        order.triggered |= !order.is_limit();
        if order.remaining_qty().is_zero() {
            order.status = OrderStatus::Filled;
            let order = self.working.remove(index);
            self.remember_order(order);
            return;
        }
        order.status = OrderStatus::PartiallyFilled;
        if let Some(reason) = order.immediacy() {
            let client_order_id = order.client_order_id.clone();
            self.end(index, OrderStatus::Expired, reason);
            let status = OrderStatus::Expired;
            self.untold.push_back(BookEvent::OrderEnded { client_order_id, status, reason });
        }
    }

    /// Books a fill into the net positions; returns the profit or loss of what it closed, before fees.
    fn book_fill(&mut self, fill: &Fill, leverage: Leverage) -> Quote {
        let side = match self.config.position_mode {
            PositionMode::Hedge => fill.position_side,
            PositionMode::OneWay => self.net_side(fill),
        };
        if fill.side == side.entry_side() {
            self.add(side, fill.qty, fill, leverage);
            return Quote::ZERO;
        }
        let Ok(index) = self.position_index(fill, side) else {
            return Quote::ZERO;
        };
        let Some(position) = self.positions.get_mut(index) else {
            return Quote::ZERO;
        };
        let closed = fill.qty.min(position.qty);
        let realized = position.reduce(fill.price, closed);
        if position.qty.is_zero() {
            self.positions.remove(index);
            self.reductions_to_check = true;
        }
        // Only a one-way order that may open has more than there was to close: the rest opens the other side.
        let rest = fill.qty.minus(closed);
        if !rest.is_zero() {
            self.add(side.opposite(), rest, fill, leverage);
        }
        realized
    }

    fn add(&mut self, side: PositionSide, qty: Qty, fill: &Fill, leverage: Leverage) {
        match self.position_index(fill, side) {
            Ok(index) => {
                if let Some(position) = self.positions.get_mut(index) {
                    position.increase(fill.price, qty, leverage);
                }
            }
            Err(index) => {
                let cost = fill.price.notional(qty);
                let symbol = fill.symbol.clone();
                self.positions.insert(index, NetPosition { symbol, side, qty, cost, leverage });
            }
        }
    }

    /// The side of the symbol's one net position, or the side that the fill opens.
    fn net_side(&self, fill: &Fill) -> PositionSide {
        let held = self.positions.iter().find(|held| held.symbol == fill.symbol);
        held.map_or(PositionSide::opened_by(fill.side), |held| held.side)
    }

    fn position_index(&self, fill: &Fill, side: PositionSide) -> Result<usize, usize> {
        self.positions.binary_search_by(|held| held.symbol.cmp(&fill.symbol).then(held.side.cmp(&side)))
    }
}

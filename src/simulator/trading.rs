//! What an account does in its book: orders in, steps of the market through, events out.

use super::account::{Account, SymbolSettings};
use super::event::{Happening, Holdings, OrderChange};
use super::order::{FillRecord, NewOrder, OrderRecord, Origin, Tags};
use super::refusal::Refusal;
use crate::domain::candle::Candle;
use crate::domain::fee::{Fee, FeeSums};
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::{ClientOrderId, CycleId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::market::{Bar, MarketStep};
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose};
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::matching::event::{BookEvent, Liquidation};
use crate::matching::net_position::NetPosition;
use rust_decimal::Decimal;

/// What the exchange says about a symbol at the moment of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'a> {
    pub(super) instrument: &'a Instrument,
    pub(super) price: Price,
    /// What an order may take at once, where the account's part of the volume is limited.
    pub(super) volume: Decimal,
    pub(super) now: Timestamp,
}

impl Account {
    /// Takes an order; a market order is filled when this returns.
    pub(super) fn place(&mut self, new: NewOrder, quoted: Quoted<'_>) -> Result<u64, Refusal> {
        let Quoted { instrument, now, .. } = quoted;
        if self.order_by_client_id(&new.client_id).is_some_and(OrderRecord::is_open) {
            return Err(Refusal::DuplicateClientId(new.client_id));
        }
        self.touch(&new.symbol, quoted);
        let book_id = self.book_id();
        let order = self.book_order(&new, book_id.clone(), now);
        self.book.place(&order, instrument, now)?;
        let id = self.next.order;
        self.next.order += 1;
        let client_id = if new.client_id.is_empty() { format!("sim_{id}") } else { new.client_id };
        let record = OrderRecord {
            id,
            client_id: client_id.clone(),
            symbol: new.symbol,
            side: new.side,
            position_side: new.position_side,
            kind: new.kind,
            qty: new.qty,
            reduce_only: new.reduce_only,
            status: OrderStatus::Open,
            filled_qty: Qty::ZERO,
            filled_notional: Quote::ZERO,
            fees: FeeSums::default(),
            origin: new.origin,
            tags: new.tags,
            created_at: now,
            updated_at: now,
        };
        if self.by_client_id.insert(client_id, id).is_some() {
            self.duplicate_client_ids += 1;
        }
        self.by_book_id.insert(book_id, id);
        self.open.insert(id);
        self.emit(now, Happening::Order { order: record.clone(), change: OrderChange::Accepted });
        let symbol = record.symbol.clone();
        self.orders.insert(id, record);
        self.touch(&symbol, quoted);
        Ok(id)
    }

    fn book_order(&self, new: &NewOrder, client_order_id: ClientOrderId, now: Timestamp) -> Order {
        Order {
            client_order_id,
            bot: None,
            symbol: new.symbol.clone(),
            side: new.side,
            position_side: new.position_side,
            purpose: Purpose::Entry,
            kind: new.kind,
            qty: new.qty,
            reduce_only: new.reduce_only,
            leverage: self.settings(&new.symbol).leverage,
            reserved_margin: Quote::ZERO,
            cycle: CycleId::at(now),
            status: OrderStatus::Sent,
            filled_qty: Qty::ZERO,
            filled_notional: Quote::ZERO,
            exchange_order_id: None,
            end_reason: None,
            dry_run: false,
            times: OrderTimes { decided_at: now, ..OrderTimes::default() },
        }
    }

    pub(super) fn cancel(&mut self, id: u64, now: Timestamp) -> Result<(), Refusal> {
        let book_id = self.book_id_of(id).ok_or(Refusal::UnknownOrder)?;
        self.book.cancel(&book_id)?;
        self.end_order(id, OrderStatus::Cancelled, OrderChange::Cancelled, now);
        Ok(())
    }

    /// Gives an open limit order another price and quantity; it keeps its ids.
    pub(super) fn amend(
        &mut self,
        id: u64,
        price: Price,
        qty: Qty,
        quoted: Quoted<'_>,
    ) -> Result<(), Refusal> {
        let record = self.orders.get(&id).filter(|order| order.is_open()).ok_or(Refusal::UnknownOrder)?;
        let OrderKind::Limit { price: old_price, time_in_force } = record.kind else {
            return Err(Refusal::UnknownOrder);
        };
        if old_price == price && record.qty == qty {
            return Err(Refusal::NoChangeNeeded);
        }
        let remaining = qty.minus(record.filled_qty);
        let kind = OrderKind::Limit { price, time_in_force };
        let replacement = |kind, qty| NewOrder {
            client_id: String::new(),
            symbol: record.symbol.clone(),
            side: record.side,
            position_side: record.position_side,
            kind,
            qty,
            reduce_only: record.reduce_only,
            origin: record.origin,
            tags: Tags::new(),
        };
        let (new, old) = (replacement(kind, remaining), replacement(record.kind, record.remaining_qty()));
        let symbol = new.symbol.clone();
        let book_id = self.book_id_of(id).ok_or(Refusal::UnknownOrder)?;
        self.book.cancel(&book_id)?;
        let new_id = self.book_id();
        let order = self.book_order(&new, new_id.clone(), quoted.now);
        let placed = self.book.place(&order, quoted.instrument, quoted.now);
        let (current, outcome) = match placed {
            Ok(_) => (new_id, Ok(())),
            Err(refusal) => {
                // What was in the book before fits it again.
                let restored = self.book_id();
                let order = self.book_order(&old, restored.clone(), quoted.now);
                self.book.place(&order, quoted.instrument, quoted.now)?;
                (restored, Err(Refusal::from(refusal)))
            }
        };
        self.by_book_id.remove(&book_id);
        self.by_book_id.insert(current, id);
        outcome?;
        if let Some(record) = self.orders.get_mut(&id) {
            record.kind = kind;
            record.qty = qty;
            record.updated_at = quoted.now;
            let order = record.clone();
            self.emit(quoted.now, Happening::Order { order, change: OrderChange::Amended });
        }
        self.touch(&symbol, quoted);
        Ok(())
    }

    pub(super) fn set_leverage(&mut self, symbol: &Symbol, leverage: Leverage, now: Timestamp) {
        let settings = self.settings(symbol);
        self.settings.insert(symbol.clone(), SymbolSettings { leverage, ..settings });
        self.book.set_leverage(symbol, leverage);
        self.emit(now, Happening::Leverage { symbol: symbol.clone(), leverage });
    }

    pub(super) fn set_isolated(&mut self, symbol: &Symbol, isolated: bool) -> Result<(), Refusal> {
        let settings = self.settings(symbol);
        if settings.isolated == isolated {
            return Err(Refusal::NoChangeNeeded);
        }
        if self.open_orders().any(|order| order.symbol == *symbol) {
            return Err(Refusal::OpenOrders);
        }
        if self.positions().iter().any(|held| held.symbol == *symbol) {
            return Err(Refusal::OpenPosition);
        }
        self.settings.insert(symbol.clone(), SymbolSettings { isolated, ..settings });
        Ok(())
    }

    pub(super) fn set_position_mode(&mut self, mode: PositionMode) -> Result<(), Refusal> {
        if self.position_mode() == mode {
            return Err(Refusal::NoChangeNeeded);
        }
        if !self.open.is_empty() || !self.waiting.is_empty() {
            return Err(Refusal::OpenOrders);
        }
        if !self.positions().is_empty() {
            return Err(Refusal::OpenPosition);
        }
        self.reopen(mode);
        Ok(())
    }

    /// Lets the market stand at `price` for no time at all: what waits for it is filled.
    pub(super) fn touch(&mut self, symbol: &Symbol, quoted: Quoted<'_>) {
        let Quoted { price, volume, now, .. } = quoted;
        let candle = Candle { open_time: now, open: price, high: price, low: price, close: price, volume };
        self.play(vec![(symbol.clone(), candle)], now);
    }

    /// Plays one part of the market's bars, sorted by symbol, through the book.
    pub(super) fn play(&mut self, parts: Vec<(Symbol, Candle)>, at: Timestamp) {
        let price_bars = parts.into_iter().map(|(symbol, candle)| Bar {
            symbol,
            timeframe: Timeframe::M1,
            candle,
            complete: true,
        });
        // The book takes every step once, in order of time; two may happen in one millisecond.
        let step_at = at.max(self.last_step.plus(DurationMs::from_ms(1)));
        let step = MarketStep { at: step_at, price_bars: price_bars.collect(), closed_bars: Vec::new() };
        self.last_step = step_at;
        // A liquidation is told after the positions are gone.
        let mut held = self.positions().to_vec();
        loop {
            let before = self.book.balance().wallet;
            let Some(event) = self.book.next_event(&step) else { return };
            match event {
                BookEvent::Fill(fill) => {
                    self.filled(&fill, before, at);
                    held = self.positions().to_vec();
                }
                BookEvent::OrderEnded { client_order_id, status, .. } => {
                    let is_cancelled = status == OrderStatus::Cancelled;
                    let change = if is_cancelled { OrderChange::Cancelled } else { OrderChange::Expired };
                    if let Some(id) = self.by_book_id.get(&client_order_id).copied() {
                        self.end_order(id, status, change, at);
                    }
                }
                BookEvent::Liquidated(liquidation) => self.liquidated(liquidation, &held, at),
                BookEvent::Balance { .. } => {}
            }
        }
    }

    fn book_id_of(&self, id: u64) -> Option<ClientOrderId> {
        self.orders.get(&id).filter(|order| order.is_open())?;
        self.by_book_id.iter().find(|(_, known)| **known == id).map(|(book_id, _)| book_id.clone())
    }

    fn filled(&mut self, fill: &Fill, wallet_before: Quote, now: Timestamp) {
        let Some(id) = self.by_book_id.get(&fill.client_order_id).copied() else { return };
        let realized = self.book.balance().wallet - wallet_before + fill.fee.cash();
        let fee = self.charge(&fill.fee);
        let Some(record) = self.orders.get_mut(&id) else { return };
        record.filled_qty = record.filled_qty.plus(fill.qty);
        record.filled_notional += fill.price.notional(fill.qty);
        record.fees.add(&fee);
        record.updated_at = now;
        let is_done = record.remaining_qty().is_zero();
        record.status = if is_done { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let order = record.clone();
        let filled = FillRecord {
            trade_id: self.next.trade,
            order_id: id,
            client_id: order.client_id.clone(),
            symbol: fill.symbol.clone(),
            side: fill.side,
            position_side: order.position_side,
            price: fill.price,
            qty: fill.qty,
            fee,
            realized,
            liquidity: fill.liquidity,
            at: now,
        };
        if is_done {
            self.open.remove(&id);
            self.by_book_id.remove(&fill.client_order_id);
        }
        self.book_fill(order, filled, now);
    }

    /// The book takes every fee from the cash; an account that pays in another asset gets it back there.
    fn charge(&mut self, fee: &Fee) -> Fee {
        let quote_asset = self.book.config().quote_asset.clone();
        let paid = self.fee_wallet.as_mut().and_then(|wallet| wallet.pay(fee.cash(), &quote_asset));
        match paid {
            Some(paid) => {
                self.book.settle_cash(fee.cash());
                paid
            }
            None => fee.clone(),
        }
    }

    fn book_fill(&mut self, order: OrderRecord, fill: FillRecord, now: Timestamp) {
        self.next.trade += 1;
        let symbol = fill.symbol.clone();
        self.fills.push(fill.clone());
        self.emit(now, Happening::Order { order, change: OrderChange::Filled(fill) });
        let positions = self.positions().iter().filter(|held| held.symbol == symbol).cloned().collect();
        let wallet = self.book.balance().wallet;
        let fee_wallet = self.fee_wallet.clone();
        self.emit(now, Happening::Holdings(Holdings { wallet, fee_wallet, symbol, positions }));
    }

    fn end_order(&mut self, id: u64, status: OrderStatus, change: OrderChange, now: Timestamp) {
        self.open.remove(&id);
        self.by_book_id.retain(|_, known| *known != id);
        if let Some(record) = self.orders.get_mut(&id) {
            record.status = status;
            record.updated_at = now;
            let order = record.clone();
            self.emit(now, Happening::Order { order, change });
        }
    }

    /// The exchange closes a position by an order of its own.
    fn liquidated(&mut self, liquidation: Liquidation, held: &[NetPosition], now: Timestamp) {
        let Liquidation { symbol, position_side, qty, price, fee, .. } = liquidation;
        let fee = Fee::from_cash(fee, self.book.config().quote_asset.clone());
        let id = self.next.order;
        self.next.order += 1;
        let side = position_side.exit_side();
        let order = OrderRecord {
            id,
            client_id: format!("autoclose-{id}"),
            symbol: symbol.clone(),
            side,
            position_side,
            kind: OrderKind::Market,
            qty,
            reduce_only: true,
            status: OrderStatus::Filled,
            filled_qty: qty,
            filled_notional: price.notional(qty),
            fees: std::iter::once(&fee).collect(),
            origin: Origin::Liquidation,
            tags: Tags::new(),
            created_at: now,
            updated_at: now,
        };
        self.by_client_id.insert(order.client_id.clone(), id);
        self.orders.insert(id, order.clone());
        let closed = held.iter().find(|held| held.symbol == symbol && held.side == position_side);
        let realized = closed.map_or(Quote::ZERO, |held| held.unrealized_pnl(price));
        let fill = FillRecord {
            trade_id: self.next.trade,
            order_id: id,
            client_id: order.client_id.clone(),
            symbol,
            side,
            position_side,
            price,
            qty,
            fee,
            realized,
            liquidity: Liquidity::Taker,
            at: now,
        };
        self.book_fill(order, fill, now);
    }
}

//! What the exchange tells by itself, and how a connection spoils it: late, twice, out of order, not at all.

use tradefleet::domain::external::ExternalCause;
use tradefleet::domain::fee::Fee;
use tradefleet::domain::fill::Fill;
use tradefleet::domain::ids::TradeId;
use tradefleet::domain::order::OrderStatus;
use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::report::{ExchangeEvent, ExternalFill, OrderReport, ReportedFill};

use crate::faults::{Dice, Fault, scaled};
use crate::units::{price_of, qty_of, quote_of};
use crate::venue::{Trade, Venue};

impl Venue {
    fn tell(&mut self, event: &ExchangeEvent, dice: &mut Dice) {
        let lost = dice.hits(Fault::EventLost).is_some();
        if lost || self.now < self.stream_down_until {
            return;
        }
        let late = dice.hits(Fault::EventLate).map_or(20, |how| scaled(how, 100, 5_000));
        let number = self.number();
        self.stream.push((self.now + late, number, event.clone()));
        if let Some(how) = dice.hits(Fault::EventTwice) {
            let number = self.number();
            self.stream.push((self.now + scaled(how, 20, 60_000), number, event.clone()));
        }
    }

    pub(crate) fn tell_trade(&mut self, trade: &Trade, dice: &mut Dice) {
        let event = match self.reported(trade) {
            ReportedFill::Ours(fill) => ExchangeEvent::Fill(fill),
            ReportedFill::External(fill) => ExchangeEvent::ExternalFill(fill),
        };
        self.tell(&event, dice);
    }

    pub(crate) fn tell_end(&mut self, index: usize, reason: &str, dice: &mut Dice) {
        let order = &self.orders[index];
        let (client_order_id, status) = (order.cid.clone(), order.status);
        let seen = ExchangeEvent::OrderSeen(self.report(index, status, order.filled));
        let ended = ExchangeEvent::OrderEnded { client_order_id, status, reason: reason.to_owned() };
        // The exchanges differ in which of the two they tell.
        self.tell(if self.orders[index].lots % 2 == 0 { &seen } else { &ended }, dice);
    }

    pub(crate) fn tell_terms(&mut self, symbol: usize) {
        let number = self.number();
        let symbol = self.dialect.symbols()[symbol].clone();
        self.stream.push((self.now + 20, number, ExchangeEvent::TermsChanged { symbol }));
    }

    /// The connection ends: what is under way in it is lost. It is up again after `pause`, and says so.
    pub(crate) fn disconnect(&mut self, pause: i64) {
        self.stream.clear();
        self.stream_down_until = self.now + pause;
        let number = self.number();
        let reason = "the stream is up".to_owned();
        self.stream.push((self.stream_down_until, number, ExchangeEvent::Resync { reason }));
    }

    /// The next thing that has arrived.
    pub(crate) fn next_told(&mut self, now: i64) -> Option<ExchangeEvent> {
        let arrived = self.stream.iter().enumerate().filter(|(_, (at, ..))| *at <= now);
        let (index, _) = arrived.min_by_key(|(_, (at, number, _))| (*at, *number))?;
        let event = self.stream.remove(index).2;
        self.note_told_terms(&event);
        Some(event)
    }

    /// A connection that ends again and again may keep from us for long that somebody else has changed the leverage.
    fn note_told_terms(&mut self, event: &ExchangeEvent) {
        for (symbol, name) in self.dialect.symbols().into_iter().enumerate() {
            let is_told = match event {
                ExchangeEvent::Resync { .. } => true,
                ExchangeEvent::TermsChanged { symbol } => *symbol == name,
                _ => false,
            };
            if is_told && std::mem::take(&mut self.is_reset_untold[symbol]) {
                self.leverage_reset_at[symbol] = self.now;
            }
        }
    }

    pub(crate) fn stamp(&self, at: i64) -> Timestamp {
        Timestamp::from_ms(at + self.offset)
    }

    pub(crate) fn reported(&self, trade: &Trade) -> ReportedFill {
        let symbol = self.dialect.symbols()[trade.symbol].clone();
        let trade_id = TradeId(trade.number.to_string());
        let (price, qty) = (price_of(trade.price), qty_of(trade.lots));
        let fee = Fee::from_cash(quote_of(trade.fee), symbol.quote_asset());
        let (side, at) = (trade.side, self.stamp(trade.at));
        let Some(cid) = trade.cid.clone() else {
            let position_side = self.hedge.then_some(trade.position_side);
            let cause = trade.cause;
            return ReportedFill::External(ExternalFill {
                trade_id,
                symbol,
                side,
                position_side,
                price,
                qty,
                fee,
                cause,
                at,
            });
        };
        debug_assert_eq!(trade.cause, ExternalCause::Manual);
        ReportedFill::Ours(Fill {
            trade_id,
            client_order_id: cid,
            symbol,
            side,
            position_side: trade.position_side,
            price,
            qty,
            fee,
            liquidity: trade.liquidity,
            at,
        })
    }

    pub(crate) fn report(&self, index: usize, status: OrderStatus, filled: i64) -> OrderReport {
        let order = &self.orders[index];
        OrderReport {
            client_order_id: order.cid.clone(),
            exchange_order_id: format!("X{index}"),
            symbol: self.dialect.symbols()[order.symbol].clone(),
            side: order.side,
            position_side: order.position_side,
            status,
            price: order.sort.at().map(price_of),
            qty: qty_of(order.lots),
            filled_qty: qty_of(filled),
            filled_notional: quote_of(order.cash),
            reduce_only: order.reduce_only,
            end_reason: None,
        }
    }
}

//! Answers to questions: each as of a moment that may have passed.

use tradefleet::domain::ids::ClientOrderId;
use tradefleet::domain::order::OrderStatus;
use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::report::{
    ExternalOrder, FillSweep, FundingPayment, OpenOrders, OrderReport, PositionReport, ReportedFill, Scope,
};

use crate::units::{price_of, qty_of, quote_of};
use crate::venue::{Venue, XOrder};

impl XOrder {
    /// The state that may be seen by now; `None` while it cannot be seen at all.
    fn seen(&self, now: i64) -> Option<(OrderStatus, i64)> {
        self.log.iter().rev().find(|(at, ..)| *at <= now).map(|(_, status, filled)| (*status, *filled))
    }
}

impl Venue {
    pub(crate) fn order(&self, id: &ClientOrderId) -> Option<OrderReport> {
        let (index, order) = self.orders.iter().enumerate().rev().find(|(_, order)| order.cid == *id)?;
        let (status, filled) = order.seen(self.now)?;
        Some(self.report(index, status, filled))
    }

    pub(crate) fn open_orders(&self, scope: &Scope) -> OpenOrders {
        let symbols = self.dialect.symbols();
        let mut open = OpenOrders::default();
        for (index, order) in self.orders.iter().enumerate() {
            let state = order.seen(self.now).filter(|(status, _)| !status.is_final());
            if let Some((status, filled)) = state.filter(|_| scope.contains(&symbols[order.symbol])) {
                open.ours.push(self.report(index, status, filled));
            }
        }
        for number in 0..self.external_orders {
            open.external.push(ExternalOrder {
                exchange_order_id: format!("E{number}"),
                symbol: symbols[0].clone(),
                side: tradefleet::domain::side::Side::Buy,
                qty: qty_of(100),
                price: Some(price_of(100)),
            });
        }
        open
    }

    pub(crate) fn fills_since(&self, sweep: &FillSweep) -> Vec<ReportedFill> {
        let symbols = self.dialect.symbols();
        let is_wanted = |trade: &&crate::venue::Trade| {
            trade.visible_at <= self.now
                && self.stamp(trade.at) >= sweep.since
                && sweep.symbols.contains(&symbols[trade.symbol])
        };
        self.trades.iter().filter(is_wanted).map(|trade| self.reported(trade)).collect()
    }

    /// Positions as they were `lag` ago.
    pub(crate) fn positions_then(&self, lag: i64) -> Vec<PositionReport> {
        let symbols = self.dialect.symbols();
        let then = self.history.iter().rev().find(|(at, _)| *at <= self.now - lag);
        let rows = then.map(|(_, rows)| rows.clone()).unwrap_or_default();
        let report = |(symbol, side, lots): (usize, _, i64)| PositionReport {
            symbol: symbols[symbol].clone(),
            side,
            qty: qty_of(lots),
            entry_price_avg: None,
            leverage: None,
        };
        rows.into_iter().map(report).collect()
    }

    pub(crate) fn funding_since(&self, since: Timestamp) -> Vec<FundingPayment> {
        let symbols = self.dialect.symbols();
        let wanted = self.payments.iter().filter(|payment| self.stamp(payment.at) >= since);
        let payment = |payment: &crate::venue::Payment| FundingPayment {
            id: payment.number.to_string(),
            symbol: symbols[payment.symbol].clone(),
            amount: quote_of(payment.amount),
            at: self.stamp(payment.at),
        };
        wanted.map(payment).collect()
    }
}

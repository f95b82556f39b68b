//! Fills and funding from the exchange's history.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::IdSpace;
use super::account::BinanceExchange;
use super::answers::{IncomeAnswer, TradeAnswer};
use super::calls::{self, INCOME_MAX, TRADES_MAX, TRADES_SPAN_MAX, TradesFrom};
use super::convert::{self, Owner};
use super::orders::space_of;
use super::trade::Trade;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{ExternalCause, FillSweep, FundingPayment, ReportedFill};

/// So long after a fill the exchange may not yet tell which condition has become its order.
const LINK_DELAY_MAX: DurationMs = DurationMs::from_secs(60);
/// Orders that are remembered.
const STRANGERS_MAX: usize = 4_096;

/// Orders in the book that are certainly not ours: asked for once, so that a sweep which is broken off goes on where it was.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    causes: BTreeMap<(Symbol, String), ExternalCause>,
    /// The oldest first.
    ages: VecDeque<(Symbol, String)>,
}

impl Strangers {
    fn cause(&self, symbol: &Symbol, order_id: &str) -> Option<ExternalCause> {
        self.causes.get(&(symbol.clone(), order_id.to_owned())).copied()
    }

    fn note(&mut self, symbol: &Symbol, order_id: &str, cause: ExternalCause) {
        let key = (symbol.clone(), order_id.to_owned());
        if self.causes.insert(key.clone(), cause).is_none() {
            self.ages.push_back(key);
        }
        if self.ages.len() > STRANGERS_MAX
            && let Some(oldest) = self.ages.pop_front()
        {
            self.causes.remove(&oldest);
        }
    }
}

impl BinanceExchange {
    pub(super) async fn sweep_fills(
        &mut self,
        sweep: &FillSweep,
    ) -> Result<Vec<ReportedFill>, ExchangeError> {
        // The ids of conditions are another space: an equal number there names another order.
        for ((symbol, id), order_id) in &sweep.orders {
            if space_of(id) == IdSpace::Orders {
                self.stream.translator.link(symbol, order_id, id);
            }
        }
        let mut fills = Vec::new();
        let since = self.rest.line().clock().to_server(sweep.since);
        for symbol in &sweep.symbols {
            let trades = self.trades_since(symbol, since).await?;
            self.attribute(symbol, trades, sweep, &mut fills).await?;
        }
        fills.sort_by_key(|(at, _)| *at);
        Ok(fills.into_iter().map(|(_, fill)| fill).collect())
    }

    /// All trades of a symbol from then on: span by span, and by id where a span has more than an answer holds.
    async fn trades_since(&self, symbol: &Symbol, since: Timestamp) -> Result<Vec<Trade>, ExchangeError> {
        let now = self.rest.line().clock().now();
        let (mut trades, mut start) = (Vec::new(), since);
        while start <= now {
            let end = start.plus(TRADES_SPAN_MAX).min(now);
            let mut from = TradesFrom::Span(start, end);
            loop {
                let page: Vec<TradeAnswer> = self.rest.ask(calls::trades(symbol, from)).await?;
                let last = page.iter().map(|trade| trade.id).max();
                let is_full = page.len() >= TRADES_MAX;
                for answer in page {
                    trades.extend(Trade::read(answer)?);
                }
                match last {
                    Some(last) if is_full => from = TradesFrom::Id(last.saturating_add(1)),
                    // What is asked for by id goes on to the present.
                    _ if matches!(from, TradesFrom::Id(_)) => return Ok(trades),
                    _ => break,
                }
            }
            start = end.plus(DurationMs::from_ms(1));
        }
        Ok(trades)
    }

    /// Finds out whose the trades are; each order is asked for once.
    async fn attribute(
        &mut self,
        symbol: &Symbol,
        trades: Vec<Trade>,
        sweep: &FillSweep,
        fills: &mut Vec<(Timestamp, ReportedFill)>,
    ) -> Result<(), ExchangeError> {
        let mut strangers = BTreeMap::<String, ExternalCause>::new();
        let mut asked = BTreeSet::new();
        let now = self.rest.line().clock().now();
        for trade in trades {
            let owner = match strangers.get(&trade.order_id) {
                Some(cause) => Owner::External(*cause),
                None => self.owner_of(symbol, &trade.order_id, sweep, &mut asked).await?,
            };
            let at = trade.at;
            fills.push((
                at,
                match owner {
                    Owner::Ours(id) => ReportedFill::Ours(trade.into_fill(id)),
                    Owner::External(cause) => {
                        strangers.insert(trade.order_id.clone(), cause);
                        // One that a condition of ours has become may be told to be ours only later.
                        if cause != ExternalCause::Manual || now.since(at) >= LINK_DELAY_MAX {
                            self.strangers.note(symbol, &trade.order_id, cause);
                        }
                        ReportedFill::External(trade.into_external(cause))
                    }
                },
            ));
        }
        Ok(())
    }

    /// From memory, from the order's own client id, or from the conditions of ours that may have
    /// become it.
    async fn owner_of(
        &mut self,
        symbol: &Symbol,
        order_id: &str,
        sweep: &FillSweep,
        asked: &mut BTreeSet<ClientOrderId>,
    ) -> Result<Owner, ExchangeError> {
        if let Some(id) = self.stream.translator.owner(symbol, order_id) {
            return Ok(Owner::Ours(id.clone()));
        }
        if let Some(cause) = self.strangers.cause(symbol, order_id) {
            return Ok(Owner::External(cause));
        }
        let order = self.order_by_id(symbol, order_id).await?;
        let owner =
            order.map_or(Owner::External(ExternalCause::Manual), |order| Owner::of(&order.client_order_id));
        match owner {
            Owner::Ours(id) => {
                self.stream.translator.link(symbol, order_id, &id);
                Ok(Owner::Ours(id))
            }
            Owner::External(ExternalCause::Manual) => {
                self.ask_conditions(symbol, sweep, asked).await?;
                let id = self.stream.translator.owner(symbol, order_id).cloned();
                Ok(id.map_or(Owner::External(ExternalCause::Manual), Owner::Ours))
            }
            other @ Owner::External(_) => Ok(other),
        }
    }

    /// Asks which orders the conditions of ours have become, each once a sweep.
    async fn ask_conditions(
        &mut self,
        symbol: &Symbol,
        sweep: &FillSweep,
        asked: &mut BTreeSet<ClientOrderId>,
    ) -> Result<(), ExchangeError> {
        let is_condition_of =
            |(of, id): &&(Symbol, ClientOrderId)| of == symbol && space_of(id) == IdSpace::Algo;
        let of_sweep = sweep.orders.keys().filter(is_condition_of).map(|(_, id)| id);
        let known: BTreeSet<ClientOrderId> =
            of_sweep.chain(self.stream.translator.conditions_of(symbol)).cloned().collect();
        for id in known {
            if asked.insert(id.clone()) {
                self.condition(symbol, &id).await?;
            }
        }
        Ok(())
    }

    /// Page by page: the next one begins at the time of the last payment, whose like may have been cut off.
    pub(super) async fn all_funding(&self, since: Timestamp) -> Result<Vec<FundingPayment>, ExchangeError> {
        let (mut payments, mut seen) = (Vec::new(), BTreeSet::new());
        let mut start = since;
        loop {
            let page: Vec<IncomeAnswer> = self.rest.ask(calls::funding(start)).await?;
            let last = page.iter().map(|income| income.time.0).max();
            for payment in page.iter().filter_map(convert::funding_payment) {
                if seen.insert(payment.id.clone()) {
                    payments.push(payment);
                }
            }
            match last {
                Some(last) if page.len() >= INCOME_MAX => {
                    start = last.max(start.plus(DurationMs::from_ms(1)));
                }
                _ => break,
            }
        }
        payments.sort_by_key(|payment| payment.at);
        Ok(payments)
    }
}

//! The paper exchange: a matching book that answers like an exchange. Dry-run accounts trade here.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use super::capabilities::{Capabilities, ClientIdReuse, Market};
use super::error::ExchangeError;
use super::report::{
    Accepted, AccountProfile, Balance, ExchangeEvent, FillSweep, FundingPayment, OpenOrders, OrderReport,
    PositionReport, ReportedFill, Scope, SymbolTerms,
};
use super::wire::Lane;
use super::{Answer, BoxFuture, Exchange, Sleep};
use crate::domain::fill::Fill;
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::market::MarketStep;
use crate::domain::money::Quote;
use crate::domain::order::Order;
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timestamp};
use crate::matching::book::{Book, trade_number};
use crate::matching::config::BookConfig;
use crate::matching::event::BookEvent;
use crate::matching::net_position::NetPosition;
use crate::matching::order::BookOrder;
use crate::matching::refusal::Refusal;

/// The trading rules of all symbols, shared by all accounts.
pub type Instruments = Arc<BTreeMap<Symbol, Instrument>>;

/// A stored book that cannot be read. The account must not trade on: it would forget its positions.
#[derive(Debug, thiserror::Error)]
#[error("the stored state of the paper account cannot be read: {0}")]
pub struct BadPaperState(#[from] serde_json::Error);

/// One account's book, its answers immediate and always right; [`super::faults`] makes them less so.
pub struct PaperExchange {
    book: Book,
    capabilities: Capabilities,
    instruments: Instruments,
    sleep: Arc<dyn Sleep>,
}

impl PaperExchange {
    /// An account that starts with its initial balance.
    pub fn new(config: BookConfig, instruments: Instruments, sleep: Arc<dyn Sleep>) -> Self {
        Self::over(Book::new(config), instruments, sleep)
    }

    /// Takes over new trading rules; working orders keep those they were placed under.
    pub fn set_instruments(&mut self, instruments: Instruments) {
        self.instruments = instruments;
    }

    /// Takes over changed fees, slippage and participation.
    pub fn set_terms(&mut self, terms: &BookConfig) {
        self.book.set_terms(terms);
    }

    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Books what funding paid, or took when negative.
    pub fn settle_funding(&mut self, amount: Quote) {
        self.book.settle_cash(amount);
    }

    /// An account that goes on with `book`.
    pub(super) fn over(book: Book, instruments: Instruments, sleep: Arc<dyn Sleep>) -> Self {
        let capabilities = capabilities(book.config());
        Self { book, capabilities, instruments, sleep }
    }

    fn place_now(&mut self, order: &Order) -> Result<Accepted, ExchangeError> {
        let instrument = self.instruments.get(&order.symbol).ok_or_else(|| ExchangeError::Refused {
            code: "unknown_symbol".to_owned(),
            reason: format!("symbol {} is not traded here", order.symbol),
        })?;
        let accepted = self.book.place(order, instrument, self.sleep.now())?;
        Ok(Accepted { exchange_order_id: accepted.exchange_order_id })
    }

    fn balance_now(&self) -> Balance {
        let balance = self.book.balance();
        Balance { wallet: balance.wallet, unrealized: balance.unrealized, available: balance.available }
    }

    fn fills_after(&self, cursor: Option<&TradeId>) -> Result<Vec<Fill>, ExchangeError> {
        let after = match cursor {
            None => 0,
            Some(id) => trade_number(id).ok_or_else(|| ExchangeError::Refused {
                code: "unknown_trade".to_owned(),
                reason: format!("trade id `{id}` is not one of the paper exchange"),
            })?,
        };
        Ok(self.book.fills_since(after).cloned().collect())
    }
}

impl Exchange for PaperExchange {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn place<'a>(&'a mut self, orders: &'a [Order]) -> BoxFuture<'a, Vec<Result<Accepted, ExchangeError>>> {
        Box::pin(async move { orders.iter().map(|order| self.place_now(order)).collect() })
    }

    fn cancel<'a>(&'a mut self, _symbol: &'a Symbol, id: &'a ClientOrderId) -> Answer<'a, ()> {
        Box::pin(async move {
            self.book.cancel(id)?;
            Ok(())
        })
    }

    fn order_by_client_id<'a>(
        &'a mut self,
        symbol: &'a Symbol,
        id: &'a ClientOrderId,
    ) -> Answer<'a, Option<OrderReport>> {
        Box::pin(async move { Ok(self.book.order(id).filter(|order| order.symbol == *symbol).map(report)) })
    }

    fn open_orders<'a>(&'a mut self, _scope: &'a Scope) -> Answer<'a, OpenOrders> {
        Box::pin(async move {
            let ours = self.book.open_orders().iter().map(report).collect();
            Ok(OpenOrders { ours, external: Vec::new() })
        })
    }

    fn fills_since<'a>(&'a mut self, sweep: &'a FillSweep) -> Answer<'a, Vec<ReportedFill>> {
        Box::pin(async move {
            let fills = self.fills_after(sweep.after.as_ref())?;
            Ok(fills.into_iter().map(ReportedFill::Ours).collect())
        })
    }

    fn funding_since(&mut self, _since: Timestamp) -> Answer<'_, Vec<FundingPayment>> {
        Box::pin(async move { Ok(Vec::new()) })
    }

    fn positions(&mut self) -> Answer<'_, Vec<PositionReport>> {
        Box::pin(async move {
            let report = |position: &NetPosition| PositionReport {
                symbol: position.symbol.clone(),
                side: position.side,
                qty: position.qty,
                entry_price_avg: position.entry_price_avg(),
                leverage: Some(self.book.leverage(position)),
            };
            Ok(self.book.positions().iter().map(report).collect())
        })
    }

    fn balance(&mut self) -> Answer<'_, Balance> {
        Box::pin(async move { Ok(self.balance_now()) })
    }

    fn prepare_symbol<'a>(
        &'a mut self,
        symbol: &'a Symbol,
        terms: SymbolTerms,
        _lane: Lane,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            self.book.set_leverage(symbol, terms.leverage);
            Ok(())
        })
    }

    fn inspect(&mut self) -> Answer<'_, AccountProfile> {
        Box::pin(async move {
            Ok(AccountProfile {
                uid: None,
                can_trade: Some(true),
                can_withdraw: Some(false),
                can_transfer: Some(false),
                ip_restricted: None,
                key_expires_at: None,
                position_mode: Some(self.book.config().position_mode),
                remarks: Vec::new(),
                balance: self.balance_now(),
                clock_offset: DurationMs::ZERO,
            })
        })
    }

    fn is_streaming(&self) -> bool {
        true
    }

    fn set_engaged(&mut self, _is_engaged: bool) {}

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(pending())
    }

    fn next_event(&mut self, step: &MarketStep) -> Option<ExchangeEvent> {
        self.book.next_event(step).map(|event| match event {
            BookEvent::Fill(fill) => ExchangeEvent::Fill(fill),
            BookEvent::OrderEnded { client_order_id, status, reason } => {
                ExchangeEvent::OrderEnded { client_order_id, status, reason: reason.to_string() }
            }
            BookEvent::Balance { wallet } => ExchangeEvent::Wallet(wallet),
            BookEvent::Liquidated(liquidation) => ExchangeEvent::Liquidated(liquidation),
        })
    }

    fn revision(&self) -> u64 {
        self.book.revision()
    }

    fn snapshot(&self) -> Option<String> {
        // A book has only text keys and exact numbers: writing it cannot fail.
        serde_json::to_string(&self.book).ok()
    }
}

impl From<Refusal> for ExchangeError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { code: refusal.code().to_owned(), reason: refusal.to_string() }
    }
}

fn report(order: &BookOrder) -> OrderReport {
    OrderReport {
        client_order_id: order.client_order_id.clone(),
        exchange_order_id: order.exchange_order_id(),
        symbol: order.symbol.clone(),
        side: order.side,
        position_side: order.position_side,
        status: order.status,
        price: order.kind.price(),
        qty: order.qty,
        filled_qty: order.filled_qty,
        filled_notional: order.filled_notional,
        reduce_only: order.reduce_only,
        end_reason: order.end_reason.map(|reason| reason.to_string()),
    }
}

/// What a book on these terms can do.
pub fn capabilities(config: &BookConfig) -> Capabilities {
    Capabilities {
        market: Market::Futures,
        quote_asset: config.quote_asset.clone(),
        hedge_mode: config.position_mode == PositionMode::Hedge,
        reduce_only: true,
        conditional_orders: true,
        batch_size_max: 1,
        client_id_len_max: 36,
        // Used ids are remembered far longer than an order can be in flight, so a repeated one is always refused.
        client_id_reuse: ClientIdReuse::Forever,
        // The book executes a call when it gets it, and shows the order at once. What is left is a call that is
        // still on its way while latency holds it up.
        send_deadline: DurationMs::from_secs(3_600),
        receive_window: DurationMs::from_secs(5),
        visibility_slack: DurationMs::ZERO,
        consistent_snapshots: true,
        may_hold_external: false,
    }
}

//! One account.
//!
//! **Identifiers** are used up for ever, also by orders that were refused: sending the same order again can do no harm.
//! A refusal because the identifier was used is therefore not the answer yet; the order is asked for, and refused only
//! if it does not exist.
//!
//! **No timestamp** is signed, so nothing but our own deadline ends an order's way: it is not sent later than
//! [`SEND_DEADLINE`] after it was decided, and what was sent is under way no longer than the HTTP client waits.
//!
//! **Cancelling** is answered before it is done. The order is asked for until it has ended, a few times; if it has not,
//! nothing is claimed.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use super::calls::{self, OrderName};
use super::convert::{self, QUOTE_ASSET};
use super::errors::{is_not_found, is_used_identifier};
use super::rest::Rest;
use super::sign::Keys;
use super::sockets::PrivateSocket;
use super::wire::{AccountRow, KeyRow, OrderRow, OrderState, TickRow, TickerRow};
use super::{orders, sweep, ticks};
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::money::Price;
use crate::domain::order::Order;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::capabilities::{Capabilities, ClientIdReuse, Market};
use crate::exchange::connect_gate::ConnectGate;
use crate::exchange::echo_watch::EchoWatch;
use crate::exchange::error::ExchangeError;
use crate::exchange::line::Line;
use crate::exchange::report::{
    Accepted, AccountProfile, Balance, ExchangeEvent, FillSweep, FundingPayment, OpenOrders, OrderReport,
    PositionReport, ReportedFill, Scope, SymbolTerms,
};
use crate::exchange::socket_runner::{SocketHandle, SocketNews, SocketRunner};
use crate::exchange::wire::Lane;
use crate::exchange::{Answer, BoxFuture, Exchange};

/// An order that was decided longer ago is not sent.
const SEND_DEADLINE: DurationMs = DurationMs::from_secs(5);
/// What a request waits for its answer at most: the lines of this exchange are made with it.
pub const HTTP_TIMEOUT: DurationMs = DurationMs::from_secs(10);
const VISIBILITY_SLACK: DurationMs = DurationMs::from_secs(5);
/// The stream tells of an order sooner after it was sent.
const ECHO_MAX: DurationMs = DurationMs::from_secs(15);
/// How often, and after which pauses, a cancelled order is asked for.
const SETTLING_QUERIES: u8 = 4;
const SETTLING_PAUSE: DurationMs = DurationMs::from_ms(150);
/// The owner is told of a key's end so long before it.
const EXPIRY_WARNING: DurationMs = DurationMs::from_secs(30 * 86_400);

/// What an account is made of.
pub struct UpbitParts {
    /// The account's own, with [`HTTP_TIMEOUT`].
    pub line: Line,
    pub keys: Keys,
    /// That of the sockets without a path, such as `wss://api.upbit.com`.
    pub socket_url: String,
    pub connects: Option<Arc<ConnectGate>>,
}

/// See the module.
pub struct UpbitExchange {
    rest: Rest,
    capabilities: Capabilities,
    socket: SocketHandle<ExchangeEvent>,
    echoes: EchoWatch,
    /// Of the symbols that were bought at the market.
    references: BTreeMap<Symbol, Reference>,
}

/// What the price of a market order to buy is reckoned from.
#[derive(Debug, Clone, Copy)]
struct Reference {
    last: Price,
    tick: Price,
}

impl UpbitExchange {
    /// Starts the account's stream within the current runtime.
    pub fn new(parts: UpbitParts) -> Self {
        let UpbitParts { line, keys, socket_url, connects } = parts;
        let protocol = Box::new(PrivateSocket::new(&socket_url, keys.clone()));
        let sleep = Arc::clone(line.clock().sleep());
        let socket = SocketRunner::spawn(line.http().clone(), protocol, sleep, connects.as_ref());
        Self {
            rest: Rest::private(line, keys),
            capabilities: capabilities(),
            socket,
            echoes: EchoWatch::default(),
            references: BTreeMap::new(),
        }
    }

    fn local_now(&self) -> Timestamp {
        self.rest.line().clock().local_now()
    }

    async fn place_order(&mut self, order: &Order) -> Result<Accepted, ExchangeError> {
        let bound = if orders::needs_bound(order) { Some(self.buy_bound(order).await?) } else { None };
        let call = calls::place(&orders::new_order(order, bound)?, orders::lane(order));
        let deadline = order.times.decided_at.plus(SEND_DEADLINE);
        // The stream may be faster than the answer.
        self.echoes.expect(order.client_order_id.clone(), self.local_now().plus(ECHO_MAX));
        let sent = self.rest.ask_until::<OrderRow>(&call, Some(deadline)).await;
        let answer = match sent {
            Ok(row) => Ok(Accepted { exchange_order_id: row.uuid }),
            Err(error) if is_used_identifier(&error) => self.already_sent(order, error).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &answer {
            // The price steps may have changed: asked for anew the next time.
            self.references.remove(&order.symbol);
            if error.is_definitive() {
                self.echoes.heard(&order.client_order_id);
            }
        }
        answer
    }

    /// The order whose identifier was used before, or the refusal if there is none.
    async fn already_sent(&self, order: &Order, refusal: ExchangeError) -> Result<Accepted, ExchangeError> {
        match self.find(&order.client_order_id).await {
            Ok(Some(row)) => Ok(Accepted { exchange_order_id: row.uuid }),
            Ok(None) => Err(refusal),
            Err(error) => {
                Err(ExchangeError::Unknown { reason: format!("{refusal}; asking for it: {error}") })
            }
        }
    }

    /// The highest price a market order to buy may pay. Without it nothing is sent.
    async fn buy_bound(&mut self, order: &Order) -> Result<Price, ExchangeError> {
        let unavailable = |reason: String| ExchangeError::Unavailable { reason };
        let reference = match self.references.get(&order.symbol) {
            Some(reference) => *reference,
            None => self.look_up(&order.symbol, orders::lane(order)).await.map_err(|error| {
                unavailable(format!("the price of {} is not known: {error}", order.symbol))
            })?,
        };
        self.references.insert(order.symbol.clone(), reference);
        ticks::buy_bound(reference.last, reference.tick)
            .ok_or_else(|| unavailable(format!("no price above {} can be bid", reference.last)))
    }

    async fn look_up(&self, symbol: &Symbol, lane: Lane) -> Result<Reference, ExchangeError> {
        let tickers: Vec<TickerRow> = self.rest.ask(&calls::ticker(symbol.as_str(), lane)).await?;
        let ticks: Vec<TickRow> = self.rest.ask(&calls::ticks(symbol.as_str(), lane)).await?;
        let missing = || ExchangeError::Malformed { reason: format!("no row of {symbol}") };
        let ticker = tickers.first().ok_or_else(missing)?;
        let tick = ticks.first().ok_or_else(missing)?;
        let price = |value| Price::try_new(value).map_err(convert::Unreadable::from);
        Ok(Reference { last: price(ticker.trade_price.0)?, tick: price(tick.tick_size.0)? })
    }

    /// `None`: the exchange does not know it.
    async fn find(&self, id: &ClientOrderId) -> Result<Option<OrderRow>, ExchangeError> {
        match self.rest.ask(&calls::order(OrderName::Identifier(id.as_str()))).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn cancel_order(&self, id: &ClientOrderId) -> Result<(), ExchangeError> {
        match self.rest.ask::<OrderRow>(&calls::cancel(OrderName::Identifier(id.as_str()))).await {
            // What an unclear answer means is told by the order, too.
            Ok(_) | Err(ExchangeError::Unknown { .. }) => {}
            Err(error) => return Err(error),
        }
        for _ in 0..SETTLING_QUERIES {
            match self.find(id).await?.map(|row| row.state) {
                Some(OrderState::Cancel) => return Ok(()),
                Some(OrderState::Done) => {
                    let reason = format!("order {id} has been filled");
                    return Err(ExchangeError::Refused { code: "not_open".to_owned(), reason });
                }
                Some(OrderState::Wait | OrderState::Watch | OrderState::Prevented | OrderState::Other)
                | None => {
                    self.rest.line().clock().sleep().sleep(SETTLING_PAUSE).await;
                }
            }
        }
        Err(ExchangeError::Unknown { reason: format!("order {id} still rests after it was cancelled") })
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, ExchangeError> {
        self.rest.ask(&calls::accounts()).await
    }

    async fn profile(&self) -> Result<AccountProfile, ExchangeError> {
        let balance = convert::balance(&self.accounts().await?)?;
        let keys: Vec<KeyRow> = self.rest.ask(&calls::keys()).await?;
        let key = keys.iter().find(|key| self.rest.is_signed_with(&key.access_key));
        let key_expires_at = key.map(|key| convert::time(&key.expire_at)).transpose()?;
        let mut remarks = vec![
            "Upbit does not tell what a key may do: check on its page that it may not withdraw".to_owned(),
            "positions are protected only while this program runs: Upbit takes no stop orders".to_owned(),
        ];
        let warned_from = |expires_at: &Timestamp| expires_at.minus(EXPIRY_WARNING);
        if let Some(expires_at) = key_expires_at.filter(|at| warned_from(at) <= self.local_now()) {
            remarks.push(format!("the key ends at {expires_at} and cannot be extended: make a new one"));
        }
        Ok(AccountProfile {
            uid: None,
            can_trade: None,
            can_withdraw: None,
            can_transfer: None,
            // Keys work from registered addresses only.
            ip_restricted: Some(true),
            key_expires_at,
            position_mode: None,
            remarks,
            balance,
            clock_offset: self.rest.line().clock().offset(),
        })
    }

    fn note_echo(&mut self, event: &ExchangeEvent) {
        match event {
            ExchangeEvent::Fill(fill) => self.echoes.heard(&fill.client_order_id),
            ExchangeEvent::OrderSeen(report) => self.echoes.heard(&report.client_order_id),
            ExchangeEvent::OrderEnded { client_order_id, .. } => self.echoes.heard(client_order_id),
            ExchangeEvent::ExternalFill(_)
            | ExchangeEvent::Wallet(_)
            | ExchangeEvent::CashMoved
            | ExchangeEvent::Liquidated(_)
            | ExchangeEvent::TermsChanged { .. }
            | ExchangeEvent::Resync { .. } => {}
        }
    }
}

impl Exchange for UpbitExchange {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn place<'a>(&'a mut self, orders: &'a [Order]) -> BoxFuture<'a, Vec<Result<Accepted, ExchangeError>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(orders.len());
            for order in orders {
                answers.push(self.place_order(order).await);
            }
            answers
        })
    }

    fn cancel<'a>(&'a mut self, _symbol: &'a Symbol, id: &'a ClientOrderId) -> Answer<'a, ()> {
        Box::pin(self.cancel_order(id))
    }

    fn order_by_client_id<'a>(
        &'a mut self,
        _symbol: &'a Symbol,
        id: &'a ClientOrderId,
    ) -> Answer<'a, Option<OrderReport>> {
        Box::pin(async move {
            let row = self.find(id).await?;
            if row.is_none() {
                self.echoes.heard(id);
            }
            Ok(row.map(|row| convert::order_report(&row, id.clone())).transpose()?)
        })
    }

    fn open_orders<'a>(&'a mut self, scope: &'a Scope) -> Answer<'a, OpenOrders> {
        Box::pin(async move {
            let rows = match scope {
                Scope::Symbols(symbols) => sweep::open_rows(&self.rest, sweep::only_market(symbols)).await?,
                Scope::All => sweep::open_rows(&self.rest, None).await?,
            };
            Ok(convert::open_orders(&rows, |symbol| match scope {
                Scope::Symbols(symbols) => symbols.contains(symbol),
                Scope::All => true,
            })?)
        })
    }

    fn fills_since<'a>(&'a mut self, sweep: &'a FillSweep) -> Answer<'a, Vec<ReportedFill>> {
        Box::pin(sweep::fills_since(&self.rest, sweep))
    }

    fn funding_since(&mut self, _since: Timestamp) -> Answer<'_, Vec<FundingPayment>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn positions(&mut self) -> Answer<'_, Vec<PositionReport>> {
        Box::pin(async { Ok(convert::positions(&self.accounts().await?)?) })
    }

    fn balance(&mut self) -> Answer<'_, Balance> {
        Box::pin(async { Ok(convert::balance(&self.accounts().await?)?) })
    }

    fn prepare_symbol<'a>(
        &'a mut self,
        _symbol: &'a Symbol,
        terms: SymbolTerms,
        _lane: Lane,
    ) -> Answer<'a, ()> {
        Box::pin(ready(orders::check_leverage(terms.leverage)))
    }

    fn inspect(&mut self) -> Answer<'_, AccountProfile> {
        Box::pin(self.profile())
    }

    fn is_streaming(&self) -> bool {
        self.socket.is_up()
    }

    fn set_engaged(&mut self, is_engaged: bool) {
        self.socket.set_engaged(is_engaged);
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.socket.changed())
    }

    fn next_event(&mut self, step: &MarketStep) -> Option<ExchangeEvent> {
        for (symbol, reference) in &mut self.references {
            reference.last = step.close(symbol).unwrap_or(reference.last);
        }
        if self.socket.is_up()
            && let Some(id) = self.echoes.overdue(self.local_now())
        {
            self.socket.reconnect(format!("nothing was heard of order {id}"));
        }
        loop {
            match self.socket.pop()? {
                SocketNews::Event(event) => {
                    self.note_echo(&event);
                    return Some(event);
                }
                SocketNews::Up => {
                    self.echoes.forget();
                    return Some(ExchangeEvent::Resync { reason: "the account's stream is up".to_owned() });
                }
                // What is missed from here on is asked for when it is up again.
                SocketNews::Down { .. } => self.echoes.forget(),
            }
        }
    }

    fn revision(&self) -> u64 {
        0
    }

    fn snapshot(&self) -> Option<String> {
        None
    }
}

/// What the exchange can do.
pub fn capabilities() -> Capabilities {
    Capabilities {
        market: Market::Spot,
        quote_asset: QUOTE_ASSET.to_owned(),
        hedge_mode: false,
        reduce_only: false,
        conditional_orders: false,
        batch_size_max: 1,
        // The documentation does not say how long they may be: this is more than ours have.
        client_id_len_max: 40,
        client_id_reuse: ClientIdReuse::Forever,
        send_deadline: SEND_DEADLINE,
        receive_window: DurationMs::from_ms(SEND_DEADLINE.ms() + HTTP_TIMEOUT.ms()),
        visibility_slack: VISIBILITY_SLACK,
        consistent_snapshots: false,
        may_hold_external: true,
    }
}

#[cfg(test)]
mod tests;

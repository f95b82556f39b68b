//! One account: the exchange as the daemon uses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::convert::{self, KnownTerms};
use super::fields::BadField;
use super::links::Links;
use super::orders::{Modes, is_plan};
use super::rest::Rest;
use super::sign::{Credentials, Signer};
use super::sockets::PrivateSocket;
use super::stream::Stream;
use super::wire::{AccountRow, PositionRow};
use super::{calls, orders};
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::order::Order;
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::capabilities::{Capabilities, ClientIdReuse, Market};
use crate::exchange::connect_gate::ConnectGate;
use crate::exchange::error::ExchangeError;
use crate::exchange::line::Line;
use crate::exchange::report::{
    Accepted, AccountProfile, Balance, ExchangeEvent, FillSweep, FundingPayment, OpenOrders, OrderReport,
    PositionReport, ReportedFill, Scope, SymbolTerms,
};
use crate::exchange::socket_runner::SocketRunner;
use crate::exchange::wire::Lane;
use crate::exchange::{Answer, BoxFuture, Exchange};

/// An order that was decided longer ago is not sent.
pub(super) const SEND_DEADLINE: DurationMs = DurationMs::from_secs(5);
/// There is no receive window, but a stamp that differs more from the exchange's clock is refused.
const STAMP_TOLERANCE: DurationMs = DurationMs::from_secs(30);
const VISIBILITY_SLACK: DurationMs = DurationMs::from_secs(5);
/// The documentation says 50 in one place and 20 in another (code 40306).
const BATCH_SIZE_MAX: u8 = 20;
const CLIENT_ID_LEN_MAX: u8 = 32;

/// Sockets that an address may have open, and how often it may connect in a time.
const SOCKETS_MAX: usize = 100;
const CONNECTS_MAX: usize = 300;
const CONNECTS_WINDOW: DurationMs = DurationMs::from_secs(300);

/// The gate for the sockets of one egress.
pub fn connect_gate() -> Arc<ConnectGate> {
    ConnectGate::new(SOCKETS_MAX, CONNECTS_MAX, CONNECTS_WINDOW)
}

/// What an account is made of.
pub struct BitgetParts {
    pub line: Line,
    pub credentials: Credentials,
    /// Without a path, such as `wss://ws.bitget.com`.
    pub socket_url: String,
    /// What the account is set to; orders of the other mode are refused.
    pub position_mode: PositionMode,
    /// Of the egress; without a place there the account has no stream and is kept current by asking.
    pub connects: Option<Arc<ConnectGate>>,
}

/// One account at Bitget.
pub struct BitgetExchange {
    pub(super) rest: Rest,
    pub(super) position_mode: PositionMode,
    capabilities: Capabilities,
    /// What symbols are traded with, as far as it is known.
    pub(super) terms: BTreeMap<Symbol, KnownTerms>,
    pub(super) links: Links,
    pub(super) stream: Stream,
}

impl BitgetExchange {
    /// Starts the account's socket within the current runtime.
    pub fn new(parts: BitgetParts) -> Self {
        let BitgetParts { line, credentials, socket_url, position_mode, connects } = parts;
        let signer = Signer::new(credentials);
        let socket = PrivateSocket::new(&socket_url, signer.clone(), line.clone());
        let sleep = Arc::clone(line.clock().sleep());
        let socket = SocketRunner::spawn(line.http().clone(), Box::new(socket), sleep, connects.as_ref());
        Self {
            rest: Rest::private(line, signer),
            position_mode,
            capabilities: capabilities(position_mode),
            terms: BTreeMap::new(),
            links: Links::default(),
            stream: Stream::new(socket),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.rest.line().clock().local_now()
    }

    /// What a symbol is traded with; asked for once.
    pub(super) async fn terms_of(
        &mut self,
        symbol: &Symbol,
        lane: Lane,
    ) -> Result<KnownTerms, ExchangeError> {
        if let Some(terms) = self.terms.get(symbol) {
            return Ok(*terms);
        }
        let row: AccountRow = self.rest.ask(&calls::account(symbol.as_str(), lane)).await?;
        let mode = convert::position_mode(&row.pos_mode)?;
        if mode != self.position_mode {
            let reason = format!(
                "the account is in {mode} mode, but set up here as {}: change one of them (the exchange lets it be \
                 changed only without orders and positions)",
                self.position_mode
            );
            return Err(ExchangeError::Refused { code: "position_mode".to_owned(), reason });
        }
        let terms = convert::terms(&row)?;
        self.terms.insert(symbol.clone(), terms);
        Ok(terms)
    }

    pub(super) async fn modes_of(&mut self, symbol: &Symbol, lane: Lane) -> Result<Modes, ExchangeError> {
        let terms = self.terms_of(symbol, lane).await?;
        Ok(Modes { position: self.position_mode, margin: terms.margin_mode })
    }

    async fn prepare(
        &mut self,
        symbol: &Symbol,
        wanted: SymbolTerms,
        lane: Lane,
    ) -> Result<(), ExchangeError> {
        let current = self.terms_of(symbol, lane).await?;
        if current == KnownTerms::from(wanted) {
            return Ok(());
        }
        // What is set is forgotten until all of it is set.
        self.terms.remove(symbol);
        if current.margin_mode != wanted.margin_mode {
            self.set(&orders::set_margin_mode(symbol, wanted.margin_mode, lane)).await?;
        }
        for side in orders::leverage_sides(self.position_mode, wanted.margin_mode) {
            self.set(&orders::set_leverage(symbol, wanted.leverage, *side, lane)).await?;
        }
        self.terms.insert(symbol.clone(), wanted.into());
        Ok(())
    }

    /// A write of whose answer nothing but its success matters.
    async fn set(&self, call: &calls::Call) -> Result<(), ExchangeError> {
        self.rest.ask::<serde::de::IgnoredAny>(call).await.map(drop)
    }
}

/// What the exchange can do, in this position mode.
pub fn capabilities(position_mode: PositionMode) -> Capabilities {
    Capabilities {
        market: Market::Futures,
        quote_asset: calls::MARGIN_COIN.to_owned(),
        hedge_mode: position_mode == PositionMode::Hedge,
        reduce_only: true,
        conditional_orders: true,
        batch_size_max: BATCH_SIZE_MAX,
        client_id_len_max: CLIENT_ID_LEN_MAX,
        // Six hours are documented for orders that are not filled, and nothing for those that are.
        client_id_reuse: ClientIdReuse::Unknown,
        send_deadline: SEND_DEADLINE,
        receive_window: STAMP_TOLERANCE,
        visibility_slack: VISIBILITY_SLACK,
        consistent_snapshots: false,
        may_hold_external: true,
    }
}

impl Exchange for BitgetExchange {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn place<'a>(&'a mut self, orders: &'a [Order]) -> BoxFuture<'a, Vec<Result<Accepted, ExchangeError>>> {
        Box::pin(self.place_all(orders))
    }

    fn cancel<'a>(&'a mut self, symbol: &'a Symbol, id: &'a ClientOrderId) -> Answer<'a, ()> {
        Box::pin(self.cancel_one(symbol, id))
    }

    fn order_by_client_id<'a>(
        &'a mut self,
        symbol: &'a Symbol,
        id: &'a ClientOrderId,
    ) -> Answer<'a, Option<OrderReport>> {
        Box::pin(async move {
            if is_plan(id) { self.find_plan(symbol, id).await } else { self.find_order(symbol, id).await }
        })
    }

    fn open_orders<'a>(&'a mut self, scope: &'a Scope) -> Answer<'a, OpenOrders> {
        Box::pin(self.all_open(scope))
    }

    fn fills_since<'a>(&'a mut self, sweep: &'a FillSweep) -> Answer<'a, Vec<ReportedFill>> {
        Box::pin(self.sweep_fills(sweep))
    }

    fn funding_since(&mut self, since: Timestamp) -> Answer<'_, Vec<FundingPayment>> {
        Box::pin(self.sweep_funding(since))
    }

    fn positions(&mut self) -> Answer<'_, Vec<PositionReport>> {
        Box::pin(async {
            let rows: Option<Vec<PositionRow>> = self.rest.ask(&calls::positions()).await?;
            let positions = rows.iter().flatten().filter_map(|row| convert::position(row).transpose());
            Ok(positions.collect::<Result<_, BadField>>()?)
        })
    }

    fn balance(&mut self) -> Answer<'_, Balance> {
        Box::pin(async {
            let rows: Vec<AccountRow> = self.rest.ask(&calls::accounts()).await?;
            Ok(convert::balance(&rows)?)
        })
    }

    fn prepare_symbol<'a>(
        &'a mut self,
        symbol: &'a Symbol,
        terms: SymbolTerms,
        lane: Lane,
    ) -> Answer<'a, ()> {
        Box::pin(self.prepare(symbol, terms, lane))
    }

    fn inspect(&mut self) -> Answer<'_, AccountProfile> {
        Box::pin(self.profile())
    }

    fn is_streaming(&self) -> bool {
        self.stream.is_up()
    }

    fn set_engaged(&mut self, is_engaged: bool) {
        self.stream.set_engaged(is_engaged);
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.has_news())
    }

    fn next_event(&mut self, _step: &MarketStep) -> Option<ExchangeEvent> {
        self.next_news()
    }

    fn revision(&self) -> u64 {
        0
    }

    fn snapshot(&self) -> Option<String> {
        None
    }
}

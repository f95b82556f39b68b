//! One account: the exchange as the daemon uses it.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use super::answers::{AccountAnswer, PositionAnswer};
use super::calls::{self, Call, RECEIVE_WINDOW};
use super::errors::{Failure, NO_NEED_TO_CHANGE};
use super::frames::AccountFrame;
use super::orders::BATCH_MAX;
use super::rest::{Done, Rest};
use super::sign::{BadCredentials, Credentials, Signer};
use super::sockets::AccountSocket;
use super::stream::Stream;
use super::sweep::Strangers;
use super::{QUOTE_ASSET, convert};
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::order::Order;
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::capabilities::{Capabilities, ClientIdReuse, Market};
use crate::exchange::connect_gate::ConnectGate;
use crate::exchange::error::ExchangeError;
use crate::exchange::http::HttpClient;
use crate::exchange::line::Line;
use crate::exchange::report::{
    Accepted, AccountProfile, Balance, ExchangeEvent, FillSweep, FundingPayment, OpenOrders, OrderReport,
    PositionReport, ReportedFill, Scope, SymbolTerms,
};
use crate::exchange::socket_runner::SocketRunner;
use crate::exchange::wire::Lane;
use crate::exchange::{Answer, BoxFuture, Exchange};

/// An order that was decided longer ago is not sent.
pub(super) const SEND_DEADLINE: DurationMs = DurationMs::from_secs(3);
const VISIBILITY_SLACK: DurationMs = DurationMs::from_secs(5);
const CLIENT_ID_LEN_MAX: u8 = 36;

/// Connections an address may make in a time. How many may be open is not documented.
const CONNECTS_MAX: usize = 300;
const CONNECTS_WINDOW: DurationMs = DurationMs::from_secs(300);

/// The gate for the sockets of one egress.
pub fn connect_gate() -> Arc<ConnectGate> {
    ConnectGate::new(usize::MAX, CONNECTS_MAX, CONNECTS_WINDOW)
}

/// What an account is made of.
pub struct BinanceParts {
    /// To the futures host, such as `https://fapi.binance.com`.
    pub line: Line,
    /// To the spot host, such as `https://api.binance.com`, which alone tells what a key may do. Without it that stays
    /// unknown: testnets have none.
    pub spot: Option<HttpClient>,
    pub credentials: Credentials,
    /// Without a path, such as `wss://fstream.binance.com`.
    pub socket_url: String,
    /// What the account is set to; orders are written for it.
    pub position_mode: PositionMode,
    /// Of the egress; without a place there the account has no stream and is kept current by asking.
    pub connects: Option<Arc<ConnectGate>>,
}

/// One account of USDⓈ-M futures.
pub struct BinanceExchange {
    pub(super) rest: Rest,
    pub(super) spot: Option<HttpClient>,
    pub(super) signer: Signer,
    pub(super) position_mode: PositionMode,
    pub(super) stream: Stream,
    pub(super) strangers: Strangers,
    capabilities: Capabilities,
    /// What symbols were set to, until somebody changes it.
    terms: BTreeMap<Symbol, SymbolTerms>,
}

impl BinanceExchange {
    /// Starts the account's socket within the current runtime.
    pub fn connect(parts: BinanceParts) -> Result<Self, BadCredentials> {
        let BinanceParts { line, spot, credentials, socket_url, position_mode, connects } = parts;
        let signer = Signer::try_new(&credentials)?;
        let (http, sleep) = (line.http().clone(), Arc::clone(line.clock().sleep()));
        let rest = Rest::new(line, Some(signer.clone()));
        let socket = AccountSocket::new(rest.clone(), socket_url);
        let socket = SocketRunner::spawn(http, Box::new(socket), sleep, connects.as_ref());
        Ok(Self {
            rest,
            spot,
            signer,
            position_mode,
            stream: Stream::new(socket),
            strangers: Strangers::default(),
            capabilities: capabilities(position_mode),
            terms: BTreeMap::new(),
        })
    }

    async fn prepare(
        &mut self,
        symbol: &Symbol,
        terms: SymbolTerms,
        lane: Lane,
    ) -> Result<(), ExchangeError> {
        if self.terms.get(symbol) == Some(&terms) {
            return Ok(());
        }
        // Half of a change is none.
        self.terms.remove(symbol);
        self.set(calls::set_margin_mode(symbol, terms.margin_mode, lane)).await?;
        self.set(calls::set_leverage(symbol, terms.leverage, lane)).await?;
        self.terms.insert(symbol.clone(), terms);
        Ok(())
    }

    /// A setting that is so already is set.
    async fn set(&self, call: Call) -> Result<(), ExchangeError> {
        match self.rest.ask::<Done>(call).await {
            Ok(Done {}) => Ok(()),
            Err(Failure { code: Some(code), .. }) if NO_NEED_TO_CHANGE.contains(&code) => Ok(()),
            Err(failure) => Err(failure.error),
        }
    }

    async fn all_positions(&self) -> Result<Vec<PositionReport>, ExchangeError> {
        let positions: Vec<PositionAnswer> = self.rest.ask(calls::positions()).await?;
        let open = positions.iter().filter_map(|position| convert::position_report(position).transpose());
        Ok(open.collect::<Result<_, _>>()?)
    }

    pub(super) async fn money(&self) -> Result<Balance, ExchangeError> {
        let account: AccountAnswer = self.rest.ask(calls::account()).await?;
        Ok(convert::balance(&account))
    }
}

/// What the exchange can do, in this position mode.
pub fn capabilities(position_mode: PositionMode) -> Capabilities {
    Capabilities {
        market: Market::Futures,
        quote_asset: QUOTE_ASSET.to_owned(),
        hedge_mode: position_mode == PositionMode::Hedge,
        reduce_only: true,
        conditional_orders: true,
        batch_size_max: BATCH_MAX,
        client_id_len_max: CLIENT_ID_LEN_MAX,
        client_id_reuse: ClientIdReuse::OpenOnly,
        send_deadline: SEND_DEADLINE,
        receive_window: RECEIVE_WINDOW,
        visibility_slack: VISIBILITY_SLACK,
        consistent_snapshots: false,
        may_hold_external: true,
    }
}

impl Exchange for BinanceExchange {
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
        Box::pin(self.find(symbol, id))
    }

    fn open_orders<'a>(&'a mut self, scope: &'a Scope) -> Answer<'a, OpenOrders> {
        Box::pin(self.all_open(scope))
    }

    fn fills_since<'a>(&'a mut self, sweep: &'a FillSweep) -> Answer<'a, Vec<ReportedFill>> {
        Box::pin(self.sweep_fills(sweep))
    }

    fn funding_since(&mut self, since: Timestamp) -> Answer<'_, Vec<FundingPayment>> {
        Box::pin(self.all_funding(since))
    }

    fn positions(&mut self) -> Answer<'_, Vec<PositionReport>> {
        Box::pin(self.all_positions())
    }

    fn balance(&mut self) -> Answer<'_, Balance> {
        Box::pin(self.money())
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
        let deadline = self.stream.deadline();
        let sleep = Arc::clone(self.rest.line().clock().sleep());
        Box::pin(async move {
            let due = async {
                match deadline {
                    Some(deadline) => sleep.sleep(deadline.since(sleep.now())).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = self.stream.changed() => {}
                () = due => {}
            }
        })
    }

    fn next_event(&mut self, _step: &MarketStep) -> Option<ExchangeEvent> {
        let (now, terms) = (self.rest.now(), &mut self.terms);
        self.stream.next(now, |frame| match frame {
            AccountFrame::Terms { symbol, leverage } => {
                let is_ours =
                    terms.get(symbol).is_some_and(|terms| u16::from(terms.leverage.get()) == *leverage);
                if !is_ours {
                    terms.remove(symbol);
                }
                is_ours
            }
            AccountFrame::Order(_)
            | AccountFrame::Algo(_)
            | AccountFrame::Wallet { .. }
            | AccountFrame::KeyExpired => false,
        })
    }

    fn revision(&self) -> u64 {
        0
    }

    fn snapshot(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests;

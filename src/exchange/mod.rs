//! Exchanges, behind one trait: what the daemon asks of them and what they report.
//!
//! There is one handle per account. What differs between exchanges is data ([`Capabilities`]), never a method that
//! some of them leave out; errors say what the caller must do next ([`ExchangeError`]). What an exchange says of its
//! market, and to everybody alike, is asked through [`market_data::MarketData`].

use std::future::Future;
use std::pin::Pin;

use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::order::Order;
use crate::domain::time::{DurationMs, Timestamp};
use capabilities::Capabilities;
use error::ExchangeError;
use report::{
    Accepted, AccountProfile, Balance, ExchangeEvent, FillSweep, FundingPayment, OpenOrders, OrderReport,
    PositionReport, ReportedFill, Scope, SymbolTerms,
};
use wire::Lane;

pub mod assess;
pub mod binance;
pub mod bitget;
pub mod capabilities;
pub mod connect_gate;
pub mod dialect;
pub mod echo_watch;
pub mod egress;
pub mod error;
pub mod faults;
pub mod governor;
pub mod http;
pub mod inbox;
pub mod json;
pub mod line;
pub mod market_data;
pub mod paper;
pub mod percent;
pub mod report;
pub mod server_clock;
pub mod socket;
pub mod socket_runner;
pub mod upbit;
pub mod wire;

mod splitmix;

/// What an async method of a trait object returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The answer of an exchange to one call.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ExchangeError>>;

/// One account at one exchange. The calls of an account go one after another.
pub trait Exchange: Send {
    fn capabilities(&self) -> &Capabilities;

    /// Sends orders whose intents are durable, at most [`Capabilities::batch_size_max`]; each has its own answer, in
    /// the order given. Each is signed with the time it was decided at. Fills are reported by
    /// [`Exchange::next_event`], never here.
    fn place<'a>(&'a mut self, orders: &'a [Order]) -> BoxFuture<'a, Vec<Result<Accepted, ExchangeError>>>;

    /// Takes a working order back. It may have filled before: its fills are asked for afterwards.
    fn cancel<'a>(&'a mut self, symbol: &'a Symbol, id: &'a ClientOrderId) -> Answer<'a, ()>;

    /// `None`: the exchange does not know the id. That is final only after [`Capabilities::horizon`].
    fn order_by_client_id<'a>(
        &'a mut self,
        symbol: &'a Symbol,
        id: &'a ClientOrderId,
    ) -> Answer<'a, Option<OrderReport>>;

    /// Orders that rest, also conditional ones.
    fn open_orders<'a>(&'a mut self, scope: &'a Scope) -> Answer<'a, OpenOrders>;

    /// Fills that may not be booked yet, oldest first. It may repeat fills that the stream has reported: they are
    /// booked by trade id and order.
    fn fills_since<'a>(&'a mut self, sweep: &'a FillSweep) -> Answer<'a, Vec<ReportedFill>>;

    /// Funding paid and received since then, oldest first.
    fn funding_since(&mut self, since: Timestamp) -> Answer<'_, Vec<FundingPayment>>;

    /// Everything the account holds, whoever opened it.
    fn positions(&mut self) -> Answer<'_, Vec<PositionReport>>;

    fn balance(&mut self) -> Answer<'_, Balance>;

    /// Sets leverage and margin mode of a symbol; what is so already is a success. Before an entry in its lane, ahead
    /// of time in the last one.
    fn prepare_symbol<'a>(&'a mut self, symbol: &'a Symbol, terms: SymbolTerms, lane: Lane)
    -> Answer<'a, ()>;

    /// Who the account is and what its key may do, for people.
    fn inspect(&mut self) -> Answer<'_, AccountProfile>;

    /// Whether events are told as they happen. Without that the account is kept current by asking.
    fn is_streaming(&self) -> bool;

    /// Says whether anything is at stake. Where an exchange limits sockets, accounts with orders or positions get one
    /// before those without.
    fn set_engaged(&mut self, is_engaged: bool);

    /// Resolves when [`Exchange::next_event`] has something new that no market step brought; never, for an exchange
    /// that only matches. Safe to drop and call again.
    fn changed(&mut self) -> BoxFuture<'_, ()>;

    /// What the exchange reports up to this moment of the market, one thing a call, so that the caller can act
    /// between two of them; `None` when there is no more. A real exchange drains its stream here, the paper
    /// exchange matches.
    fn next_event(&mut self, step: &MarketStep) -> Option<ExchangeEvent>;

    /// Changes whenever [`Exchange::snapshot`] would say something new; never, for an exchange without one. What is
    /// committed with a turn is the snapshot, if the revision differs from the one that was committed last.
    fn revision(&self) -> u64;

    /// State that lives on our side of the exchange, as JSON; `None` for real exchanges, which keep their own. It
    /// is committed in the transaction of the turn that follows, so that a crash loses either both or neither.
    fn snapshot(&self) -> Option<String>;
}

/// Places one order.
pub async fn place_one(exchange: &mut dyn Exchange, order: &Order) -> Result<Accepted, ExchangeError> {
    let no_answer = || ExchangeError::Unknown { reason: "no answer".to_owned() };
    exchange.place(std::slice::from_ref(order)).await.pop().ok_or_else(no_answer)?
}

/// Time for the exchanges that need it: the daemon's clock, or a test's.
pub trait Sleep: Send + Sync {
    fn sleep(&self, duration: DurationMs) -> BoxFuture<'static, ()>;

    fn now(&self) -> Timestamp;
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

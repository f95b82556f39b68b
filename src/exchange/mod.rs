//! Exchanges, behind one trait: what the daemon asks of them and what they report.
//!
//! There is one handle per account. What differs between exchanges is data ([`Capabilities`]), never a method that
//! some of them leave out; errors say what the caller must do next ([`ExchangeError`]).

use std::future::Future;
use std::pin::Pin;

use crate::domain::fill::Fill;
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::money::Leverage;
use crate::domain::order::Order;
use crate::domain::time::{DurationMs, Timestamp};
use capabilities::Capabilities;
use error::ExchangeError;
use report::{Accepted, Balance, ExchangeEvent, OrderReport, PositionReport};

pub mod capabilities;
pub mod error;
pub mod faults;
pub mod paper;
pub mod report;

/// What an async method of a trait object returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The answer of an exchange to one call.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ExchangeError>>;

/// One account at one exchange. The calls of an account go one after another.
pub trait Exchange: Send {
    fn capabilities(&self) -> &Capabilities;

    /// Sends an order whose intent is durable. Its fills are reported by [`Exchange::next_event`], never here.
    fn place<'a>(&'a mut self, order: &'a Order) -> Answer<'a, Accepted>;

    /// Takes a working order back. It may have filled before: its fills are asked for afterwards.
    fn cancel<'a>(&'a mut self, symbol: &'a Symbol, id: &'a ClientOrderId) -> Answer<'a, ()>;

    /// `None`: the exchange does not know the id. That is final only after [`Capabilities::horizon`].
    fn order_by_client_id<'a>(
        &'a mut self,
        symbol: &'a Symbol,
        id: &'a ClientOrderId,
    ) -> Answer<'a, Option<OrderReport>>;

    fn open_orders(&mut self) -> Answer<'_, Vec<OrderReport>>;

    /// Fills after the trade `cursor`, oldest first; all that are remembered for `None`. It may repeat fills that
    /// the stream has reported: they are booked by trade id.
    fn fills_since(&mut self, cursor: Option<TradeId>) -> Answer<'_, Vec<Fill>>;

    fn positions(&mut self) -> Answer<'_, Vec<PositionReport>>;

    fn balance(&mut self) -> Answer<'_, Balance>;

    fn set_leverage<'a>(&'a mut self, symbol: &'a Symbol, leverage: Leverage) -> Answer<'a, ()>;

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

/// Time for the exchanges that need it: the daemon's clock, or a test's.
pub trait Sleep: Send + Sync {
    fn sleep(&self, duration: DurationMs) -> BoxFuture<'static, ()>;

    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests;

//! Questions about orders: one by its id, and those that rest.

use std::collections::BTreeSet;

use super::IdSpace;
use super::account::BinanceExchange;
use super::answers::{AlgoAnswer, OrderAnswer};
use super::calls::Call;
use super::convert::{self, Owner};
use super::errors::{Failure, NO_SUCH_ORDER};
use super::orders::{self, OrderName, space_of};
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{OpenOrders, OrderReport, Scope};
use serde::de::DeserializeOwned;

impl BinanceExchange {
    pub(super) async fn find(
        &mut self,
        symbol: &Symbol,
        id: &ClientOrderId,
    ) -> Result<Option<OrderReport>, ExchangeError> {
        match space_of(id) {
            IdSpace::Orders => {
                let call = orders::order(IdSpace::Orders, symbol, OrderName::Client(id.as_str()));
                let Some(order) = self.known::<OrderAnswer>(call).await? else { return Ok(None) };
                self.stream.translator.link(symbol, &order.order_id.0, id);
                Ok(Some(convert::order_report(&order, id.clone())?))
            }
            IdSpace::Algo => {
                let Some(algo) = self.condition(symbol, id).await? else { return Ok(None) };
                let actual = match algo.became() {
                    Some(order_id) => self.order_by_id(symbol, order_id).await?,
                    None => None,
                };
                Ok(Some(convert::algo_report(&algo, id.clone(), actual.as_ref())?))
            }
        }
    }

    /// A condition of ours; which order it became, or that it rests, is remembered.
    pub(super) async fn condition(
        &mut self,
        symbol: &Symbol,
        id: &ClientOrderId,
    ) -> Result<Option<AlgoAnswer>, ExchangeError> {
        let call = orders::order(IdSpace::Algo, symbol, OrderName::Client(id.as_str()));
        let Some(algo) = self.known::<AlgoAnswer>(call).await? else { return Ok(None) };
        let translator = &mut self.stream.translator;
        match algo.became() {
            Some(order_id) => {
                translator.ended(id);
                translator.link(symbol, order_id, id);
            }
            None if algo.rests() => translator.rests(id, symbol, algo.side.side()),
            None => translator.ended(id),
        }
        Ok(Some(algo))
    }

    /// Any order in the book by the exchange's id.
    pub(super) async fn order_by_id(
        &self,
        symbol: &Symbol,
        order_id: &str,
    ) -> Result<Option<OrderAnswer>, ExchangeError> {
        self.known(orders::order(IdSpace::Orders, symbol, OrderName::Exchange(order_id))).await
    }

    /// Asks for something that may not exist.
    async fn known<T: DeserializeOwned>(&self, call: Call) -> Result<Option<T>, ExchangeError> {
        match self.rest.ask(call).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure { code: Some(NO_SUCH_ORDER), .. }) => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    pub(super) async fn all_open(&mut self, scope: &Scope) -> Result<OpenOrders, ExchangeError> {
        let mut open = OpenOrders::default();
        match scope {
            Scope::All => self.add_open(None, &mut open).await?,
            Scope::Symbols(symbols) => self.add_open_of(symbols, &mut open).await?,
        }
        Ok(open)
    }

    async fn add_open_of(
        &mut self,
        symbols: &BTreeSet<Symbol>,
        open: &mut OpenOrders,
    ) -> Result<(), ExchangeError> {
        for symbol in symbols {
            self.add_open(Some(symbol), open).await?;
        }
        Ok(())
    }

    /// Adds what rests of one symbol, or of all, in both spaces.
    async fn add_open(
        &mut self,
        symbol: Option<&Symbol>,
        open: &mut OpenOrders,
    ) -> Result<(), ExchangeError> {
        let book: Vec<OrderAnswer> = self.rest.ask(orders::open_orders(IdSpace::Orders, symbol)).await?;
        let conditions: Vec<AlgoAnswer> = self.rest.ask(orders::open_orders(IdSpace::Algo, symbol)).await?;
        for order in &book {
            let of = convert::symbol(&order.symbol);
            let linked = of.and_then(|of| self.stream.translator.owner(&of, &order.order_id.0).cloned());
            match linked.map_or_else(|| Owner::of(&order.client_order_id), Owner::Ours) {
                Owner::Ours(id) => open.ours.push(convert::order_report(order, id)?),
                Owner::External(_) => open.external.extend(convert::external_order(order)?),
            }
        }
        for algo in &conditions {
            match Owner::of(&algo.client_algo_id) {
                Owner::Ours(id) => {
                    let report = convert::algo_report(algo, id.clone(), None)?;
                    if algo.rests() {
                        self.stream.translator.rests(&id, &report.symbol, report.side);
                    }
                    open.ours.push(report);
                }
                Owner::External(_) => open.external.extend(convert::external_condition(algo)?),
            }
        }
        Ok(())
    }
}

//! Asks for orders: one by its id, or all that rest.

use super::account::BitgetExchange;
use super::calls::{self, Call, OrderName, PAGE_MAX};
use super::convert::{self, ReadOrder, ReadPlan};
use super::errors::is_not_found;
use super::fields::BadField;
use super::wire::{OrderRow, Page, PlanRow};
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{OpenOrders, OrderReport, Scope};

/// Pages of one list that are asked for at most.
pub(super) const PAGES_MAX: usize = 50;

impl BitgetExchange {
    pub(super) async fn find_order(
        &mut self,
        symbol: &Symbol,
        id: &ClientOrderId,
    ) -> Result<Option<OrderReport>, ExchangeError> {
        let Some(row) = self.order_row(symbol, OrderName::Client(id.as_str())).await? else {
            return Ok(None);
        };
        let Some(report) = convert::order(&row)?.and_then(ReadOrder::ours) else { return Ok(None) };
        self.links.note_ours(&report.exchange_order_id, id);
        Ok(Some(report))
    }

    /// `None` when the exchange does not know it.
    pub(super) async fn order_row(
        &self,
        symbol: &Symbol,
        order: OrderName<'_>,
    ) -> Result<Option<OrderRow>, ExchangeError> {
        match self.rest.ask(&calls::order_detail(symbol, order)).await {
            Ok(row) => Ok(row),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A plan order that waits, or one that has ended, as far as the order that executes it has come.
    pub(super) async fn find_plan(
        &mut self,
        symbol: &Symbol,
        id: &ClientOrderId,
    ) -> Result<Option<OrderReport>, ExchangeError> {
        let name = Some(OrderName::Client(id.as_str()));
        let mut found = self.plan_row(&calls::plans_pending(Some(symbol), name, None), id).await?;
        if found.is_none() {
            found = self.plan_row(&calls::plan_history(Some(symbol), name, None, None), id).await?;
        }
        let Some(plan) = found else { return Ok(None) };
        self.note_plan(&plan);
        let Some(report) = plan.order.ours() else { return Ok(None) };
        let Some(executed_by) = plan.executed_by.filter(|_| plan.is_triggered) else {
            return Ok(Some(report));
        };
        match self.order_row(symbol, OrderName::Exchange(&executed_by)).await? {
            Some(row) => Ok(Some(convert::executed(report, &row)?)),
            // Triggered, and not to be seen yet.
            None => Ok(Some(report)),
        }
    }

    /// The row of this plan order, whatever else the answer has.
    async fn plan_row(&self, call: &Call, id: &ClientOrderId) -> Result<Option<ReadPlan>, ExchangeError> {
        let page: Page<PlanRow> = match self.rest.ask(call).await {
            Ok(page) => page,
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let row = page.rows.iter().flatten().find(|row| row.client_oid.as_str() == id.as_str());
        Ok(row.map(convert::plan).transpose()?.flatten())
    }

    pub(super) fn note_plans<'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a PlanRow>,
    ) -> Result<(), BadField> {
        for row in rows {
            if let Some(plan) = convert::plan(row)? {
                self.note_plan(&plan);
            }
        }
        Ok(())
    }

    /// Takes in what a plan order says of the orders it is, or became.
    pub(super) fn note_plan(&mut self, plan: &ReadPlan) {
        let ReadOrder::Ours(report) = &plan.order else { return };
        let id = &report.client_order_id;
        if let Some(executed_by) = &plan.executed_by {
            self.links.note_ours(executed_by, id);
        }
        let may_still_execute = !report.status.is_final() && plan.executed_by.is_none();
        if may_still_execute { self.links.note_waiting(id) } else { self.links.note_settled(id) }
    }

    pub(super) async fn all_open(&mut self, scope: &Scope) -> Result<OpenOrders, ExchangeError> {
        let symbol = only_symbol(scope);
        let mut open = OpenOrders::default();
        let orders: Vec<OrderRow> = self
            .all_pages(|before| calls::pending(symbol, before), |row: &OrderRow| row.order_id.as_str())
            .await?;
        for row in &orders {
            let Some(order) = convert::order(row)? else { continue };
            if let ReadOrder::Ours(report) = &order {
                self.links.note_ours(&report.exchange_order_id, &report.client_order_id);
            }
            add(&mut open, order, scope);
        }
        let plans: Vec<PlanRow> = self
            .all_pages(
                |before| calls::plans_pending(symbol, None, before),
                |row: &PlanRow| row.order_id.as_str(),
            )
            .await?;
        for row in &plans {
            let Some(plan) = convert::plan(row)? else { continue };
            self.note_plan(&plan);
            add(&mut open, plan.order, scope);
        }
        Ok(open)
    }

    /// All rows of a list, page by page; `id_of` is what the list is ordered by.
    pub(super) async fn all_pages<T: serde::de::DeserializeOwned>(
        &self,
        call: impl Fn(Option<&str>) -> Call,
        id_of: impl Fn(&T) -> &str,
    ) -> Result<Vec<T>, ExchangeError> {
        let mut rows: Vec<T> = Vec::new();
        for _ in 0..PAGES_MAX {
            let before = rows.last().map(|row| id_of(row).to_owned());
            let page: Page<T> = self.rest.ask(&call(before.as_deref())).await?;
            let page = page.rows.unwrap_or_default();
            let is_last = page.len() < PAGE_MAX;
            rows.extend(page);
            if is_last {
                return Ok(rows);
            }
        }
        let reason = format!("a list of more than {PAGES_MAX} pages");
        Err(ExchangeError::Malformed { reason })
    }
}

/// Asking for one symbol is cheaper; several cost more than all.
fn only_symbol(scope: &Scope) -> Option<&Symbol> {
    match scope {
        Scope::Symbols(symbols) if symbols.len() == 1 => symbols.first(),
        Scope::Symbols(_) | Scope::All => None,
    }
}

fn add(open: &mut OpenOrders, order: ReadOrder, scope: &Scope) {
    let is_asked_for = |symbol: &Symbol| match scope {
        Scope::Symbols(symbols) => symbols.contains(symbol),
        Scope::All => true,
    };
    match order {
        ReadOrder::Ours(report) if is_asked_for(&report.symbol) => open.ours.push(report),
        ReadOrder::External(order) if is_asked_for(&order.symbol) => open.external.push(order),
        ReadOrder::Ours(_) | ReadOrder::External(_) => {}
    }
}

//! Sweeps the past: fills, with whose they are, and funding; and who the account is.

use std::collections::BTreeSet;

use super::account::BitgetExchange;
use super::calls::{self, FILLS_SPAN, FUNDING_SPAN, OrderName, Window};
use super::convert;
use super::fields::{self, BadField};
use super::fills::Execution;
use super::links::Whose;
use super::orders::is_plan;
use super::permissions::Permissions;
use super::wire::{AccountRow, BillRow, FillRow, KeyRow, Page, PlanRow, TimeRow};
use crate::domain::ids::ClientOrderId;
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{AccountProfile, ExternalCause, FillSweep, FundingPayment, ReportedFill};
use crate::exchange::wire::Lane;

/// Pages of the plan orders' history that are searched for the order that executed one of them.
const HISTORY_PAGES: usize = 3;
/// So long after a fill the history may not yet tell which plan order it executed.
const LINK_DELAY_MAX: DurationMs = DurationMs::from_secs(60);

/// To ask about what is the same for all symbols.
const ANY_SYMBOL: &str = "BTCUSDT";

impl BitgetExchange {
    pub(super) async fn sweep_fills(
        &mut self,
        sweep: &FillSweep,
    ) -> Result<Vec<ReportedFill>, ExchangeError> {
        let mut plans = BTreeSet::new();
        for ((_, id), exchange_order_id) in &sweep.orders {
            if is_plan(id) {
                plans.insert(id.clone());
            } else {
                self.links.note_ours(exchange_order_id, id);
            }
        }
        let clock = self.rest.line().clock();
        let (since, now) = (clock.to_server(sweep.since), clock.now());
        let mut executions = Vec::new();
        for window in Window::since(since, now, FILLS_SPAN) {
            let rows: Vec<FillRow> = self
                .all_pages(|before| calls::fills(window, before), |row: &FillRow| row.trade_id.as_str())
                .await?;
            let read = rows.iter().filter_map(|row| Execution::from_rest(row).transpose());
            let read = read.collect::<Result<Vec<_>, BadField>>()?;
            executions.extend(read.into_iter().filter(|execution| execution.at >= since));
        }
        self.links.begin_round();
        self.link(&executions, &plans).await?;
        executions.sort_by(|a, b| (a.at, &a.trade_id).cmp(&(b.at, &b.trade_id)));
        Ok(executions.into_iter().map(|execution| self.reported(execution)).collect())
    }

    /// Finds out whose orders these are executions of. `plans` are orders of ours that may have been triggered. What was
    /// asked in this round is not asked again.
    pub(super) async fn link(
        &mut self,
        executions: &[Execution],
        plans: &BTreeSet<ClientOrderId>,
    ) -> Result<(), ExchangeError> {
        let unknown = |links: &super::links::Links| -> Vec<Execution> {
            let is_unknown = |execution: &&Execution| {
                execution.cause == ExternalCause::Manual
                    && links.whose(&execution.exchange_order_id).is_none()
            };
            executions.iter().filter(is_unknown).cloned().collect()
        };
        if unknown(&self.links).is_empty() {
            return Ok(());
        }
        if !self.links.has_searched() {
            self.search_history().await?;
            self.links.note_searched();
        }
        for plan in self.links.unasked(plans) {
            if unknown(&self.links).is_empty() {
                return Ok(());
            }
            let name = Some(OrderName::Client(plan.as_str()));
            let page: Page<PlanRow> = self.rest.ask(&calls::plan_history(None, name, None, None)).await?;
            self.note_plans(page.rows.iter().flatten())?;
            self.links.note_asked(plan);
        }
        for execution in unknown(&self.links) {
            self.identify(&execution).await?;
        }
        Ok(())
    }

    /// Takes in the newest plan orders that have ended.
    async fn search_history(&mut self) -> Result<(), ExchangeError> {
        let mut before: Option<String> = None;
        for _ in 0..HISTORY_PAGES {
            let page: Page<PlanRow> =
                self.rest.ask(&calls::plan_history(None, None, None, before.as_deref())).await?;
            let rows = page.rows.unwrap_or_default();
            self.note_plans(&rows)?;
            for (ended, _) in rows.iter().filter_map(|row| convert::our_id(&row.client_oid)) {
                self.links.note_asked(ended);
            }
            before = rows.last().map(|row| row.order_id.to_string());
            if rows.len() < calls::PAGE_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Asks for an order that no plan order of ours is known to have become.
    async fn identify(&mut self, execution: &Execution) -> Result<(), ExchangeError> {
        let id = &execution.exchange_order_id;
        let row = self.order_row(&execution.symbol, OrderName::Exchange(id)).await?;
        let ours = row.as_ref().and_then(|row| convert::our_id(&row.client_oid));
        if let Some((client_order_id, _)) = ours {
            self.links.note_ours(id, &client_order_id);
            return Ok(());
        }
        let source = row.map(|row| row.order_source.to_string()).unwrap_or_default();
        let executes_plan = source.contains("profit") || source.contains("loss");
        let is_fresh = self.rest.line().clock().now().since(execution.at) < LINK_DELAY_MAX;
        if executes_plan && is_fresh && !self.links.waiting().is_empty() {
            let reason = format!("order {id} executes a plan order, and it is not told yet which one");
            return Err(ExchangeError::Unavailable { reason });
        }
        self.links.note_external(id);
        Ok(())
    }

    /// As ours or external, by what is known.
    pub(super) fn reported(&self, execution: Execution) -> ReportedFill {
        let ours = match self.links.whose(&execution.exchange_order_id) {
            Some(Whose::Ours(id)) => id.key().map(|key| (id.clone(), key)),
            Some(Whose::External) | None => None,
        };
        match ours {
            Some((id, key)) => ReportedFill::Ours(execution.ours(id, key)),
            None => ReportedFill::External(execution.external()),
        }
    }

    pub(super) async fn sweep_funding(
        &mut self,
        since: Timestamp,
    ) -> Result<Vec<FundingPayment>, ExchangeError> {
        let now = self.rest.line().clock().now();
        let mut payments = Vec::new();
        for window in Window::since(since, now, FUNDING_SPAN) {
            let rows: Vec<BillRow> = self
                .all_pages(|before| calls::funding(window, before), |row: &BillRow| row.bill_id.as_str())
                .await?;
            for row in rows.iter().filter(|row| row.business_type.as_str() == "contract_settle_fee") {
                payments.extend(convert::funding(row)?);
            }
        }
        payments.retain(|payment| payment.at >= since);
        payments.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(payments)
    }

    pub(super) async fn profile(&mut self) -> Result<AccountProfile, ExchangeError> {
        let clock_offset = self.clock_offset().await?;
        let key: KeyRow = self.rest.ask(&calls::key_info()).await?;
        let rows: Vec<AccountRow> = self.rest.ask(&calls::accounts()).await?;
        let position_mode = self.told_position_mode(&rows).await?;
        let permissions = Permissions::read(&key);
        Ok(AccountProfile {
            uid: key.user_id.some().map(str::to_owned),
            can_trade: permissions.trade,
            can_withdraw: permissions.withdraw,
            can_transfer: permissions.transfer,
            ip_restricted: Some(permissions.ip_restricted),
            key_expires_at: None,
            position_mode: Some(position_mode),
            remarks: remarks(&key, &rows),
            balance: convert::balance(&rows)?,
            clock_offset,
        })
    }

    /// The exchange's clock minus ours, as of the middle of one question.
    async fn clock_offset(&self) -> Result<DurationMs, ExchangeError> {
        let asked_at = self.now();
        let row: TimeRow = self.rest.ask(&calls::time()).await?;
        let half = DurationMs::from_ms(self.now().since(asked_at).ms() / 2);
        Ok(fields::time("serverTime", &row.server_time)?.since(asked_at.plus(half)))
    }

    /// The mode is the same for all symbols, but not told in every list of accounts.
    async fn told_position_mode(&self, rows: &[AccountRow]) -> Result<PositionMode, ExchangeError> {
        if let Some(row) = rows.iter().find(|row| !row.pos_mode.is_empty()) {
            return Ok(convert::position_mode(&row.pos_mode)?);
        }
        let row: AccountRow = self.rest.ask(&calls::account(ANY_SYMBOL, Lane::Reconcile)).await?;
        Ok(convert::position_mode(&row.pos_mode)?)
    }
}

/// What a person should know beside the rest.
fn remarks(key: &KeyRow, rows: &[AccountRow]) -> Vec<String> {
    let mut remarks = Vec::new();
    let words: Vec<&str> = key.authorities.iter().flatten().map(super::wire::Text::as_str).collect();
    if !words.is_empty() {
        remarks.push(format!("the key's permissions, in the exchange's words: {}", words.join(", ")));
    }
    if rows.iter().any(|row| row.asset_mode.as_str() == "union") {
        remarks.push("multi-assets mode is on: other coins than USDT are margin too".to_owned());
    }
    if let Some(kind) = key.trader_type.some().filter(|kind| *kind == "trader") {
        remarks.push(format!("this is a copy-trading leader ({kind}): one order a second instead of ten"));
    }
    remarks
}

#[cfg(test)]
mod tests;

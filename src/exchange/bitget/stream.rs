//! The private stream: from rows to events.
//!
//! A push about an order brings its latest fill and the sum of all. A sum that is more than what was told says that a
//! push was lost. A fill of an order that is not known may be that of a plan order of ours: it is held back until that
//! has been asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::account::BitgetExchange;
use super::convert::{self, ReadOrder};
use super::fields::{BadField, number_or_zero};
use super::fills::Execution;
use super::frames::AccountNews;
use super::wire::{AccountRow, OrderRow, PlanRow, PositionRow};
use crate::domain::ids::ClientOrderId;
use crate::domain::money::Qty;
use crate::domain::order::OrderStatus;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::echo_watch::EchoWatch;
use crate::exchange::report::{ExchangeEvent, ExternalCause, OrderReport, ReportedFill};
use crate::exchange::socket_runner::{SocketHandle, SocketNews};

/// The stream must tell of a new order within this time.
const ECHO_MAX: DurationMs = DurationMs::from_secs(10);
/// How often the history is asked which plan order was executed, and how many times.
const LINK_EVERY: DurationMs = DurationMs::from_secs(1);
const LINK_ATTEMPTS: u8 = 5;
/// Orders whose volumes are remembered.
const VOLUMES_MAX: usize = 1_024;

/// What the socket has told and what is still to be told.
pub(super) struct Stream {
    socket: SocketHandle<AccountNews>,
    ready: VecDeque<ExchangeEvent>,
    /// Executions of which it is not known whose they are.
    held_back: Vec<Execution>,
    /// Those of them that are being asked about.
    linking: VecDeque<Execution>,
    link_at: Timestamp,
    link_attempts: u8,
    /// What has been filled, by the exchange's order id.
    volumes: BTreeMap<String, Qty>,
    echoes: EchoWatch,
    /// A fill was told since the account's money was.
    has_executed: bool,
}

impl Stream {
    pub(super) fn new(socket: SocketHandle<AccountNews>) -> Self {
        Self {
            socket,
            ready: VecDeque::new(),
            held_back: Vec::new(),
            linking: VecDeque::new(),
            link_at: Timestamp::default(),
            link_attempts: 0,
            volumes: BTreeMap::new(),
            echoes: EchoWatch::default(),
            has_executed: false,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.socket.is_up()
    }

    pub(super) fn set_engaged(&self, is_engaged: bool) {
        self.socket.set_engaged(is_engaged);
    }

    /// An order was accepted: the stream must tell of it, if there is one.
    pub(super) fn expect_echo(&mut self, id: &ClientOrderId, now: Timestamp) {
        if self.socket.is_up() {
            self.echoes.expect(id.clone(), now.plus(ECHO_MAX));
        }
    }

    fn resync(&mut self, reason: impl Into<String>) {
        self.ready.push_back(ExchangeEvent::Resync { reason: reason.into() });
    }

    /// Whatever was told before may have been followed by something that was not.
    fn start_anew(&mut self) {
        self.echoes.forget();
        self.volumes.clear();
    }

    /// Whether a push tells more than the fills of which was told.
    fn has_gap(&mut self, row: &OrderRow) -> Result<bool, BadField> {
        let sum: Qty = number_or_zero("accBaseVolume", &row.acc_base_volume)?;
        let latest: Qty = number_or_zero("baseVolume", &row.base_volume)?;
        let told = self.volumes.entry(row.order_id.to_string()).or_default();
        let has_gap = sum > told.plus(latest);
        *told = sum.max(*told);
        if self.volumes.len() > VOLUMES_MAX {
            self.volumes.pop_first();
        }
        Ok(has_gap)
    }
}

impl BitgetExchange {
    /// Resolves when there is something to tell.
    pub(super) async fn has_news(&mut self) {
        while self.stream.ready.is_empty() {
            if !self.begin_linking() {
                return self.stream.socket.changed().await;
            }
            let clock = self.rest.line().clock();
            let wait = self.stream.link_at.since(clock.local_now());
            if wait > DurationMs::ZERO {
                tokio::select! {
                    () = self.stream.socket.changed() => return,
                    () = clock.sleep().sleep(wait) => {}
                }
            }
            self.link_held_back().await;
        }
    }

    pub(super) fn next_news(&mut self) -> Option<ExchangeEvent> {
        self.tell_linked();
        loop {
            if let Some(event) = self.stream.ready.pop_front() {
                return Some(event);
            }
            match self.stream.socket.pop() {
                Some(SocketNews::Up) => {
                    self.stream.start_anew();
                    self.stream.resync("the stream is up");
                }
                Some(SocketNews::Down { .. }) => self.stream.start_anew(),
                Some(SocketNews::Event(news)) => self.take_in(&news),
                None => return self.overdue(),
            }
        }
    }

    /// An order that the stream does not tell of: it is alive in appearance only.
    fn overdue(&mut self) -> Option<ExchangeEvent> {
        let id = self.stream.echoes.overdue(self.now())?;
        self.stream.start_anew();
        let reason = format!("the stream did not tell of order {id}");
        self.stream.socket.reconnect(reason.clone());
        Some(ExchangeEvent::Resync { reason })
    }

    /// What cannot be read has been missed.
    fn take_in(&mut self, news: &AccountNews) {
        let taken = match news {
            AccountNews::Orders(rows) => rows.iter().try_for_each(|row| self.take_in_order(row)),
            AccountNews::Plans(rows) => rows.iter().try_for_each(|row| self.take_in_plan(row)),
            AccountNews::Positions(rows) => rows.iter().try_for_each(|row| self.take_in_position(row)),
            AccountNews::Accounts(rows) => rows.iter().try_for_each(|row| self.take_in_account(row)),
            AccountNews::Other => Ok(()),
        };
        if let Err(error) = taken {
            self.stream.resync(format!("the stream told what cannot be read: {error}"));
        }
    }

    fn take_in_order(&mut self, row: &OrderRow) -> Result<(), BadField> {
        let Some(order) = convert::order(row)? else { return Ok(()) };
        if let ReadOrder::Ours(report) = &order {
            self.links.note_ours(&report.exchange_order_id, &report.client_order_id);
            self.stream.echoes.heard(&report.client_order_id);
        }
        if self.stream.has_gap(row)? {
            self.stream.resync(format!("the stream left out a fill of order {}", row.order_id));
        }
        if let Some(execution) = Execution::from_push(row)? {
            self.stream.has_executed = true;
            self.tell_or_hold_back(execution);
        }
        if let ReadOrder::Ours(report) = order {
            self.tell_status(report);
        }
        Ok(())
    }

    fn tell_or_hold_back(&mut self, execution: Execution) {
        let is_known = self.links.whose(&execution.exchange_order_id).is_some();
        if is_known || execution.cause != ExternalCause::Manual {
            self.tell(execution);
            return;
        }
        self.stream.held_back.push(execution);
    }

    fn tell(&mut self, execution: Execution) {
        self.stream.ready.push_back(match self.reported(execution) {
            ReportedFill::Ours(fill) => ExchangeEvent::Fill(fill),
            ReportedFill::External(fill) => ExchangeEvent::ExternalFill(fill),
        });
    }

    /// A filled order is told by its fills alone.
    fn tell_status(&mut self, report: OrderReport) {
        let event = match report.status {
            OrderStatus::Open => ExchangeEvent::OrderSeen(report),
            OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Rejected => {
                ExchangeEvent::OrderEnded {
                    client_order_id: report.client_order_id,
                    status: report.status,
                    reason: report.end_reason.unwrap_or_else(|| "the exchange ended it".to_owned()),
                }
            }
            OrderStatus::Intended
            | OrderStatus::Sent
            | OrderStatus::Unknown
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled => return,
        };
        self.stream.ready.push_back(event);
    }

    fn take_in_plan(&mut self, row: &PlanRow) -> Result<(), BadField> {
        let Some(plan) = convert::plan(row)? else { return Ok(()) };
        self.note_plan(&plan);
        if let ReadOrder::Ours(report) = plan.order {
            self.stream.echoes.heard(&report.client_order_id);
            // A triggered one is told by the fills of the order that executes it.
            if !plan.is_triggered {
                self.tell_status(report);
            }
        }
        Ok(())
    }

    fn take_in_position(&mut self, row: &PositionRow) -> Result<(), BadField> {
        let Some(position) = convert::position(row)? else { return Ok(()) };
        let margin_mode = convert::margin_mode(&row.margin_mode)?;
        let is_other = self
            .terms
            .get(&position.symbol)
            .is_some_and(|terms| terms.margin_mode != margin_mode || position.leverage != terms.leverage);
        if is_other {
            self.terms.remove(&position.symbol);
            self.stream.ready.push_back(ExchangeEvent::TermsChanged { symbol: position.symbol });
        }
        Ok(())
    }

    fn take_in_account(&mut self, row: &AccountRow) -> Result<(), BadField> {
        if let Some(wallet) = convert::wallet(row)? {
            self.stream.ready.push_back(ExchangeEvent::Wallet(wallet));
            if !std::mem::take(&mut self.stream.has_executed) {
                self.stream.ready.push_back(ExchangeEvent::CashMoved);
            }
        }
        Ok(())
    }

    /// False when nothing is held back. What comes while some are asked about has its turn after them.
    fn begin_linking(&mut self) -> bool {
        if self.stream.linking.is_empty() && !self.stream.held_back.is_empty() {
            self.stream.linking = std::mem::take(&mut self.stream.held_back).into();
            self.stream.link_at = self.now();
            self.stream.link_attempts = 0;
            self.links.begin_round();
        }
        !self.stream.linking.is_empty()
    }

    /// Tells what was held back and is known by now.
    fn tell_linked(&mut self) {
        let is_known = |execution: &Execution| self.links.whose(&execution.exchange_order_id).is_some();
        let (known, unknown): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.stream.linking).into_iter().partition(is_known);
        self.stream.linking = unknown;
        for execution in known {
            self.tell(execution);
        }
    }

    /// Asks whose the first of the fills is that were held back, and tells it. When it is dropped half-way, nothing is
    /// lost, and it goes on with what it has not asked yet.
    async fn link_held_back(&mut self) {
        let Some(first) = self.stream.linking.front().cloned() else { return };
        let linked = self.link(std::slice::from_ref(&first), &BTreeSet::new()).await;
        match linked {
            Ok(()) => {
                self.stream.linking.pop_front();
                self.stream.link_attempts = 0;
                self.tell(first);
            }
            Err(error) if self.stream.link_attempts >= LINK_ATTEMPTS => {
                self.stream.linking.clear();
                self.stream.resync(format!("the fills of some order cannot be told apart: {error}"));
            }
            Err(_) => {
                // What was asked may be answered otherwise by then.
                self.links.begin_round();
                self.stream.link_attempts = self.stream.link_attempts.saturating_add(1);
                self.stream.link_at = self.now().plus(LINK_EVERY);
            }
        }
    }
}

#[cfg(test)]
mod tests;

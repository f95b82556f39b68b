//! The life of an order between intent and end: answers, unknown outcomes, cancels.
//!
//! An answer that is neither an acceptance nor a definitive refusal leaves the order unknown. Unknown is resolved by
//! asking for it by its client order id, until the receive window and the visibility slack have passed since it was
//! decided (which is when it is signed); "not found" is final only to who asks after that. An end is final once the
//! fills before it are booked: until then the order is `ending`, and keeps its margin.

use crate::domain::ids::ClientOrderId;
use crate::domain::order::{Order, OrderStatus, Purpose};
use crate::domain::time::{DurationMs, Timestamp};

use super::event::{CancelAnswer, OrderReport, PlaceAnswer, QueryAnswer};
use super::machine::{AccountMachine, HeldKey};
use super::orders::Ending;
use super::turn::{NoticeKind, Record, Request, Severity};

/// An entry that certainly was not placed is only sent again while it is as fresh as this.
const ENTRY_RESEND_MAX: DurationMs = DurationMs::from_secs(10);

impl AccountMachine {
    /// After a start: what was in flight is asked for, and fills that were missed are swept up. On a real exchange the
    /// snapshot that follows answers most of it at once; only what it leaves open is asked for one by one, after what
    /// protects.
    pub(super) fn ask_about_orders_in_flight(&mut self) {
        self.begin_sweeps();
        let is_live = !self.config.venue.consistent_snapshots;
        for order in self.orders.in_flight() {
            if is_live {
                let id = &order.client_order_id;
                self.change(id, OrderStatus::Unknown, "under way when we were interrupted", |_| {});
            } else {
                self.query(&order);
            }
        }
        if !is_live {
            self.ask_for_fills();
        }
    }

    /// While running: the unknown ones, those whose last fills are missing, and those of which a question was not answered
    /// are asked for again each cycle.
    pub(super) fn ask_about_unknown_orders(&mut self) {
        let is_open = |order: &&Order| {
            let id = &order.client_order_id;
            is_unknown(order) || self.orders.ending.contains_key(id) || self.orders.in_question.contains(id)
        };
        let unknown: Vec<Order> = self.orders.working().filter(is_open).cloned().collect();
        for order in unknown {
            self.query(&order);
        }
    }

    fn query(&mut self, order: &Order) {
        let (symbol, id) = (order.symbol.clone(), order.client_order_id.clone());
        self.turn.requests.push(Request::Query { symbol, id });
    }

    /// Fills are missing: asks for them, once a turn.
    pub(super) fn ask_for_fills(&mut self) {
        if !self.turn.requests.contains(&Request::SweepFills) {
            self.turn.requests.push(Request::SweepFills);
        }
    }

    pub(super) fn place_answered(&mut self, id: &ClientOrderId, sent_at: Timestamp, answer: PlaceAnswer) {
        let sent_at =
            self.orders.get_working(id).map_or(sent_at, |order| sent_at.max(order.times.decided_at));
        if !matches!(answer, PlaceAnswer::NotSent { .. } | PlaceAnswer::TooLate) {
            self.change(id, OrderStatus::Sent, "sent", |order| order.times.sent_at = Some(sent_at));
        }
        let now = self.now.max(sent_at);
        // A refusal of what was sent again may be due to the first one: only a question can tell.
        let is_resent = self.orders.resent.contains(id);
        let is_in_doubt = self.orders.get_working(id).is_some_and(|order| {
            is_resent && self.now.since(order.times.decided_at) <= self.config.venue.horizon
        });
        match answer {
            PlaceAnswer::Refused { reason, .. }
            | PlaceAnswer::WouldCross { reason }
            | PlaceAnswer::NotSent { reason }
                if is_in_doubt =>
            {
                self.change(id, OrderStatus::Unknown, &format!("sent again in vain: {reason}"), |_| {});
            }
            PlaceAnswer::Accepted { exchange_order_id } => {
                let detail = self.words.of(|| format!("accepted as {exchange_order_id}"));
                self.change(id, OrderStatus::Open, &detail, |order| {
                    order.times.acknowledged_at = Some(now);
                    order.exchange_order_id = Some(exchange_order_id.clone());
                });
                self.link(id, &exchange_order_id);
                self.note_line_accepted(id);
            }
            PlaceAnswer::WouldCross { reason } => {
                let reason = format!("would trade at once: {reason}");
                self.change(id, OrderStatus::Rejected, &reason, |order| {
                    order.end_reason = Some(reason.clone());
                });
                self.note_crossing(id);
            }
            PlaceAnswer::Refused { code, reason } => {
                self.fail(id, OrderStatus::Rejected, &format!("refused ({code}): {reason}"));
                self.back_off_exit(id);
            }
            PlaceAnswer::WouldTrigger { reason } => {
                let reason = format!("would trigger at once: {reason}");
                self.change(id, OrderStatus::Rejected, &reason, |order| {
                    order.end_reason = Some(reason.clone());
                });
                self.leave_passed_level(id, &reason);
            }
            PlaceAnswer::TooLate => {
                self.change(id, OrderStatus::Expired, "not sent: it was decided too long ago", |order| {
                    order.end_reason = Some("too late".to_owned());
                });
                self.allow_entry_again(id);
            }
            PlaceAnswer::NotSent { reason } => {
                self.fail(id, OrderStatus::Expired, &format!("not sent: {reason}"));
            }
            PlaceAnswer::Unknown { reason } => {
                // Sent again without a clear answer: asked for at the next cycle, so that this ends.
                self.change(id, OrderStatus::Unknown, &format!("no clear answer: {reason}"), |_| {});
                if let Some(order) = self.orders.get_working(id).filter(|_| !is_resent).cloned() {
                    self.query(&order);
                }
            }
        }
        self.after_change(id);
    }

    pub(super) fn query_answered(&mut self, id: &ClientOrderId, asked_at: Timestamp, answer: QueryAnswer) {
        self.orders.in_question.remove(id);
        match answer {
            QueryAnswer::Found(report) => self.adopt(&report),
            QueryAnswer::NotFound => self.not_found(id, asked_at),
            QueryAnswer::Failed { reason } => {
                self.question(id);
                self.change(id, OrderStatus::Unknown, &format!("asking failed: {reason}"), |_| {});
            }
        }
        self.after_change(id);
    }

    /// Takes over what the exchange says of an order; fills it has and we have not are asked for.
    pub(super) fn adopt(&mut self, report: &OrderReport) {
        let id = &report.client_order_id;
        let Some(order) = self.orders.get_mut(id) else { return };
        let is_behind = report.filled_qty > order.filled_qty
            || (report.status == OrderStatus::Filled && order.filled_qty < order.qty);
        let was = order.status;
        let now = self.now.max(order.times.decided_at);
        if report.filled_qty > order.filled_qty {
            self.ask_for_fills();
        }
        let told = report.status;
        let status = if told == OrderStatus::Filled && is_behind {
            // A filled order becomes filled by its fills, never by hearsay.
            OrderStatus::Open
        } else if told.is_final() && is_behind && self.must_see_fills(id) {
            let reason = self.orders.ending.get(id).and_then(|ending| ending.reason.clone());
            let ending = Ending { status: told, reason, filled_qty: Some(report.filled_qty) };
            self.orders.ending.insert(id.clone(), ending);
            OrderStatus::Open
        } else {
            told
        };
        let end_reason = self.orders.ending.get(id).and_then(|ending| ending.reason.clone());
        if was != status {
            let exchange_order_id = report.exchange_order_id.clone();
            self.change(id, status, &format!("exchange says {told}"), |order| {
                order.exchange_order_id = Some(exchange_order_id);
                order.times.acknowledged_at.get_or_insert(now);
                if status.is_final() && order.end_reason.is_none() {
                    order.end_reason = end_reason;
                }
            });
        }
        self.link(id, &report.exchange_order_id);
    }

    /// An order as the exchange's stream tells of it.
    pub(super) fn order_seen(&mut self, report: &OrderReport) {
        self.note_ended_by_others(&report.client_order_id, report.status);
        self.adopt(report);
        self.after_change(&report.client_order_id);
    }

    /// Remembers by which id the exchange knows an order, if that was not known: its fills may be told by it.
    fn link(&mut self, id: &ClientOrderId, exchange_order_id: &str) {
        let Some(order) = self.orders.get_mut(id).filter(|order| order.exchange_order_id.is_none()) else {
            return;
        };
        order.exchange_order_id = Some(exchange_order_id.to_owned());
        let detail = format!("known there as {exchange_order_id}");
        self.turn.records.push(Record::step(order, self.now, detail));
    }

    /// Whether an end of the order may be told before its last fills.
    fn must_see_fills(&self, id: &ClientOrderId) -> bool {
        !self.config.venue.consistent_snapshots && self.orders.get_working(id).is_some()
    }

    fn not_found(&mut self, id: &ClientOrderId, asked_at: Timestamp) {
        let Some(order) = self.orders.get_working(id).cloned() else { return };
        let venue = self.config.venue;
        let age = self.now.since(order.times.decided_at);
        let is_final = asked_at.since(order.times.decided_at) > venue.horizon;
        let is_fresh = !order.purpose.increases() || age <= ENTRY_RESEND_MAX;
        let is_wanted = is_fresh && !self.is_unwanted(&order);
        if let Some(ending) = self.orders.ending.get(id).filter(|_| is_final).cloned() {
            self.ask_for_fills();
            self.finish(id, ending);
        } else if order.status.is_resting() {
            // It was there: what is missing now has ended, perhaps by fills that we have not seen.
            if is_final {
                self.ask_for_fills();
                self.fail(id, OrderStatus::Expired, "the exchange no longer knows it");
            }
        } else if venue.resend_is_safe && is_wanted && !(is_final && is_unknown(&order)) {
            // Until the answer to this one, an earlier one may still show up. Its row stays as it is: where nothing had
            // been sent before a crash, nothing tells the order from one that was never interrupted.
            self.orders.resent.insert(id.clone());
            self.turn.requests.push(Request::Place(id.clone()));
        } else if is_final {
            self.fail(id, OrderStatus::Expired, "never reached the exchange");
        } else {
            self.change(id, OrderStatus::Unknown, "not found yet", |_| {});
        }
    }

    pub(super) fn cancel_answered(&mut self, id: &ClientOrderId, answer: &CancelAnswer) {
        self.orders.cancelling.remove(id);
        match answer {
            CancelAnswer::Cancelled => self.end_order(id, OrderStatus::Cancelled, "cancelled by us"),
            CancelAnswer::NotWorking => {
                if let Some(order) = self.orders.get_working(id).cloned() {
                    self.orders.not_working.insert(id.clone());
                    self.query(&order);
                }
            }
            // Done again by whoever still wants it gone. Asked for with the next cycle only: whoever wants it gone would
            // hear that it rests, and cancel it again at once.
            CancelAnswer::Failed { reason } | CancelAnswer::Unknown { reason } => {
                if matches!(answer, CancelAnswer::Unknown { .. }) {
                    self.question(id);
                }
                if let Some(status) = self.orders.get_working(id).map(|order| order.status) {
                    self.change(id, status, &format!("cancel failed: {reason}"), |_| {});
                }
            }
        }
    }

    /// Whether the order still works is not known: it is asked for with the next cycle.
    fn question(&mut self, id: &ClientOrderId) {
        if self.orders.get_working(id).is_some() {
            self.orders.in_question.insert(id.clone());
        }
    }

    /// The end of an order as the exchange's stream tells of it.
    pub(super) fn order_ended(&mut self, id: &ClientOrderId, status: OrderStatus, reason: &str) {
        self.note_ended_by_others(id, status);
        self.end_order(id, status, reason);
    }

    /// An order has ended. Where its last fills may still be under way, the exchange is asked how much was
    /// filled in the end.
    pub(super) fn end_order(&mut self, id: &ClientOrderId, status: OrderStatus, reason: &str) {
        let may_be_behind = status != OrderStatus::Rejected && self.must_see_fills(id);
        let Some(order) = self.orders.get_working(id).filter(|_| may_be_behind).cloned() else {
            self.finish(id, Ending { status, reason: Some(reason.to_owned()), filled_qty: None });
            return;
        };
        let known = self.orders.ending.remove(id);
        let filled_qty = known.as_ref().and_then(|ending| ending.filled_qty);
        let ending = Ending { status, reason: Some(reason.to_owned()), filled_qty };
        self.orders.ending.insert(id.clone(), ending);
        if known.is_none() {
            self.query(&order);
        }
        self.after_change(id);
    }

    /// Ends an order whose last fill has come.
    pub(super) fn end_if_complete(&mut self, id: &ClientOrderId) {
        let filled = self.orders.get_working(id).map(|order| order.filled_qty);
        let is_complete = |ending: &&Ending| filled.zip(ending.filled_qty).is_some_and(|(is, all)| is >= all);
        if let Some(ending) = self.orders.ending.get(id).filter(is_complete).cloned() {
            self.finish(id, ending);
        }
    }

    fn finish(&mut self, id: &ClientOrderId, ending: Ending) {
        let detail = ending.reason.clone().unwrap_or_else(|| format!("exchange says {}", ending.status));
        self.change(id, ending.status, &detail, |order| order.end_reason = ending.reason);
        self.after_change(id);
    }

    /// What was not sent in time is decided again while its signal lasts.
    fn allow_entry_again(&mut self, id: &ClientOrderId) {
        let Some(order) = self.orders.get_working(id) else { return };
        let (Purpose::Entry, Some(bot)) = (order.purpose, order.bot) else { return };
        let (symbol, signal_at) = (order.symbol.clone(), order.times.signal_at);
        if let Some(guards) = self.durable.entry_guards.get_mut(&bot)
            && guards.get(&symbol).copied() == signal_at
        {
            guards.remove(&symbol);
        }
    }

    /// An order of ours was not placed.
    fn fail(&mut self, id: &ClientOrderId, status: OrderStatus, reason: &str) {
        self.change(id, status, reason, |order| order.end_reason = Some(reason.to_owned()));
        if !self.is_worth_telling(id) {
            return;
        }
        let Some(order) = self.orders.get_working(id) else { return };
        let (bot, purpose) = (order.bot, order.purpose);
        let fields = [
            ("symbol", order.symbol.to_string()),
            ("order", id.to_string()),
            ("purpose", purpose.to_string()),
            ("reason", reason.to_owned()),
        ];
        let (kind, severity) = if purpose == Purpose::StopLoss {
            (NoticeKind::Unprotected, Severity::Critical)
        } else {
            (NoticeKind::Error, Severity::Warning)
        };
        self.notify(kind, severity, || fields);
        if let Some(bot) = bot {
            self.turn.records.push(Record::BotError { bot, error: format!("{purpose} order: {reason}") });
        }
    }

    /// A whole ladder may be refused at once, again and again: that is told once.
    fn is_worth_telling(&mut self, id: &ClientOrderId) -> bool {
        let now = self.now;
        let Some(key) = id.key().filter(|key| key.purpose.has_line()) else { return true };
        let grid = key.bot.and_then(|bot| self.durable.grids.get_mut(&bot));
        grid.is_none_or(|grid| grid.backoff(key.purpose == Purpose::GridExit).refused(now))
    }

    /// Moves an order forward and records it; a step that is not forward changes nothing.
    fn change(
        &mut self,
        id: &ClientOrderId,
        status: OrderStatus,
        detail: &str,
        with: impl FnOnce(&mut Order),
    ) {
        let now = self.now;
        let Some(order) = self.orders.get_mut(id) else { return };
        if !order.status.may_become(status) || (order.status == status && order.status.is_final()) {
            return;
        }
        order.status = status;
        with(order);
        if status.is_final() {
            order.times.finished_at = Some(now.max(order.times.decided_at));
        }
        self.turn.records.push(Record::step(order, now, detail.to_owned()));
    }

    /// Protection may now be missing, superfluous or confirmed; an order that has ended leaves the working ones.
    fn after_change(&mut self, id: &ClientOrderId) {
        let order = self.orders.get_mut(id);
        let protects = order.as_ref().is_some_and(|order| order.purpose.protects());
        let key = order.and_then(|order| HeldKey::of(order));
        let ended = self.orders.get_working(id).filter(|order| order.status.is_final()).cloned();
        self.orders.settle(id, self.durable.retold_since());
        self.forget_entering(id);
        let Some(key) = key else { return };
        // A refused protective order is tried again at the next cycle, not at once.
        if let Some(order) = ended {
            self.note_protection(&key);
            if protects {
                self.chase_on(&key);
            }
            if order.purpose.has_line() {
                self.line_order_ended(&order);
            }
        } else {
            self.sync_protection(&key);
            self.obey_halt();
        }
    }
}

fn is_unknown(order: &Order) -> bool {
    order.status == OrderStatus::Unknown
}

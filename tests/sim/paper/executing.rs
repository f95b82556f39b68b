//! The executor's loop over the paper book: decide, commit with the book, ask.

use std::collections::BTreeSet;

use tradefleet::daemon::answers;
use tradefleet::domain::order::{Order, Purpose};
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::event::{Event, PlaceAnswer, QueryAnswer};
use tradefleet::engine::state::DurableState;
use tradefleet::engine::turn::{Record, Request, Turn};
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::report::Accepted;

use super::{PaperDesk, report};
use crate::desk::{Done, Stop};
use crate::faults::Fault;
use crate::people;

impl PaperDesk<'_> {
    pub(super) fn handle(&mut self, now: Timestamp, event: Event<'_>) -> Done {
        let turn = self.decide(now, event);
        if turn.is_empty() {
            return Ok(());
        }
        if !turn.must_commit() {
            let (state, last_cycle) = (self.p().machine.durable_state(), self.p().last_cycle);
            self.posted.push((turn.records, state, last_cycle));
            return Ok(());
        }
        self.absorb(turn);
        loop {
            let is_intent = |record: &Record| matches!(record, Record::OrderIntended(_));
            if self.p().records.iter().any(is_intent) || self.p().requests.is_empty() {
                self.commit()?;
            }
            let Some(request) = self.p().requests.pop_front() else { return Ok(()) };
            self.crash_point("before a request")?;
            for answer in self.perform(now, request)? {
                let turn = self.decide(now, answer);
                self.absorb(turn);
            }
        }
    }

    fn decide(&mut self, now: Timestamp, event: Event<'_>) -> Turn {
        let turn = self.p().machine.handle(now, event);
        self.counters.work("turns in dry run", 1);
        for record in &turn.records {
            if let Record::OrderChanged { order, .. } = record {
                self.note(order);
            }
        }
        turn
    }

    /// FNV-1a over the life of orders.
    fn note(&mut self, order: &Order) {
        for byte in format!("{} {} {}", order.client_order_id, order.status, order.filled_qty).bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn absorb(&mut self, turn: Turn) {
        self.p().records.extend(turn.records);
        self.p().requests.extend(turn.requests);
    }

    /// The turn and, where it has changed, the book: in one transaction.
    fn commit(&mut self) -> Done {
        if self.p().records.is_empty() {
            return Ok(());
        }
        self.crash_point("before a commit")?;
        while self.dice.hits(Fault::DiskFails).is_some() {
            self.crash_point("while the disk fails")?;
        }
        let process = self.p();
        let records = std::mem::take(&mut process.records);
        let (state, last_cycle) = (process.machine.durable_state(), process.last_cycle);
        let intends = records.iter().any(|record| matches!(record, Record::OrderIntended(_)));
        let revision = process.book.revision();
        let is_changed = intends || process.committed_revision != Some(revision);
        process.committed_revision = Some(revision);
        let book = is_changed.then(|| serde_json::to_string(&process.book).unwrap());
        self.flush()?;
        self.write(&records, state, last_cycle)?;
        if book.is_some() {
            self.stored = book;
        }
        self.counters.work("commits in dry run", 1);
        self.crash_point("after a commit")
    }

    pub(super) fn flush(&mut self) -> Done {
        for (records, state, last_cycle) in std::mem::take(&mut self.posted) {
            self.write(&records, state, last_cycle)?;
        }
        Ok(())
    }

    fn write(&mut self, records: &[Record], state: DurableState, last_cycle: Option<Timestamp>) -> Done {
        for record in records {
            self.check_entry(record)?;
            self.journal.write(record).map_err(Stop::Wrong)?;
            self.db_changed |= people::take_over(&mut self.db, record);
        }
        self.journal.remember(state);
        self.journal.last_cycle = last_cycle.max(self.journal.last_cycle);
        Ok(())
    }

    /// A signal is acted on once, however often its cycle is played.
    fn check_entry(&self, record: &Record) -> Done {
        let Record::OrderIntended(order) = record else { return Ok(()) };
        let is_repeated = |other: &&Order| {
            other.purpose == Purpose::Entry
                && (other.bot, &other.symbol, other.times.signal_at)
                    == (order.bot, &order.symbol, order.times.signal_at)
                && other.end_reason.as_deref() != Some("too late")
        };
        let first =
            self.journal.orders.values().find(is_repeated).filter(|_| order.purpose == Purpose::Entry);
        first.map_or(Ok(()), |first| {
            let (id, first) = (&order.client_order_id, &first.client_order_id);
            Err(Stop::Wrong(format!("{id} acts on the signal of {first}")))
        })
    }

    fn perform(&mut self, now: Timestamp, request: Request) -> Done<Vec<Event<'static>>> {
        let events = match request {
            Request::Place(id) => {
                let Some(order) = self.p().machine.order(&id).cloned() else { return Ok(Vec::new()) };
                let answer = self.place(now, &order)?;
                vec![Event::PlaceAnswered { id, sent_at: now, answer }]
            }
            Request::Cancel { id, .. } => {
                let answer = self.p().book.cancel(&id).map(|_| ()).map_err(ExchangeError::from);
                let is_lost = self.dice.hits(Fault::LostAnswer).is_some();
                let answer = answers::cancel(if is_lost { Err(no_answer()) } else { answer });
                vec![Event::CancelAnswered { id, answer }]
            }
            Request::Query { id, .. } => {
                let found = self.p().book.order(&id).map(report);
                let answer = match (self.dice.hits(Fault::ReadFails), found) {
                    (Some(_), _) => QueryAnswer::Failed { reason: "no answer".to_owned() },
                    (None, Some(report)) => QueryAnswer::Found(report),
                    (None, None) => QueryAnswer::NotFound,
                };
                vec![Event::QueryAnswered { id, asked_at: now, answer }]
            }
            Request::SweepFills => {
                let fills = self.missed_fills().into_iter().map(Event::Fill);
                fills.chain([Event::Swept { at: now }]).collect()
            }
        };
        self.crash_point("before an answer is taken in")?;
        Ok(events)
    }

    fn place(&mut self, now: Timestamp, order: &Order) -> Done<PlaceAnswer> {
        if self.dice.hits(Fault::Unreachable).is_some() {
            return Ok(PlaceAnswer::NotSent { reason: "no route".to_owned() });
        }
        if self.dice.hits(Fault::LostRequest).is_some() {
            return Ok(answers::place(Err(no_answer())));
        }
        let id = &order.client_order_id;
        let intent = self.journal.orders.get(id);
        if intent.is_none_or(|intent| intent.status.is_final()) {
            return Err(Stop::Wrong(format!("{id} is sent without a durable intent")));
        }
        let instrument = self.db.instruments[&order.symbol].clone();
        let book = &mut self.p().book;
        if order.purpose.increases() {
            book.set_leverage(&order.symbol, order.leverage);
        }
        let placed = book.place(order, &instrument, now);
        let answer = placed
            .map(|accepted| Accepted { exchange_order_id: accepted.exchange_order_id })
            .map_err(ExchangeError::from);
        self.check_lines()?;
        self.counters.work("orders sent in dry run", 1);
        self.crash_point("after a request was sent")?;
        let is_lost = self.dice.hits(Fault::LostAnswer).is_some();
        Ok(answers::place(if is_lost { Err(no_answer()) } else { answer }))
    }

    /// Never two orders of a line on one side.
    fn check_lines(&mut self) -> Done {
        let mut seen = BTreeSet::new();
        for order in self.p().book.open_orders() {
            let key = order.client_order_id.key().unwrap();
            let Some(line) = key.line().filter(|_| key.purpose.is_on_line()) else { continue };
            if !seen.insert((key.bot, line, order.side)) {
                return Err(Stop::Wrong(format!("two orders rest on line {line}: {order:?}")));
            }
        }
        Ok(())
    }
}

fn no_answer() -> ExchangeError {
    ExchangeError::Unknown { reason: "no answer".to_owned() }
}

//! The executor's loop: decide, commit, ask, and so on with the answers (`daemon::executor` and its `writing`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tradefleet::daemon::answers;
use tradefleet::domain::fee::Fee;
use tradefleet::domain::market::MarketStep;
use tradefleet::domain::money::Quote;
use tradefleet::domain::order::OrderStatus;
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::cycle::Cycle;
use tradefleet::engine::event::Event;
use tradefleet::engine::turn::{Record, Turn};
use tradefleet::exchange::report::{ExchangeEvent, ExternalCause};
use tradefleet::signal::Signal;

use crate::desk::{Desk, Done, Stop};
use crate::faults::{Fault, scaled};
use crate::mutants::Mutant;
use crate::people;
use crate::signals;

impl Desk<'_> {
    /// The account's time.
    pub(crate) fn own_now(&self) -> Timestamp {
        self.at().max(self.machine().now())
    }

    pub(crate) fn handle(&mut self, event: Event<'_>) -> Done {
        let now = self.own_now();
        let turn = self.decide(now, event);
        if turn.is_empty() {
            return Ok(());
        }
        if !turn.must_commit() {
            let state = self.machine().durable_state();
            self.posted.push((turn.records, state));
            return Ok(());
        }
        self.absorb(turn);
        loop {
            let is_intent = |record: &Record| matches!(record, Record::OrderIntended(_));
            let has_intent = self.p().records.iter().any(is_intent) && !self.is(Mutant::JournalAfterSend);
            if has_intent || self.p().requests.is_empty() {
                self.commit()?;
            }
            let Some(request) = self.p().requests.pop_front() else { return Ok(()) };
            self.crash_point("before a request")?;
            for answer in self.perform(request)? {
                let now = self.at().max(now);
                let turn = self.decide(now, answer);
                self.absorb(turn);
            }
        }
    }

    fn decide(&mut self, now: Timestamp, event: Event<'_>) -> Turn {
        let mut turn = self.p().machine.handle(now, event);
        self.counters.work("turns", 1);
        if self.is(Mutant::RoundedFees) {
            turn.records.iter_mut().for_each(round_fee);
        }
        self.trace_turn(now, &turn);
        self.watch(&turn.records);
        turn
    }

    fn trace_turn(&mut self, now: Timestamp, turn: &Turn) {
        let mut line = String::new();
        for record in &turn.records {
            match record {
                Record::OrderIntended(order) | Record::OrderChanged { order, .. } => {
                    let _ = write!(line, "{} {} {};", order.client_order_id, order.status, order.filled_qty);
                }
                Record::Fill(booked) => {
                    let _ = write!(line, "{} {};", booked.fill.trade_id, booked.realized_pnl);
                }
                Record::Position(row) => {
                    let _ = write!(line, "{} {:?} {};", row.position.qty, row.stop_loss, row.is_protected);
                }
                other => {
                    let _ = write!(line, "{:?};", std::mem::discriminant(other));
                }
            }
        }
        if !turn.is_empty() {
            let _ = write!(line, "{now} {:?}", turn.requests.len());
            self.note(&line);
        }
    }

    fn absorb(&mut self, turn: Turn) {
        self.p().records.extend(turn.records);
        self.p().requests.extend(turn.requests);
    }

    /// Makes durable what was decided.
    pub(crate) fn commit(&mut self) -> Done {
        if self.p().records.is_empty() {
            return Ok(());
        }
        self.crash_point("before a commit")?;
        while let Some(how) = self.dice.hits(Fault::DiskFails) {
            self.pass(500 * scaled(how, 1, 6))?;
            self.crash_point("while the disk fails")?;
        }
        let records = std::mem::take(&mut self.p().records);
        let state = self.machine().durable_state();
        if self.is(Mutant::IntentWrittenBehind) {
            self.posted.push((records, state));
            return Ok(());
        }
        self.flush_posted()?;
        self.write_rows(&records)?;
        if self.is(Mutant::TornTurn) {
            self.crash_point("between the rows and the state")?;
        }
        self.write_state(state)?;
        self.mirror(records)?;
        self.counters.work("commits", 1);
        self.crash_point("after a commit")
    }

    pub(crate) fn flush_posted(&mut self) -> Done {
        for (records, state) in std::mem::take(&mut self.posted) {
            self.write_rows(&records)?;
            self.write_state(state)?;
            self.mirror(records)?;
        }
        Ok(())
    }

    /// Writes the turn that the journal has just taken to the store too.
    fn mirror(&mut self, records: Vec<Record>) -> Done {
        let (at, last_cycle) = (self.at(), self.journal.last_cycle);
        let Some(mirror) = &mut self.mirror else { return Ok(()) };
        mirror.write(at, records, &self.journal.state, last_cycle).map_err(Stop::Wrong)
    }

    fn write_state(&mut self, state: tradefleet::engine::state::DurableState) -> Done {
        self.check_state(&state)?;
        self.journal.remember(state);
        if let Some(process) = &self.process {
            self.journal.last_cycle = process.last_cycle;
        }
        Ok(())
    }

    fn write_rows(&mut self, records: &[Record]) -> Done {
        for record in records {
            self.check_record(record)?;
            self.journal.write(record).map_err(Stop::Wrong)?;
            self.check_written(record)?;
            self.db_changed |= people::take_over(&mut self.db, record);
        }
        Ok(())
    }

    pub(crate) fn checkpoint(&mut self) -> Done {
        self.p().records.push(Record::StateChanged);
        self.commit()
    }

    /// What the stream has told, and a comparison where it was interrupted.
    pub(crate) fn listen(&mut self) -> Done {
        self.hear()?;
        if self.p().resync { self.recover() } else { Ok(()) }
    }

    pub(crate) fn hear(&mut self) -> Done {
        while let Some(event) = self.venue.next_told(self.now) {
            match event {
                ExchangeEvent::Resync { .. } if self.is(Mutant::ResyncIgnored) => {}
                ExchangeEvent::Resync { .. } => {
                    // What changed while nobody listened was not told: terms are set anew.
                    self.p().prepared.clear();
                    self.p().resync = true;
                }
                ExchangeEvent::TermsChanged { symbol } => {
                    self.p().prepared.remove(&symbol);
                }
                event => {
                    self.crash_point("between two events")?;
                    if let Some(event) = answers::event(self.distorted(event)) {
                        self.handle(event)?;
                    }
                }
            }
        }
        for fill in std::mem::take(&mut self.overheard) {
            self.handle(Event::Fill(fill))?;
        }
        Ok(())
    }

    /// Mistakes in reading the stream.
    pub(crate) fn distorted(&mut self, event: ExchangeEvent) -> ExchangeEvent {
        match event {
            ExchangeEvent::Fill(mut fill) => {
                if self.is(Mutant::FillsByArrival) {
                    fill.trade_id.0 = format!("{}{}", fill.trade_id.0, self.now % 1_000);
                }
                if self.is(Mutant::PartIsWhole)
                    && let Some(order) = self.machine().order(&fill.client_order_id)
                {
                    fill.qty = order.qty;
                }
                if self.is(Mutant::CumulativeFills) {
                    let before = self.machine().order(&fill.client_order_id).map(|order| order.filled_qty);
                    fill.qty = fill.qty.plus(before.unwrap_or_default());
                }
                ExchangeEvent::Fill(fill)
            }
            ExchangeEvent::ExternalFill(mut fill) => {
                if self.is(Mutant::LiquidationIgnored) {
                    fill.cause = ExternalCause::Manual;
                }
                let last = self.journal.orders.values().next_back();
                if let Some(order) = last.filter(|_| self.is(Mutant::ExternalClaimed)) {
                    return ExchangeEvent::Fill(tradefleet::domain::fill::Fill {
                        trade_id: fill.trade_id,
                        client_order_id: order.client_order_id.clone(),
                        symbol: fill.symbol,
                        side: fill.side,
                        position_side: order.position_side,
                        price: fill.price,
                        qty: fill.qty,
                        fee: fill.fee,
                        liquidity: tradefleet::domain::fill::Liquidity::Taker,
                        at: fill.at,
                    });
                }
                ExchangeEvent::ExternalFill(fill)
            }
            ExchangeEvent::OrderEnded { client_order_id, status, .. } if self.is(Mutant::EndBeforeFills) => {
                let status = if status == OrderStatus::Cancelled { OrderStatus::Rejected } else { status };
                ExchangeEvent::OrderEnded { client_order_id, status, reason: "ended".to_owned() }
            }
            other => other,
        }
    }

    /// One cycle.
    pub(crate) fn step(&mut self, at: i64) -> Done {
        self.hear()?;
        if self.is_due_to_compare() {
            self.recover()?;
        }
        self.recovering = false;
        self.p().last_cycle = Some(Timestamp::from_ms(at));
        let cycle = self.cycle(at);
        self.handle(Event::Cycle(&cycle))?;
        if self.pcg.below(3) == 0 { self.flush_posted() } else { Ok(()) }
    }

    fn cycle(&mut self, at: i64) -> Cycle {
        let now = Timestamp::from_ms(at);
        let symbols = self.venue.dialect.symbols();
        let price = |number: usize| crate::units::price_of(self.market.price(number, at));
        let prices: BTreeMap<_, _> = symbols.iter().cloned().zip([price(0), price(1)]).collect();
        let chance = if self.are_signals_on { self.plan.signals } else { 0 };
        let drawn = signals::draw(&self.db, &mut self.pcg, chance, now, &prices);
        let is_replaced = |old: &Signal| drawn.iter().any(|signal| signal.key.strategy == old.key.strategy);
        self.signals.retain(|signal| signal.expires_at > now && !is_replaced(signal));
        self.signals.extend(drawn);
        let bars = symbols.iter().enumerate().filter(|_| at % 60_000 == 0);
        let step = MarketStep {
            at: now,
            price_bars: bars.map(|(number, symbol)| self.market.minute(number, symbol, at)).collect(),
            closed_bars: Vec::new(),
        };
        signals::cycle(now, step, prices, self.signals.clone(), self.entries_enabled)
    }
}

/// A fee as a program without decimals would keep it.
fn round_fee(record: &mut Record) {
    if let Record::Fill(booked) = record {
        let rounded = Quote::new(booked.fill.fee.amount().round_dp(4));
        booked.fill.fee = Fee::from_cash(rounded, booked.fill.symbol.quote_asset());
    }
}

//! The executor's loop: decide, commit, ask, and so on with the answers (`daemon::executor` and its `writing`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use tradefleet::daemon::answers;
use tradefleet::domain::fee::Fee;
use tradefleet::domain::ids::{CycleId, StrategyId};
use tradefleet::domain::market::MarketStep;
use tradefleet::domain::money::Quote;
use tradefleet::domain::order::OrderStatus;
use tradefleet::domain::side::PositionSide;
use tradefleet::domain::time::{DurationMs, Timeframe, Timestamp};
use tradefleet::engine::cycle::Cycle;
use tradefleet::engine::event::Event;
use tradefleet::engine::turn::{Record, Turn};
use tradefleet::exchange::report::{ExchangeEvent, ExternalCause};
use tradefleet::signal::{Confidence, Gates, Signal, SignalKey};

use crate::desk::{Desk, Done, Stop};
use crate::faults::{Fault, scaled};
use crate::mutants::Mutant;

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
        self.counters.work("commits", 1);
        self.crash_point("after a commit")
    }

    pub(crate) fn flush_posted(&mut self) -> Done {
        for (records, state) in std::mem::take(&mut self.posted) {
            self.write_rows(&records)?;
            self.write_state(state)?;
        }
        Ok(())
    }

    fn write_state(&mut self, state: tradefleet::engine::state::DurableState) -> Done {
        self.check_state(&state)?;
        self.journal.state = state;
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
            self.edit_database(record);
        }
        Ok(())
    }

    /// What a turn changes of the settings.
    fn edit_database(&mut self, record: &Record) {
        match record {
            Record::BotStopped { bot, .. } => self.edit_bot(*bot, |config| config.is_running = false),
            Record::BotClosed { bot } => self.edit_bot(*bot, |config| config.close_requested = false),
            Record::SymbolClosed { symbol, .. } => drop(self.db.close_symbols.remove(symbol)),
            _ => {}
        }
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
                ExchangeEvent::Resync { .. } => {
                    // What changed while nobody listened was not told: terms are set anew.
                    self.p().prepared.clear();
                    self.p().resync = !self.is(Mutant::ResyncIgnored);
                }
                ExchangeEvent::TermsChanged { symbol } => {
                    if !self.is(Mutant::ForgetsLeverage) {
                        self.p().prepared.remove(&symbol);
                    }
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
        self.signals.retain(|signal| signal.expires_at > now);
        for bot in self.bots() {
            let chance = self.pcg.below(1_000);
            let (what, confidence) = (self.pcg.below(6), Confidence::new(0.8));
            let config = &self.db.bots[&bot];
            let (Some(strategy), tradefleet::engine::settings::SymbolScope::One(symbol)) =
                (config.strategy, &config.settings.symbol)
            else {
                continue;
            };
            if chance >= self.plan.signals || !self.are_signals_on {
                continue;
            }
            let number = usize::from(self.venue.dialect.symbols()[1] == *symbol);
            let signal = Signal {
                key: SignalKey { strategy, symbol: symbol.clone(), timeframe: Timeframe::M1 },
                bar_close_at: now,
                price: crate::units::price_of(self.market.price(number, at)),
                entry: match what {
                    0 | 1 => Some(PositionSide::Long),
                    2 | 3 => Some(PositionSide::Short),
                    _ => None,
                },
                exit_long: what >= 2,
                exit_short: what < 2 || what == 5,
                confidence,
                reason: String::new(),
                conditions: Vec::new(),
                expires_at: now.plus(DurationMs::from_secs(30)),
            };
            self.signals.retain(|old| old.key.strategy != strategy);
            self.signals.push(Arc::new(signal));
        }
        self.signals.sort_by(|a, b| a.key.cmp(&b.key));
        let symbols = self.venue.dialect.symbols();
        let price = |(number, symbol): (usize, &tradefleet::domain::instrument::Symbol)| {
            (symbol.clone(), crate::units::price_of(self.market.price(number, at)))
        };
        let bars = symbols.iter().enumerate().filter(|_| at % 60_000 == 0);
        Cycle {
            id: CycleId::at(now),
            at: now,
            step: Arc::new(MarketStep {
                at: now,
                price_bars: bars.map(|(number, symbol)| self.market.minute(number, symbol, at)).collect(),
                closed_bars: Vec::new(),
            }),
            prices: Arc::new(symbols.iter().enumerate().map(price).collect::<BTreeMap<_, _>>()),
            signals: self.signals.clone(),
            representatives: Arc::new(BTreeMap::<StrategyId, StrategyId>::new()),
            timeframes: Arc::default(),
            gates: Gates::OPEN,
            universe: Arc::new(symbols.to_vec()),
            entries_enabled: self.entries_enabled,
        }
    }
}

/// A fee as a program without decimals would keep it.
fn round_fee(record: &mut Record) {
    if let Record::Fill(booked) = record {
        let rounded = Quote::new(booked.fill.fee.amount().round_dp(4));
        booked.fill.fee = Fee::from_cash(rounded, booked.fill.symbol.quote_asset());
    }
}

//! An account machine, the book it trades on, and a store that remembers what each turn recorded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rust_decimal::{Decimal, dec};

use super::exchange::{report, told};
use super::fixtures::*;
use crate::domain::fee::Fee;
use crate::domain::fill::Fill;
use crate::domain::funding::FundingPayment;
use crate::domain::ids::{AccountId, BotId, ClientOrderId, CycleId};
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::money::Price;
use crate::domain::order::{Order, Purpose};
use crate::domain::scope::Scope;
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::booked::{BOOKED_MIN, BookedTrade, kept_since};
use crate::engine::config::AccountConfig;
use crate::engine::cycle::Cycle;
use crate::engine::decision::{Action, Decision};
use crate::engine::event::*;
use crate::engine::grid::rows::{GridFill, GridLineRow};
use crate::engine::machine::AccountMachine;
use crate::engine::orders::ENDED_MIN;
use crate::engine::state::{DurableState, SavedAccount};
use crate::engine::turn::{BookedFill, CashAdjustment, Notice, PositionRow, Record, Request, Turn};
use crate::matching::book::{Book, trade_number};
use crate::matching::config::BookConfig;
use crate::matching::fixtures as paper;
use crate::signal::{Gates, Signal};

/// What becomes of a request to place an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Refused,
    WouldTrigger,
    NotSent,
    TooLate,
    /// It reaches the book and the answer is lost.
    LostAnswer,
    /// It does not reach the book, and nobody says so.
    LostOrder,
}

/// How the exchange answers questions about orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queries {
    Truthful,
    NotFound,
    Failing,
}

pub(super) struct Rig {
    pub machine: AccountMachine,
    pub book: Book,
    pub config: AccountConfig,
    pub now: Timestamp,
    /// Minutes played.
    pub at: i64,
    /// The next placement of an order of the purpose meets this fate.
    pub fates: VecDeque<(Purpose, Fate)>,
    pub queries: Queries,
    pub cancels_fail: bool,
    /// Cancels are done, and nobody says so.
    pub cancels_unanswered: bool,
    /// It crashes, and is started again, before this many more requests are performed.
    pub crash_in: Option<u8>,
    pub gates: Gates,
    pub entries_enabled: bool,
    pub prices: BTreeMap<Symbol, Price>,
    /// Every intent, in the order they were made.
    pub intents: Vec<Order>,
    pub requests: Vec<Request>,
    pub decisions: Vec<Decision>,
    pub notices: Vec<Notice>,
    pub fills: Vec<BookedFill>,
    /// Every fill of the book, in the order they happened, with its fee in quote currency.
    pub executed: Vec<Fill>,
    /// Fees are told in BNB, at this price; the book's wallet pays them in quote currency all the same.
    fee_price: Option<Decimal>,
    pub funding: Vec<FundingPayment>,
    pub adjustments: Vec<CashAdjustment>,
    pub grid_fills: Vec<GridFill>,
    /// Lines of all grids as they were last recorded.
    pub lines: BTreeMap<(BotId, u16), GridLineRow>,
    /// Records that have no list of their own, as text.
    pub others: Vec<String>,
    pub rows: BTreeMap<ClientOrderId, PositionRow>,
    pub orders: BTreeMap<ClientOrderId, Order>,
    /// Each turn, as text, without explanations of what was not done: they may be repeated after a restart.
    pub turns: Vec<String>,
}

impl Rig {
    /// An account that has been recovered and knows the prices of BTC and ETH to be 100.
    pub(super) fn new(config: AccountConfig) -> Self {
        let mode = if config.venue.hedge { PositionMode::Hedge } else { PositionMode::OneWay };
        Self::on(config, paper::config(mode))
    }

    pub(super) fn on(config: AccountConfig, terms: BookConfig) -> Self {
        let mut rig = Self {
            machine: AccountMachine::restore(AccountId::new(1), config.clone(), SavedAccount::default()),
            book: Book::new(terms),
            config,
            now: minute(0),
            at: 0,
            fates: VecDeque::new(),
            queries: Queries::Truthful,
            cancels_fail: false,
            cancels_unanswered: false,
            crash_in: None,
            gates: Gates::OPEN,
            entries_enabled: true,
            prices: BTreeMap::new(),
            intents: Vec::new(),
            requests: Vec::new(),
            decisions: Vec::new(),
            notices: Vec::new(),
            fills: Vec::new(),
            executed: Vec::new(),
            fee_price: None,
            funding: Vec::new(),
            adjustments: Vec::new(),
            grid_fills: Vec::new(),
            lines: BTreeMap::new(),
            others: Vec::new(),
            rows: BTreeMap::new(),
            orders: BTreeMap::new(),
            turns: Vec::new(),
        };
        rig.recover();
        rig.step(&[(BTC, ["100"; 4]), (ETH, ["100"; 4])], &[]);
        rig
    }

    /// What an executor does at its start.
    pub(super) fn recover(&mut self) {
        self.handle(Event::Recover);
        let snapshot = self.snapshot();
        self.handle(Event::Snapshot(snapshot));
        self.handle(Event::Wallet { at: self.now, wallet: self.book.balance().wallet });
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let positions = self.book.positions().iter();
        Snapshot {
            taken_at: self.now,
            covers: Scope::All,
            external_orders: BTreeMap::new(),
            external_fills: Vec::new(),
            open_orders: self.book.open_orders().iter().map(report).collect(),
            positions: positions
                .map(|net| NetPosition { symbol: net.symbol.clone(), side: net.side, qty: net.qty })
                .collect(),
            fills: self.missed_fills(),
        }
    }

    pub(super) fn missed_fills(&self) -> Vec<Fill> {
        let after =
            self.machine.fill_sweep().after.map_or(0, |id| trade_number(&id).expect("an id of the book"));
        self.book.fills_since(after).map(|fill| self.as_told(fill.clone())).collect()
    }

    /// From now on fees are paid in BNB, at 500 USDT each.
    pub(super) fn pay_fees_in_bnb(&mut self) {
        self.prices.insert(symbol("BNBUSDT"), "500".parse().unwrap());
        self.fee_price = Some(dec!(500));
        self.look_again(&[]);
    }

    fn as_told(&self, fill: Fill) -> Fill {
        let Some(price) = self.fee_price else { return fill };
        let fee = Fee::told(fill.fee.known_value().decimal() / price, "BNB".to_owned(), "USDT");
        Fill { fee, ..fill }
    }

    /// Time passes.
    pub(super) fn wait(&mut self, secs: i64) {
        self.now = self.now.plus(DurationMs::from_secs(secs));
    }

    /// A cycle between two bars that finds BTC at `price`; nothing matches.
    pub(super) fn quote_price(&mut self, price: &str) {
        self.prices.insert(symbol(BTC), price.parse().unwrap());
        self.look_again(&[]);
    }

    /// A minute in which BTC stays at `price`.
    pub(super) fn price(&mut self, price: &str) {
        self.bar([price; 4], &[]);
    }

    /// A minute of BTC (open, high, low, close) that ends with these signals.
    pub(super) fn bar(&mut self, prices: [&str; 4], signals: &[Signal]) {
        self.step(&[(BTC, prices)], signals);
    }

    /// A minute of several symbols, sorted by name.
    pub(super) fn step(&mut self, bars: &[(&str, [&str; 4])], signals: &[Signal]) {
        let step = self.match_step(bars);
        self.cycle(step, signals);
    }

    /// A minute of BTC of which the machine hears nothing.
    pub(super) fn miss(&mut self, prices: [&str; 4]) {
        self.at += 1;
        self.now = minute(self.at);
        let bar = paper::bar(BTC, self.at, prices);
        let step = MarketStep { at: self.now, price_bars: vec![bar], closed_bars: Vec::new() };
        while let Some(event) = self.book.next_event(&step) {
            if let Some(Event::Fill(fill)) = told(event) {
                self.executed.push(fill);
            }
        }
    }

    /// Matches a minute and tells the machine what happened, without a cycle.
    pub(super) fn match_step(&mut self, bars: &[(&str, [&str; 4])]) -> MarketStep {
        self.at += 1;
        self.now = minute(self.at);
        let price_bars: Vec<_> =
            bars.iter().map(|(name, prices)| paper::bar(name, self.at, *prices)).collect();
        let step = MarketStep { at: self.now, price_bars, closed_bars: Vec::new() };
        while let Some(event) = self.book.next_event(&step) {
            match told(event) {
                Some(Event::Fill(fill)) => {
                    self.executed.push(fill.clone());
                    self.handle(Event::Fill(self.as_told(fill)));
                }
                Some(event) => self.handle(event),
                None => {}
            }
        }
        for bar in &step.price_bars {
            self.prices.insert(bar.symbol.clone(), bar.candle.close);
        }
        step
    }

    /// A cycle on `step`.
    pub(super) fn cycle(&mut self, step: MarketStep, signals: &[Signal]) {
        let mut signals: Vec<_> = signals.iter().cloned().map(Arc::new).collect();
        signals.sort_by(|a, b| a.key.cmp(&b.key));
        let cycle = Cycle {
            id: CycleId::at(self.now),
            at: self.now,
            step: Arc::new(step),
            prices: Arc::new(self.prices.clone()),
            signals,
            representatives: Arc::default(),
            timeframes: Arc::default(),
            gates: self.gates.clone(),
            universe: Arc::new(vec![symbol(BTC), symbol(ETH)]),
            entries_enabled: self.entries_enabled,
        };
        self.handle(Event::Cycle(&cycle));
    }

    /// A cycle between two bars: nothing matches, the prices stay.
    pub(super) fn look_again(&mut self, signals: &[Signal]) {
        let step = MarketStep { at: self.now, price_bars: Vec::new(), closed_bars: Vec::new() };
        self.cycle(step, signals);
    }

    /// Changes the configuration.
    pub(super) fn configure(&mut self, edit: impl FnOnce(&mut AccountConfig)) {
        edit(&mut self.config);
        let config = self.config.clone();
        self.handle(Event::Configure(config));
    }

    /// A turn, its records written, its requests performed, and so on with the answers.
    pub(super) fn handle(&mut self, event: Event<'_>) {
        let turn = self.machine.handle(self.now, event);
        let mut requests: VecDeque<Request> = self.keep(turn).into();
        while let Some(request) = requests.pop_front() {
            if self.crash_in == Some(0) {
                self.crash_in = None;
                self.crash();
                return self.recover();
            }
            self.crash_in = self.crash_in.map(|left| left - 1);
            for answer in self.perform(&request) {
                let turn = self.machine.handle(self.now, answer);
                requests.extend(self.keep(turn));
            }
            self.requests.push(request);
            assert!(self.requests.len() < 100_000, "requests without end");
        }
    }

    fn keep(&mut self, turn: Turn) -> Vec<Request> {
        let is_skip =
            |record: &&Record| matches!(record, Record::Decision(made) if made.action == Action::Skipped);
        let records: Vec<_> = turn.records.iter().filter(|record| !is_skip(record)).collect();
        if !records.is_empty() || !turn.requests.is_empty() {
            self.turns.push(format!("{records:?} {:?}", turn.requests));
        }
        for record in turn.records {
            self.keep_record(record);
        }
        turn.requests
    }

    fn keep_record(&mut self, record: Record) {
        match record {
            Record::OrderIntended(order) => {
                let known = self.orders.insert(order.client_order_id.clone(), order.clone());
                assert!(known.is_none(), "an id is used once: {order:?}");
                self.intents.push(order);
            }
            Record::OrderChanged { order, .. } => {
                self.orders.insert(order.client_order_id.clone(), order);
            }
            Record::Fill(fill) => self.fills.push(fill),
            Record::Funding(payment) => self.funding.push(payment),
            Record::CashAdjustment(adjustment) => self.adjustments.push(adjustment),
            Record::Position(row) => {
                self.rows.insert(row.position.id.clone(), row);
            }
            Record::Decision(decision) => self.decisions.push(decision),
            Record::Notice(notice) => self.notices.push(notice),
            Record::GridFill(fill) => self.grid_fills.push(fill),
            Record::GridLines(lines) => {
                for row in lines.changed {
                    self.lines.insert((lines.bot, row.line), row);
                }
            }
            other @ Record::BotStopped { bot, .. } => {
                edit_bot(&mut self.config, bot, |bot| bot.is_running = false);
                self.others.push(format!("{other:?}"));
            }
            other @ (Record::BotStats(_)
            | Record::BotError { .. }
            | Record::BotClosed { .. }
            | Record::SymbolClosed { .. }
            | Record::Equity { .. }
            | Record::StateChanged) => self.others.push(format!("{other:?}")),
        }
    }

    /// Writes a turn and performs none of its requests.
    pub(super) fn apply(&mut self, turn: Turn) {
        self.keep(turn);
    }

    /// Ends the machine and starts another one from what was written, without telling it anything yet.
    pub(super) fn crash(&mut self) {
        let json = serde_json::to_string(&self.machine.durable_state()).unwrap();
        let mut ended: Vec<Order> =
            self.orders.values().filter(|order| order.times.finished_at.is_some()).cloned().collect();
        ended.sort_by_key(|order| (order.times.decided_at, order.client_order_id.clone()));
        let state: DurableState = serde_json::from_str(&json).unwrap();
        let retold = |at: Timestamp| state.retold_since().is_some_and(|since| at >= since);
        let kept = |at: Timestamp| kept_since(state.retold_since()).is_some_and(|since| at >= since);
        let count = self.fills.len();
        let booked = self
            .fills
            .iter()
            .enumerate()
            .filter(|(index, booked)| index + BOOKED_MIN >= count || kept(booked.fill.at));
        let booked = booked.map(|(_, booked)| BookedTrade::of(&booked.fill)).collect();
        let count = ended.len();
        let mut index = 0;
        ended.retain(|order| {
            index += 1;
            index + ENDED_MIN > count || order.times.finished_at.is_some_and(retold)
        });
        let saved = SavedAccount {
            durable: state,
            positions: self.rows.values().filter(|row| row.position.is_open()).cloned().collect(),
            working: self.orders.values().filter(|order| !order.status.is_final()).cloned().collect(),
            ended,
            booked,
        };
        self.machine = AccountMachine::restore(AccountId::new(1), self.config.clone(), saved);
    }
}

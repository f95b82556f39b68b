//! The account machine: one account's decisions. Events in, turns out.
//!
//! Deterministic: the same configuration, saved state and events give the same turns, byte for byte. It acts on
//! nothing until a [`super::event::Snapshot`] has shown what the exchange holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::client_order_id::SEQUENCE_MAX;
use crate::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey, TradeId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::MarginMode;
use crate::domain::money::{Leverage, Price, Quote};
use crate::domain::order::{Order, Purpose};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;

use super::booked::Booked;
use super::config::{AccountConfig, BotConfig, Venue};
use super::cycle::Cycle;
use super::decision::Code;
use super::discrepancies::Sighting;
use super::early::Early;
use super::event::Event;
use super::external::PutOff;
use super::grid::state::GridMemory;
use super::levels::{Basis, Levels};
use super::orders::OrderBook;
use super::settings::SymbolScope;
use super::state::{DurableState, Held, Legs, SavedAccount};
use super::turn::{Record, Request, Turn};
use super::words::Words;

/// A bot and a symbol it trades.
pub(super) type BotSymbol = (BotId, Symbol);

/// A bot holds at most one position a symbol and side. Both sides at once, where both were filled before the first was
/// heard of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HeldKey {
    pub bot: BotId,
    pub symbol: Symbol,
    pub side: PositionSide,
}

impl HeldKey {
    pub(super) fn new((bot, symbol): BotSymbol, side: PositionSide) -> Self {
        Self { bot, symbol, side }
    }

    /// The position that an order is for.
    pub(super) fn of(order: &Order) -> Option<Self> {
        Some(Self::new((order.bot?, order.symbol.clone()), order.position_side))
    }

    pub(super) fn bot_symbol(&self) -> BotSymbol {
        (self.bot, self.symbol.clone())
    }
}

pub struct AccountMachine {
    pub(super) account: AccountId,
    pub(super) config: AccountConfig,
    pub(super) durable: DurableState,
    pub(super) held: BTreeMap<HeldKey, Held>,
    pub(super) orders: OrderBook,
    pub(super) booked: Booked,
    pub(super) prices: Arc<BTreeMap<Symbol, Price>>,
    /// The last refusal that was explained, so that each is explained once: bot and symbol -> bar and reason.
    pub(super) explained: BTreeMap<BotSymbol, (Timestamp, Code)>,
    /// Levels and what they were reckoned from: most positions stay the same from cycle to cycle.
    pub(super) known_levels: BTreeMap<HeldKey, (Basis, Levels)>,
    /// Symbols whose picture may be wrong, and since when.
    pub(super) doubted: BTreeMap<Symbol, Timestamp>,
    /// Differences to the exchange that may be passing ones. After a restart they must be seen anew.
    pub(super) suspects: BTreeMap<Symbol, Sighting<String>>,
    pub(super) wallet_suspect: Option<Sighting<Quote>>,
    /// Somebody else's trades that were told.
    pub(super) heard_external: Booked,
    pub(super) grid_memory: BTreeMap<BotId, GridMemory>,
    /// Whether the last cycle allowed entries.
    pub(super) entries_enabled: bool,
    /// Forced closes that waited for the fills before them.
    pub(super) put_off: BTreeMap<(Symbol, TradeId), PutOff>,
    /// Exits that wait for the fills of the entry that they close.
    pub(super) early: BTreeMap<(Symbol, TradeId, ClientOrderId), Early>,
    pub(super) now: Timestamp,
    pub(super) turn: Turn,
    pub(super) words: Words,
    is_ready: bool,
}

impl AccountMachine {
    pub fn restore(account: AccountId, config: AccountConfig, saved: SavedAccount) -> Self {
        let mut durable = saved.durable;
        durable.take_up(config.venue.consistent_snapshots);
        let held = saved
            .positions
            .into_iter()
            .filter_map(|row| {
                let bot = row.position.bot?;
                let holding = durable.holdings.get(&row.position.id)?.clone();
                let key = HeldKey::new((bot, row.position.symbol.clone()), row.position.side);
                Some((key, Held { row, holding }))
            })
            .collect();
        durable.holdings.clear();
        let now = durable.acted_at;
        // An exchange's prices have moved on since; a book goes on where it was left.
        let prices = if config.venue.consistent_snapshots {
            durable.reversals.prices().clone()
        } else {
            BTreeMap::new()
        };
        Self {
            account,
            config,
            durable,
            held,
            orders: OrderBook::restore(saved.working, saved.ended),
            booked: Booked::restore(saved.booked),
            prices: Arc::new(prices),
            explained: BTreeMap::new(),
            known_levels: BTreeMap::new(),
            doubted: BTreeMap::new(),
            suspects: BTreeMap::new(),
            wallet_suspect: None,
            heard_external: Booked::default(),
            grid_memory: BTreeMap::new(),
            entries_enabled: true,
            put_off: BTreeMap::new(),
            early: BTreeMap::new(),
            now,
            turn: Turn::default(),
            words: Words::default(),
            is_ready: false,
        }
    }

    /// Handles one event and returns what follows from it. Time never goes back: what is in force by now stays so.
    pub fn handle(&mut self, now: Timestamp, event: Event<'_>) -> Turn {
        self.now = self.now.max(now);
        match event {
            Event::Recover => {
                self.follow_repairs();
                self.ask_about_orders_in_flight();
            }
            Event::Snapshot(snapshot) => {
                self.reconcile(&snapshot);
                self.is_ready = true;
            }
            Event::Wallet { at, wallet } => self.compare_wallet(at, wallet),
            Event::Swept { at } => self.note_swept(at),
            Event::Cycle(cycle) => self.run_cycle(cycle),
            Event::Configure(config) => self.configure(config),
            Event::Fill(fill) => self.book_fill(&fill),
            Event::ExternalFill(fill) => self.hear_external_fill(&fill),
            Event::Funding(payment) => self.book_funding(payment),
            Event::FundingAsked { at } => self.note_funding_asked(at),
            Event::OrderSeen(report) => self.order_seen(&report),
            Event::OrderEnded { id, status, reason } => self.order_ended(&id, status, &reason),
            Event::Liquidated(liquidation) => self.book_liquidation(&liquidation),
            Event::PlaceAnswered { id, sent_at, answer } => self.place_answered(&id, sent_at, answer),
            Event::CancelAnswered { id, answer } => self.cancel_answered(&id, &answer),
            Event::QueryAnswered { id, asked_at, answer } => self.query_answered(&id, asked_at, answer),
        }
        self.book_early();
        self.act_on_reversals();
        self.count_repairs();
        self.note_lines();
        std::mem::take(&mut self.turn)
    }

    /// The latest moment it has acted at.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether it has seen what the exchange holds and may act.
    pub const fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Nobody listened for a while: nothing is decided before the next comparison.
    pub const fn lose_touch(&mut self) {
        self.is_ready = false;
    }

    /// What must be saved beside the records of a turn.
    pub fn durable_state(&self) -> DurableState {
        let mut state = self.durable.clone();
        state.acted_at = self.now;
        state.holdings =
            self.held.values().map(|held| (held.position().id.clone(), held.holding.clone())).collect();
        state
    }

    pub fn order(&self, id: &ClientOrderId) -> Option<&Order> {
        self.orders.get_working(id)
    }

    /// From when on funding is to be asked for; `None` while none may be booked.
    pub fn funding_since(&self) -> Option<Timestamp> {
        self.durable.funding.since()
    }

    /// Wallet plus unrealized profit at the last prices, in quote currency; `None` before a balance is known.
    pub fn equity(&self) -> Option<Quote> {
        Some(self.durable.wallet? + self.unrealized())
    }

    /// Cash by our own ledger: what the account began with, plus all realized profit, less all fees, with funding and
    /// what was transferred. Where several bots
    /// share a symbol, the exchange's wallet differs from it while positions are open, since it averages their costs.
    pub const fn wallet(&self) -> Option<Quote> {
        self.durable.wallet
    }

    /// What the exchange turned out to offer.
    pub const fn set_venue(&mut self, venue: Venue) {
        self.config.venue = venue;
    }

    /// Whether anything of the account is at stake: a position, or an order that may still do something.
    pub fn is_engaged(&self) -> bool {
        !self.held.is_empty() || self.orders.working().next().is_some()
    }

    /// The symbols that running bots name, each with the leverage of the first that does. Left out is what somebody else
    /// holds: a changed leverage would change their margin before we even enter.
    pub fn entry_leverages(&self) -> impl Iterator<Item = (Symbol, Leverage)> {
        self.config.bots.values().filter(|bot| bot.is_running).filter_map(|bot| {
            let SymbolScope::One(symbol) = &bot.settings.symbol else { return None };
            let is_free = !self.durable.external.contains_key(symbol);
            is_free.then(|| (symbol.clone(), self.leverage(bot)))
        })
    }

    pub const fn margin_mode(&self) -> MarginMode {
        self.config.settings.margin_mode
    }

    fn run_cycle(&mut self, cycle: &Cycle) {
        self.prices = Arc::clone(&cycle.prices);
        self.remember_fee_prices();
        self.entries_enabled = cycle.entries_enabled;
        if !self.is_ready {
            return;
        }
        self.orders.not_working.clear();
        self.ask_about_unknown_orders();
        self.ask_for_what_is_waited_for();
        self.obey_halt();
        self.manage_positions(cycle);
        self.withdraw_excess();
        self.steer_grids();
        self.finish_closing();
        if !cycle.signals.is_empty() {
            self.consider_entries(cycle);
        }
        self.snapshot_equity();
        self.forget_the_past(cycle);
    }

    /// Takes over changed settings; what they ask for at once (halt, close) is asked at once. Told again, they change
    /// nothing.
    fn configure(&mut self, config: AccountConfig) {
        if self.config == config {
            return;
        }
        self.config = config;
        self.known_levels.clear();
        self.forget_plans();
        self.give_up_released();
        if self.is_ready {
            self.obey_halt();
            self.sync_all_protection();
        }
    }

    /// Where a held position leaves; reckoned again only when something has moved it.
    pub(super) fn levels_of(&mut self, key: &HeldKey, bot: &BotConfig) -> Option<Levels> {
        let held = self.held.get(key)?;
        let basis = Basis::of(held, bot, self.now);
        if let Some((known, levels)) = self.known_levels.get(key)
            && *known == basis
        {
            return Some(*levels);
        }
        let levels = Levels::of(held, bot, &self.config, self.now);
        self.known_levels.insert(key.clone(), (basis, levels));
        Some(levels)
    }

    pub(super) fn unrealized(&self) -> Quote {
        self.held
            .values()
            .map(|held| {
                let position = held.position();
                self.prices.get(&position.symbol).map_or(Quote::ZERO, |price| position.unrealized_pnl(*price))
            })
            .sum()
    }

    /// What a bot holds of a symbol, the long side first.
    pub(super) fn held_by(&self, (bot, symbol): &BotSymbol) -> impl Iterator<Item = (&HeldKey, &Held)> {
        let on = |side| HeldKey::new((*bot, symbol.clone()), side);
        self.held.range(on(PositionSide::Long)..=on(PositionSide::Short))
    }

    pub(super) fn holds(&self, key: &BotSymbol) -> bool {
        self.held_by(key).next().is_some()
    }

    pub(super) fn holds_on(&self, (bot, symbol): &BotSymbol, side: PositionSide) -> bool {
        self.held.contains_key(&HeldKey::new((*bot, symbol.clone()), side))
    }

    pub(super) fn bot(&self, id: BotId) -> Option<Arc<BotConfig>> {
        self.config.bots.get(&id).map(Arc::clone)
    }

    pub(super) fn instrument(&self, symbol: &Symbol) -> Option<Instrument> {
        self.config.instruments.get(symbol).cloned()
    }

    /// A fresh client order id; the leg makes it unique within its cycle. Cycles in ids never go back, although the
    /// time of answers runs ahead of the time of the step that is being told.
    pub(super) fn next_order_id(
        &mut self,
        bot: Option<BotId>,
        purpose: Purpose,
        attempt: u8,
    ) -> ClientOrderId {
        let (cycle, leg) = self.next_leg();
        ClientOrderId::new(&OrderKey { account: self.account, bot, cycle, purpose, leg, attempt })
    }

    /// A fresh client order id of an order for a grid's line.
    pub(super) fn next_line_order_id(&mut self, bot: BotId, purpose: Purpose, line: u16) -> ClientOrderId {
        let (cycle, sequence) = self.next_leg();
        let owner = (self.account, bot);
        ClientOrderId::new(&OrderKey::of_line(owner, cycle, purpose, line, sequence))
    }

    /// Where more orders are made at once than an id can count, the rest belongs to the next millisecond.
    fn next_leg(&mut self) -> (CycleId, u16) {
        let legs = &mut self.durable.legs;
        let cycle = CycleId::at(self.now.max(Timestamp::from_ms(legs.cycle)));
        if legs.cycle != cycle.get() {
            *legs = Legs { cycle: cycle.get(), next: 0 };
        } else if legs.next > SEQUENCE_MAX {
            *legs = Legs { cycle: legs.cycle.saturating_add(1), next: 0 };
        }
        let leg = legs.next;
        legs.next = leg.saturating_add(1);
        (CycleId::at(Timestamp::from_ms(legs.cycle)), leg)
    }

    /// Asks for a working order to be cancelled, once.
    pub(super) fn cancel(&mut self, order: &Order) {
        let id = &order.client_order_id;
        if self.orders.ending.contains_key(id) || self.orders.not_working.contains(id) {
            return;
        }
        let asked = !self.orders.cancelling.insert(order.client_order_id.clone());
        let at_exchange = order.status.is_resting();
        if at_exchange && !asked {
            let (symbol, id) = (order.symbol.clone(), order.client_order_id.clone());
            self.turn.requests.push(Request::Cancel { symbol, id });
        } else if !at_exchange {
            // In flight: asked again once it is known to rest.
            self.orders.cancelling.remove(&order.client_order_id);
        }
    }

    fn snapshot_equity(&mut self) {
        let Some(wallet) = self.durable.wallet else { return };
        let interval = self.config.equity_interval.ms().max(1);
        let slot = |at: Timestamp| at.ms().div_euclid(interval);
        if self.durable.last_equity_at.is_some_and(|last| slot(last) == slot(self.now)) {
            return;
        }
        self.durable.last_equity_at = Some(self.now);
        let unrealized = self.unrealized();
        self.turn.records.push(Record::Equity { at: self.now, wallet, unrealized });
    }

    /// Drops what can no longer matter, so that the state stays small.
    fn forget_the_past(&mut self, cycle: &Cycle) {
        let now = self.now;
        let cooldown = self.config.settings.exit_cooldown_h.duration();
        self.durable.left_at.retain(|_, left_at| left_at.plus(cooldown) > now);
        if self.turn.is_empty() {
            return;
        }
        let oldest = cycle.signals.iter().map(|signal| signal.bar_close_at).min().unwrap_or(now);
        for guards in self.durable.entry_guards.values_mut() {
            guards.retain(|_, acted| *acted >= oldest);
        }
        self.durable.entry_guards.retain(|_, guards| !guards.is_empty());
        self.explained.retain(|_, (bar, _)| *bar >= oldest);
        self.known_levels.retain(|key, _| self.held.contains_key(key));
    }
}

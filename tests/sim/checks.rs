//! What must hold at every moment, judged by the exchange's ledger and the journal, never by what the machine believes.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tradefleet::domain::external::ExternalCause;
use tradefleet::domain::fill::Fill;
use tradefleet::domain::ids::{BotId, ClientOrderId};
use tradefleet::domain::money::Quote;
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, Purpose};
use tradefleet::domain::side::PositionSide;
use tradefleet::engine::state::DurableState;
use tradefleet::engine::turn::{BookedFill, PositionRow, Record};

use crate::desk::{Desk, Done, Stop};
use crate::journal::Journal;
use crate::units::{Lots, lots_of, quote_of, ticks_of};
use crate::venue::{Sort, Stake, StakeKey, Trade, Venue, XOrder};

/// Protective orders of one purpose that may stand at once: the old, the new, and those of unknown fate.
const PROTECTING_MAX: usize = 6;
/// An order may be under way for so long after it was told that somebody else has changed the leverage, in ms.
const UNDER_WAY_MAX: i64 = 45_000;

impl Desk<'_> {
    fn wrong<T>(why: String) -> Done<T> {
        Err(Stop::Wrong(why))
    }

    /// After every step of the exchange.
    pub(crate) fn check_venue(&mut self) -> Done {
        if let Some(why) = self.venue.wrong.take() {
            return Self::wrong(why);
        }
        for index in std::mem::take(&mut self.venue.taken) {
            self.check_taken(index)?;
        }
        self.check_stakes()
    }

    /// No bot closes more than it holds, but where others hold on the same side (docs/proof.md): theirs is then gone, and
    /// nothing that the bot buys later makes up for it, but as `hold_as_told` has it.
    fn check_stakes(&mut self) -> Done {
        let overdrawn = |(_, stake): &(_, &mut Stake)| stake.lots < 0;
        for ((bot, symbol, side), stake) in self.venue.bots.iter_mut().filter(overdrawn) {
            if !self.watchman.has_external && !self.plan.shares {
                let why = format!("bot {bot} closed {} more than it held ({symbol} {side})", -stake.lots);
                return Self::wrong(why);
            }
            self.watchman.overdrawn.insert((*bot, *symbol, *side));
            *stake = Stake::default();
        }
        Ok(())
    }

    /// What a bot has left after it closed what others held on its side depends on what it had bought by then; and fills
    /// are told in another order than they happened, by which nobody can know that. What the exchange holds is the same
    /// either way, the bot's or theirs. A bot books as it is told: once all its fills are told, it must hold what they say
    /// in that order.
    pub(crate) fn hold_as_told(&mut self) {
        for key in &self.watchman.overdrawn {
            if let Some(lots) = held_as_told(&self.journal, &self.venue, *key) {
                self.venue.bots.entry(*key).or_default().lots = lots;
            }
        }
    }

    /// R1 and R2: an order at the exchange has exactly one durable intent, which it is equal to, and which nobody has
    /// given up.
    fn check_taken(&self, index: usize) -> Done {
        let theirs = &self.venue.orders[index];
        let id = &theirs.cid;
        let Some(intent) = self.journal.orders.get(id) else {
            return Self::wrong(format!("{id} is at the exchange without a durable intent"));
        };
        if self.venue.orders.iter().filter(|order| order.cid == *id).count() > 1 {
            return Self::wrong(format!("{id} was executed twice"));
        }
        if intent.status.is_final() {
            return Self::wrong(format!("{id} is {} and came to the exchange after that", intent.status));
        }
        let is_same = theirs.lots == lots_of(intent.qty)
            && theirs.side == intent.side
            && (theirs.reduce_only == intent.reduce_only)
            && theirs.sort.at() == intent.kind.price().map(ticks_of)
            && matches!(theirs.sort, Sort::PostOnly { .. }) == matches!(intent.kind, OrderKind::Limit { .. });
        if !is_same {
            return Self::wrong(format!("{id} at the exchange is not what was intended"));
        }
        self.check_protecting(theirs)?;
        self.check_line(theirs)?;
        let settled = !self.venue.is_reset_untold[theirs.symbol]
            && self.now - self.venue.leverage_reset_at[theirs.symbol] > UNDER_WAY_MAX;
        let increases = intent.purpose.increases() && !self.plan.dialect.is_spot();
        if increases && settled && theirs.leverage != intent.leverage.get() && !self.is_contested(intent) {
            return Self::wrong(format!("{id} was executed at leverage {}", theirs.leverage));
        }
        Ok(())
    }

    /// Whether the symbol was wanted at another leverage since the order was decided, by another bot, or by its own after
    /// a change of settings: an exchange keeps one a symbol, and the order may have been under way meanwhile.
    fn is_contested(&self, intent: &Order) -> bool {
        self.journal.orders.values().any(|other| {
            other.symbol == intent.symbol
                && other.leverage != intent.leverage
                && other.times.finished_at.is_none_or(|at| at >= intent.times.decided_at)
        })
    }

    /// No two stops too many.
    fn check_protecting(&self, new: &XOrder) -> Done {
        let (bot, purpose) = (new.key.bot, new.key.purpose);
        let is_of = |order: &&XOrder| {
            order.symbol == new.symbol && order.key.bot == bot && order.key.purpose == purpose
        };
        let count = self.venue.open_orders_there().filter(is_of).count();
        if purpose.protects() && count > PROTECTING_MAX {
            return Self::wrong(format!("{count} {purpose} orders of bot {bot:?} rest at once"));
        }
        Ok(())
    }

    /// Whether the order's bot holds the other side too where the exchange knows only what is left of both.
    fn is_netted(&self, order: &Order) -> bool {
        let is_other_side = |row: &PositionRow| {
            row.position.is_open()
                && row.position.bot == order.bot
                && row.position.symbol == order.symbol
                && row.position.side != order.position_side
        };
        !self.plan.hedge && self.journal.positions.values().any(is_other_side)
    }

    /// Before a record is written.
    pub(crate) fn check_record(&mut self, record: &Record) -> Done {
        let Record::OrderIntended(order) = record else { return Ok(()) };
        self.counters.work("intents", 1);
        if order.end_reason.is_some() {
            // Drawn up for a forced close.
            return Ok(());
        }
        let is_netted = !order.purpose.protects() && self.is_netted(order);
        if order.reduce_only == (order.purpose.increases() || is_netted) {
            return Self::wrong(format!(
                "{} is {} and reduce-only is {}",
                order.client_order_id, order.purpose, order.reduce_only
            ));
        }
        if order.purpose != Purpose::Entry {
            return Ok(());
        }
        let is_repeated = |other: &&Order| {
            other.purpose == Purpose::Entry
                && (other.bot, &other.symbol) == (order.bot, &order.symbol)
                && other.times.signal_at == order.times.signal_at
                && other.end_reason.as_deref() != Some("too late")
        };
        if let Some(first) = self.journal.orders.values().find(is_repeated) {
            return Self::wrong(format!(
                "{} acts on the signal of {}",
                order.client_order_id, first.client_order_id
            ));
        }
        let cooldown = self.watchman.cooldowns.get(&order.symbol);
        if cooldown.is_some_and(|until| order.times.decided_at.ms() < *until) {
            return Self::wrong(format!(
                "{} enters {} during its cooldown",
                order.client_order_id, order.symbol
            ));
        }
        Ok(())
    }

    /// R4 and the brakes, at the moment of the decision.
    pub(crate) fn check_decided(&mut self, records: &[Record]) {
        for record in records {
            if let Record::OrderIntended(order) = record
                && order.purpose.increases()
                && let Err(Stop::Wrong(why)) = self.check_increase(order, records)
            {
                self.venue.wrong = Some(why);
            }
        }
    }

    fn check_increase(&self, order: &Order, records: &[Record]) -> Done {
        let id = &order.client_order_id;
        let Some(bot) = order.bot.and_then(|bot| self.told.bots.get(&bot)) else {
            return Self::wrong(format!("{id} has no bot"));
        };
        let is_braked = [
            (self.told.halt.is_some(), "the account is halted"),
            (!bot.is_running, "its bot is stopped"),
            (self.told.close_symbols.contains_key(&order.symbol), "its symbol is being closed"),
        ];
        if let Some((_, why)) = is_braked.into_iter().find(|(is_on, _)| *is_on) {
            return Self::wrong(format!("{id} opens although {why}"));
        }
        let others = self.others_of(order, records);
        let entering = others.iter().filter(|other| other.purpose.increases());
        let mut slots: BTreeSet<(BotId, usize)> = self
            .venue
            .bots
            .iter()
            .filter(|(_, stake)| stake.lots > 0)
            .map(|((bot, symbol, _), _)| (*bot, *symbol))
            .collect();
        slots.extend(entering.filter_map(|other| Some((other.bot?, self.number(other)))));
        slots.insert((bot.id, self.number(order)));
        // The lines of a grid that has begun are one position, held or not; and what is added to one is no other.
        let has_begun = || self.journal.state.grids.get(&bot.id).is_some_and(|grid| grid.is_started);
        let goes_on = if order.purpose.has_line() { has_begun() } else { order.purpose != Purpose::Entry };
        if !goes_on && slots.len() > usize::from(self.told.settings.max_positions) {
            return Self::wrong(format!("{id} would be position {} of the account", slots.len()));
        }
        self.check_capital(order, &others, records)
    }

    /// Orders that may still do something, and what this turn has decided before.
    fn others_of(&self, order: &Order, records: &[Record]) -> Vec<Order> {
        let intended = self.to_be_durable(records).filter_map(|record| match record {
            Record::OrderIntended(other) => Some(other),
            _ => None,
        });
        let before = intended.take_while(|other| other.client_order_id != order.client_order_id);
        let working = self.machine_orders();
        before.cloned().chain(working).collect()
    }

    /// What was decided by now and is not durable yet: by the turns that this one becomes durable with, and by itself.
    fn to_be_durable<'a>(&'a self, records: &'a [Record]) -> impl Iterator<Item = &'a Record> {
        self.process.iter().flat_map(|process| &process.records).chain(records)
    }

    pub(crate) fn machine_orders(&self) -> impl Iterator<Item = Order> {
        self.journal.orders.values().filter(|order| !order.status.is_final()).cloned()
    }

    fn number(&self, order: &Order) -> usize {
        usize::from(self.venue.dialect.symbols()[1] == order.symbol)
    }

    /// Positions as this turn leaves them.
    fn positions_after(&self, records: &[Record]) -> BTreeMap<ClientOrderId, PositionRow> {
        let mut positions = self.journal.positions.clone();
        for record in self.to_be_durable(records) {
            if let Record::Position(row) = record {
                positions.insert(row.position.id.clone(), row.clone());
            }
        }
        positions
    }

    /// Margin of what the exchange says the bot holds, of what is under way, and of this order, against its capital.
    fn check_capital(&self, order: &Order, others: &[Order], records: &[Record]) -> Done {
        let Some(equity) = self.machine().equity() else {
            return Self::wrong("an entry before the balance is known".to_owned());
        };
        let bot = order.bot.unwrap();
        let leverage = Decimal::from(order.leverage.get());
        let held: Decimal = self
            .positions_after(records)
            .values()
            .filter(|row| row.position.is_open() && row.position.bot == Some(bot))
            .map(|row| row.position.margin().decimal())
            .sum();
        let has_ended = |other: &Order| {
            self.to_be_durable(records).any(|record| match record {
                Record::OrderChanged { order, .. } => {
                    order.client_order_id == other.client_order_id && order.status.is_final()
                }
                _ => false,
            })
        };
        let mut seen = BTreeSet::new();
        let reserved: Decimal = others
            .iter()
            .filter(|other| other.bot == Some(bot) && seen.insert(other.client_order_id.clone()))
            .filter(|other| !has_ended(other))
            .filter(|other| {
                self.journal.orders.get(&other.client_order_id).is_none_or(|row| row.filled_qty.is_zero())
            })
            .map(|other| other.reserved_margin.decimal())
            .sum();
        let notional = self.market.price(self.number(order), self.now);
        let own = quote_of(crate::units::notional(notional, lots_of(order.qty))).decimal() / leverage;
        let capital = equity.part(self.told.bots[&bot].settings.allocation_percent).decimal();
        let used = held + reserved + own;
        // Prices move while orders are under way.
        if used > capital * Decimal::new(125, 2) + Decimal::ONE {
            return Self::wrong(format!("{} would use {used} of {capital}", order.client_order_id));
        }
        Ok(())
    }

    /// R6: what we believe to have ended has ended, and with the fills that we know.
    pub(crate) fn check_written(&mut self, record: &Record) -> Done {
        let Record::OrderChanged { order, .. } = record else { return Ok(()) };
        let id = &order.client_order_id;
        let is_there = || self.venue.orders.iter().any(|theirs| theirs.cid == *id);
        if order.status.is_resting() && !is_there() && order.end_reason.is_none() {
            return Self::wrong(format!("{id} is believed {} and was never there", order.status));
        }
        if !order.status.is_final() {
            return Ok(());
        }
        let Some(theirs) = self.venue.orders.iter().find(|theirs| theirs.cid == *id) else {
            let has_fills = !order.filled_qty.is_zero()
                && order.end_reason.as_deref() != Some("liquidated by the exchange");
            return if has_fills {
                Self::wrong(format!("{id} has fills and was never there"))
            } else {
                Ok(())
            };
        };
        if !theirs.status.is_final() {
            return Self::wrong(format!(
                "{id} is believed {} and is {} at the exchange",
                order.status, theirs.status
            ));
        }
        if order.status == OrderStatus::Rejected {
            return Self::wrong(format!("{id} is believed rejected and was {}", theirs.status));
        }
        if order.status != OrderStatus::Filled && theirs.filled > lots_of(order.filled_qty) {
            return Self::wrong(format!("{id} is believed {} before its last fill is booked", order.status));
        }
        Ok(())
    }

    /// Takes in what a turn decided, before anything comes of it.
    pub(crate) fn watch(&mut self, records: &[Record]) {
        for record in records {
            if let Record::SymbolClosed { symbol, .. } = record {
                self.told.close_symbols.remove(symbol);
            }
        }
        self.check_decided(records);
        let now = self.machine().now().ms();
        let cooldown = self.told.settings.exit_cooldown_h.duration().ms();
        for record in records {
            if let Record::Position(row) = record
                && !row.position.is_open()
                && row.exit_reason.as_deref() != Some("grid")
            {
                let symbol = row.position.symbol.clone();
                self.watchman.cooldowns.insert(symbol, now + cooldown);
            }
        }
    }

    /// A trailing stop never moves back.
    pub(crate) fn check_state(&mut self, state: &DurableState) -> Done {
        for (id, holding) in &state.holdings {
            let Some(row) = self.journal.positions.get(id) else { continue };
            let Some(peak) = holding.peak else {
                if self.watchman.peaks.contains_key(id) {
                    return Self::wrong(format!("position {id} has lost its trailing peak"));
                }
                continue;
            };
            let best = *self.watchman.peaks.entry(id.clone()).or_insert(peak);
            let is_worse = if row.position.side == PositionSide::Long { peak < best } else { peak > best };
            if is_worse {
                return Self::wrong(format!("the trailing peak of {id} went from {best} to {peak}"));
            }
            self.watchman.peaks.insert(id.clone(), peak);
        }
        Ok(())
    }

    /// What the fills of the bots have brought, by the exchange's trades.
    pub(crate) fn pnl_by_trades(&self) -> Quote {
        let of_bots = |trade: &&Trade| trade.cid.is_some() || trade.cause != ExternalCause::Manual;
        let flow = |trade: &Trade| {
            let notional = crate::units::notional(trade.price, trade.lots);
            let signed = if trade.side == tradefleet::domain::side::Side::Buy { -notional } else { notional };
            signed - trade.fee
        };
        quote_of(self.venue.trades.iter().filter(of_bots).map(flow).sum())
    }
}

/// By the fills in the order they were booked; `None` while one is missing, and where forced closes were not booked as what
/// they took: that follows from what there was at their own time.
fn held_as_told(journal: &Journal, venue: &Venue, key: StakeKey) -> Option<Lots> {
    let (bot, symbol, side) = key;
    let name = &venue.dialect.symbols()[symbol];
    let is_told =
        |row: &&BookedFill| (row.bot, &row.fill.symbol, row.fill.position_side) == (Some(bot), name, side);
    let is_there = |trade: &&Trade| {
        let owner = trade.cid.as_ref().and_then(|id| id.key()?.bot);
        (owner, trade.symbol, trade.position_side) == (Some(bot), symbol, side)
    };
    let told: Vec<&Fill> = journal.fills.iter().filter(is_told).map(|row| &row.fill).collect();
    let (forced, own): (Vec<&Fill>, Vec<&Fill>) = told.iter().partition(|fill| fill.trade_id.0.contains('/'));
    let taken: Lots = forced.iter().map(|fill| lots_of(fill.qty)).sum();
    let is_complete = own.len() == venue.trades.iter().filter(is_there).count()
        && taken == venue.forced.get(&key).copied().unwrap_or_default();
    let after = |held: Lots, fill: &&Fill| {
        let lots = lots_of(fill.qty);
        if fill.side == side.entry_side() { held + lots } else { (held - lots).max(0) }
    };
    is_complete.then(|| told.iter().fold(0, after))
}

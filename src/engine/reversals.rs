//! Stop and reverse: a signal to the other side of what is on its way out opens that side as soon as it is closed.
//!
//! The exit and the reversal are decided on the same bar. The exit goes first, for a bot holds one side of a symbol at a
//! time; its last fill is answered by the entry in the same turn, so that a restart finds both or neither. Gates are
//! looked at with the signal, everything else that may forbid an entry when it is placed. An account with a cooldown
//! does not reverse: the exit begins it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::fill::Fill;
use crate::domain::ids::BotId;
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::signal::{Gate, Signal};

use super::config::BotConfig;
use super::cycle::Cycle;
use super::decision::Code;
use super::entries::Obstacle;
use super::machine::{AccountMachine, BotSymbol};
use super::state::{Held, Leaving};
use super::turn::Record;

/// The reversals that are waited for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reversals {
    waiting: BTreeMap<BotId, BTreeMap<Symbol, Reversal>>,
    /// The prices they were decided at: on paper an exit may fill before the first cycle after a restart.
    prices: BTreeMap<Symbol, Price>,
}

/// One bot's, on one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Reversal {
    signal: Signal,
    /// Once what was held is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed: Option<Closed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Closed {
    /// The moment that counts against the signal's time-to-live on paper.
    at: Timestamp,
    /// Of the last fill.
    price: Price,
}

impl Reversals {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) const fn prices(&self) -> &BTreeMap<Symbol, Price> {
        &self.prices
    }

    fn get(&self, key: &BotSymbol) -> Option<&Reversal> {
        self.waiting.get(&key.0)?.get(&key.1)
    }

    fn keys(&self) -> Vec<BotSymbol> {
        let of = |(bot, symbols): (&BotId, &BTreeMap<Symbol, Reversal>)| {
            let bot = *bot;
            symbols.keys().map(move |symbol| (bot, symbol.clone())).collect::<Vec<_>>()
        };
        self.waiting.iter().flat_map(of).collect()
    }

    fn insert(&mut self, key: &BotSymbol, reversal: Reversal) {
        self.waiting.entry(key.0).or_default().insert(key.1.clone(), reversal);
    }

    fn remove(&mut self, key: &BotSymbol) {
        if let Some(symbols) = self.waiting.get_mut(&key.0) {
            symbols.remove(&key.1);
        }
        self.waiting.retain(|_, symbols| !symbols.is_empty());
        if self.waiting.is_empty() {
            self.prices.clear();
        }
    }
}

impl AccountMachine {
    /// A signal for a bot that holds the symbol: more of the same says nothing new, the other side is waited for where
    /// what is held is on its way out.
    pub(super) fn consider_holding(
        &mut self,
        cycle: &Cycle,
        bot: &BotConfig,
        signal: &Signal,
        side: PositionSide,
    ) {
        let key = (bot.id, signal.key.symbol.clone());
        let Some((_, held)) = self.held_by(&key).next() else { return };
        let awaited = self.durable.reversals.get(&key).map(|reversal| reversal.signal.bar_close_at);
        if held.position().side == side {
            if awaited.is_some_and(|bar| bar < signal.bar_close_at) {
                self.durable.reversals.remove(&key);
                self.turn.records.push(Record::StateChanged);
            }
            return;
        }
        if awaited == Some(signal.bar_close_at) {
            return;
        }
        let (held_side, since) = (held.position().side, held.position().opened_at);
        let detail = self.words.of(|| format!("still {held_side} since {since}"));
        let is_leaving = leaves_by_rule(held);
        match self.reversal_obstacle(cycle, signal, side) {
            _ if !is_leaving => self.skip(bot.id, signal, (Code::PositionOpen, detail)),
            Some(obstacle) => self.skip(bot.id, signal, obstacle),
            None => {
                self.keep_reversal(&key, signal);
                let detail =
                    self.words.of(|| format!("{detail}, on its way out; {side} follows once it is closed"));
                self.skip(bot.id, signal, (Code::PositionOpen, detail));
            }
        }
    }

    /// What can be told with the signal already.
    fn reversal_obstacle(&self, cycle: &Cycle, signal: &Signal, side: PositionSide) -> Option<Obstacle> {
        if self.now >= signal.expires_at {
            return Some((Code::Stale, format!("signal expired at {}", signal.expires_at)));
        }
        if let Gate::Closed { reason } = cycle.gates.gate(side) {
            return Some((Code::GateClosed, reason.clone()));
        }
        let cooldown = self.config.settings.exit_cooldown_h;
        (cooldown.duration().ms() > 0).then(|| {
            let detail = format!("the exit from {} begins a cooldown of {cooldown} h", signal.key.symbol);
            (Code::Cooldown, detail)
        })
    }

    fn keep_reversal(&mut self, key: &BotSymbol, signal: &Signal) {
        let signal = Signal { conditions: Vec::new(), ..signal.clone() };
        self.durable.reversals.insert(key, Reversal { signal, closed: None });
        let held = self.held.keys().map(|held| &held.symbol);
        let symbols = held.chain(self.orders.working().map(|order| &order.symbol));
        self.durable.reversals.prices =
            symbols.filter_map(|symbol| Some((symbol.clone(), *self.prices.get(symbol)?))).collect();
        self.turn.records.push(Record::StateChanged);
    }

    /// What a bot held was closed by `fill`, as the strategy and the levels wanted, or otherwise.
    pub(super) fn note_closed(&mut self, key: &BotSymbol, leaving: Option<Leaving>, fill: &Fill) {
        let Some(mut reversal) = self.durable.reversals.get(key).cloned() else { return };
        if leaving.is_none_or(|leaving| leaving.purpose != Purpose::Exit) {
            self.durable.reversals.remove(key);
            return;
        }
        // An exit that fills at the first price there is after its signal is as good as the signal, however long the
        // candles have a gap there.
        let exit = self.orders.get_mut(&fill.client_order_id).filter(|order| order.qty == fill.qty);
        let decided_at =
            exit.filter(|order| order.purpose == Purpose::Exit).map(|order| order.times.decided_at);
        reversal.closed = Some(Closed { at: decided_at.unwrap_or(fill.at), price: fill.price });
        self.durable.reversals.insert(key, reversal);
    }

    /// Opens the other side of what has been closed since.
    pub(super) fn act_on_reversals(&mut self) {
        if self.durable.reversals.is_empty() || !self.is_ready() {
            return;
        }
        for key in self.durable.reversals.keys() {
            self.act_on_reversal(&key);
        }
    }

    fn act_on_reversal(&mut self, key: &BotSymbol) {
        let Some(Reversal { signal, closed }) = self.durable.reversals.get(key).cloned() else { return };
        if self.held_by(key).any(|(_, held)| leaves_by_rule(held)) {
            return;
        }
        // The exit was given up, or the position went another way, or somebody stopped the bot.
        let is_wanted = !self.holds(key) && !self.has_acted_on(key.0, &signal);
        let bot = self.bot(key.0).filter(|bot| is_wanted && bot.is_running && !bot.close_requested);
        let (Some(closed), Some(side), Some(bot)) = (closed, signal.entry, bot) else {
            self.durable.reversals.remove(key);
            return;
        };
        // After a restart an exchange's price is only known with the first cycle.
        let Ok(last) = self.price(&key.1) else { return };
        // A book tells of a bar's open when the bar is over.
        let at = if self.config.venue.consistent_snapshots { closed.at } else { self.now };
        let sized = match self.obstacle(&bot, &signal, side, (&Gate::Open, at)) {
            // What was withdrawn with the exit is still on its way out.
            Some((Code::OrderPending, _)) => return,
            Some(obstacle) => Err(obstacle),
            // At the worse of both prices, so that the margin is there.
            None => {
                let worse = last.max(closed.price);
                self.funds(&bot).and_then(|funds| self.size_entry(&bot, (&key.1, worse), funds))
            }
        };
        self.durable.reversals.remove(key);
        match sized {
            Ok(sized) => self.enter(&bot, &signal, side, sized),
            Err(obstacle) => self.skip(bot.id, &signal, obstacle),
        }
    }
}

/// Whether it is on its way out by its strategy's word or by a level, not by a person's.
fn leaves_by_rule(held: &Held) -> bool {
    held.holding.exit.is_some_and(|leaving| leaving.purpose == Purpose::Exit)
}

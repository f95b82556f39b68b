//! From a signal to an entry order: guards, limits and sizing. Each refusal has a reason and its numbers.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::ids::BotId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Pct, Price, Qty, Quote};
use crate::domain::order::{OrderKind, Purpose};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::signal::{Gate, Signal};

use super::config::BotConfig;
use super::cycle::Cycle;
use super::decision::{Action, Code, Decision};
use super::intent::Intent;
use super::machine::AccountMachine;
use super::settings::SymbolScope;
use super::turn::Record;

/// Why there is no entry, with its numbers.
pub(super) type Obstacle = (Code, String);

/// An order that would add to a bot's exposure, sized and within every limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sized {
    pub qty: Qty,
    pub leverage: Leverage,
    pub margin: Quote,
}

/// What a bot has, and what of it is bound: reckoned from all that the account holds, so not anew for each of many
/// signals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Funds {
    pub capital: Quote,
    pub used: Quote,
}

impl AccountMachine {
    /// Looks at every fresh signal for every running bot.
    pub(super) fn consider_entries(&mut self, cycle: &Cycle) {
        let follows = |bot: &&Arc<BotConfig>| bot.is_running && bot.grid.is_none();
        let bots: Vec<_> = self.config.bots.values().filter(follows).cloned().collect();
        for bot in bots {
            let Some(strategy) = bot.strategy else { continue };
            let mut known = None;
            for signal in cycle.signals_of(strategy) {
                if let Some(side) = signal.entry {
                    self.consider(cycle, &bot, (signal, side), &mut known);
                }
            }
        }
    }

    /// `known` are the bot's funds, as long as nothing is entered.
    fn consider(
        &mut self,
        cycle: &Cycle,
        bot: &BotConfig,
        (signal, side): (&Signal, PositionSide),
        known: &mut Option<Funds>,
    ) {
        let symbol = &signal.key.symbol;
        let in_scope = match &bot.settings.symbol {
            SymbolScope::One(own) => own == symbol,
            SymbolScope::Universe => cycle.universe.binary_search(symbol).is_ok(),
        };
        if !in_scope || self.has_acted_on(bot.id, signal) {
            return;
        }
        if self.holds(&(bot.id, symbol.clone())) {
            self.consider_holding(cycle, bot, signal, side);
            return;
        }
        let sized = match self.obstacle(bot, signal, side, (cycle.gates.gate(side), self.now)) {
            Some(obstacle) => Err(obstacle),
            None => self.price(symbol).and_then(|price| {
                let funds = known.map_or_else(|| self.funds(bot), Ok)?;
                *known = Some(funds);
                self.size_entry(bot, (symbol, price), funds)
            }),
        };
        match sized {
            Ok(sized) => {
                self.enter(bot, signal, side, sized);
                *known = None;
            }
            Err(obstacle) => self.skip(bot.id, signal, obstacle),
        }
    }

    /// Whether the bot has acted on this signal or on a newer one of the symbol.
    pub(super) fn has_acted_on(&self, bot: BotId, signal: &Signal) -> bool {
        let guards = self.durable.entry_guards.get(&bot);
        guards
            .and_then(|guards| guards.get(&signal.key.symbol))
            .is_some_and(|bar| *bar >= signal.bar_close_at)
    }

    /// The first rule that forbids the entry at this moment, the side's gate being as given.
    pub(super) fn obstacle(
        &self,
        bot: &BotConfig,
        signal: &Signal,
        side: PositionSide,
        (gate, at): (&Gate, Timestamp),
    ) -> Option<Obstacle> {
        let symbol = &signal.key.symbol;
        if let Some(halt) = &self.config.halt {
            return Some((Code::Halted, format!("account is halted: {}", halt.reason)));
        }
        if !self.entries_enabled {
            return Some((Code::EngineOff, "engine.enabled is off in the configuration".to_owned()));
        }
        if self.config.close_symbols.contains_key(symbol) {
            return Some((Code::Requested, format!("{symbol} is being closed by a person's word")));
        }
        if at >= signal.expires_at {
            return Some((Code::Stale, format!("signal expired at {}", signal.expires_at)));
        }
        if let Gate::Closed { reason } = gate {
            return Some((Code::GateClosed, reason.clone()));
        }
        if side == PositionSide::Short && self.config.venue.spot {
            return Some((Code::NoShortsOnSpot, "a spot exchange has no short positions".to_owned()));
        }
        if let Some(why) = self.durable.blocked.get(symbol) {
            return Some((Code::SymbolBlocked, why.clone()));
        }
        if let Some(until) = self.cooldown_until(symbol).filter(|until| *until > self.now) {
            let detail = self.words.of(|| format!("after an exit from {symbol}, until {until}"));
            return Some((Code::Cooldown, detail));
        }
        if self.orders.of(bot.id, symbol).any(|order| order.purpose.increases()) {
            return Some((Code::OrderPending, format!("an entry order on {symbol} is working")));
        }
        self.position_limit(bot).or_else(|| self.netting(bot.id, symbol, side))
    }

    fn cooldown_until(&self, symbol: &Symbol) -> Option<Timestamp> {
        let left_at = self.durable.left_at.get(symbol)?;
        Some(left_at.plus(self.config.settings.exit_cooldown_h.duration()))
    }

    /// Open positions and working entries, against the limits of the account and of the bot.
    pub(super) fn position_limit(&self, bot: &BotConfig) -> Option<Obstacle> {
        // All the lines of a grid become one position.
        let entering = |of: Option<BotId>| {
            let opening: BTreeSet<_> = self
                .orders
                .working()
                .filter(|order| order.purpose.increases() && of.is_none_or(|bot| order.bot == Some(bot)))
                .filter(|order| order.bot.is_none_or(|bot| !self.holds(&(bot, order.symbol.clone()))))
                .map(|order| (order.bot, &order.symbol))
                .collect();
            opening.len()
        };
        let limits = &self.config.settings;
        let account = self.held.len() + entering(None);
        if account >= usize::from(limits.max_positions) {
            let most = limits.max_positions;
            let detail = self.words.of(|| format!("{account} of {most} positions of the account"));
            return Some((Code::MaxPositionsAccount, detail));
        }
        let own = self.held.keys().filter(|held| held.bot == bot.id).count() + entering(Some(bot.id));
        if own >= usize::from(bot.settings.max_positions) {
            let most = bot.settings.max_positions;
            let detail = self.words.of(|| format!("{own} of {most} positions of the bot"));
            return Some((Code::MaxPositionsBot, detail));
        }
        None
    }

    /// In one-way mode opposite positions of two bots, or of a bot and somebody else, would cancel each other out.
    pub(super) fn netting(&self, bot: BotId, symbol: &Symbol, side: PositionSide) -> Option<Obstacle> {
        if self.config.venue.hedge {
            return None;
        }
        if self.is_held_externally(symbol, side.opposite()) {
            let detail = format!(
                "somebody else is {} {symbol} on this account, which is in one-way mode",
                side.opposite()
            );
            return Some((Code::WouldNet, detail));
        }
        let held =
            self.held.keys().any(|held| held.bot != bot && held.symbol == *symbol && held.side != side);
        let working =
            self.orders.working().filter(|order| order.bot != Some(bot)).any(|order| {
                order.purpose.increases() && order.symbol == *symbol && order.position_side != side
            });
        (held || working).then(|| {
            (
                Code::WouldNet,
                format!("another bot is {} {symbol} and the account is in one-way mode", side.opposite()),
            )
        })
    }

    /// capital x entry_pct = margin; x leverage = notional; quantity rounded down to the step.
    pub(super) fn size_entry(
        &self,
        bot: &BotConfig,
        (symbol, price): (&Symbol, Price),
        funds: Funds,
    ) -> Result<Sized, Obstacle> {
        let margin = funds.capital.part(self.config.settings.entry_pct);
        let leverage = self.leverage(bot);
        let qty = margin.leveraged(leverage).quantity_at(price);
        let sized = self.fit_into(|| Ok(funds), (symbol, price), (qty, leverage))?;
        self.check_sale(bot, (symbol, price), sized.qty)?;
        Ok(sized)
    }

    /// A spot exchange sells nothing below its smallest value either: what is bought must be worth that at its stop, and
    /// somewhat below it, or it could not be closed.
    fn check_sale(
        &self,
        bot: &BotConfig,
        (symbol, price): (&Symbol, Price),
        qty: Qty,
    ) -> Result<(), Obstacle> {
        let rules = self.config.instruments.get(symbol).filter(|_| self.config.venue.spot);
        let stop_pct = bot.stop_loss_pct(&self.config.settings, PositionSide::Long).value;
        let stop = price.moved_by(-stop_pct).and_then(|stop| stop.moved_by(-Pct::ONE));
        let Some((rules, stop)) = rules.zip(stop) else { return Ok(()) };
        rules
            .check_notional(stop, qty)
            .map_err(|error| (Code::BelowMinimum, format!("it could not be sold below its stop: {error}")))
    }

    pub(super) fn leverage(&self, bot: &BotConfig) -> Leverage {
        bot.leverage(&self.config.settings, self.config.limits, self.config.venue.spot).value
    }

    /// Rounds `qty` down and checks it against the instrument's minimums and what is left of the bot's capital.
    pub(super) fn fit(
        &self,
        bot: &BotConfig,
        symbol: &Symbol,
        price: Price,
        qty: Qty,
        leverage: Leverage,
    ) -> Result<Sized, Obstacle> {
        self.fit_into(|| self.funds(bot), (symbol, price), (qty, leverage))
    }

    /// [`Self::fit`], the funds being asked for last.
    fn fit_into(
        &self,
        funds: impl FnOnce() -> Result<Funds, Obstacle>,
        (symbol, price): (&Symbol, Price),
        (qty, leverage): (Qty, Leverage),
    ) -> Result<Sized, Obstacle> {
        let instrument = self
            .config
            .instruments
            .get(symbol)
            .ok_or_else(|| (Code::NoPrice, format!("no trading rules known for {symbol}")))?;
        let qty = instrument.floor_qty(qty);
        instrument
            .check_qty(qty)
            .and_then(|()| instrument.check_notional(price, qty))
            .map_err(|error| (Code::BelowMinimum, error.to_string()))?;
        let margin = price.notional(qty).margin_at(leverage);
        let Funds { capital, used } = funds()?;
        if used + margin > capital {
            let detail =
                self.words.of(|| format!("needs margin {margin}, uses {used} of its capital {capital}"));
            return Err((Code::CapitalExhausted, detail));
        }
        Ok(Sized { qty, leverage, margin })
    }

    pub(super) fn funds(&self, bot: &BotConfig) -> Result<Funds, Obstacle> {
        Ok(Funds { capital: self.capital(bot)?, used: self.margin_used(bot.id) })
    }

    /// The account's equity x allocation_percent.
    pub(super) fn capital(&self, bot: &BotConfig) -> Result<Quote, Obstacle> {
        let equity = self
            .equity()
            .ok_or_else(|| (Code::NoBalance, "the account's balance is not known yet".to_owned()))?;
        Ok(equity.part(bot.settings.allocation_percent))
    }

    pub(super) fn price(&self, symbol: &Symbol) -> Result<Price, Obstacle> {
        self.prices.get(symbol).copied().ok_or_else(|| (Code::NoPrice, format!("no price of {symbol} yet")))
    }

    /// Margin of a bot's positions and of what its working orders have reserved, in quote currency.
    pub(super) fn margin_used(&self, bot: BotId) -> Quote {
        let positions: Quote = self
            .held
            .iter()
            .filter(|(key, _)| key.bot == bot)
            .map(|(_, held)| held.position().margin())
            .sum();
        let reserved: Quote = self
            .orders
            .working()
            .filter(|order| order.bot == Some(bot) && order.reserved_margin != Quote::ZERO)
            .map(|order| order.reserved_margin.share(order.remaining_qty(), order.qty))
            .sum();
        positions + reserved
    }

    pub(super) fn enter(&mut self, bot: &BotConfig, signal: &Signal, side: PositionSide, sized: Sized) {
        let symbol = &signal.key.symbol;
        let order = self.intend(Intent {
            bot: bot.id,
            symbol: symbol.clone(),
            side,
            purpose: Purpose::Entry,
            kind: OrderKind::Market,
            qty: sized.qty,
            leverage: sized.leverage,
            margin: sized.margin,
            attempt: 1,
            line: None,
            signal_at: Some(signal.bar_close_at),
        });
        self.durable.entry_guards.entry(bot.id).or_default().insert(symbol.clone(), signal.bar_close_at);
        self.durable.entering.insert(order.client_order_id.clone(), signal.key.timeframe);
        let detail = self.words.of(|| {
            let Sized { qty, leverage, margin } = sized;
            format!("{side} {qty} at leverage {leverage}, margin {margin}: {}", signal.reason)
        });
        self.turn.records.push(Record::Decision(Decision {
            at: self.now,
            bot: bot.id,
            symbol: symbol.clone(),
            action: Action::Entered,
            code: Code::Signal,
            detail,
            bar_close_at: signal.bar_close_at,
            client_order_id: Some(order.client_order_id),
        }));
    }

    /// Explains once a bar why a bot does not enter.
    pub(super) fn skip(&mut self, bot: BotId, signal: &Signal, (code, detail): Obstacle) {
        let key = (bot, signal.key.symbol.clone());
        if self.explained.get(&key) == Some(&(signal.bar_close_at, code)) {
            return;
        }
        self.explained.insert(key, (signal.bar_close_at, code));
        self.turn.records.push(Record::Decision(Decision {
            at: self.now,
            bot,
            symbol: signal.key.symbol.clone(),
            action: Action::Skipped,
            code,
            detail,
            bar_close_at: signal.bar_close_at,
            client_order_id: None,
        }));
    }
}

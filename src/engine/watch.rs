//! What an account machine waits for: prices and moments before which a cycle without a signal changes nothing.
//!
//! A backtest need not step the bars in between. The bounds are conservative: what is reached may turn out to be
//! nothing, what is not reached is nothing for certain. `backtest::driver` proves it against stepping every bar.

use rust_decimal::Decimal;

use crate::domain::ids::BotId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Pct, Price, Quote};
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;

use super::config::BotConfig;
use super::exits::protecting;
use super::levels::{self, Levels};
use super::machine::{AccountMachine, HeldKey};
use super::state::Held;

/// Price moves are compared in percent rounded to this.
const MOVE_ROUNDING: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// What one position or one grid waits for on its symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    pub symbol: Symbol,
    /// A bar that trades at or below it.
    pub low: Option<Price>,
    /// A bar that trades at or above it.
    pub high: Option<Price>,
    /// The first cycle at or after it; the machine's own time where the next cycle counts whatever it brings.
    pub at: Option<Timestamp>,
}

impl Watch {
    pub(super) const fn new(symbol: Symbol) -> Self {
        Self { symbol, low: None, high: None, at: None }
    }

    /// A price where what is held on `side` loses.
    fn losing(&mut self, side: PositionSide, price: Price) {
        self.winning(side.opposite(), price);
    }

    /// A price where what is held on `side` wins.
    pub(super) fn winning(&mut self, side: PositionSide, price: Price) {
        match side {
            PositionSide::Long => self.at_or_above(price),
            PositionSide::Short => self.at_or_below(price),
        }
    }

    pub(super) fn at_or_below(&mut self, price: Price) {
        self.low = Some(self.low.map_or(price, |known| known.max(price)));
    }

    pub(super) fn at_or_above(&mut self, price: Price) {
        self.high = Some(self.high.map_or(price, |known| known.min(price)));
    }

    pub(super) fn until(&mut self, at: Timestamp) {
        self.at = Some(self.at.map_or(at, |known| known.min(at)));
    }
}

/// What a bot could still open, as long as nothing happens to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Nothing, whatever the prices: it or the account holds as many positions as it may.
    None,
    /// As much as its capital gives: margin of `used` is bound already, and of the account's equity the part `kept` is
    /// what the bot has less what one entry takes. An entry is refused where that is below `used`, by more than what
    /// rounding its quantity down leaves unused.
    Funds { used: Quote, kept: Decimal, leverage: Leverage },
}

impl AccountMachine {
    /// The room of each bot that follows signals.
    pub fn rooms(&self) -> impl Iterator<Item = (BotId, Room)> {
        let bots = self.config.bots.values().filter(|bot| bot.grid.is_none());
        bots.map(|bot| (bot.id, self.room(bot)))
    }

    fn room(&self, bot: &BotConfig) -> Room {
        if self.position_limit(bot).is_some() {
            return Room::None;
        }
        let left = Decimal::ONE - self.config.settings.entry_pct.fraction();
        let kept = bot.settings.allocation_percent.fraction() * left;
        Room::Funds { used: self.margin_used(bot.id), kept, leverage: self.leverage(bot) }
    }

    /// What each position and each grid waits for, apart from signals and from what its orders at the exchange do.
    pub fn watches(&self) -> impl Iterator<Item = Watch> {
        let positions = self.held.iter().map(|(key, held)| self.watch(key, held));
        positions.chain(self.config.bots.values().filter_map(|bot| self.watch_grid(bot)))
    }

    /// Whether what happens inside a bar is answered there at the price of the last cycle: that must be the bar before.
    pub fn answers_at_last_price(&self) -> bool {
        let is_at_work = |bot: &BotConfig| {
            bot.is_running && self.durable.grids.get(&bot.id).is_some_and(|state| state.is_started)
        };
        self.config.bots.values().any(|bot| bot.grid.is_some() && is_at_work(bot))
    }

    /// The bots' positions: bot, symbol and side.
    pub fn positions(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }

    fn watch(&self, key: &HeldKey, held: &Held) -> Watch {
        let side = held.position().side;
        let mut watch = Watch::new(key.symbol.clone());
        let Some(bot) = self.config.bots.get(&key.bot) else { return watch };
        // On its way out, or bare: every cycle tries again.
        if held.holding.exit.is_some() || held.holding.unprotected_since.is_some() {
            watch.until(self.now);
            return watch;
        }
        if !levels::hold_is_over(held, bot, self.now) {
            watch.until(levels::hold_end(held, bot));
        }
        if let Some(price) = levels::next_peak(held, bot) {
            watch.winning(side, price);
        }
        self.watch_levels(key, held, bot, &mut watch);
        if let Some(price) = self.next_dca(key, held, bot) {
            watch.losing(side, price);
        }
        watch
    }

    /// Levels that no order at the exchange covers, and that were not reported.
    fn watch_levels(&self, key: &HeldKey, held: &Held, bot: &BotConfig, watch: &mut Watch) {
        // The codes of all stops are covered by the same order.
        let rests = [Purpose::StopLoss, Purpose::TakeProfit].map(|purpose| self.rests(key, purpose));
        if rests == [true, true] {
            return;
        }
        let levels = Levels::of(held, bot, &self.config, self.now);
        let [stop_rests, profit_rests] = rests;
        let is_open = |code| {
            let is_covered = if protecting(code) == Purpose::StopLoss { stop_rests } else { profit_rests };
            !is_covered && !held.holding.reported.contains(&code)
        };
        if let Some(stop) = levels.stop.filter(|_| is_open(levels.stop_code)) {
            watch.losing(held.position().side, stop);
        }
        if let Some(profit) = levels.take_profit.filter(|_| is_open(super::decision::Code::TakeProfit)) {
            watch.winning(held.position().side, profit);
        }
    }

    /// From where on another order may be added.
    fn next_dca(&self, key: &HeldKey, held: &Held, bot: &BotConfig) -> Option<Price> {
        let settings = &self.config.settings;
        let is_possible = settings.dca_enabled
            && bot.is_running
            && bot.grid.is_none()
            && !self.durable.blocked.contains_key(&key.symbol);
        let size = settings.dca_size_pct(held.row.dca_level).filter(|_| is_possible)?;
        if size == Pct::ZERO {
            return None;
        }
        let distance = Pct::try_new(settings.dca_pct.decimal() - MOVE_ROUNDING).ok()?;
        let from = held.position().last_entry_price;
        match held.position().side {
            PositionSide::Long => from.moved_by(-distance),
            PositionSide::Short => from.moved_by(distance),
        }
    }
}

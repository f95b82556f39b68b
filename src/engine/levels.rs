//! The prices at which a position should be closed: stop loss, take profit, trailing stop.

use crate::domain::instrument::Instrument;
use crate::domain::money::{Pct, Price, Qty, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;

use super::config::{AccountConfig, BotConfig};
use super::decision::Code;
use super::grid::GridConfig;
use super::state::Held;

/// Where a position leaves. `None` where that exit is not in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    pub stop: Option<Price>,
    /// What a fill at `stop` is called: the stop loss, or the trailing stop that has overtaken it.
    pub stop_code: Code,
    pub take_profit: Option<Price>,
}

/// What moves the levels of one position between two changes of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Basis {
    side: PositionSide,
    qty: Qty,
    cost: Quote,
    peak: Option<Price>,
    hold_is_over: bool,
}

impl Basis {
    pub(super) fn of(held: &Held, bot: &BotConfig, now: Timestamp) -> Self {
        let position = held.position();
        Self {
            side: position.side,
            qty: position.qty,
            cost: position.cost,
            peak: held.holding.peak,
            hold_is_over: hold_is_over(held, bot, now),
        }
    }
}

impl Levels {
    /// Levels of `held` at `now`, on ticks. Rounding favours the account: a stop is never further away than its
    /// percentage, a take profit never nearer.
    pub fn of(held: &Held, bot: &BotConfig, config: &AccountConfig, now: Timestamp) -> Self {
        let none = Self { stop: None, stop_code: Code::StopLoss, take_profit: None };
        let position = held.position();
        let instrument = config.instruments.get(&position.symbol);
        if let Some(grid) = &bot.grid {
            // A person's price, under the rules of today.
            let stop = dead_grid_stop(&grid.config, position.side)
                .map(|stop| to_tick(instrument, stop, position.side));
            return Self { stop, stop_code: Code::GridStop, ..none };
        }
        let Some(average) = position.entry_price_avg() else { return none };
        let side = position.side;
        let stop_pct = bot.stop_loss_pct(&config.settings, side).value;
        let stop = against(average, stop_pct, side).map(|price| to_tick(instrument, price, side));
        if !hold_is_over(held, bot, now) {
            return Self { stop, ..none };
        }
        if let Some(trail) = trailing_stop(held, bot, instrument) {
            let tighter = stop.is_none_or(|stop| is_better(trail, stop, side));
            return Self {
                stop: if tighter { Some(trail) } else { stop },
                stop_code: if tighter { Code::Trailing } else { Code::StopLoss },
                take_profit: None,
            };
        }
        let profit_pct = bot.take_profit_pct(&config.settings, side).value;
        let take_profit = against(average, -profit_pct, side).map(|price| to_tick(instrument, price, side));
        Self { stop, take_profit, ..none }
    }

    /// Which of the levels `price` has reached; the stop first.
    pub fn reached(&self, price: Price, side: PositionSide) -> Option<(Code, Price)> {
        let stop = self.stop.filter(|stop| !is_better(price, *stop, side));
        if let Some(stop) = stop {
            return Some((self.stop_code, stop));
        }
        let take_profit = self.take_profit.filter(|level| !is_better(*level, price, side));
        take_profit.map(|level| (Code::TakeProfit, level))
    }
}

/// The stop of the whole of what a grid holds, where it is to rest at the exchange.
fn dead_grid_stop(grid: &GridConfig, side: PositionSide) -> Option<Price> {
    let stop = match side {
        PositionSide::Long => grid.stop_lower,
        PositionSide::Short => grid.stop_upper,
    };
    stop.filter(|_| grid.exchange_stop)
}

/// Only the stop loss may exit before the strategy's minimum holding time is over.
pub(super) fn hold_is_over(held: &Held, bot: &BotConfig, now: Timestamp) -> bool {
    now >= hold_end(held, bot)
}

/// When the strategy's minimum holding time is over.
pub(super) fn hold_end(held: &Held, bot: &BotConfig) -> Timestamp {
    let bars = i64::from(bot.exit_plan.min_hold_bars);
    held.position().opened_at.plus(held.holding.timeframe.duration().times(bars))
}

/// The best price seen once the profit has reached the activation level; `None` until then.
pub(super) fn peak_after(held: &Held, bot: &BotConfig, best: Price) -> Option<Price> {
    let side = held.position().side;
    if let Some(peak) = held.holding.peak {
        return Some(if is_better(best, peak, side) { best } else { peak });
    }
    let armed_at = armed_at(held, bot)?;
    (!is_better(armed_at, best, side)).then_some(best)
}

/// The price at which the trailing stop is armed; `None` for a strategy without one.
fn armed_at(held: &Held, bot: &BotConfig) -> Option<Price> {
    let activation = bot.exit_plan.trail_activation_pct?;
    bot.exit_plan.trail_pct?;
    let average = held.position().entry_price_avg()?;
    against(average, -activation, held.position().side)
}

/// The nearest price that moves the peak.
pub(super) fn next_peak(held: &Held, bot: &BotConfig) -> Option<Price> {
    held.holding.peak.or_else(|| armed_at(held, bot))
}

fn trailing_stop(held: &Held, bot: &BotConfig, instrument: Option<&Instrument>) -> Option<Price> {
    let side = held.position().side;
    let peak = held.holding.peak?;
    let trail = against(peak, bot.exit_plan.trail_pct?, side)?;
    Some(to_tick(instrument, trail, side))
}

/// `from` moved by `pct` percent against a position on `side`.
fn against(from: Price, pct: Pct, side: PositionSide) -> Option<Price> {
    match side {
        PositionSide::Long => from.moved_by(-pct),
        PositionSide::Short => from.moved_by(pct),
    }
}

/// Towards the profit side.
fn to_tick(instrument: Option<&Instrument>, price: Price, side: PositionSide) -> Price {
    // A symbol that the exchange does not list any more is watched all the same.
    let Some(instrument) = instrument else { return price };
    match side {
        PositionSide::Long => instrument.ceil_price(price),
        PositionSide::Short => instrument.floor_price(price),
    }
}

/// Whether `price` is strictly more profitable than `other`.
fn is_better(price: Price, other: Price, side: PositionSide) -> bool {
    match side {
        PositionSide::Long => price > other,
        PositionSide::Short => price < other,
    }
}

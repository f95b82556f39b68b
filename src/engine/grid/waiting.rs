//! What a grid waits for before it begins.

use std::fmt;

use crate::domain::money::Price;
use crate::engine::decision::Code;
use crate::engine::watch::Watch;

use super::GridConfig;
use super::state::GridState;

/// Where the price must come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    what: Awaited,
    price: Price,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Trigger {
        trigger: Price,
        is_above: bool,
    },
    Range {
        lower: Price,
        upper: Price,
    },
    /// It would stop at once.
    Stop {
        name: &'static str,
        stop: Price,
    },
}

impl Waiting {
    /// With a trigger it is the trigger that is waited for, else the range; `None` when the price forbids nothing.
    pub fn of(config: &GridConfig, state: &GridState, price: Price) -> Option<Self> {
        let GridConfig { lower, upper, .. } = *config;
        let what = match config.trigger {
            Some(trigger) => {
                let is_above = state.waits_above.unwrap_or(price > trigger);
                let is_reached = if is_above { price <= trigger } else { price >= trigger };
                let stop = passed_stop(config, price).map(|(name, stop)| Awaited::Stop { name, stop });
                if is_reached { stop } else { Some(Awaited::Trigger { trigger, is_above }) }
            }
            None => config.is_outside(price).then_some(Awaited::Range { lower, upper }),
        };
        what.map(|what| Self { what, price })
    }

    /// The price that ends the waiting, or may.
    pub(super) fn watch(&self, watch: &mut Watch) {
        match self.what {
            Awaited::Trigger { trigger, is_above: true } => watch.at_or_below(trigger),
            Awaited::Trigger { trigger, is_above: false } => watch.at_or_above(trigger),
            Awaited::Range { lower, .. } if self.price < lower => watch.at_or_above(lower),
            Awaited::Range { upper, .. } => watch.at_or_below(upper),
            Awaited::Stop { stop, .. } if self.price <= stop => watch.at_or_above(stop),
            Awaited::Stop { stop, .. } => watch.at_or_below(stop),
        }
    }

    pub const fn code(&self) -> Code {
        match self.what {
            Awaited::Trigger { .. } => Code::GridTrigger,
            Awaited::Range { .. } => Code::GridRange,
            Awaited::Stop { .. } => Code::GridStop,
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let price = self.price;
        write!(f, "waits for the price, now {price}, to come ")?;
        match self.what {
            Awaited::Trigger { trigger, is_above: true } => write!(f, "down to its trigger {trigger}"),
            Awaited::Trigger { trigger, is_above: false } => write!(f, "up to its trigger {trigger}"),
            Awaited::Range { lower, upper } if price < lower => {
                write!(f, "up into its range, {lower} to {upper}")
            }
            Awaited::Range { lower, upper } => write!(f, "down into its range, {lower} to {upper}"),
            Awaited::Stop { name, stop } => write!(f, "back from beyond its {name} {stop}"),
        }
    }
}

/// The stop that `price` has reached, and what it is called.
pub(super) fn passed_stop(config: &GridConfig, price: Price) -> Option<(&'static str, Price)> {
    let lower = config.stop_lower.filter(|stop| price <= *stop).map(|stop| ("stop_lower", stop));
    let upper = config.stop_upper.filter(|stop| price >= *stop).map(|stop| ("stop_upper", stop));
    lower.or(upper)
}

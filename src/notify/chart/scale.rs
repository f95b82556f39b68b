//! From amounts and times to pixels, with the ticks people expect: 1, 2 or 5 of a power of ten.

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::domain::time::{DurationMs, Timestamp};

/// The vertical scale: a range of amounts that begins and ends with a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scale {
    low: Decimal,
    high: Decimal,
    step: Decimal,
}

impl Scale {
    /// Holds `low` and `high`, in about so many steps. A single value lies in the middle.
    pub(super) fn over(low: Decimal, high: Decimal, steps: u32) -> Self {
        let span = high.saturating_sub(low);
        let span = if span > Decimal::ZERO { span } else { (low.abs() / Decimal::TEN).max(Decimal::ONE) };
        let step = nice_step(span / Decimal::from(steps.max(1)));
        let below = (low / step).floor() * step;
        let above = (high / step).ceil() * step;
        if below == above {
            return Self { low: below - step, high: above + step, step };
        }
        Self { low: below, high: above, step }
    }

    pub(super) fn ticks(&self) -> Vec<Decimal> {
        let mut ticks = Vec::new();
        let mut tick = self.low;
        // A step that vanishes beside the amount would never arrive.
        while tick <= self.high && ticks.len() < 20 {
            ticks.push(tick);
            tick += self.step;
        }
        ticks
    }

    /// Where an amount lies between the pixels of the scale's lower and upper end.
    pub(super) fn pixel(&self, value: Decimal, bottom: i32, top: i32) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        let offset = (share * Decimal::from(bottom - top)).round().to_i32().unwrap_or(0);
        bottom.saturating_sub(offset)
    }

    /// As precise as the steps are.
    pub(super) fn label(&self, tick: Decimal) -> String {
        let places = usize::try_from(self.step.normalize().scale()).unwrap_or(0);
        format!("{tick:.places$}")
    }

    /// An amount, to 2 decimals, or to those that the steps have.
    pub(super) fn exact(&self, value: Decimal) -> String {
        let decimals = self.step.normalize().scale().max(2);
        let places = usize::try_from(decimals).unwrap_or(2);
        format!("{:.places$}", value.round_dp(decimals))
    }
}

/// The smallest of 1, 2, 5 x 10^n that is not below `rough`.
fn nice_step(rough: Decimal) -> Decimal {
    let mut power = Decimal::ONE;
    while power < rough {
        power *= Decimal::TEN;
    }
    while power / Decimal::TEN >= rough && power > SMALLEST {
        power /= Decimal::TEN;
    }
    [Decimal::TEN, Decimal::from(5), Decimal::TWO, Decimal::ONE]
        .into_iter()
        .map(|divisor| power / divisor)
        .find(|step| *step >= rough)
        .unwrap_or(power)
        .normalize()
}

/// No amount is drawn more finely: 10^-8.
const SMALLEST: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// The horizontal scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeScale {
    pub(super) from: Timestamp,
    to: Timestamp,
}

impl TimeScale {
    pub(super) const fn over(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to }
    }

    /// A single time lies in the middle.
    pub(super) fn pixel(&self, at: Timestamp, left: i32, right: i32) -> i32 {
        let span = i128::from(self.to.since(self.from).ms());
        let width = i128::from(right - left);
        let offset = if span <= 0 { width / 2 } else { i128::from(at.since(self.from).ms()) * width / span };
        left.saturating_add(i32::try_from(offset).unwrap_or(0))
    }

    /// Times at equal distances, as short as they can be told apart.
    pub(super) fn labels(&self, steps: u32) -> Vec<(Timestamp, String)> {
        const DAY: i64 = 86_400_000;
        let span = self.to.since(self.from).ms();
        if span <= 0 {
            return vec![(self.from, formatted(self.from, "%Y-%m-%d %H:%M"))];
        }
        let format = if span >= 400 * DAY {
            "%Y-%m-%d"
        } else if span >= 8 * DAY {
            "%b %d"
        } else {
            "%b %d %H:%M"
        };
        (0..=i64::from(steps))
            .map(|number| {
                let share = i128::from(span) * i128::from(number) / i128::from(steps.max(1));
                let at = self.from.plus(DurationMs::from_ms(i64::try_from(share).unwrap_or(0)));
                (at, formatted(at, format))
            })
            .collect()
    }
}

fn formatted(at: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_millisecond(at.ms()).map_or_else(
        |_| at.to_string(),
        |instant| instant.to_zoned(TimeZone::UTC).strftime(format).to_string(),
    )
}

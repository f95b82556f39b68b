//! What holding a perpetual future costs: rates by time, from a file or the same every eight hours.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::domain::instrument::Symbol;
use crate::domain::money::{Pct, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timestamp};

/// Of a rate that is the same always: 00:00, 08:00 and 16:00 UTC, as the exchanges have it.
const EVERY: DurationMs = DurationMs::from_secs(8 * 3_600);

/// Rates as fractions of the notional; longs pay shorts when positive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FundingRates {
    /// Of symbols without a table of their own.
    pub every_eight_hours: Option<Pct>,
    pub tables: BTreeMap<Symbol, BTreeMap<Timestamp, Decimal>>,
}

impl FundingRates {
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.constant().is_none()
    }

    fn constant(&self) -> Option<Decimal> {
        self.every_eight_hours.filter(|pct| *pct != Pct::ZERO).map(Pct::fraction)
    }

    /// The first time after `at` at which the symbol is funded.
    pub fn next_after(&self, symbol: &Symbol, at: Timestamp) -> Option<Timestamp> {
        match self.tables.get(symbol) {
            Some(table) => table.range(at.plus(DurationMs::from_ms(1))..).next().map(|(at, _)| *at),
            None => self.constant().map(|_| next_constant(at)),
        }
    }

    /// Times after `since` up to and with `until`, each with its rate.
    pub fn between(&self, symbol: &Symbol, since: Timestamp, until: Timestamp) -> Vec<(Timestamp, Decimal)> {
        let mut due = Vec::new();
        let mut at = since;
        while let Some(next) = self.next_after(symbol, at).filter(|next| *next <= until) {
            let rate = match self.tables.get(symbol) {
                Some(table) => table.get(&next).copied(),
                None => self.constant(),
            };
            due.extend(rate.map(|rate| (next, rate)));
            at = next;
        }
        due
    }
}

const fn next_constant(at: Timestamp) -> Timestamp {
    Timestamp::from_ms((at.ms().div_euclid(EVERY.ms()) + 1) * EVERY.ms())
}

/// What a position on `side` receives (pays, when negative) on `notional` at `rate`.
pub fn payment(side: PositionSide, notional: Quote, rate: Decimal) -> Quote {
    let longs_pay = Quote::new((notional.decimal() * rate).round_dp(12).normalize());
    match side {
        PositionSide::Long => -longs_pay,
        PositionSide::Short => longs_pay,
    }
}

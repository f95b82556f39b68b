//! What went through a grid: its fills on lines, summed up as people read them.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::money::{Pct, Price, Qty, Quote};
use crate::domain::side::Side;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};

/// Decimals of a profit a day.
const DAILY_DECIMALS: u32 = 8;
const PCT_DECIMALS: u32 = 4;

/// Money and goods of any number of fills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    pub buys: u64,
    pub sells: u64,
    /// Sold less bought, in quote currency.
    pub cash: Quote,
    pub fees: Quote,
    /// Bought less sold.
    pub held: Decimal,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
}

impl Flow {
    pub fn add(&mut self, side: Side, (price, qty): (Price, Qty), fee: Quote, at: Timestamp) {
        match side {
            Side::Buy => {
                self.buys += 1;
                self.cash -= price.notional(qty);
                self.held += qty.decimal();
            }
            Side::Sell => {
                self.sells += 1;
                self.cash += price.notional(qty);
                self.held -= qty.decimal();
            }
        }
        self.fees += fee;
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = self.last.max(Some(at));
    }

    /// All it has made, closed or not, if what is held were worth `price`.
    pub fn worth_at(&self, price: Price) -> Quote {
        self.cash - self.fees + Quote::new((self.held * price.decimal()).normalize())
    }

    /// `profit`, rounded to 8 decimals, for a day from the first fill until `until`; `None` in the first hour.
    pub fn per_day(&self, profit: Quote, until: Timestamp) -> Option<Quote> {
        let span = until.since(self.first?);
        if span < Timeframe::H1.duration() {
            return None;
        }
        let days = days(span);
        let daily = profit.decimal().checked_div(days)?;
        Some(Quote::new(daily.round_dp_with_strategy(DAILY_DECIMALS, RoundingStrategy::ToZero)))
    }
}

fn days(span: DurationMs) -> Decimal {
    Decimal::from(span.ms()) / Decimal::from(Timeframe::D1.duration().ms())
}

/// `profit` in % of the investment, rounded to 4 decimals; `None` of nothing.
pub fn pct_of(profit: Quote, investment: Quote) -> Option<Pct> {
    let pct = (profit.decimal() * Decimal::ONE_HUNDRED).checked_div(investment.decimal())?;
    Pct::try_new(pct.round_dp(PCT_DECIMALS)).ok()
}

//! Figures of a backtest in floating point: what an equity curve says. Money itself stays exact elsewhere.

use serde::Serialize;

use super::market::Market;
use super::played::{HeldPart, Played};
use crate::domain::money::Quote;
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timeframe};
use crate::signal::sample::scaled;

/// A curve has at most about so many points.
const POINTS_MAX: i64 = 1_500;
const DAY: DurationMs = Timeframe::D1.duration();
const DAYS_A_YEAR: f64 = 365.25;

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    pub time_ms: i64,
    pub equity: f64,
    /// Below the highest equity before, as a fraction of it; 0 or negative.
    pub drawdown: f64,
}

/// The deepest fall of equity from its peak, on closes of bars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Drawdown {
    /// Fraction of the peak; 0 or positive.
    pub depth: f64,
    /// In quote currency.
    pub amount: f64,
    pub peak_ms: i64,
    pub trough_ms: i64,
    /// The longest time without a new peak.
    pub longest_ms: i64,
}

/// What the equity of every bar says together.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    pub points: Vec<Point>,
    pub drawdown: Drawdown,
    /// Equity at the end of each UTC day from the first to the last.
    pub days: Vec<(i64, f64)>,
    pub first: f64,
    pub last: f64,
    /// Share of the bars at whose close something was held.
    pub exposure: f64,
}

impl Curve {
    /// Points are taken at times; the deepest fall may be between two of them.
    fn show_trough(&mut self) {
        let Drawdown { depth, amount, trough_ms, .. } = self.drawdown;
        if depth <= 0.0 {
            return;
        }
        if let Err(place) = self.points.binary_search_by_key(&trough_ms, |point| point.time_ms) {
            let equity = amount / depth - amount;
            self.points.insert(place, Point { time_ms: trough_ms, equity, drawdown: -depth });
        }
    }
}

/// Walks over all bars once. What is open at the last close is closed there: then the account has `closed`.
#[expect(clippy::cast_precision_loss, reason = "counts of bars are far below 2^53")]
pub fn curve(market: &Market, played: &Played, closed: Quote) -> Curve {
    let (first, end) = played.span;
    let mut walk = Walk::new(market, played);
    let mut standings = played.standings.iter().peekable();
    let mut held: Vec<HeldFloat<'_>> = Vec::new();
    let mut wallet = 0.0;
    let mut bars_held = 0_usize;
    for step in first..end {
        let Some(at) = market.at(step) else { break };
        while let Some(standing) = standings.next_if(|standing| standing.at <= at) {
            wallet = float(standing.wallet.decimal());
            held = standing.held.iter().filter_map(|part| HeldFloat::new(market, part)).collect();
        }
        bars_held += usize::from(!held.is_empty());
        let worth: f64 = held.iter().map(|part| part.profit(step)).sum();
        let equity = if step + 1 == end { float(closed.decimal()) } else { wallet + worth };
        walk.push(at.ms(), equity);
    }
    let mut curve = walk.finish();
    curve.exposure = bars_held as f64 / (end - first).max(1) as f64;
    curve
}

struct HeldFloat<'a> {
    lane: &'a super::market::Lane,
    qty: f64,
    cost: f64,
    sign: f64,
}

impl<'a> HeldFloat<'a> {
    fn new(market: &'a Market, part: &HeldPart) -> Option<Self> {
        let sign = match part.side {
            PositionSide::Long => 1.0,
            PositionSide::Short => -1.0,
        };
        let lane = market.lane(&part.symbol)?;
        Some(Self { lane, qty: float(part.qty.decimal()), cost: float(part.cost.decimal()), sign })
    }

    fn profit(&self, step: usize) -> f64 {
        let columns = &self.lane.columns;
        let close = self.lane.count(step).checked_sub(1).and_then(|bar| columns.closes.get(bar)).copied();
        close.map_or(0.0, |close| self.sign * (scaled(close, columns.price_scale) * self.qty - self.cost))
    }
}

struct Walk {
    curve: Curve,
    every: i64,
    next_point: i64,
    day: i64,
    peak: (f64, i64),
    last_ms: i64,
}

impl Walk {
    fn new(market: &Market, played: &Played) -> Self {
        let start = market.at(played.span.0).unwrap_or_default();
        let last = market.at(played.span.1.saturating_sub(1)).unwrap_or_default();
        let length = last.since(start).ms();
        let every = Timeframe::ALL.iter().map(|timeframe| timeframe.duration().ms());
        let every = every.filter(|every| *every >= market.timeframe.duration().ms());
        let every = every.into_iter().find(|every| length / every <= POINTS_MAX);
        let every = every.unwrap_or_else(|| DAY.ms() * (length / DAY.ms() / POINTS_MAX + 1));
        Self {
            curve: Curve::default(),
            every,
            next_point: i64::MIN,
            day: i64::MIN,
            peak: (f64::MIN, 0),
            last_ms: 0,
        }
    }

    fn push(&mut self, ms: i64, equity: f64) {
        if self.curve.points.is_empty() && self.day == i64::MIN {
            self.curve.first = equity;
            self.peak = (equity, ms);
        }
        let drawdown = &mut self.curve.drawdown;
        if equity >= self.peak.0 {
            drawdown.longest_ms = drawdown.longest_ms.max(ms - self.peak.1);
            self.peak = (equity, ms);
        } else if self.peak.0 > 0.0 {
            let depth = (self.peak.0 - equity) / self.peak.0;
            if depth > drawdown.depth {
                (drawdown.depth, drawdown.amount) = (depth, self.peak.0 - equity);
                (drawdown.peak_ms, drawdown.trough_ms) = (self.peak.1, ms);
            }
        }
        // A bar that closes at midnight is the last one of its day.
        let day = (ms - 1).div_euclid(DAY.ms());
        if day == self.day {
            if let Some(last) = self.curve.days.last_mut() {
                last.1 = equity;
            }
        } else {
            self.pass_days(day);
            self.curve.days.push((day * DAY.ms(), equity));
        }
        if ms >= self.next_point {
            self.point(ms, equity);
            self.next_point = (ms.div_euclid(self.every) + 1) * self.every;
        }
        self.curve.last = equity;
        self.last_ms = ms;
    }

    /// Days without a bar change nothing, but they are days.
    fn pass_days(&mut self, next: i64) {
        if let Some(&(_, before)) = self.curve.days.last() {
            self.curve.days.extend((self.day + 1..next).map(|day| (day * DAY.ms(), before)));
        }
        self.day = next;
    }

    fn point(&mut self, ms: i64, equity: f64) {
        let drawdown = if self.peak.0 > 0.0 { (equity - self.peak.0) / self.peak.0 } else { 0.0 };
        self.curve.points.push(Point { time_ms: ms, equity, drawdown });
    }

    fn finish(mut self) -> Curve {
        if self.curve.points.last().is_some_and(|last| last.time_ms < self.last_ms) {
            self.point(self.last_ms, self.curve.last);
        }
        let drawdown = &mut self.curve.drawdown;
        drawdown.longest_ms = drawdown.longest_ms.max(self.last_ms - self.peak.1);
        self.curve.show_trough();
        self.curve
    }
}

/// Yearly figures of a curve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Ratios {
    /// Compound growth a year; `None` for less than a day, or when all was lost.
    pub cagr: Option<f64>,
    /// Mean over standard deviation of daily returns, a year; the riskless rate is 0.
    pub sharpe: Option<f64>,
    /// As Sharpe, with falls only.
    pub sortino: Option<f64>,
    /// Compound growth over the deepest fall.
    pub calmar: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of days are far below 2^53")]
pub fn ratios(curve: &Curve, capital: f64, length: DurationMs) -> Ratios {
    let years = length.ms() as f64 / DAY.ms() as f64 / DAYS_A_YEAR;
    let growth = curve.last / capital;
    let cagr = (years * DAYS_A_YEAR >= 1.0 && growth > 0.0).then(|| growth.powf(1.0 / years) - 1.0);
    let mut before = capital;
    let mut returns = Vec::with_capacity(curve.days.len());
    for (_, equity) in &curve.days {
        returns.push(if before > 0.0 { equity / before - 1.0 } else { 0.0 });
        before = *equity;
    }
    let count = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / count.max(1.0);
    let spread = |sum: f64, over: f64| (over > 0.0 && sum > 0.0).then(|| (sum / over).sqrt());
    let deviation = spread(returns.iter().map(|day| (day - mean).powi(2)).sum(), count - 1.0);
    let falls = spread(returns.iter().map(|day| day.min(0.0).powi(2)).sum(), count);
    let yearly = |deviation: f64| mean / deviation * DAYS_A_YEAR.sqrt();
    let depth = curve.drawdown.depth;
    Ratios {
        cagr,
        sharpe: deviation.map(yearly),
        sortino: falls.map(yearly),
        calmar: cagr.filter(|_| depth > 0.0).map(|cagr| cagr / depth),
    }
}

/// The nearest binary number.
pub fn float(value: rust_decimal::Decimal) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    value.to_f64().unwrap_or(0.0)
}

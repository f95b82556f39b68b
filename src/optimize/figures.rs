//! The figures of one backtest that a search keeps.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::backtest::market::Market;
use crate::backtest::played::Played;
use crate::backtest::results::{Summary, final_equity};
use crate::backtest::setup::Setup;
use crate::backtest::statistics::{self, Curve, float};
use crate::backtest::trades;
use crate::domain::money::Quote;
use crate::store::research::Figures;

/// What came of a backtest; the same numbers that `backtest` prints.
pub fn of(market: &Market, setup: &Setup, played: &Played) -> Figures {
    let (first, end) = played.span;
    let from = market.at(first).unwrap_or_default().minus(market.timeframe.duration());
    let to = market.at(end.saturating_sub(1)).unwrap_or_default();
    let trades = trades::trades(market, setup, played);
    let curve = statistics::curve(market, played, final_equity(setup, played, &trades));
    let summary = Summary::of(setup, played, &curve, &trades, to.since(from));
    let moments = Moments::of(&curve, float(setup.paper.initial_balance.decimal()));
    let ratio = |value: Option<Decimal>| value.and_then(|value| value.to_f64());
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Figures {
        from_ms: from.ms(),
        to_ms: to.ms(),
        trades: count(summary.trades),
        wins: count(summary.wins),
        liquidations: summary.liquidations,
        final_equity: summary.final_equity,
        fees: summary.fees,
        total_return: float(summary.total_return),
        max_drawdown: curve.drawdown.depth,
        exposure: summary.exposure,
        cagr: summary.ratios.cagr,
        sharpe: summary.ratios.sharpe,
        sortino: summary.ratios.sortino,
        calmar: summary.ratios.calmar,
        profit_factor: ratio(summary.profit_factor),
        expectancy: ratio(summary.expectancy.map(Quote::decimal)),
        win_rate: ratio(summary.win_rate),
        days: count(curve.days.len()),
        skewness: moments.skewness,
        kurtosis: moments.kurtosis,
    }
}

/// The shape of daily returns: 0 and 3 are those of the normal distribution, and of returns that never change.
struct Moments {
    skewness: f64,
    kurtosis: f64,
}

impl Moments {
    #[expect(clippy::cast_precision_loss, reason = "counts of days are far below 2^53")]
    fn of(curve: &Curve, capital: f64) -> Self {
        let mut before = capital;
        let mut returns = Vec::with_capacity(curve.days.len());
        for (_, equity) in &curve.days {
            returns.push(if before > 0.0 { equity / before - 1.0 } else { 0.0 });
            before = *equity;
        }
        let count = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / count.max(1.0);
        let central =
            |power: i32| returns.iter().map(|day| (day - mean).powi(power)).sum::<f64>() / count.max(1.0);
        let variance = central(2);
        if variance <= 0.0 {
            return Self { skewness: 0.0, kurtosis: 3.0 };
        }
        Self { skewness: central(3) / variance.powf(1.5), kurtosis: central(4) / (variance * variance) }
    }
}

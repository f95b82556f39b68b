//! What a trial is judged by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::spelling;
use crate::store::research::Figures;

/// A ratio whose divisor is nothing (profit without a loss, growth without a fall) counts as this much.
pub const RATIO_MAX: f64 = 1_000.0;

/// Higher is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    Return,
    Cagr,
    Sharpe,
    Sortino,
    Calmar,
    ProfitFactor,
    Expectancy,
    WinRate,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown objective `{word}`{hint}; allowed are {}", Objective::words())]
pub struct UnknownObjective {
    word: String,
    hint: String,
}

impl Objective {
    pub const ALL: [Self; 8] = [
        Self::Return,
        Self::Cagr,
        Self::Sharpe,
        Self::Sortino,
        Self::Calmar,
        Self::ProfitFactor,
        Self::Expectancy,
        Self::WinRate,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Return => "return",
            Self::Cagr => "cagr",
            Self::Sharpe => "sharpe",
            Self::Sortino => "sortino",
            Self::Calmar => "calmar",
            Self::ProfitFactor => "profit_factor",
            Self::Expectancy => "expectancy",
            Self::WinRate => "win_rate",
        }
    }

    fn words() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// Whether it is a fraction that people read in percent.
    pub const fn is_fraction(self) -> bool {
        match self {
            Self::Return | Self::Cagr | Self::WinRate => true,
            Self::Sharpe | Self::Sortino | Self::Calmar | Self::ProfitFactor | Self::Expectancy => false,
        }
    }

    /// What one backtest is worth; `None` without a trade.
    pub fn value(self, figures: &Figures) -> Option<f64> {
        if figures.trades == 0 {
            return None;
        }
        let endless = if figures.total_return > 0.0 { RATIO_MAX } else { 0.0 };
        let ratio =
            |ratio: Option<f64>| Some(ratio.map_or(endless, |ratio| ratio.clamp(-RATIO_MAX, RATIO_MAX)));
        match self {
            Self::Return => Some(figures.total_return),
            // All was lost, or there is less than a day.
            Self::Cagr => Some(figures.cagr.unwrap_or(figures.total_return)),
            Self::Sharpe => Some(figures.sharpe.unwrap_or(0.0)),
            Self::Sortino => ratio(figures.sortino),
            Self::Calmar => ratio(figures.calmar),
            Self::ProfitFactor => ratio(figures.profit_factor),
            Self::Expectancy => figures.expectancy,
            Self::WinRate => figures.win_rate,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Objective {
    type Err = UnknownObjective;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| UnknownObjective {
            word: text.to_owned(),
            hint: spelling::hint(text, Self::ALL.map(Self::as_str)),
        })
    }
}

/// What a trial must keep in every in-sample part to be ranked at all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    pub min_trades: u32,
    /// As a fraction of the peak.
    pub max_drawdown: Option<f64>,
}

impl Bounds {
    fn are_kept(&self, figures: &Figures) -> bool {
        figures.trades >= self.min_trades.max(1)
            && self.max_drawdown.is_none_or(|most| figures.max_drawdown <= most)
    }
}

/// The mean of the objective over the in-sample parts; `None` for a trial that is not ranked.
pub fn score<'a>(
    objective: Objective,
    bounds: &Bounds,
    inside: impl Iterator<Item = &'a Figures>,
) -> Option<f64> {
    mean(inside.map(|figures| objective.value(figures).filter(|_| bounds.are_kept(figures))))
}

/// The mean of values that are all there.
#[expect(clippy::cast_precision_loss, reason = "counts of windows are small")]
pub fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

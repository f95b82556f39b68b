//! Trials in order of what they are worth: chosen by the in-sample parts, shown by what was kept apart.

use serde::Serialize;

use super::objective::{Bounds, Objective, mean, score};
use crate::store::research::{Figures, TrialRow, WindowFigures};

/// A trial and what its windows say together.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    pub number: u32,
    pub values: Vec<String>,
    /// The mean objective of the out-of-sample parts, where one without a trade counts 0; `None` where nothing was kept
    /// apart.
    pub outside: Option<f64>,
    /// The mean objective of the in-sample parts; `None`: not ranked.
    pub inside: Option<f64>,
    /// `outside / inside`, each by the day where the objective grows with time; `None` unless `inside` is above 0.
    pub kept: Option<f64>,
    /// Of the out-of-sample parts, one after the other.
    pub outside_return: Option<f64>,
    /// The mean of the in-sample parts, which overlap.
    pub inside_return: f64,
    pub outside_trades: u32,
    pub inside_trades: u32,
    /// The deepest of any part.
    pub outside_drawdown: f64,
    pub inside_drawdown: f64,
}

impl Judged {
    pub fn of(trial: &TrialRow, objective: Objective, bounds: &Bounds) -> Self {
        let inside = || trial.windows.iter().map(|window| &window.inside);
        let outside = || trial.windows.iter().filter_map(|window| window.outside.as_ref());
        let deepest = |depth: f64, figures: &Figures| depth.max(figures.max_drawdown);
        let is_checked = outside().next().is_some();
        Self {
            number: trial.number,
            values: trial.values.clone(),
            outside: mean_outside(&trial.windows, objective),
            inside: score(objective, bounds, inside()),
            kept: kept(&trial.windows, objective),
            outside_return: is_checked.then(|| chained(outside())),
            inside_return: mean(inside().map(|figures| Some(figures.total_return))).unwrap_or(0.0),
            outside_trades: outside().map(|figures| figures.trades).sum(),
            inside_trades: inside().map(|figures| figures.trades).sum(),
            outside_drawdown: outside().fold(0.0, deepest),
            inside_drawdown: inside().fold(0.0, deepest),
        }
    }
}

/// Best first; trials that are not ranked last. Of equal ones the earlier comes first.
pub fn rank(trials: &[TrialRow], objective: Objective, bounds: &Bounds) -> Vec<Judged> {
    let mut judged: Vec<Judged> = trials.iter().map(|trial| Judged::of(trial, objective, bounds)).collect();
    judged.sort_by(|one, other| {
        let value = |judged: &Judged| judged.inside.unwrap_or(f64::NEG_INFINITY);
        value(other).total_cmp(&value(one)).then(one.number.cmp(&other.number))
    });
    judged
}

/// The mean objective of what was kept apart.
fn mean_outside(windows: &[WindowFigures], objective: Objective) -> Option<f64> {
    let outside = windows.iter().filter_map(|window| window.outside.as_ref());
    mean(outside.map(|figures| Some(objective.value(figures).unwrap_or(0.0))))
}

/// What remained out of sample of what was seen in sample.
fn kept(windows: &[WindowFigures], objective: Objective) -> Option<f64> {
    let outside = mean(
        windows
            .iter()
            .filter_map(|window| window.outside.as_ref())
            .map(|figures| Some(daily(figures, objective).unwrap_or(0.0))),
    )?;
    let inside = mean(windows.iter().map(|window| daily(&window.inside, objective)))?;
    (inside > 0.0).then(|| outside / inside)
}

/// The objective, by the day where a longer part has more of it.
fn daily(figures: &Figures, objective: Objective) -> Option<f64> {
    match objective {
        Objective::Return => {
            let growth = (1.0 + figures.total_return).max(f64::MIN_POSITIVE).ln();
            Some(growth / f64::from(figures.days.max(1)))
        }
        Objective::Cagr
        | Objective::Sharpe
        | Objective::Sortino
        | Objective::Calmar
        | Objective::ProfitFactor
        | Objective::Expectancy
        | Objective::WinRate => objective.value(figures),
    }
}

/// The return of parts that follow one another.
pub fn chained<'a>(parts: impl Iterator<Item = &'a Figures>) -> f64 {
    parts.fold(1.0, |worth, figures| worth * (1.0 + figures.total_return)) - 1.0
}

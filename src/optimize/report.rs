//! What a search found, and how far it can be believed.

use serde::Serialize;

use super::objective::{Bounds, Objective};
use super::overfit::{Measured, deviation, expected_best, probability_above};
use super::ranking::{Judged, chained, rank};
use super::sensitivity::{self, Sensitivity};
use super::space::Dimension;
use crate::store::research::{Figures, TrialRow};

const DAYS_A_YEAR: f64 = 365.25;
const DAY_MS: i64 = 86_400_000;
/// Out of sample a result should keep at least this share of itself.
const KEPT_MIN: f64 = 0.5;
/// As usual for a test of significance.
const PROBABILITY_MIN: f64 = 0.95;
/// Trades below which an average says little.
const INSIDE_TRADES_MIN: u32 = 30;
const OUTSIDE_TRADES_MIN: u32 = 10;

/// One window, and the trial that its in-sample part alone would have chosen.
#[derive(Debug, Clone, Serialize)]
pub struct WindowReport {
    /// From 1.
    pub window: usize,
    pub inside_from_ms: i64,
    pub inside_to_ms: i64,
    pub outside_from_ms: Option<i64>,
    pub outside_to_ms: Option<i64>,
    /// `None` when no trial can be chosen.
    pub chosen: Option<u32>,
    pub inside: Option<f64>,
    pub outside: Option<f64>,
    pub outside_return: Option<f64>,
    pub outside_trades: Option<u32>,
}

/// What choosing anew in every window would have made.
#[derive(Debug, Clone, Serialize)]
pub struct WalkForwardReport {
    pub total_return: f64,
    pub trades: u32,
    /// Windows that made money, and all.
    pub winners: usize,
    pub windows: usize,
}

/// Chance: yearly Sharpe ratios, in sample.
#[derive(Debug, Clone, Serialize)]
pub struct Noise {
    pub trials: usize,
    pub best_sharpe: f64,
    /// The expected best of as many trials without an edge.
    pub expected_best_sharpe: f64,
    /// The probability that the best one's true ratio is above that: the deflated Sharpe ratio.
    pub deflated: Option<f64>,
}

/// A reason to doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub code: &'static str,
    pub text: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub trials: usize,
    pub ranked: usize,
    pub windows: Vec<WindowReport>,
    pub walk_forward: Option<WalkForwardReport>,
    /// Best first.
    pub best: Vec<Judged>,
    pub noise: Option<Noise>,
    pub sensitivity: Vec<Sensitivity>,
    /// Of the best trial.
    pub warnings: Vec<Warning>,
}

impl Report {
    pub fn of(dimensions: &[Dimension], trials: &[TrialRow], objective: Objective, bounds: &Bounds) -> Self {
        let best = rank(trials, objective, bounds);
        let windows = windows(trials, objective, bounds);
        let walk_forward = walk_forward(trials, &windows);
        let sensitivity = sensitivity::of(dimensions, &best);
        let ranked = best.iter().filter(|judged| judged.inside.is_some()).count();
        let chosen = best.first().filter(|judged| judged.inside.is_some());
        let noise = chosen.and_then(|chosen| noise(trials, chosen.number));
        let warnings = match chosen {
            Some(chosen) => doubts(chosen, dimensions, objective, noise.as_ref()),
            None => vec![warning("nothing_ranked", nothing_ranked(trials, bounds))],
        };
        Self { trials: trials.len(), ranked, windows, walk_forward, best, noise, sensitivity, warnings }
    }

    /// The best trial, if any is ranked.
    pub fn chosen(&self) -> Option<&Judged> {
        self.best.first().filter(|judged| judged.inside.is_some())
    }
}

/// What is doubtful about one trial.
pub fn doubts_of(
    trials: &[TrialRow],
    judged: &Judged,
    dimensions: &[Dimension],
    objective: Objective,
) -> Vec<Warning> {
    doubts(judged, dimensions, objective, noise(trials, judged.number).as_ref())
}

const fn warning(code: &'static str, text: String) -> Warning {
    Warning { code, text }
}

fn nothing_ranked(trials: &[TrialRow], bounds: &Bounds) -> String {
    let traded = trials.iter().any(|trial| trial.windows.iter().any(|window| window.inside.trades > 0));
    if !traded {
        return "no trial has made a single trade".to_owned();
    }
    let drawdown = bounds.max_drawdown.map(|most| format!(" and at most {:.2} % drawdown", most * 100.0));
    format!(
        "no trial has at least {} trade(s){} in every in-sample part",
        bounds.min_trades.max(1),
        drawdown.unwrap_or_default()
    )
}

fn doubts(
    judged: &Judged,
    dimensions: &[Dimension],
    objective: Objective,
    noise: Option<&Noise>,
) -> Vec<Warning> {
    let mut found = Vec::new();
    match (judged.outside, judged.kept) {
        (None, _) => found.push(warning(
            "not_checked",
            "nothing was kept apart (--walk-forward 0): every figure is in-sample".to_owned(),
        )),
        (Some(_), None) => {
            let inside = judged.inside.map_or("not ranked".to_owned(), |value| format!("{value:.4}"));
            found.push(warning("no_edge", format!("{objective} is not above 0 even in sample: {inside}")));
        }
        (Some(outside), Some(kept)) if kept < KEPT_MIN => {
            found.push(warning(
                "gap",
                format!(
                    "out of sample {objective} is {outside:.4}, in sample {:.4}: {:.0} % of it was kept",
                    judged.inside.unwrap_or(0.0),
                    kept * 100.0
                ),
            ));
        }
        (Some(_), Some(_)) => {}
    }
    if let Some(noise) = noise
        && noise.trials > 1
        && noise.deflated.is_none_or(|deflated| deflated < PROBABILITY_MIN)
    {
        let deflated = noise.deflated.map_or("not defined".to_owned(), |deflated| format!("{deflated:.2}"));
        found.push(warning(
            "chance",
            format!(
                "the best of {} trials without any edge would have an in-sample Sharpe ratio of about {:.2}; this one \
                 has {:.2} (deflated Sharpe ratio {deflated}, below {PROBABILITY_MIN})",
                noise.trials, noise.expected_best_sharpe, noise.best_sharpe
            ),
        ));
        if noise.trials > usize::try_from(judged.inside_trades).unwrap_or(usize::MAX) {
            let text =
                format!("{} trials were made to explain {} trades", noise.trials, judged.inside_trades);
            found.push(warning("more_trials_than_trades", text));
        }
    }
    if judged.inside_trades < INSIDE_TRADES_MIN
        || (judged.outside.is_some() && judged.outside_trades < OUTSIDE_TRADES_MIN)
    {
        let text = format!(
            "few trades: {} in sample, {} out of sample",
            judged.inside_trades, judged.outside_trades
        );
        found.push(warning("few_trades", text));
    }
    found.extend(edges(judged, dimensions));
    found
}

/// Values at an end of their range, beyond which nobody has looked.
fn edges(judged: &Judged, dimensions: &[Dimension]) -> Vec<Warning> {
    let of = dimensions.iter().zip(&judged.values).filter(|(dimension, value)| {
        let ends = [dimension.values.first(), dimension.values.last()];
        dimension.is_ordered && dimension.values.len() > 2 && ends.contains(&Some(*value))
    });
    let text = |(dimension, value): (&Dimension, &String)| {
        let name = &dimension.name;
        warning("edge", format!("{name} = {value} is at the edge of its range: the best may lie beyond"))
    };
    of.map(text).collect()
}

fn windows(trials: &[TrialRow], objective: Objective, bounds: &Bounds) -> Vec<WindowReport> {
    let count = trials.first().map_or(0, |trial| trial.windows.len());
    let of = (0..count).filter_map(|place| {
        let known = trials.first()?.windows.get(place)?;
        let scores = trials.iter().filter_map(|trial| {
            let window = trial.windows.get(place)?;
            let score = super::objective::score(objective, bounds, std::iter::once(&window.inside))?;
            Some((score, trial.number, window))
        });
        // Of equal ones the earlier.
        let chosen = scores.min_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        let outside = chosen.and_then(|(_, _, window)| window.outside.as_ref());
        Some(WindowReport {
            window: place + 1,
            inside_from_ms: known.inside.from_ms,
            inside_to_ms: known.inside.to_ms,
            outside_from_ms: known.outside.as_ref().map(|figures| figures.from_ms),
            outside_to_ms: known.outside.as_ref().map(|figures| figures.to_ms),
            chosen: chosen.map(|(_, number, _)| number),
            inside: chosen.map(|(score, ..)| score),
            outside: outside.map(|figures| objective.value(figures).unwrap_or(0.0)),
            outside_return: outside.map(|figures| figures.total_return),
            outside_trades: outside.map(|figures| figures.trades),
        })
    });
    of.collect()
}

fn walk_forward(trials: &[TrialRow], windows: &[WindowReport]) -> Option<WalkForwardReport> {
    let parts: Vec<&Figures> = windows
        .iter()
        .filter_map(|report| {
            let trial = trials.iter().find(|trial| Some(trial.number) == report.chosen)?;
            trial.windows.get(report.window.checked_sub(1)?)?.outside.as_ref()
        })
        .collect();
    (!parts.is_empty()).then(|| WalkForwardReport {
        total_return: chained(parts.iter().copied()),
        trades: parts.iter().map(|figures| figures.trades).sum(),
        winners: parts.iter().filter(|figures| figures.total_return > 0.0).count(),
        windows: parts.len(),
    })
}

/// The in-sample Sharpe ratio of a trial by the day, with what it was measured on.
#[expect(clippy::cast_precision_loss, reason = "counts and days are far below 2^53")]
fn measured(trial: &TrialRow) -> Option<Measured> {
    let inside = || trial.windows.iter().map(|window| &window.inside);
    let count = trial.windows.len() as f64;
    let sharpe = inside().map(|figures| figures.sharpe).sum::<Option<f64>>()? / count;
    // Parts overlap: what counts is the time that they cover together.
    let from = inside().map(|figures| figures.from_ms).min()?;
    let to = inside().map(|figures| figures.to_ms).max()?;
    Some(Measured {
        sharpe: sharpe / DAYS_A_YEAR.sqrt(),
        returns: (to - from) as f64 / DAY_MS as f64,
        skewness: inside().map(|figures| figures.skewness).sum::<f64>() / count,
        kurtosis: inside().map(|figures| figures.kurtosis).sum::<f64>() / count,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of trials are far below 2^53")]
fn noise(trials: &[TrialRow], best: u32) -> Option<Noise> {
    let sharpes: Vec<f64> = trials.iter().filter_map(|trial| Some(measured(trial)?.sharpe)).collect();
    let best = measured(trials.iter().find(|trial| trial.number == best)?)?;
    let benchmark = expected_best(sharpes.len() as f64, deviation(&sharpes));
    Some(Noise {
        trials: sharpes.len(),
        best_sharpe: best.sharpe * DAYS_A_YEAR.sqrt(),
        expected_best_sharpe: benchmark * DAYS_A_YEAR.sqrt(),
        deflated: probability_above(&best, benchmark),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::space::tests::space;
    use crate::store::research::WindowFigures;

    fn figures(sharpe: f64, trades: u32) -> Figures {
        Figures {
            from_ms: 0,
            to_ms: 300 * DAY_MS,
            trades,
            wins: trades / 2,
            liquidations: 0,
            final_equity: "10000".parse().unwrap(),
            fees: "0".parse().unwrap(),
            total_return: sharpe / 10.0,
            max_drawdown: 0.1,
            exposure: 0.5,
            cagr: None,
            sharpe: Some(sharpe),
            sortino: None,
            calmar: None,
            profit_factor: None,
            expectancy: None,
            win_rate: None,
            days: 300,
            skewness: 0.0,
            kurtosis: 3.0,
        }
    }

    fn trial(number: u32, value: &str, windows: &[(f64, f64)]) -> TrialRow {
        let window = |(inside, outside): &(f64, f64)| WindowFigures {
            inside: figures(*inside, 50),
            outside: Some(figures(*outside, 20)),
        };
        TrialRow { number, values: vec![value.to_owned()], windows: windows.iter().map(window).collect() }
    }

    const BOUNDS: Bounds = Bounds { min_trades: 1, max_drawdown: None };

    #[test]
    fn the_choice_is_by_what_is_inside_and_the_doubt_by_what_is_outside() {
        let space = space(&[("fast", "3..5")]);
        let trials = [
            trial(1, "3", &[(1.0, 0.9), (1.0, 0.8)]),
            trial(2, "4", &[(1.5, 2.0), (0.1, 2.0)]),
            trial(3, "5", &[(1.4, 0.2), (1.4, 0.2)]),
        ];
        let report = Report::of(&space.dimensions, &trials, Objective::Sharpe, &BOUNDS);
        assert_eq!(report.best.iter().map(|judged| judged.number).collect::<Vec<_>>(), [3, 1, 2]);
        // Chosen anew in each window: trial 2, then trial 3.
        assert_eq!(report.windows.iter().map(|window| window.chosen).collect::<Vec<_>>(), [Some(2), Some(3)]);
        let walk = report.walk_forward.unwrap();
        assert!((walk.total_return - (1.2 * 1.02 - 1.0)).abs() < 1e-12 && walk.trades == 40);
        let codes: Vec<_> = report.warnings.iter().map(|warning| warning.code).collect();
        assert_eq!(codes, ["gap", "chance", "edge"]);
        assert_eq!(report.sensitivity[0].groups.len(), 3);
        assert!((report.sensitivity[0].influence - 1.0).abs() < 1e-12);
    }

    #[test]
    fn trials_that_break_their_bounds_are_not_ranked() {
        let space = space(&[("fast", "3..5")]);
        let mut trials = [trial(1, "3", &[(1.0, 0.9)]), trial(2, "4", &[(2.0, 2.0)])];
        trials[1].windows[0].inside.max_drawdown = 0.3;
        let bounds = Bounds { min_trades: 40, max_drawdown: Some(0.2) };
        let report = Report::of(&space.dimensions, &trials, Objective::Sharpe, &bounds);
        assert_eq!((report.trials, report.ranked, report.chosen().unwrap().number), (2, 1, 1));
        let none = Bounds { min_trades: 51, ..bounds };
        let report = Report::of(&space.dimensions, &trials, Objective::Sharpe, &none);
        assert!(report.chosen().is_none() && report.noise.is_none());
        assert!(report.warnings[0].text.contains("at least 51 trade(s) and at most 20.00 % drawdown"));
    }
}

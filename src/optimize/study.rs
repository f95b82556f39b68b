//! A search as it runs: batches of trials, each trial a backtest of every window, on all cores.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::figures;
use super::marks::{MarkStore, Wanted};
use super::objective::{Bounds, Objective, score};
use super::search::{Plan, Search, SearchError};
use super::space::{Point, Space, SpaceError};
use super::windows::{Span, Window};
use crate::backtest::driver::{self, Stride};
use crate::backtest::market::Market;
use crate::backtest::played::BacktestError;
use crate::backtest::setup::{BotSetup, Setup};
use crate::backtest::signals::SignalTable;
use crate::backtest::skipping::{self, Extent};
use crate::store::research::{Figures, TrialRow, WindowFigures};

/// What is searched, on what, and what for.
#[derive(Debug)]
pub struct Study {
    pub market: Market,
    /// The account, with one bot.
    pub base: Setup,
    pub space: Space,
    pub windows: Vec<Window>,
    pub objective: Objective,
    pub bounds: Bounds,
    pub plan: Plan,
}

#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error(transparent)]
    Space(#[from] SpaceError),
    #[error(transparent)]
    Backtest(#[from] BacktestError),
    #[error(
        "trial {number} is stored with {stored}, but the search asks for {asked}: it was made by another version"
    )]
    Different { number: u32, stored: String, asked: String },
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Complete,
    Stopped,
}

/// By number of the trial; `None` for one that is not ranked.
type Scores = Vec<(u32, Option<f64>)>;

/// Hears of each trial that was played, on whatever thread played it.
pub type Hear<'a> = &'a (dyn Fn(TrialRow) + Sync);
/// Whether to stop before the next trial.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

impl Study {
    /// What a trial is worth by its in-sample parts; `None` when it is not ranked.
    pub fn score(&self, windows: &[WindowFigures]) -> Option<f64> {
        score(self.objective, &self.bounds, windows.iter().map(|window| &window.inside))
    }

    /// Plays all trials but those in `known`, which were played before, on the cores of the current pool.
    pub fn search(
        &self,
        known: &BTreeMap<u32, TrialRow>,
        stop: Stop<'_>,
        hear: Hear<'_>,
    ) -> Result<End, StudyError> {
        let mut search = Search::new(&self.space, self.plan)?;
        let mut marks = MarkStore::default();
        let mut scores: Vec<Option<f64>> = Vec::new();
        loop {
            let batch = search.next(&self.space, &scores);
            if batch.is_empty() {
                return Ok(End::Complete);
            }
            let numbered = (1_u32..).skip(scores.len()).zip(&batch);
            let mut found: BTreeMap<u32, Option<f64>> = BTreeMap::new();
            let mut missing: Vec<(u32, &Point)> = Vec::new();
            for (number, point) in numbered {
                match known.get(&number) {
                    Some(row) => {
                        self.check_same(row, point)?;
                        found.insert(number, self.score(&row.windows));
                    }
                    None => missing.push((number, point)),
                }
            }
            let Some(played) = self.play_batch(&mut marks, &missing, stop, hear)? else {
                return Ok(End::Stopped);
            };
            found.extend(played);
            scores.extend(found.into_values());
        }
    }

    fn check_same(&self, row: &TrialRow, point: &Point) -> Result<(), StudyError> {
        let asked = self.values(point);
        if row.values == asked {
            return Ok(());
        }
        let (stored, asked) = (row.values.join(", "), asked.join(", "));
        Err(StudyError::Different { number: row.number, stored, asked })
    }

    fn values(&self, point: &Point) -> Vec<String> {
        self.space.named(point).map(|(_, value)| value.to_owned()).collect()
    }

    /// The scores of the trials; `None` when it was stopped.
    fn play_batch(
        &self,
        marks: &mut MarkStore,
        trials: &[(u32, &Point)],
        stop: Stop<'_>,
        hear: Hear<'_>,
    ) -> Result<Option<Scores>, StudyError> {
        if stop() {
            return Ok(None);
        }
        let trials = trials
            .iter()
            .map(|(number, point)| self.trial(*number, point))
            .collect::<Result<Vec<Trial>, StudyError>>()?;
        if self.base.gates.is_none() {
            let wanted: Vec<Wanted> = trials.iter().map(|trial| trial.wanted.clone()).collect();
            marks.prepare(&self.market, &wanted, &self.spans());
        }
        let marks = &*marks;
        let scores = trials.par_iter().map(|trial| {
            if stop() {
                return Ok(None);
            }
            let windows = self.play(marks, trial)?;
            let score = self.score(&windows);
            hear(TrialRow { number: trial.number, values: trial.values.clone(), windows });
            Ok(Some((trial.number, score)))
        });
        scores.collect()
    }

    fn trial(&self, number: u32, point: &Point) -> Result<Trial, StudyError> {
        let setup = self.space.setup(&self.base, point)?;
        let spec = setup.bots.first().and_then(BotSetup::spec);
        let wanted =
            spec.map(|spec| Wanted::new(&spec.params, spec.timeframe.unwrap_or(self.market.timeframe)));
        let Some(wanted) = wanted else { return Err(SpaceError::Bots { bots: 0 }.into()) };
        Ok(Trial { number, values: self.values(point), setup, wanted })
    }

    /// Every part of every window.
    fn spans(&self) -> Vec<Span> {
        self.windows.iter().flat_map(|window| [Some(window.inside), window.outside]).flatten().collect()
    }

    fn play(&self, marks: &MarkStore, trial: &Trial) -> Result<Vec<WindowFigures>, BacktestError> {
        let windows = self.windows.par_iter().map(|window| {
            Ok(WindowFigures {
                inside: self.play_span(marks, trial, window.inside)?,
                outside: window.outside.map(|span| self.play_span(marks, trial, span)).transpose()?,
            })
        });
        windows.collect()
    }

    /// One backtest, which begins with the capital and nothing else.
    fn play_span(&self, marks: &MarkStore, trial: &Trial, span: Span) -> Result<Figures, BacktestError> {
        let Trial { setup, wanted, .. } = trial;
        if setup.gates.is_some() {
            let mut setup = setup.clone();
            setup.from = self.market.at(span.0).map(|at| at.minus(self.market.timeframe.duration()));
            setup.to = span.1.checked_sub(1).and_then(|last| self.market.at(last));
            let played = driver::play(&self.market, &setup, Stride::EveryBar)?;
            return Ok(figures::of(&self.market, &setup, &played));
        }
        let table = SignalTable::assemble(&self.market, setup, |lane, _, _| {
            marks.of(&self.market, wanted, span.0, lane)
        })?;
        let played = skipping::play_on(&self.market, setup, span, (&table, Extent::Trades));
        Ok(figures::of(&self.market, setup, &played))
    }
}

/// A combination, ready to be played.
struct Trial {
    number: u32,
    values: Vec<String>,
    setup: Setup,
    wanted: Wanted,
}

#[cfg(test)]
mod tests;

//! The market of a backtest: one series a symbol, all of one timeframe, on one line of time.

use std::collections::BTreeMap;

use super::columns::{Columns, ColumnsError};
use crate::domain::instrument::Symbol;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::time::{Timeframe, Timestamp};
use crate::market::tape::{Tape, TapeError};

/// Why there is no market.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    #[error("{symbol} {timeframe}: {source}")]
    Columns { symbol: Symbol, timeframe: Timeframe, source: ColumnsError },
    #[error("no series to trade on")]
    Empty,
    #[error("the series are of several timeframes ({first} and {other}); a backtest steps one at a time")]
    Mixed { first: Timeframe, other: Timeframe },
    #[error(transparent)]
    Tape(#[from] TapeError),
}

/// One symbol's bars and where they are on the line of time.
#[derive(Debug, Clone)]
pub struct Lane {
    pub symbol: Symbol,
    pub columns: Columns,
    /// By step, how many bars have closed by then; `None` where every step has its bar.
    counts: Option<Vec<usize>>,
}

impl Lane {
    /// How many of its bars have closed by step `step`.
    pub fn count(&self, step: usize) -> usize {
        self.counts.as_ref().map_or(step + 1, |counts| counts.get(step).copied().unwrap_or(0))
    }

    /// The bar that closed with step `step`.
    pub fn bar_at(&self, step: usize) -> Option<usize> {
        let count = self.count(step);
        let before = step.checked_sub(1).map_or(0, |step| self.count(step));
        if count > before { count.checked_sub(1) } else { None }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Market {
    pub timeframe: Timeframe,
    /// Sorted by symbol.
    pub lanes: Vec<Lane>,
    /// Close times of all bars, in ms, each once.
    pub steps: Vec<i64>,
}

impl Market {
    pub fn new(series: BTreeMap<Symbol, Columns>) -> Result<Self, MarketError> {
        let timeframe = series.values().next().ok_or(MarketError::Empty)?.timeframe;
        if let Some(other) = series.values().find(|columns| columns.timeframe != timeframe) {
            return Err(MarketError::Mixed { first: timeframe, other: other.timeframe });
        }
        let steps = line_of_time(&series, timeframe);
        let lanes = series.into_iter().map(|(symbol, columns)| {
            let counts = (columns.len() != steps.len()).then(|| counts(&columns, &steps));
            Lane { symbol, columns, counts }
        });
        Ok(Self { timeframe, lanes: lanes.collect(), steps })
    }

    /// The series of a tape with this timeframe.
    pub fn of_tape(tape: &Tape, timeframe: Timeframe) -> Result<Self, MarketError> {
        let mut series = BTreeMap::new();
        for (symbol, of) in tape.keys().filter(|(_, of)| *of == timeframe) {
            let candles = tape.candles(symbol, *of).unwrap_or_default();
            let columns = Columns::of(*of, &candles).map_err(|source| MarketError::Columns {
                symbol: symbol.clone(),
                timeframe,
                source,
            })?;
            series.insert(symbol.clone(), columns);
        }
        Self::new(series)
    }

    /// The same bars for a feed.
    pub fn tape(&self) -> Result<Tape, MarketError> {
        let all = self.lanes.iter().map(|lane| {
            let candles = lane.columns.candles(0, lane.columns.len()).collect();
            ((lane.symbol.clone(), self.timeframe), candles)
        });
        Ok(Tape::from_candles(all.collect())?)
    }

    pub fn symbols(&self) -> Vec<Symbol> {
        self.lanes.iter().map(|lane| lane.symbol.clone()).collect()
    }

    pub fn lane(&self, symbol: &Symbol) -> Option<&Lane> {
        self.place(symbol).map(|(_, lane)| lane)
    }

    /// A symbol's lane, and its place among them.
    pub fn place(&self, symbol: &Symbol) -> Option<(usize, &Lane)> {
        let place = self.lanes.binary_search_by(|lane| lane.symbol.cmp(symbol)).ok()?;
        self.lanes.get(place).map(|lane| (place, lane))
    }

    /// When step `step` is.
    pub fn at(&self, step: usize) -> Option<Timestamp> {
        self.steps.get(step).map(|at| Timestamp::from_ms(*at))
    }

    /// The first step at or after `at`.
    pub fn step_at(&self, at: Timestamp) -> usize {
        self.steps.partition_point(|step| *step < at.ms())
    }

    /// The step that brings bar `bar` of a lane.
    pub fn step_of(&self, lane: &Lane, bar: usize) -> Option<usize> {
        let at = lane.columns.close_time(bar)?;
        Some(if lane.counts.is_some() { self.step_at(at) } else { bar })
    }

    /// The steps that are traded: from the bar that opens at `from` to the one that closes by `to`.
    pub fn span(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> (usize, usize) {
        let first = from.map_or(0, |from| self.steps.partition_point(|step| *step <= from.ms()));
        let end = to.map_or(self.steps.len(), |to| self.steps.partition_point(|step| *step <= to.ms()));
        (first, end)
    }

    /// The bars of some lanes, by place, that closed with step `step`.
    pub fn step(&self, step: usize, places: impl Iterator<Item = usize>) -> MarketStep {
        let lanes = places.filter_map(|place| self.lanes.get(place));
        self.bars(step, lanes.filter_map(|lane| Some((lane, lane.bar_at(step)?))))
    }

    /// Bars of lanes as they are known at step `step`.
    pub fn bars<'a>(&self, step: usize, bars: impl Iterator<Item = (&'a Lane, usize)>) -> MarketStep {
        MarketStep {
            at: self.at(step).unwrap_or_default(),
            price_bars: bars.filter_map(|(lane, index)| self.bar(lane, index)).collect(),
            closed_bars: Vec::new(),
        }
    }

    fn bar(&self, lane: &Lane, index: usize) -> Option<Bar> {
        let candle = lane.columns.candle(index)?;
        Some(Bar { symbol: lane.symbol.clone(), timeframe: self.timeframe, candle, complete: true })
    }
}

fn line_of_time(series: &BTreeMap<Symbol, Columns>, timeframe: Timeframe) -> Vec<i64> {
    let mut opens: Vec<i64> = Vec::new();
    for columns in series.values() {
        if opens != columns.open_times {
            opens.extend(&columns.open_times);
        }
    }
    if !opens.is_sorted() {
        opens.sort_unstable();
    }
    opens.dedup();
    let length = timeframe.duration().ms();
    opens.into_iter().map(|open| open.saturating_add(length)).collect()
}

fn counts(columns: &Columns, steps: &[i64]) -> Vec<usize> {
    let length = columns.timeframe.duration().ms();
    let mut closes = columns.open_times.iter().map(|open| open.saturating_add(length)).peekable();
    let mut count = 0;
    let counts = steps.iter().map(|step| {
        while closes.next_if(|close| close <= step).is_some() {
            count += 1;
        }
        count
    });
    counts.collect()
}

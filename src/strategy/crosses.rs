//! The plain crosses over a whole series: one parameter set, or several at once.
//!
//! A cross of two EMAs and a cross of MACD's lines are the same thing: a difference that changes its sign. Once its
//! averages are running, eight sets go through the series together: an average waits for itself from bar to bar, and
//! the others fill that time. Each does the arithmetic of the streaming form, operation by operation, so that what is
//! said of a bar is the same to the last bit.

use std::ops::Range;

use super::StrategyParams;
use super::ema_cross::{EmaCrossParams, crossed};
use super::macd::MacdParams;
use super::pieces::{marks_in_pieces, run_up};
use super::scan::{BarColumns, Mark};
use crate::domain::side::PositionSide;
use crate::signal::indicator::{Average, Ema, Macd};

/// Sets that go together.
pub(super) const LANES: usize = 8;

/// Confidence of a cross is never below this.
const CROSS_CONFIDENCE: f64 = 0.5;

/// The lines whose difference is looked at.
#[derive(Debug, Clone)]
enum Lines {
    Ema { fast: Ema, slow: Ema },
    Macd(Macd),
}

/// A plain cross on its way through a series.
#[derive(Debug, Clone)]
pub(super) struct Cross {
    lines: Lines,
    /// Bars after which the lines are there, at the latest.
    pub(super) warmup: usize,
    allow_short: bool,
    /// Whether the opposite cross closes a position.
    exits: bool,
    previous: Option<f64>,
}

impl Cross {
    /// `None` for a strategy that looks at more.
    pub(super) fn of(params: &StrategyParams) -> Option<Self> {
        let (lines, allow_short, exits) = match params {
            StrategyParams::EmaCross(own) if is_plain_ema(own) => {
                let lines = Lines::Ema { fast: Ema::new(own.fast), slow: Ema::new(own.slow) };
                (lines, own.allow_short, own.exit_on_cross)
            }
            StrategyParams::Macd(own) if is_plain_macd(own) => {
                (Lines::Macd(Macd::new(own.fast, own.slow, own.signal)), own.allow_short, false)
            }
            StrategyParams::EmaCross(_)
            | StrategyParams::Macd(_)
            | StrategyParams::Momentum(_)
            | StrategyParams::AiTrend(_) => return None,
        };
        let warmup = match &lines {
            Lines::Ema { fast, slow } => fast.warmup().max(slow.warmup()),
            Lines::Macd(macd) => macd.warmup(),
        };
        let warmup = usize::try_from(warmup).unwrap_or(usize::MAX);
        Some(Self { lines, warmup, allow_short, exits, previous: None })
    }

    /// Takes the bars in one by one.
    pub(super) fn advance(&mut self, bars: &BarColumns<'_>, range: Range<usize>, marks: &mut Vec<Mark>) {
        let closes = bars.close.get(range.clone()).unwrap_or_default();
        for (bar, close) in range.zip(closes) {
            let now = match &mut self.lines {
                Lines::Ema { fast, slow } => {
                    let (fast, slow) = (fast.push(*close), slow.push(*close));
                    fast.zip(slow).map(|(fast, slow)| fast - slow)
                }
                Lines::Macd(macd) => macd.push(*close).map(|lines| lines.histogram),
            };
            if let Some(side) = crossed(self.previous, now) {
                marks.extend(self.mark(bars, bar, side));
            }
            self.previous = now;
        }
    }

    /// Whether a cross downwards can say anything.
    pub(super) const fn looks_down(&self) -> bool {
        self.allow_short || self.exits
    }

    pub(super) fn mark(&self, bars: &BarColumns<'_>, bar: usize, side: PositionSide) -> Option<Mark> {
        let allowed = side == PositionSide::Long || self.allow_short;
        let exits = |of: PositionSide| self.exits && side != of;
        let mark = Mark {
            bar,
            entry: Some(side).filter(|_| allowed && bars.is_complete(bar)),
            exit_long: exits(PositionSide::Long),
            exit_short: exits(PositionSide::Short),
        };
        (mark.entry.is_some() || mark.exit_long || mark.exit_short).then_some(mark)
    }

    /// The fast, the slow and the signal line's average; `None` while warming up.
    fn averages(&self) -> Option<[Average; 3]> {
        match &self.lines {
            // Without a signal line the difference is the line itself.
            Lines::Ema { fast, slow } => {
                Some([fast.running()?, slow.running()?, Average { value: 0.0, smoothing: 0.0 }])
            }
            Lines::Macd(macd) => macd.running(),
        }
    }
}

pub(super) fn is_plain_ema(params: &EmaCrossParams) -> bool {
    params.trend == 0 && params.min_confidence <= CROSS_CONFIDENCE
}

pub(super) fn is_plain_macd(params: &MacdParams) -> bool {
    params.conditions_calm == 0
        && params.conditions_volatile == 0
        && params.min_confidence <= CROSS_CONFIDENCE
}

/// What one cross says of the whole series.
pub(super) fn alone(mut cross: Cross, bars: &BarColumns<'_>) -> Vec<Mark> {
    let end = bars.close.len();
    let meeting = cross.warmup.min(end);
    let mut marks = Vec::new();
    cross.advance(bars, 0..meeting, &mut marks);
    match marks_in_pieces(&cross, bars, meeting..end, run_up(&cross)) {
        Some(found) => marks.extend(found),
        None => cross.advance(bars, meeting..end, &mut marks),
    }
    marks
}

/// What up to [`LANES`] crosses say, each from a bar of its own on.
pub(super) fn together(mut crosses: Vec<(Cross, usize)>, bars: &BarColumns<'_>) -> Vec<Vec<Mark>> {
    let end = bars.close.len();
    let mut marks: Vec<Vec<Mark>> = crosses.iter().map(|_| Vec::new()).collect();
    let starts = crosses.iter().map(|(cross, first)| first.saturating_add(cross.warmup));
    let meeting = starts.max().unwrap_or(0).min(end);
    for ((cross, first), marks) in crosses.iter_mut().zip(&mut marks) {
        cross.advance(bars, (*first).min(meeting)..meeting, marks);
    }
    match Lanes::of(&crosses) {
        Some(mut lanes) if crosses.len() > 1 => lanes.run(&crosses, bars, meeting, &mut marks),
        Some(_) | None => {
            for ((cross, _), marks) in crosses.iter_mut().zip(&mut marks) {
                cross.advance(bars, meeting..end, marks);
            }
        }
    }
    marks
}

pub(super) type Numbers = [f64; LANES];

/// The averages of all crosses, side by side.
#[derive(Clone)]
pub(super) struct Lanes {
    fast: Numbers,
    slow: Numbers,
    signal: Numbers,
    smoothing: [Numbers; 3],
    pub(super) previous: Numbers,
}

impl Lanes {
    /// One cross in all lanes; `None` while it is warming up.
    pub(super) fn alike(cross: &Cross) -> Option<Self> {
        let [fast, slow, signal] = cross.averages()?;
        Some(Self {
            fast: [fast.value; LANES],
            slow: [slow.value; LANES],
            signal: [signal.value; LANES],
            smoothing: [fast, slow, signal].map(|average| [average.smoothing; LANES]),
            previous: [cross.previous?; LANES],
        })
    }

    /// Has a lane go on where one of `other` stands.
    pub(super) fn take_over(&mut self, lane: usize, other: &Self, of: usize) -> Option<()> {
        let columns = [&mut self.fast, &mut self.slow, &mut self.signal, &mut self.previous];
        for (column, other) in columns.into_iter().zip(other.columns()) {
            *column.get_mut(lane)? = *other.get(of)?;
        }
        Some(())
    }

    /// Where a lane stands, to the last bit.
    pub(super) fn bits(&self, lane: usize) -> [Option<u64>; 4] {
        self.columns().map(|column| column.get(lane).map(|value| value.to_bits()))
    }

    const fn columns(&self) -> [&Numbers; 4] {
        [&self.fast, &self.slow, &self.signal, &self.previous]
    }

    /// `None` while one of them is still warming up, or where there are too many.
    fn of(crosses: &[(Cross, usize)]) -> Option<Self> {
        // A lane that nobody uses stays at 1, and so never changes its sign.
        let mut lanes = Self {
            fast: [1.0; LANES],
            slow: [0.0; LANES],
            signal: [0.0; LANES],
            smoothing: [[0.0; LANES]; 3],
            previous: [1.0; LANES],
        };
        for (place, (cross, _)) in crosses.iter().enumerate() {
            let [fast, slow, signal] = cross.averages()?;
            *lanes.fast.get_mut(place)? = fast.value;
            *lanes.slow.get_mut(place)? = slow.value;
            *lanes.signal.get_mut(place)? = signal.value;
            for (all, one) in lanes.smoothing.iter_mut().zip([fast, slow, signal]) {
                *all.get_mut(place)? = one.smoothing;
            }
            *lanes.previous.get_mut(place)? = cross.previous?;
        }
        Some(lanes)
    }

    fn run(
        &mut self,
        crosses: &[(Cross, usize)],
        bars: &BarColumns<'_>,
        first: usize,
        marks: &mut [Vec<Mark>],
    ) {
        let closes = bars.close.get(first..).unwrap_or_default();
        let wanted = crosses.iter().any(|(cross, _)| cross.looks_down());
        for (first, closes) in (first..).step_by(BATCH).zip(closes.chunks(BATCH)) {
            let found = self.advance(closes.iter().map(|close| [*close; LANES]), wanted);
            for (place, lane, side) in found.sides() {
                if let Some(((cross, _), marks)) = crosses.get(lane).zip(marks.get_mut(lane)) {
                    marks.extend(cross.mark(bars, first + place, side));
                }
            }
        }
    }

    /// What crosses in the next bars, at most [`BATCH`] of them; downwards only where that is `wanted`.
    #[inline]
    pub(super) fn advance(&mut self, closes: impl Iterator<Item = Numbers>, wanted: bool) -> Crossings {
        let mut found = Crossings { places: [(0, 0); BATCH], count: 0 };
        let signs = |now: &Numbers| above_zero(now) | if wanted { below_zero(now) << LANES } else { 0 };
        let mut before = signs(&self.previous);
        for (place, closes) in (0..).zip(closes) {
            self.previous = self.step(&closes);
            let now = signs(&self.previous);
            found.note(place, now & !before);
            before = now;
        }
        found
    }

    /// The differences after one more close in each lane.
    #[inline]
    pub(super) fn step(&mut self, closes: &Numbers) -> Numbers {
        let [fast, slow, signal] = &self.smoothing;
        average(&mut self.fast, closes, fast);
        average(&mut self.slow, closes, slow);
        let line = difference(&self.fast, &self.slow);
        average(&mut self.signal, &line, signal);
        difference(&line, &self.signal)
    }
}

#[inline]
fn average(values: &mut Numbers, inputs: &Numbers, smoothing: &Numbers) {
    for ((value, input), smoothing) in values.iter_mut().zip(inputs).zip(smoothing) {
        *value += (input - *value) * smoothing;
    }
}

#[inline]
fn difference(from: &Numbers, less: &Numbers) -> Numbers {
    let mut found = *from;
    for (found, less) in found.iter_mut().zip(less) {
        *found -= less;
    }
    found
}

/// Bars that are gone through before anybody looks at what crossed in them.
pub(super) const BATCH: usize = 256;

/// Where lanes cross: the place of a bar, and a bit for each lane that crosses upwards there, and eight bits higher for
/// each that crosses downwards. Crosses come too often for a branch to foresee them, so that all bars are noted, and the
/// next overwrites one in which nothing crosses.
pub(super) struct Crossings {
    places: [(usize, u64); BATCH],
    count: usize,
}

impl Crossings {
    #[inline]
    fn note(&mut self, place: usize, lanes: u64) {
        if let Some(slot) = self.places.get_mut(self.count) {
            *slot = (place, lanes);
            self.count += usize::from(lanes != 0);
        }
    }

    /// Place, lane and side of each, in order of place and lane.
    pub(super) fn sides(&self) -> impl Iterator<Item = (usize, usize, PositionSide)> {
        let places = self.places.iter().take(self.count);
        places.flat_map(|(place, lanes)| {
            let (up, down) = (lanes & ALL_LANES, lanes >> LANES);
            let mut left = up | down;
            std::iter::from_fn(move || {
                let lane = usize::try_from(left.trailing_zeros()).ok().filter(|lane| *lane < LANES)?;
                left &= left - 1;
                let side = if (up >> lane) & 1 == 1 { PositionSide::Long } else { PositionSide::Short };
                Some((*place, lane, side))
            })
        })
    }
}

const ALL_LANES: u64 = (1 << LANES) - 1;
const BITS: [u64; LANES] = [1, 2, 4, 8, 16, 32, 64, 128];

/// The lanes with a number above zero, a bit each.
#[inline]
fn above_zero(numbers: &Numbers) -> u64 {
    numbers.iter().zip(BITS).fold(0, |all, (number, bit)| all | if *number > 0.0 { bit } else { 0 })
}

/// The lanes with a number below zero, a bit each.
#[inline]
fn below_zero(numbers: &Numbers) -> u64 {
    numbers.iter().zip(BITS).fold(0, |all, (number, bit)| all | if *number < 0.0 { bit } else { 0 })
}

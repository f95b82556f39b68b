//! Builds coarser bars from finer ones, exactly, one finer bar at a time.
//!
//! Windows are aligned to 00:00 UTC. A window is closed by its last finer bar, or by the first finer bar after its
//! end when the last is missing; a window without any finer bar yields nothing.

use crate::domain::candle::Candle;
use crate::domain::time::Timeframe;

/// A coarser bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregate {
    pub candle: Candle,
    /// Every finer bar was there and complete itself.
    pub complete: bool,
}

/// Collects the bars of one series into bars of `target`.
#[derive(Debug, Clone)]
pub struct Aggregator {
    base: Timeframe,
    target: Timeframe,
    window: Option<Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    candle: Candle,
    parts: i64,
    parts_complete: bool,
}

impl Aggregator {
    /// `None` unless bars of `target` consist of two or more whole bars of `base`.
    pub fn try_new(base: Timeframe, target: Timeframe) -> Option<Self> {
        (target > base && target.is_multiple_of(base)).then_some(Self { base, target, window: None })
    }

    pub const fn target(&self) -> Timeframe {
        self.target
    }

    /// How many finer bars a whole coarser bar has.
    pub const fn parts(&self) -> i64 {
        self.target.duration().ms() / self.base.duration().ms()
    }

    /// Takes the next finer bar (later than all before it) and yields what it closes, in order of time: an earlier
    /// window whose last bars are missing, and the window this bar ends.
    pub fn push(&mut self, candle: &Candle, complete: bool) -> [Option<Aggregate>; 2] {
        let start = self.target.bar_start(candle.open_time);
        let overdue = self.window.take_if(|window| window.candle.open_time != start);
        let window = self.window.take().map_or(
            Window { candle: Candle { open_time: start, ..*candle }, parts: 1, parts_complete: complete },
            |window| window.with(candle, complete),
        );
        let over = candle.close_time(self.base) >= start.plus(self.target.duration());
        let closed = if over {
            Some(window)
        } else {
            self.window = Some(window);
            None
        };
        [overdue, closed].map(|window| window.map(|window| self.aggregate(&window)))
    }

    const fn aggregate(&self, window: &Window) -> Aggregate {
        let complete = window.parts_complete && window.parts == self.parts();
        Aggregate { candle: window.candle, complete }
    }
}

impl Window {
    fn with(self, part: &Candle, complete: bool) -> Self {
        let candle = Candle {
            open_time: self.candle.open_time,
            open: self.candle.open,
            high: self.candle.high.max(part.high),
            low: self.candle.low.min(part.low),
            close: part.close,
            volume: self.candle.volume + part.volume,
        };
        Self { candle, parts: self.parts + 1, parts_complete: self.parts_complete && complete }
    }
}

#[cfg(test)]
mod tests;

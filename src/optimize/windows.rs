//! Which bars a trial is judged on: walk-forward windows, each of a part to choose by and a part to be checked on.
//!
//! The span is cut into equal segments. A window's out-of-sample part is one segment; its in-sample part is the `ratio`
//! segments before it, or, anchored, all bars before it. Out-of-sample parts follow one another without overlap and end
//! with the span (R. Pardo, "The Evaluation and Optimization of Trading Strategies", 2nd ed. 2008, chapter 11).

/// Bars of a segment below which its figures say nothing.
pub const SEGMENT_MIN: usize = 10;

/// Steps of the market: the first, and behind the last.
pub type Span = (usize, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkForward {
    /// How many; with none the whole span is in-sample.
    pub windows: usize,
    /// Segments of the in-sample part of a rolling window, and of the first anchored one.
    pub ratio: usize,
    /// In-sample parts begin with the span, instead of rolling on.
    pub anchored: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub inside: Span,
    pub outside: Option<Span>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error(
        "{windows} walk-forward windows with {ratio} parts in-sample to 1 out-of-sample need {needed} bars, \
         {SEGMENT_MIN} a part; the span has {bars}"
    )]
    TooShort { windows: usize, ratio: usize, needed: usize, bars: usize },
    #[error("{what} is {value}, allowed is {allowed}")]
    NotAllowed { what: &'static str, value: usize, allowed: &'static str },
}

impl WalkForward {
    /// The windows over `span`, oldest first. What does not fill a segment is added to the first in-sample part.
    pub fn windows(self, span: Span) -> Result<Vec<Window>, WindowError> {
        let allowed = |what, value, allowed| Err(WindowError::NotAllowed { what, value, allowed });
        if self.windows > 100 {
            return allowed("--walk-forward", self.windows, "0 to 100 windows");
        }
        if !(1..=100).contains(&self.ratio) {
            return allowed("--in-sample", self.ratio, "1 to 100");
        }
        if self.windows == 0 {
            return Ok(vec![Window { inside: span, outside: None }]);
        }
        let bars = span.1.saturating_sub(span.0);
        let parts = self.ratio + self.windows;
        let length = bars / parts;
        if length < SEGMENT_MIN {
            let needed = parts * SEGMENT_MIN;
            return Err(WindowError::TooShort { windows: self.windows, ratio: self.ratio, needed, bars });
        }
        let begin = span.1 - self.windows * length;
        let windows = (0..self.windows).map(|number| {
            let cut = begin + number * length;
            let rolling = if number == 0 { span.0 } else { cut - self.ratio * length };
            let first = if self.anchored { span.0 } else { rolling };
            Window { inside: (first, cut), outside: Some((cut, cut + length)) }
        });
        Ok(windows.collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Nothing is checked on bars it was chosen by, and no bar is checked twice.
        #[test]
        fn parts_never_overlap(
            first in 0_usize..1_000,
            bars in 0_usize..5_000,
            windows in 1_usize..12,
            ratio in 1_usize..8,
            anchored: bool,
        ) {
            let span = (first, first + bars);
            let plan = WalkForward { windows, ratio, anchored };
            let Ok(found) = plan.windows(span) else {
                prop_assert!(bars < (ratio + windows) * (SEGMENT_MIN + 1));
                return Ok(());
            };
            prop_assert_eq!(found.len(), windows);
            let mut end = None;
            for window in &found {
                let outside = window.outside.unwrap();
                prop_assert!(window.inside.0 >= span.0 && window.inside.0 < window.inside.1);
                prop_assert_eq!(window.inside.1, outside.0);
                prop_assert!(outside.1 > outside.0);
                prop_assert!(end.is_none_or(|end| end == outside.0));
                prop_assert!(!anchored || window.inside.0 == span.0);
                end = Some(outside.1);
            }
            prop_assert_eq!(end, Some(span.1));
        }
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let plan = WalkForward { windows: 20, ratio: 3, anchored: false };
        let error = plan.windows((0, 100)).unwrap_err();
        assert_eq!(error, WindowError::TooShort { windows: 20, ratio: 3, needed: 230, bars: 100 });
        let whole = WalkForward { windows: 0, ..plan }.windows((5, 100)).unwrap();
        assert_eq!(whole, [Window { inside: (5, 100), outside: None }]);
    }
}

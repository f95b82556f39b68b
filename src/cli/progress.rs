//! How a run shows where it stands: a bar where a person looks, a line now and then where a log is kept.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Output;
use crate::daemon::counters::Progress;
use crate::daemon::timer::WallTimer;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

pub(super) struct RunProgress {
    out: Output,
    bar: ProgressBar,
    line: WallTimer,
}

impl RunProgress {
    pub(super) fn start(out: Output) -> Self {
        let bar = if out.is_json() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        bar.set_draw_target(if out.is_json() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        });
        Self { out, bar, line: WallTimer::new(LINE_EVERY) }
    }

    /// Log lines go above the bar.
    pub(super) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    pub(super) fn show(&mut self, now: &Progress) {
        let counts = now.counts;
        if let Some(total) = now.cycles_total
            && self.bar.length() != Some(total)
        {
            self.bar.set_length(total);
            self.bar.set_style(sized_style());
        }
        self.bar.set_position(counts.cycles);
        let text = format!(
            "{} | {} cycles | {} orders | {} fills | {} trades",
            now.at, counts.cycles, counts.orders, counts.fills, counts.trades
        );
        if self.bar.is_hidden() && !self.out.is_json() && self.line.is_due() {
            self.out.note(&text);
        }
        self.bar.set_message(text);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// [`sized_bar`], but nothing where the answer is JSON.
pub(super) fn sized_bar_of(out: Output) -> ProgressBar {
    if out.is_json() { ProgressBar::hidden() } else { sized_bar() }
}

/// A bar on stderr whose length is set later; where there is no terminal it shows nothing.
pub(super) fn sized_bar() -> ProgressBar {
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10)).with_style(sized_style())
}

fn sized_style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg} ({eta} left)");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

//! Wall time of two pieces of work, measured in turns so that what else the machine does weighs on both.

use std::time::Instant;

/// Medians over the rounds, in the unit of the measured functions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) subject: f64,
    pub(crate) baseline: f64,
}

impl Pair {
    /// How many times the baseline the subject is.
    pub(crate) fn ratio(self) -> f64 {
        self.subject / self.baseline
    }
}

/// Runs both `rounds` times, one after the other. Each returns what it measured, so that setting up costs nothing.
pub(crate) fn paired(
    rounds: usize,
    mut subject: impl FnMut() -> anyhow::Result<f64>,
    mut baseline: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<Pair> {
    let mut measured = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        measured.0.push(subject()?);
        measured.1.push(baseline()?);
    }
    Ok(Pair { subject: median(measured.0), baseline: median(measured.1) })
}

/// Nanoseconds that `work` took, divided by the `pieces` it did.
pub(crate) fn nanoseconds_each(pieces: u32, work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e9 / f64::from(pieces)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

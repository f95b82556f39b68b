//! The exchange's clock, as far as it can be known from here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Sleep;
use crate::domain::time::{DurationMs, Timestamp};

/// Samples the best one is chosen from.
const SAMPLES: usize = 8;

/// Our clock and its measured difference from the exchange's.
pub struct ServerClock {
    sleep: Arc<dyn Sleep>,
    /// The exchange's clock minus ours, in milliseconds.
    offset: AtomicI64,
    samples: Mutex<VecDeque<Sample>>,
}

/// An answer that took longer may have been asked for several times, and does not tell when it was given.
const TELLING: DurationMs = DurationMs::from_secs(2);

/// What one answer says: the offset is between `least` and `most`.
#[derive(Debug, Clone, Copy)]
struct Sample {
    least: i64,
    most: i64,
}

impl Sample {
    fn width(self) -> i64 {
        self.most.saturating_sub(self.least)
    }

    /// The middle, unless the answer took so long that it says little: then what is believed, as far as it can be true.
    fn estimate(self, believed: i64) -> i64 {
        if self.width() <= TELLING.ms() {
            self.least.saturating_add(self.width() / 2)
        } else {
            believed.clamp(self.least, self.most)
        }
    }

    fn contradicts(self, other: Self) -> bool {
        self.least > other.most || other.least > self.most
    }
}

impl ServerClock {
    /// The clocks are the same until something is learnt.
    pub fn new(sleep: Arc<dyn Sleep>) -> Self {
        Self { sleep, offset: AtomicI64::new(0), samples: Mutex::new(VecDeque::with_capacity(SAMPLES)) }
    }

    /// The exchange's time: what requests are signed with.
    pub fn now(&self) -> Timestamp {
        self.to_server(self.sleep.now())
    }

    /// Our time: what deadlines are in.
    pub fn local_now(&self) -> Timestamp {
        self.sleep.now()
    }

    pub fn sleep(&self) -> &Arc<dyn Sleep> {
        &self.sleep
    }

    /// The exchange's clock minus ours.
    pub fn offset(&self) -> DurationMs {
        DurationMs::from_ms(self.offset.load(Ordering::Relaxed))
    }

    /// The same; `None` until it was measured.
    pub fn measured_offset(&self) -> Option<DurationMs> {
        let is_measured = !self.lock().is_empty();
        is_measured.then(|| self.offset())
    }

    /// For how long our clock has stood still since the offset was `before`: a machine that is paused from outside does
    /// not notice by itself. Zero where it was not known before.
    pub fn stood_still_since(&self, before: Option<DurationMs>) -> DurationMs {
        before.map_or(DurationMs::ZERO, |before| {
            DurationMs::from_ms(self.offset().ms().saturating_sub(before.ms()).max(0))
        })
    }

    pub fn to_server(&self, local: Timestamp) -> Timestamp {
        local.plus(self.offset())
    }

    pub fn from_server(&self, server: Timestamp) -> Timestamp {
        server.minus(self.offset())
    }

    /// Takes in the exchange's time told in an answer, and when (by our clock) the request left and the answer came.
    /// Of the last few the one with the shortest way counts. One that cannot be true together with it says that a
    /// clock was set: then only the new one counts.
    pub fn learn(&self, sent_at: Timestamp, received_at: Timestamp, server_time: Timestamp) {
        let sample =
            Sample { least: server_time.since(received_at).ms(), most: server_time.since(sent_at).ms() };
        if sample.width() < 0 {
            return;
        }
        let mut samples = self.lock();
        if samples.iter().any(|earlier| earlier.contradicts(sample)) {
            samples.clear();
        }
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back(sample);
        // Of equally good ones the newest.
        if let Some(best) = samples.iter().rev().min_by_key(|sample| sample.width()) {
            self.offset.store(best.estimate(self.offset().ms()), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

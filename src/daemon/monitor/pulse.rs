//! Notices that the whole process stood still: it was stopped by a signal, or the machine slept or was starved.

use std::time::Duration;

/// Standing still for so long makes what we believe old.
const GAP: Duration = Duration::from_secs(5);

/// Beaten by the monitor's thread, which never works for long, and by whoever wants to know.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Since boot.
    beat_at: Option<Duration>,
    stood_still: Option<Duration>,
}

impl Pulse {
    /// `now`: since boot, counted on while the machine sleeps.
    pub fn beat(&mut self, now: Duration) {
        let gap = self.beat_at.map_or(Duration::ZERO, |before| now.saturating_sub(before));
        if gap >= GAP {
            self.stood_still = self.stood_still.max(Some(gap));
        }
        self.beat_at = Some(now);
    }

    /// For how long the process stood still; told once.
    pub fn take_gap(&mut self, now: Duration) -> Option<Duration> {
        self.beat(now);
        self.stood_still.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_once_whoever_wakes_first() {
        let at = Duration::from_secs;
        let mut pulse = Pulse::default();
        assert_eq!(pulse.take_gap(at(100)), None, "nothing is known before the first beat");
        pulse.beat(at(104));
        assert_eq!(pulse.take_gap(at(108)), None);
        assert_eq!(pulse.take_gap(at(168)), Some(at(60)), "the owner wakes before the monitor");
        pulse.beat(at(169));
        assert_eq!(pulse.take_gap(at(169)), None);
        pulse.beat(at(229));
        pulse.beat(at(230));
        assert_eq!(pulse.take_gap(at(231)), Some(at(60)), "the monitor wakes first");
    }
}

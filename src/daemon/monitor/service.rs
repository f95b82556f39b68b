//! What systemd is told: ready, how it goes, that there is progress, that it ends. Elsewhere nobody is told anything.

use std::time::Duration;

use sd_notify::NotifyState;

use super::health;
use super::vitals::{Phase, Vitals};

/// The service manager, if one listens.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    is_listening: bool,
}

impl Service {
    pub fn of_this_process() -> Self {
        Self { is_listening: std::env::var_os("NOTIFY_SOCKET").is_some() }
    }

    pub fn ready(self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    pub fn status(self, status: &str) {
        self.tell(&[NotifyState::Status(status)]);
    }

    pub fn stopping(self) {
        self.tell(&[NotifyState::Stopping, NotifyState::Status("finishing what is in flight")]);
    }

    /// To be followed by [`Self::ready`].
    pub fn reloading(self) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.tell(&[NotifyState::Reloading, now]);
        }
    }

    /// How often the watchdog wants to hear of progress; `None`: it does not.
    pub fn watchdog(self) -> Watchdog {
        let deadline = if self.is_listening { sd_notify::watchdog_enabled() } else { None };
        Watchdog { service: self, deadline, turns: 0 }
    }

    fn tell(self, states: &[NotifyState<'_>]) {
        if self.is_listening
            && let Err(error) = sd_notify::notify(states)
        {
            tracing::warn!(%error, "systemd is not told how it goes");
        }
    }
}

/// Tells of progress, and only of progress: a fleet that stands still is restarted.
#[derive(Debug)]
pub struct Watchdog {
    service: Service,
    deadline: Option<Duration>,
    /// Of the main loop, when progress was told last.
    turns: u64,
}

impl Watchdog {
    /// How often to look, so that progress is told in time.
    pub fn period(&self, usual: Duration) -> Duration {
        self.deadline.map_or(usual, |deadline| usual.min(deadline / 3)).max(Duration::from_millis(10))
    }

    pub fn look(&mut self, vitals: &Vitals) {
        if self.deadline.is_some() && self.is_progress(vitals) {
            self.service.tell(&[NotifyState::Watchdog]);
        }
    }

    /// While it starts or stops other deadlines count.
    fn is_progress(&mut self, vitals: &Vitals) -> bool {
        let turns = vitals.turns();
        let has_turned = turns != self.turns || vitals.phase() != Phase::Running;
        self.turns = turns;
        has_turned && health::stalls(vitals).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_no_progress() {
        let vitals = Vitals::default();
        let mut watchdog = Service { is_listening: false }.watchdog();
        vitals.enter(Phase::Running);
        assert!(watchdog.is_progress(&vitals));
        assert!(!watchdog.is_progress(&vitals), "nothing has turned since");
        vitals.turned();
        assert!(watchdog.is_progress(&vitals));
        vitals.enter(Phase::Stopping);
        assert!(watchdog.is_progress(&vitals) && watchdog.is_progress(&vitals));
    }
}

//! What a daemon can go through in one life, most of which end with SIGKILL.

use std::collections::BTreeMap;

use super::dice::Dice;
use super::proxy::Moment;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ordeal {
    /// Killed at any time.
    Kill,
    /// Killed while it starts and recovers.
    KillEarly,
    /// Killed when a request that changes something is about to leave.
    KillBeforeRequest,
    /// Killed when the exchange has the request and nobody has the answer.
    KillBeforeAnswer,
    /// Killed as the answer comes.
    KillWithAnswer,
    /// SIGTERM, upon which it has to end well.
    Terminate,
    /// SIGSTOP and SIGCONT.
    Suspend,
    /// Its wall clock is wrong, and is set while it runs.
    ClockSet,
    /// Its disk is full for a while.
    DiskFull,
    /// Another one is started on its home, which has to be refused.
    Second,
}

impl Ordeal {
    /// With how often each is drawn.
    const WEIGHTS: [(Self, u64); 10] = [
        (Self::Kill, 24),
        (Self::KillEarly, 16),
        (Self::KillBeforeRequest, 11),
        (Self::KillBeforeAnswer, 16),
        (Self::KillWithAnswer, 11),
        (Self::Terminate, 7),
        (Self::Suspend, 5),
        (Self::ClockSet, 5),
        (Self::DiskFull, 3),
        (Self::Second, 2),
    ];

    pub(crate) fn draw(dice: &mut Dice) -> Self {
        dice.weighted(&Self::WEIGHTS).unwrap_or(Self::Kill)
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::WEIGHTS.into_iter().map(|(ordeal, _)| ordeal)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed at any time",
            Self::KillEarly => "killed while starting",
            Self::KillBeforeRequest => "killed before a request",
            Self::KillBeforeAnswer => "killed before an answer",
            Self::KillWithAnswer => "killed with an answer",
            Self::Terminate => "SIGTERM",
            Self::Suspend => "SIGSTOP, SIGCONT",
            Self::ClockSet => "clock set",
            Self::DiskFull => "disk full",
            Self::Second => "second daemon",
        }
    }

    /// When it is to be killed by what passes on the wire.
    pub(crate) const fn moment(self) -> Option<Moment> {
        match self {
            Self::KillBeforeRequest => Some(Moment::BeforeRequest),
            Self::KillBeforeAnswer => Some(Moment::BeforeAnswer),
            Self::KillWithAnswer => Some(Moment::WithAnswer),
            Self::Kill
            | Self::KillEarly
            | Self::Terminate
            | Self::Suspend
            | Self::ClockSet
            | Self::DiskFull
            | Self::Second => None,
        }
    }
}

/// How often each was gone through, and how often SIGKILL was sent in all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endured {
    pub(crate) ordeals: BTreeMap<Ordeal, u32>,
    pub(crate) kills: u32,
}

impl Endured {
    pub(crate) fn count(&mut self, ordeal: Ordeal) {
        *self.ordeals.entry(ordeal).or_default() += 1;
    }

    pub(crate) fn of(&self, ordeal: Ordeal) -> u32 {
        self.ordeals.get(&ordeal).copied().unwrap_or(0)
    }
}

//! Is the daemon alive, and is the fleet at work? The two questions that `/health` and `/ready` answer.

use std::time::Duration;

use serde::Serialize;

use super::vitals::{Phase, Vitals};
use crate::store::queries::gauges::AccountGauges;

/// A live cycle may be late by so many of its periods before it counts as stalled.
const PERIODS: u32 = 4;

/// Whether the process makes progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    pub ok: bool,
    /// starting, running, stopping.
    pub phase: &'static str,
    /// Why not.
    pub reasons: Vec<String>,
    /// What is wrong but does not keep the daemon from working: entries are held back, a clock is off.
    pub troubles: Vec<String>,
    pub uptime_seconds: u64,
}

impl Health {
    pub fn of(vitals: &Vitals) -> Self {
        let mut reasons = stalls(vitals);
        if let Some((since, error)) = vitals.failing() {
            reasons.push(format!("the database takes nothing since {} s: {error}", since.as_secs()));
        }
        Self {
            ok: reasons.is_empty(),
            phase: vitals.phase().as_str(),
            reasons,
            troubles: vitals.troubles().into_values().collect(),
            uptime_seconds: vitals.uptime().as_secs(),
        }
    }
}

/// What stands still that should move. A restart may cure it; a full disk it would not, so that is not among these.
pub fn stalls(vitals: &Vitals) -> Vec<String> {
    let stall = vitals.watch().stall;
    let mut reasons = Vec::new();
    if vitals.phase() == Phase::Running {
        let turned = vitals.turn_age();
        if turned > stall {
            reasons.push(format!("the main loop stands still since {} s", turned.as_secs()));
        }
        if let (Some(age), Some(every)) = (vitals.cycle_age(), vitals.cycle_every())
            && age > stall.max(every.saturating_mul(PERIODS))
        {
            reasons.push(format!("no cycle since {} s", age.as_secs()));
        }
    }
    if let Some(writing) = vitals.writing().filter(|writing| *writing > stall.max(Duration::from_secs(10))) {
        reasons.push(format!("the journal is at one commit since {} s", writing.as_secs()));
    }
    reasons
}

/// Whether every account that should takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    pub ok: bool,
    pub phase: &'static str,
    /// Accounts that people want to take part.
    pub accounts: u64,
    /// Compared with their exchanges, and acting.
    pub recovered: u64,
    /// Out of service until a person resumes them.
    pub quarantined: u64,
    /// By a person's word: nothing is opened, what is open is managed.
    pub halted: u64,
    /// Their exchange does not answer.
    pub cut_off: u64,
}

impl Readiness {
    pub fn of(vitals: &Vitals, accounts: &AccountGauges) -> Self {
        let recovered = vitals.ready();
        let is_complete =
            recovered >= accounts.active() && accounts.quarantined == 0 && accounts.cut_off == 0;
        Self {
            ok: vitals.phase() == Phase::Running && is_complete,
            phase: vitals.phase().as_str(),
            accounts: accounts.active(),
            recovered,
            quarantined: accounts.quarantined,
            halted: accounts.halted,
            cut_off: accounts.cut_off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AccountId;
    use crate::store::StoreError;
    use crate::store::writer::CommitObserver;

    #[test]
    fn a_database_that_takes_nothing_is_unhealthy_but_no_stall() {
        let vitals = Vitals::default();
        vitals.enter(Phase::Running);
        assert!(Health::of(&vitals).ok);
        vitals.begun();
        vitals.ended(Err(&StoreError::DiskFull));
        let health = Health::of(&vitals);
        assert!(!health.ok && health.reasons[0].contains("disk"), "{health:?}");
        assert_eq!(stalls(&vitals), Vec::<String>::new());
        vitals.begun();
        vitals.ended(Ok(()));
        assert!(Health::of(&vitals).ok);
    }

    #[test]
    fn ready_means_that_every_account_acts() {
        let vitals = Vitals::default();
        let accounts = AccountGauges { ok: 1, halted: 1, inactive: 3, ..AccountGauges::default() };
        vitals.set_ready(AccountId::new(1), true);
        vitals.set_ready(AccountId::new(2), true);
        assert!(!Readiness::of(&vitals, &accounts).ok, "it is starting");
        vitals.enter(Phase::Running);
        assert!(Readiness::of(&vitals, &accounts).ok);
        for worse in [AccountGauges { quarantined: 1, ..accounts }, AccountGauges { cut_off: 1, ..accounts }]
        {
            assert!(!Readiness::of(&vitals, &worse).ok);
        }
        vitals.set_ready(AccountId::new(2), false);
        assert_eq!(Readiness::of(&vitals, &accounts).recovered, 1);
        assert!(!Readiness::of(&vitals, &accounts).ok);
    }
}

//! Faults on demand: how often what goes wrong, drawn from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::market::pcg::Pcg;

/// What can go wrong. All off by default; times are those of the wall clock unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultSettings {
    /// Shortest and longest delay of an answer.
    pub latency_ms: (u32, u32),
    /// Requests that are answered with a server error; half of them are executed all the same.
    pub error_5xx_pct: f64,
    /// Requests that are executed and not answered: the connection closes, or the answer comes too late.
    pub lost_answer_pct: f64,
    /// How late, in milliseconds; 0 = 15 s.
    pub lost_answer_hold_ms: u64,
    /// Requests whose connection closes before they are executed.
    pub refuse_before_pct: f64,
    /// Requests that are answered with 429.
    pub rate_429_pct: f64,
    /// Sockets are cut about this often; 0 = never.
    pub disconnect_every_s: f64,
    /// Sockets stay open and say nothing.
    pub half_open: bool,
    /// Account events that are sent twice.
    pub duplicate_event_pct: f64,
    /// Account events that are sent after the next one.
    pub reorder_event_pct: f64,
    /// Order queries do not see what happened this shortly before, in exchange time.
    pub stale_query_ms: i64,
    /// Nothing is answered but that the exchange is being maintained.
    pub maintenance: bool,
    /// Requests of these paths are answered with a server error, never executed.
    pub unavailable_paths: Vec<String>,
    /// What the exchange's clock is ahead by, in exchange time.
    pub clock_offset_ms: i64,
}

impl FaultSettings {
    /// The first field that is not what it may be.
    pub fn check(&self) -> Result<(), String> {
        for (field, pct) in [
            ("error_5xx_pct", self.error_5xx_pct),
            ("lost_answer_pct", self.lost_answer_pct),
            ("refuse_before_pct", self.refuse_before_pct),
            ("rate_429_pct", self.rate_429_pct),
            ("duplicate_event_pct", self.duplicate_event_pct),
            ("reorder_event_pct", self.reorder_event_pct),
        ] {
            if !(0.0..=100.0).contains(&pct) {
                return Err(format!("{field} = {pct} is not allowed: 0 to 100"));
            }
        }
        Ok(())
    }
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// The connection closes before the request is executed.
    Refused,
    RateLimited,
    ServerError {
        executed: bool,
    },
    /// Executed; the connection closes after the wait.
    Lost {
        after: Duration,
    },
}

/// The settings of an exchange, for all accounts and for single ones.
#[derive(Debug)]
pub struct Faults {
    rng: Pcg,
    general: FaultSettings,
    accounts: BTreeMap<String, FaultSettings>,
}

impl Faults {
    pub(super) fn new(seed: u64, general: FaultSettings) -> Self {
        Self { rng: Pcg::new(seed, 0), general, accounts: BTreeMap::new() }
    }

    /// Those of an account, or the general ones.
    pub fn settings(&self, account: Option<&str>) -> &FaultSettings {
        account.and_then(|name| self.accounts.get(name)).unwrap_or(&self.general)
    }

    pub(super) fn calm(&mut self) {
        self.general = FaultSettings::default();
        self.accounts.clear();
    }

    /// Takes over the fields that `patch` names; those of one account when it has a field `account`.
    pub(super) fn apply(&mut self, mut patch: Value) -> Result<(), String> {
        let Some(fields) = patch.as_object_mut() else {
            return Err("faults are a JSON object".to_owned());
        };
        let account = match fields.remove("account") {
            None => None,
            Some(Value::String(name)) => Some(name),
            Some(other) => return Err(format!("account {other} is not a name")),
        };
        let current = self.settings(account.as_deref());
        let mut merged = serde_json::to_value(current).map_err(|error| error.to_string())?;
        if let Some(known) = merged.as_object_mut() {
            known.append(fields);
        }
        let settings: FaultSettings = serde_json::from_value(merged).map_err(|error| error.to_string())?;
        settings.check()?;
        match account {
            Some(name) => {
                self.accounts.insert(name, settings);
            }
            None => self.general = settings,
        }
        Ok(())
    }

    pub(super) fn to_json(&self) -> Value {
        serde_json::json!({ "general": self.general, "accounts": self.accounts })
    }

    /// How long the answer to a request of `path` waits, and what becomes of it.
    pub(super) fn draw(&mut self, account: Option<&str>, path: &str) -> (Duration, Fate) {
        let settings = self.settings(account).clone();
        let (shortest, longest) = settings.latency_ms;
        let latency = Duration::from_millis(u64::from(self.rng.between(shortest, longest)));
        let hold = if settings.lost_answer_hold_ms == 0 { 15_000 } else { settings.lost_answer_hold_ms };
        let fate = if settings.unavailable_paths.iter().any(|down| down == path) {
            Fate::ServerError { executed: false }
        } else if self.happens(settings.refuse_before_pct) {
            Fate::Refused
        } else if self.happens(settings.rate_429_pct) {
            Fate::RateLimited
        } else if self.happens(settings.error_5xx_pct) {
            Fate::ServerError { executed: self.happens(50.0) }
        } else if self.happens(settings.lost_answer_pct) {
            let after = if self.happens(50.0) { Duration::ZERO } else { Duration::from_millis(hold) };
            Fate::Lost { after }
        } else {
            Fate::Answered
        };
        (latency, fate)
    }

    /// Whether an account event is sent twice, and whether it waits for the next.
    pub(super) fn draw_event(&mut self, account: Option<&str>) -> (bool, bool) {
        let settings = self.settings(account);
        let (twice, later) = (settings.duplicate_event_pct, settings.reorder_event_pct);
        (self.happens(twice), self.happens(later))
    }

    /// Asked once a second of each socket.
    pub(super) fn draw_cut(&mut self, account: Option<&str>) -> bool {
        let every = self.settings(account).disconnect_every_s;
        every > 0.0 && self.happens(100.0 / every)
    }

    fn happens(&mut self, pct: f64) -> bool {
        pct > 0.0 && self.rng.uniform() * 100.0 < pct
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let mut faults = Faults::new(1, FaultSettings::default());
        faults.apply(json!({ "lost_answer_pct": 100.0, "lost_answer_hold_ms": 5 })).unwrap();
        faults.apply(json!({ "account": "a", "refuse_before_pct": 100.0 })).unwrap();
        assert!(matches!(faults.draw(None, "/x").1, Fate::Lost { .. }));
        assert_eq!(faults.draw(Some("a"), "/x").1, Fate::Refused);
        assert!(faults.apply(json!({ "lost": 1 })).unwrap_err().contains("lost"));
        faults.calm();
        faults.apply(json!({ "unavailable_paths": ["/down"] })).unwrap();
        assert_eq!(faults.draw(None, "/down").1, Fate::ServerError { executed: false });
        assert_eq!(faults.draw(Some("a"), "/x"), (Duration::ZERO, Fate::Answered));
    }

    #[test]
    fn a_percentage_is_within_its_range_or_changes_nothing() {
        let mut faults = Faults::new(1, FaultSettings::default());
        let known = serde_json::to_value(FaultSettings::default()).unwrap();
        let fields: Vec<_> = known.as_object().unwrap().keys().filter(|key| key.ends_with("_pct")).collect();
        assert_eq!(fields.len(), 6);
        for field in fields {
            for (value, account) in [(100.5, None), (-1.0, None), (101.0, Some("a"))] {
                let mut patch = json!({});
                patch[field] = value.into();
                if let Some(account) = account {
                    patch["account"] = account.into();
                }
                let error = faults.apply(patch).unwrap_err();
                assert_eq!(error, format!("{field} = {value} is not allowed: 0 to 100"));
            }
        }
        assert_eq!(faults.to_json(), json!({ "general": FaultSettings::default(), "accounts": {} }));
    }
}

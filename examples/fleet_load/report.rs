//! The figures, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use super::fleet::FleetRun;
use super::rig::decide::DecideTimes;
use super::rig::timing::Pair;

pub(crate) struct Report {
    /// The same market with one account.
    pub(crate) one: FleetRun,
    pub(crate) many: FleetRun,
    pub(crate) decide: DecideTimes,
    pub(crate) journal: Pair,
}

impl Report {
    pub(crate) fn json(&self) -> Value {
        let pair =
            |pair: Pair| json!({ "value": pair.subject, "baseline": pair.baseline, "ratio": pair.ratio() });
        json!({
            "fleet_of_one": self.one,
            "fleet": self.many,
            "cycles_per_s": self.cycles_per_s(),
            "turns_per_s": self.turns_per_s(),
            "rss_per_account_kb": self.rss_per_account_kb(),
            "signals_equal": self.one.signals_computed == self.many.signals_computed,
            "decide_ns_per_account_cycle": {
                "flat": pair(self.decide.flat),
                "holding": pair(self.decide.holding),
                "entering": pair(self.decide.entering),
            },
            "journal_rows_per_s": pair(self.journal),
        })
    }

    fn cycles_per_s(&self) -> f64 {
        count(self.many.cycles) / self.many.run_s
    }

    fn turns_per_s(&self) -> f64 {
        count(self.many.turns) / self.many.run_s
    }

    /// What one more account adds, in KB; `None` for a fleet of one.
    fn rss_per_account_kb(&self) -> Option<f64> {
        let more = self.many.accounts.checked_sub(self.one.accounts).filter(|more| *more > 0)?;
        let added = count(self.many.rss_peak_kb) - count(self.one.rss_peak_kb);
        Some(added / count(u64::try_from(more).ok()?))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many, decide) = (&self.one, &self.many, &self.decide);
        let mb = |kb: u64| count(kb) / 1024.0;
        let rows = [
            (
                "fleet",
                format!("{} accounts, {} running bots, {} cycles", many.accounts, many.bots, many.cycles),
            ),
            ("start", format!("{:.2} s, {:.2} s CPU", many.start_s, many.start_cpu_s)),
            (
                "run",
                format!(
                    "{:.1} s, {:.1} s CPU: {:.0} cycles/s, {:.0} turns/s",
                    many.run_s,
                    many.run_cpu_s,
                    self.cycles_per_s(),
                    self.turns_per_s()
                ),
            ),
            (
                "traded",
                format!("{} orders, {} fills, {} closed trades", many.orders, many.fills, many.trades),
            ),
            (
                "memory",
                format!(
                    "RSS {:.1} MB before, {:.1} MB running, {:.1} MB at most; {} KB an account",
                    mb(many.rss_before_kb),
                    mb(many.rss_running_kb),
                    mb(many.rss_peak_kb),
                    self.rss_per_account_kb().map_or_else(|| "-".to_owned(), |kb| format!("{kb:.1}"))
                ),
            ),
            (
                "signals",
                format!(
                    "{} computed for 1 account, {} for {}",
                    one.signals_computed, many.signals_computed, many.accounts
                ),
            ),
            (
                "decide",
                format!(
                    "{:.0} ns an account and cycle flat, {:.0} ns with 3 protected positions, {:.0} ns with 3 entries",
                    decide.flat.subject, decide.holding.subject, decide.entering.subject
                ),
            ),
            (
                "journal",
                format!(
                    "{:.0} durable rows/s in groups of {} intents, {:.2} x a bare SQLite loop ({:.0} rows/s)",
                    self.journal.subject,
                    super::JOURNAL_GROUP,
                    self.journal.ratio(),
                    self.journal.baseline
                ),
            ),
        ];
        rows.iter().try_for_each(|(name, text)| writeln!(f, "{name:<8} {text}"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
const fn count(value: u64) -> f64 {
    value as f64
}

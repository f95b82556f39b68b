//! The figures, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use super::fleet::FleetRun;
use super::rig::decide::DecideTimes;
use super::rig::timing::Pair;
use super::soak::{self, Sample};

pub(crate) struct Report {
    /// The same market with one account.
    pub(crate) one: FleetRun,
    pub(crate) many: Vec<FleetRun>,
    pub(crate) decide: DecideTimes,
    pub(crate) journal: Pair,
}

impl Report {
    pub(crate) fn json(&self) -> Value {
        let pair =
            |pair: Pair| json!({ "value": pair.subject, "baseline": pair.baseline, "ratio": pair.ratio() });
        let fleets = self.many.iter().map(|fleet| {
            json!({
                "fleet": fleet,
                "cycles_per_s": a_second(fleet, fleet.cycles),
                "turns_per_s": a_second(fleet, fleet.turns),
                "rss_per_account_kb": self.rss_per_account_kb(fleet),
                "signals_equal": self.one.signals_computed == fleet.signals_computed,
            })
        });
        json!({
            "fleet_of_one": self.one,
            "fleets": fleets.collect::<Vec<_>>(),
            "decide_ns_per_account_cycle": {
                "flat": pair(self.decide.flat),
                "holding": pair(self.decide.holding),
                "entering": pair(self.decide.entering),
            },
            "journal_intents_per_s": pair(self.journal),
        })
    }

    /// What one more account adds, in KB; `None` for a fleet of one.
    fn rss_per_account_kb(&self, fleet: &FleetRun) -> Option<f64> {
        let more = fleet.accounts.checked_sub(self.one.accounts).filter(|more| *more > 0)?;
        let added = count(fleet.rss_peak_kb) - count(self.one.rss_peak_kb);
        Some(added / count(u64::try_from(more).ok()?))
    }

    fn rows_of(&self, fleet: &FleetRun) -> [(&'static str, String); 7] {
        [
            (
                "fleet",
                format!("{} accounts, {} running bots, {} cycles", fleet.accounts, fleet.bots, fleet.cycles),
            ),
            ("start", format!("{:.2} s, {:.2} s CPU", fleet.start_s, fleet.start_cpu_s)),
            (
                "run",
                format!(
                    "{:.1} s, {:.1} s CPU: {:.0} cycles/s, {:.0} turns/s",
                    fleet.run_s,
                    fleet.run_cpu_s,
                    a_second(fleet, fleet.cycles),
                    a_second(fleet, fleet.turns)
                ),
            ),
            (
                "fan-out",
                format!(
                    "a cycle reaches an account within {} ms (bounds of p50/p99/max)",
                    fleet.fan_out.spread()
                ),
            ),
            (
                "traded",
                format!(
                    "{} orders, {} fills, {} closed trades; {} commits, within {} ms",
                    fleet.orders,
                    fleet.fills,
                    fleet.trades,
                    fleet.commits.count(),
                    fleet.commits.spread()
                ),
            ),
            (
                "memory",
                format!(
                    "RSS {:.1} MB before, {:.1} MB running, {:.1} MB at most; {} KB an account",
                    mb(fleet.rss_before_kb),
                    mb(fleet.rss_running_kb),
                    mb(fleet.rss_peak_kb),
                    self.rss_per_account_kb(fleet).map_or_else(|| "-".to_owned(), |kb| format!("{kb:.1}"))
                ),
            ),
            (
                "signals",
                format!(
                    "{} computed for 1 account, {} for {}",
                    self.one.signals_computed, fleet.signals_computed, fleet.accounts
                ),
            ),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decide = &self.decide;
        let rows = [
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
                    "{:.0} durable intents/s in groups of {}, {:.2} x a bare SQLite loop of as many rows ({:.0} intents/s)",
                    self.journal.subject,
                    super::JOURNAL_GROUP,
                    self.journal.ratio(),
                    self.journal.baseline
                ),
            ),
        ];
        let fleets = self.many.iter().flat_map(|fleet| self.rows_of(fleet));
        fleets.chain(rows).try_for_each(|(name, text)| writeln!(f, "{name:<8} {text}"))
    }
}

/// What a fleet holds from look to look.
pub(crate) fn print_soak(fleet: &FleetRun, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        println!("{}", serde_json::to_string_pretty(fleet)?);
        return Ok(());
    }
    let line = |name: &str, note: &str, cell: &dyn Fn(&Sample) -> String| {
        print!("{name:<20}");
        fleet.samples.iter().for_each(|sample| print!("{:>9}", cell(sample)));
        println!("  {note}");
    };
    println!("{} accounts, {} bots, {} cycles of one minute", fleet.accounts, fleet.bots, fleet.cycles);
    line("hours", "", &|sample| (sample.cycles / 60).to_string());
    line("orders decided", "", &|sample| sample.orders.to_string());
    line("RSS, MB", "", &|sample| format!("{:.1}", mb(sample.rss_kb)));
    line("open files", "", &|sample| sample.open_files.to_string());
    for table in soak::grown(&fleet.samples) {
        let reason = soak::reason(table).unwrap_or("WITHOUT A REASON");
        line(table, reason, &|sample| sample.rows.get(table).copied().unwrap_or(0).to_string());
    }
    Ok(())
}

fn a_second(fleet: &FleetRun, what: u64) -> f64 {
    count(what) / fleet.run_s
}

fn mb(kb: u64) -> f64 {
    count(kb) / 1024.0
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
const fn count(value: u64) -> f64 {
    value as f64
}

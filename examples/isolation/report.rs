//! The stretches side by side.

use serde_json::{Value, json};

use super::crowd::{Crowd, Trouble};
use super::figures::{Spread, Waves};
use super::monitor::Histogram;

/// What was seen while something was wrong, or nothing.
pub(crate) struct Stretch {
    pub(crate) trouble: Trouble,
    pub(crate) waves: Waves,
    /// From a cycle being handed out to each account taking it up, those in trouble too.
    pub(crate) fan_out: Histogram,
    /// Of a processor core.
    pub(crate) cpu: f64,
    pub(crate) memory_kb: u64,
    /// Rows that the database gained, and commits, a second.
    pub(crate) rows_per_s: f64,
    pub(crate) commits_per_s: f64,
    /// Accounts that act, at the end.
    pub(crate) ready: u64,
}

pub(crate) fn print(crowd: Crowd, streams_up_s: f64, stretches: &[Stretch]) {
    println!(
        "{} accounts x 3 bots on the local exchange, {} of them in trouble; all at work {streams_up_s:.1} s after the start",
        crowd.accounts, crowd.faulty
    );
    println!(
        "{:<10} {:>5} {:>7} | {:>18} | {:>18} | {:>18} | {:>13} | {:>6} {:>7} {:>7} {:>9} {:>6}",
        "",
        "waves",
        "entries",
        "decided ms",
        "sent ms",
        "answered ms",
        "fan-out ms",
        "CPU",
        "RSS MB",
        "rows/s",
        "commits/s",
        "ready"
    );
    for stretch in stretches {
        let waves = &stretch.waves;
        let spread = |spread: Spread| format!("{}/{}/{}", spread.p50, spread.p99, spread.max);
        println!(
            "{:<10} {:>5} {:>7} | {:>18} | {:>18} | {:>18} | {:>13} | {:>5.1}% {:>7.1} {:>7.0} {:>9.0} {:>6}",
            stretch.trouble.name(),
            waves.count,
            waves.entries,
            spread(waves.decided),
            spread(waves.sent),
            spread(waves.answered),
            stretch.fan_out.spread(),
            stretch.cpu * 100.0,
            kilo(stretch.memory_kb),
            stretch.rows_per_s,
            stretch.commits_per_s,
            stretch.ready,
        );
    }
    println!(
        "delays are p50/p99/max from the first decision of a wave, of the accounts that nothing happens to; fan-out: the \
         bounds of p50/p99/max of all"
    );
    for stretch in stretches.iter().filter(|stretch| stretch.trouble != Trouble::None) {
        let ratios = ratios(stretches, stretch);
        println!(
            "others' p99 with {} {}: decided x {:.2}, sent x {:.2}, answered x {:.2}",
            crowd.faulty,
            stretch.trouble.name(),
            ratios[0],
            ratios[1],
            ratios[2]
        );
    }
}

/// The p99 of a stretch over those of the stretches in which all is well (their mean): decided, sent, answered.
fn ratios(stretches: &[Stretch], of: &Stretch) -> [f64; 3] {
    let p99s = |stretch: &Stretch| {
        [stretch.waves.decided, stretch.waves.sent, stretch.waves.answered].map(|spread| float(spread.p99))
    };
    let well: Vec<[f64; 3]> =
        stretches.iter().filter(|stretch| stretch.trouble == Trouble::None).map(p99s).collect();
    let mut ratios = p99s(of);
    for (place, ratio) in ratios.iter_mut().enumerate() {
        let sum: f64 = well.iter().filter_map(|p99s| p99s.get(place)).sum();
        *ratio *= float(i64::try_from(well.len()).unwrap_or(1)) / sum.max(1.0);
    }
    ratios
}

pub(crate) fn json(crowd: Crowd, streams_up_s: f64, stretches: &[Stretch]) -> Value {
    let rows = stretches.iter().map(|stretch| {
        json!({
            "trouble": stretch.trouble.name(), "others": stretch.waves,
            "fan_out_ms_within": { "p50": stretch.fan_out.within_ms(50), "p99": stretch.fan_out.within_ms(99) },
            "taken_up": stretch.fan_out.count(), "cpu": stretch.cpu, "memory_kb": stretch.memory_kb,
            "rows_per_s": stretch.rows_per_s, "commits_per_s": stretch.commits_per_s, "ready": stretch.ready,
            "others_p99_ratio": ratios(stretches, stretch),
        })
    });
    json!({
        "accounts": crowd.accounts, "in_trouble": crowd.faulty, "at_work_s": streams_up_s,
        "stretches": rows.collect::<Vec<_>>(),
    })
}

fn kilo(kb: u64) -> f64 {
    float(i64::try_from(kb).unwrap_or(i64::MAX)) / 1024.0
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
const fn float(value: i64) -> f64 {
    value as f64
}

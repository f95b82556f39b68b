//! Rows a second that the daemon's writer makes durable, in groups of 1 and of 100 intents.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time and opens a bare database")]
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

mod rig {
    pub(crate) mod journal;
    pub(crate) mod timing;
}

use rig::journal::{Baseline, measure};

const ROUNDS: usize = 7;

fn main() -> anyhow::Result<()> {
    let baselines = [
        (Baseline::NarrowTable, "as many rows a commit in one narrow table without indexes"),
        (Baseline::SameTables, "the same rows into the same tables by prepared statements"),
    ];
    for (group, groups) in [(1, 200), (100, 20)] {
        for (baseline, what) in baselines {
            let pair = measure(group, groups, ROUNDS, baseline)?;
            println!(
                "journal, {group} intents a commit: {:.0} rows/s durable; {:.2} x the baseline ({what}, a bare SQLite \
                 loop, synchronous=FULL, {:.0} rows/s)",
                pair.subject,
                pair.ratio(),
                pair.baseline,
            );
        }
    }
    Ok(())
}

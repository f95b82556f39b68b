//! Intents a second that the daemon's writer makes durable, in groups of 1 and of 100.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time and opens a bare database")]
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

mod rig {
    pub(crate) mod journal;
    pub(crate) mod timing;
}

const ROUNDS: usize = 7;

fn main() -> anyhow::Result<()> {
    for (group, groups) in [(1, 200), (100, 20)] {
        for raw_rows in [1, rig::journal::ROWS_PER_INTENT] {
            let pair = rig::journal::measure(group, groups, raw_rows, ROUNDS)?;
            println!(
                "journal, {group} intents a commit: {:.0} intents/s durable; {:.2} x the baseline (a bare SQLite loop \
                 without indexes, synchronous=FULL, {raw_rows} narrow rows an intent: {:.0}/s)",
                pair.subject,
                pair.ratio(),
                pair.baseline,
            );
        }
    }
    Ok(())
}

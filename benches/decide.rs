//! What 1,000 accounts with 3 bots each take to decide on one cycle, without a store or an exchange.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

mod rig {
    pub(crate) mod decide;
    pub(crate) mod timing;
}

use rig::timing::Pair;

const ACCOUNTS: u32 = 1_000;
const ROUNDS: usize = 9;

fn main() -> anyhow::Result<()> {
    let times = rig::decide::measure(ACCOUNTS, ROUNDS)?;
    let print = |what: &str, pair: Pair| {
        println!(
            "decide, {what}: {:.0} ns an account and cycle; {:.1} x the baseline (the last price of each bot's symbol \
             looked up, {:.0} ns)",
            pair.subject,
            pair.ratio(),
            pair.baseline,
        );
    };
    print("nothing held, no signal", times.flat);
    print("three protected positions", times.holding);
    print("three entries", times.entering);
    Ok(())
}

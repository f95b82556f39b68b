//! Time to sign an order for each exchange, beside the bare hashing of the same bytes with a key expanded once.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

mod rig {
    pub(crate) mod signing;
    pub(crate) mod timing;
}

const ROUNDS: usize = 15;

fn main() -> anyhow::Result<()> {
    for (exchange, what, pair) in rig::signing::measure(ROUNDS)? {
        println!(
            "signing, {exchange}: {:.0} ns an order, from the call to the signed request; {:.2} x the baseline ({what} \
             over the same bytes with the bare crates, {:.0} ns)",
            pair.subject,
            pair.ratio(),
            pair.baseline,
        );
    }
    Ok(())
}

//! What can go wrong, how strongly it does in a seed (swarm testing: each seed draws which faults there are at all), and
//! how often it did.

use std::collections::BTreeMap;

use crate::pcg::Pcg;
use crate::script::Script;

macro_rules! faults {
    ($($name:ident => $rate:literal, $text:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Fault { $($name),+ }

        impl Fault {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The greatest strength, in hits a million of draws.
            const fn rate_max(self) -> u32 {
                match self { $(Self::$name => $rate),+ }
            }
        }
    };
}

faults! {
    // the way to the exchange
    LostRequest => 200_000, "lost_request";
    LostAnswer => 300_000, "lost_answer";
    DelayedRequest => 300_000, "delayed_request";
    ServerError => 200_000, "server_error";
    Unreachable => 150_000, "unreachable";
    Slow => 200_000, "slow";
    Throttled => 60_000, "throttled";
    Banned => 15_000, "banned";
    Unauthorized => 15_000, "unauthorized";
    Maintenance => 4_000, "maintenance";
    ClockOffset => 1_000_000, "clock_offset";
    // questions
    ReadFails => 200_000, "read_fails";
    StaleRead => 500_000, "stale_read";
    // the stream
    EventLost => 200_000, "event_lost";
    EventTwice => 300_000, "event_twice";
    EventLate => 300_000, "event_late";
    Disconnect => 30_000, "disconnect";
    // the exchange
    PartialFill => 600_000, "partial_fill";
    SlowFill => 500_000, "slow_fill";
    RestExpires => 200_000, "rest_expires";
    Refusal => 80_000, "refusal";
    FiltersChange => 6_000, "filters_change";
    LeverageReset => 10_000, "leverage_reset";
    PriceJump => 6_000, "price_jump";
    Liquidation => 6_000, "liquidation";
    Funding => 20_000, "funding";
    Transfer => 6_000, "transfer";
    // people
    HumanTrades => 15_000, "human_trades";
    HumanNets => 6_000, "human_nets";
    HumanCancels => 20_000, "human_cancels";
    Settings => 20_000, "settings";
    BotStopped => 10_000, "bot_stopped";
    BotClosed => 8_000, "bot_closed";
    SymbolClosed => 6_000, "symbol_closed";
    Halt => 8_000, "halt";
    EntriesOff => 20_000, "entries_off";
    // our own machine
    Crash => 25_000, "crash";
    DiskFails => 30_000, "disk_fails";
    Suspended => 10_000, "suspended";
    MissedCycle => 150_000, "missed_cycle";
    // grids
    GridEdited => 10_000, "grid_edited";
}

/// Draws faults: each from a stream of its own, so that switching one off leaves all others where they were.
pub(crate) struct Dice {
    strengths: Vec<u32>,
    streams: Vec<Pcg>,
    pub(crate) are_on: bool,
    /// Which draws hit, where that is not left to chance.
    pub(crate) script: Option<Script>,
    pub(crate) hits: BTreeMap<&'static str, u64>,
}

impl Dice {
    /// The faults of account `account` in `seed`, without those in `without`.
    pub(crate) fn new(seed: u64, account: u64, without: &[Fault]) -> Self {
        let mut swarm = Pcg::new(seed, 1);
        // A third of the seeds has few faults, so that what needs a calm life happens too.
        let share = [20, 50, 75][usize::try_from(swarm.below(3)).unwrap()];
        let strengths = Fault::ALL.iter().map(|fault| {
            let is_there = swarm.below(100) < share;
            let strength = fault.rate_max() / (1 << swarm.below(4));
            if is_there && !without.contains(fault) { strength } else { 0 }
        });
        let strengths = strengths.collect();
        let stream = |index: usize| Pcg::new(seed, 1_000 + account * 1_000 + u64::try_from(index).unwrap());
        let streams = (0..Fault::ALL.len()).map(stream).collect();
        Self { strengths, streams, are_on: true, script: None, hits: BTreeMap::new() }
    }

    /// Whether the fault happens now; if so, a number for how.
    pub(crate) fn hits(&mut self, fault: Fault) -> Option<u32> {
        self.hits_times(fault, 1)
    }

    /// As [`Self::hits`], so many times as likely.
    pub(crate) fn hits_times(&mut self, fault: Fault, times: u32) -> Option<u32> {
        if let Some(script) = self.script.as_mut() {
            return if self.are_on { script.draw(fault) } else { None };
        }
        let index = fault as usize;
        let stream = &mut self.streams[index];
        let (drawn, how) = (stream.below(1_000_000), stream.next());
        if !self.are_on || drawn >= self.strengths[index].saturating_mul(times) {
            return None;
        }
        *self.hits.entry(fault.as_str()).or_default() += 1;
        Some(how)
    }

    pub(crate) fn total(&self) -> u64 {
        self.hits.values().sum()
    }
}

/// A number from `from` to `to`, made of what a hit said of how.
pub(crate) fn scaled(how: u32, from: i64, to: i64) -> i64 {
    from + ((i64::from(how) * (to - from + 1)) >> 32)
}

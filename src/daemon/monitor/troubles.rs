//! What is wrong with the machine the fleet runs on, and what is not done because of it: nothing is opened while the
//! disk is nearly full or the journal fails, and nothing on an exchange whose clock is far from ours. What is open stays
//! managed. Each trouble is told once, and its end.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::MB;
use super::vitals::Vitals;
use crate::config::WatchConfig;
use crate::daemon::pace::MarketId;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::DurationMs;

/// Who opens nothing because of a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    Nobody,
    Market(ExchangeKind),
    Everybody,
}

/// All that is wrong now.
#[derive(Debug, Default)]
pub struct Troubles {
    /// By word: the text.
    known: BTreeMap<String, String>,
    held: BTreeSet<Held>,
}

impl Troubles {
    /// Looks anew. `speed`: how fast the exchanges' clocks run; measured differences grow with it.
    pub fn look(&mut self, vitals: &Vitals, speed: u32) {
        let found = found(vitals, speed, self.known.contains_key("disk_low"));
        for (word, (text, held)) in found.iter().filter(|(word, _)| !self.known.contains_key(*word)) {
            let consequence = match held {
                Held::Nobody => "",
                Held::Market(_) => "; nothing is opened there until it is mended",
                Held::Everybody => "; nothing is opened until it is mended, what is open stays managed",
            };
            tracing::error!(trouble = word, "{text}{consequence}");
        }
        for word in self.known.keys().filter(|word| !found.contains_key(*word)) {
            tracing::info!(trouble = word, "mended");
        }
        self.held = found.values().map(|(_, held)| *held).collect();
        let known: BTreeMap<_, _> = found.into_iter().map(|(word, (text, _))| (word, text)).collect();
        if known != self.known {
            vitals.set_troubles(known.clone());
            self.known = known;
        }
    }

    /// Whether accounts that trade at this market's prices may open anything.
    pub fn allow_entries(&self, market: MarketId) -> bool {
        !self.held.contains(&Held::Everybody)
            && market.is_none_or(|market| !self.held.contains(&Held::Market(market)))
    }
}

fn found(vitals: &Vitals, speed: u32, was_low: bool) -> BTreeMap<String, (String, Held)> {
    let watch = vitals.watch();
    let mut found = BTreeMap::new();
    if let Some(text) = disk(vitals, &watch, was_low) {
        found.insert("disk_low".to_owned(), (text, Held::Everybody));
    }
    if let Some((_, error)) = vitals.failing() {
        found.insert(
            "journal_failing".to_owned(),
            (format!("the database takes nothing: {error}"), Held::Everybody),
        );
    }
    for (exchange, offset) in vitals.offsets() {
        if let Some(held) = clock(exchange, offset, &watch, speed) {
            let text = format!("the clock differs from that of {exchange} by {} ms", offset.ms());
            found.insert(format!("clock_{exchange}"), (text, held));
        }
    }
    found
}

fn disk(vitals: &Vitals, watch: &WatchConfig, was_low: bool) -> Option<String> {
    let least = watch.min_free_mb.saturating_mul(MB);
    // A tenth more before it is over, so that it is not told again and again.
    let bound = if was_low { least.saturating_add(least / 10) } else { least };
    let free = vitals.free_bytes()?;
    (free < bound || vitals.is_reserve_spent())
        .then(|| format!("{} MB of disk are free, watch.min_free_mb is {}", free / MB, watch.min_free_mb))
}

fn clock(exchange: ExchangeKind, offset: DurationMs, watch: &WatchConfig, speed: u32) -> Option<Held> {
    let off = offset.ms().unsigned_abs();
    let bound = |limit: DurationMs| u64::try_from(limit.times(i64::from(speed)).ms()).unwrap_or(u64::MAX);
    if off > bound(watch.clock_stop) {
        Some(Held::Market(exchange))
    } else {
        (off > bound(watch.clock_alarm)).then_some(Held::Nobody)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;
    use crate::store::writer::CommitObserver;

    #[test]
    fn a_clock_is_alarming_first_and_then_stops_entries_on_its_exchange_only() {
        let (vitals, mut troubles) = (Vitals::default(), Troubles::default());
        let (binance, upbit) = (Some(ExchangeKind::Binance), Some(ExchangeKind::Upbit));
        for (offset, told, allowed) in [(499, 0, true), (-501, 1, true), (1_001, 1, false), (0, 0, true)] {
            vitals.set_offset(ExchangeKind::Binance, DurationMs::from_ms(offset));
            troubles.look(&vitals, 1);
            assert_eq!(
                (vitals.troubles().len(), troubles.allow_entries(binance)),
                (told, allowed),
                "{offset}"
            );
            assert!(troubles.allow_entries(upbit) && troubles.allow_entries(None));
        }
        vitals.set_offset(ExchangeKind::Binance, DurationMs::from_ms(1_001));
        troubles.look(&vitals, 40);
        assert!(vitals.troubles().is_empty(), "40 times as fast it is 25 ms");
    }

    #[test]
    fn nobody_opens_anything_on_a_full_disk_or_a_failing_journal() {
        let (vitals, mut troubles) = (Vitals::default(), Troubles::default());
        vitals.set_free_bytes(199 * MB);
        troubles.look(&vitals, 1);
        assert!(!troubles.allow_entries(None));
        for (free, allowed) in [(210, false), (221, true)] {
            vitals.set_free_bytes(free * MB);
            troubles.look(&vitals, 1);
            assert_eq!(troubles.allow_entries(None), allowed, "{free}");
        }
        vitals.ended(Err(&StoreError::Busy));
        troubles.look(&vitals, 1);
        assert!(!troubles.allow_entries(None));
        vitals.ended(Ok(()));
        troubles.look(&vitals, 1);
        assert!(troubles.allow_entries(None));
    }
}

//! What is played of the chats in a run of the tests.

use std::collections::BTreeMap;

use super::{MISTAKES, play};
use crate::tests::number;

/// What must have been met in so many seeds, or they show nothing.
const TO_MEET: [&str; 12] = [
    "ignored",
    "answered",
    "asked",
    "heard before",
    "told twice",
    "not asked",
    "the disk failed",
    "given up",
    "died before it was settled",
    "died while it was settled",
    "died after it was settled",
    "numbered anew",
];

#[test]
fn what_chats_say_counts_once() {
    let (first, count) = (number("TRADEFLEET_FIRST", 0), number("TRADEFLEET_CHAT_SEEDS", 40));
    let mut met = BTreeMap::new();
    for seed in first..first + count {
        match play(seed, None) {
            Ok(counts) => counts.into_iter().for_each(|(what, times)| *met.entry(what).or_default() += times),
            Err(why) => panic!("chat seed {seed}: {why}"),
        }
    }
    eprintln!("{count} seeds of chats: {met:#?}");
    if count >= 40 {
        let missed: Vec<_> = TO_MEET
            .iter()
            .filter(|what| met.get(*what).is_none_or(|times: &u64| *times < count / 20))
            .collect();
        assert!(missed.is_empty(), "hardly met: {missed:?}");
    }
}

#[test]
fn every_mistake_in_listening_is_noticed() {
    for mistake in MISTAKES {
        let noticed = (0..40).find_map(|seed| play(seed, Some(mistake)).err().map(|why| (seed, why)));
        let (seed, why) = noticed.unwrap_or_else(|| panic!("{mistake:?} was not noticed"));
        eprintln!("{mistake:?}: seed {seed}: {why}");
    }
}

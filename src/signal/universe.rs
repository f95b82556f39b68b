//! Which symbols are worth computing: the most traded of the last 24 hours, the anchors, and what bots name.
//!
//! Volumes are kept in buckets of at least 5 minutes, so 1 m bars cost 288 numbers a symbol: the window is 24 h long,
//! less at most one bucket. Invariant: the list is sorted, without duplicates, and its `Arc` changes only with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::domain::instrument::Symbol;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::time::{DurationMs, Timeframe, Timestamp};

const WINDOW: DurationMs = Timeframe::D1.duration();
const BUCKET: Timeframe = Timeframe::M5;
/// Decimals kept of a bar's quote volume: exact for what ranks symbols, and far from the limit of `Decimal`.
const VOLUME_SCALE: u32 = 4;

/// What makes a symbol worth computing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UniverseConfig {
    /// Least traded amount of 24 h, in quote currency; not negative.
    pub min_quote_volume: Decimal,
    /// How many of the most traded symbols; 0 leaves the anchors and the named ones.
    pub top_n: usize,
    /// Always in, if the feed knows them.
    pub anchors: Vec<Symbol>,
}

impl Default for UniverseConfig {
    fn default() -> Self {
        let anchors = ["BTCUSDT", "ETHUSDT"];
        Self {
            min_quote_volume: Decimal::ZERO,
            top_n: 50,
            anchors: anchors.into_iter().filter_map(|name| Symbol::try_new(name).ok()).collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("universe: `min_quote_volume` is {0}, allowed is 0 or more")]
pub struct NegativeVolumeLimit(Decimal);

impl UniverseConfig {
    pub fn validate(&self) -> Result<(), NegativeVolumeLimit> {
        if self.min_quote_volume < Decimal::ZERO {
            return Err(NegativeVolumeLimit(self.min_quote_volume));
        }
        Ok(())
    }
}

/// The quote volume of one symbol by bucket, oldest first.
#[derive(Debug, Clone, Default)]
struct RollingVolume {
    buckets: VecDeque<(Timestamp, Decimal)>,
    sum: Decimal,
    last_open_at: Option<Timestamp>,
}

impl RollingVolume {
    /// Bars that are not newer than the last one are ignored.
    fn push(&mut self, bar: &Bar) {
        let open_at = bar.candle.open_time;
        if self.last_open_at.is_some_and(|last| open_at <= last) {
            return;
        }
        self.last_open_at = Some(open_at);
        let traded = bar.candle.close.decimal().saturating_mul(bar.candle.volume).round_dp(VOLUME_SCALE);
        let bucket = BUCKET.bar_start(open_at);
        match self.buckets.back_mut() {
            Some((at, volume)) if *at == bucket => *volume = volume.saturating_add(traded),
            _ => self.buckets.push_back((bucket, traded)),
        }
        self.sum = self.sum.saturating_add(traded);
    }

    /// Drops what is not wholly inside the 24 h before `now`. Returns whether anything was.
    fn expire(&mut self, now: Timestamp) -> bool {
        let oldest = now.minus(WINDOW);
        let before = self.buckets.len();
        while let Some((at, volume)) = self.buckets.front()
            && *at < oldest
        {
            self.sum = self.sum.saturating_sub(*volume);
            self.buckets.pop_front();
        }
        before != self.buckets.len()
    }
}

/// The rolling list of symbols.
#[derive(Debug, Clone)]
pub struct Universe {
    config: UniverseConfig,
    volumes: BTreeMap<Symbol, RollingVolume>,
    /// What the exchange says of the last 24 h, where it says it; bars count otherwise.
    told: Option<BTreeMap<Symbol, Decimal>>,
    named: BTreeSet<Symbol>,
    symbols: Arc<Vec<Symbol>>,
}

impl Universe {
    pub fn new(config: UniverseConfig) -> Self {
        Self {
            config,
            volumes: BTreeMap::new(),
            told: None,
            named: BTreeSet::new(),
            symbols: Arc::new(Vec::new()),
        }
    }

    /// Feeds history, oldest bar first, so that the volumes are whole from the first step on.
    pub fn warm(&mut self, bars: &[Bar]) {
        self.push_all(bars);
    }

    /// Takes over the exchange's own quote volumes of the last 24 h, and says which symbols follow from them.
    pub fn tell(&mut self, volumes: BTreeMap<Symbol, Decimal>, named: &BTreeSet<Symbol>) -> Arc<Vec<Symbol>> {
        self.told = Some(volumes);
        self.named.clone_from(named);
        self.symbols = Arc::new(self.select());
        Arc::clone(&self.symbols)
    }

    /// The symbols of this step, sorted. `named` are those that running bots name.
    pub fn on_step(&mut self, step: &MarketStep, named: &BTreeSet<Symbol>) -> Arc<Vec<Symbol>> {
        let mut changed = false;
        if self.told.is_none() {
            self.push_all(&step.price_bars);
            changed = !step.price_bars.is_empty();
            for volume in self.volumes.values_mut() {
                changed |= volume.expire(step.at);
            }
        }
        if self.named != *named {
            self.named.clone_from(named);
            changed = true;
        }
        if changed {
            let symbols = self.select();
            if symbols != *self.symbols {
                self.symbols = Arc::new(symbols);
            }
        }
        Arc::clone(&self.symbols)
    }

    /// Quote volume of the last 24 h; `None` for a symbol the feed does not know.
    pub fn quote_volume(&self, symbol: &Symbol) -> Option<Decimal> {
        self.volumes.get(symbol).map(|volume| volume.sum)
    }

    fn push_all(&mut self, bars: &[Bar]) {
        for bar in bars {
            match self.volumes.get_mut(&bar.symbol) {
                Some(volume) => volume.push(bar),
                None => self.volumes.entry(bar.symbol.clone()).or_default().push(bar),
            }
        }
    }

    fn volume_of_all(&self) -> BTreeMap<&Symbol, Decimal> {
        match &self.told {
            Some(told) => told.iter().map(|(symbol, volume)| (symbol, *volume)).collect(),
            None => self.volumes.iter().map(|(symbol, volume)| (symbol, volume.sum)).collect(),
        }
    }

    fn select(&self) -> Vec<Symbol> {
        let volumes = self.volume_of_all();
        let enough = volumes.iter().filter(|(_, volume)| **volume >= self.config.min_quote_volume);
        let mut ranked: Vec<(&Symbol, Decimal)> = enough.map(|(symbol, volume)| (*symbol, *volume)).collect();
        // The sort is stable and the map sorted, so equal volumes stay in the order of their names.
        ranked.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        let top = ranked.into_iter().take(self.config.top_n).map(|(symbol, _)| symbol);
        let anchors = self.config.anchors.iter().filter(|symbol| volumes.contains_key(*symbol));
        let all: BTreeSet<&Symbol> = top.chain(anchors).chain(&self.named).collect();
        all.into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::dec;

    use super::*;
    use crate::signal::testing::{bar, step};

    fn names(symbols: &[Symbol]) -> Vec<&str> {
        symbols.iter().map(Symbol::as_str).collect()
    }

    fn symbol(name: &str) -> Symbol {
        Symbol::try_new(name).unwrap()
    }

    #[test]
    fn the_most_traded_the_anchors_and_the_named_are_in() {
        let config = UniverseConfig { min_quote_volume: dec!(100), top_n: 2, ..UniverseConfig::default() };
        let mut universe = Universe::new(config);
        let bars = vec![
            bar("AAAUSDT", 0, 1.0, 500),
            bar("BBBUSDT", 0, 1.0, 500),
            bar("CCCUSDT", 0, 1.0, 500),
            bar("BTCUSDT", 0, 1.0, 1),
            bar("DDDUSDT", 0, 1.0, 99),
        ];
        let named = BTreeSet::from([symbol("DDDUSDT"), symbol("NEWUSDT")]);
        let symbols = universe.on_step(&step(bars), &named);
        // ETHUSDT is an anchor the feed does not know; CCCUSDT ties with the first two but comes later by name.
        assert_eq!(names(&symbols), ["AAAUSDT", "BBBUSDT", "BTCUSDT", "DDDUSDT", "NEWUSDT"]);
    }

    #[test]
    fn what_the_exchange_says_counts_more_than_bars() {
        let config =
            UniverseConfig { top_n: 1, anchors: vec![symbol("BTCUSDT")], ..UniverseConfig::default() };
        let mut universe = Universe::new(config);
        let volumes = [("BTCUSDT", dec!(1)), ("AAAUSDT", dec!(3)), ("BBBUSDT", dec!(2))];
        let volumes = volumes.map(|(name, volume)| (symbol(name), volume)).into_iter().collect();
        let told = universe.tell(volumes, &BTreeSet::new());
        assert_eq!(names(&told), ["AAAUSDT", "BTCUSDT"]);
        let after = universe.on_step(&step(vec![bar("BBBUSDT", 0, 1.0, 1_000)]), &BTreeSet::new());
        assert_eq!(names(&after), ["AAAUSDT", "BTCUSDT"]);
    }

    #[test]
    fn volume_leaves_after_24_hours() {
        let mut universe =
            Universe::new(UniverseConfig { top_n: 1, anchors: vec![], ..UniverseConfig::default() });
        let none = BTreeSet::new();
        universe.on_step(&step(vec![bar("AAAUSDT", 0, 1.0, 1_000), bar("BBBUSDT", 0, 1.0, 1)]), &none);
        for hour in 1..24 {
            let symbols = universe.on_step(&step(vec![bar("BBBUSDT", hour, 1.0, 1)]), &none);
            assert_eq!(names(&symbols), ["AAAUSDT"], "hour {hour}");
        }
        assert_eq!(universe.quote_volume(&symbol("BBBUSDT")), Some(dec!(24)));
        let symbols = universe.on_step(&step(vec![bar("BBBUSDT", 24, 1.0, 1)]), &none);
        assert_eq!(names(&symbols), ["BBBUSDT"]);
        assert_eq!(universe.quote_volume(&symbol("AAAUSDT")), Some(Decimal::ZERO));
    }

    #[test]
    fn an_unchanged_list_is_the_same_list() {
        let mut universe = Universe::new(UniverseConfig::default());
        let named = BTreeSet::new();
        let first = universe.on_step(&step(vec![bar("BTCUSDT", 0, 1.0, 1)]), &named);
        let second = universe.on_step(&step(vec![bar("BTCUSDT", 1, 1.0, 5)]), &named);
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn huge_volumes_do_not_overflow() {
        let mut universe = Universe::new(UniverseConfig::default());
        let mut huge = bar("BTCUSDT", 0, 1e11, 1);
        huge.candle.volume = Decimal::MAX;
        let symbols = universe.on_step(&step(vec![huge]), &BTreeSet::new());
        assert_eq!(names(&symbols), ["BTCUSDT"]);
    }

    #[test]
    fn the_limit_is_checked() {
        let config = UniverseConfig { min_quote_volume: dec!(-1), ..UniverseConfig::default() };
        assert!(config.validate().unwrap_err().to_string().contains("min_quote_volume"));
        assert!(serde_json::from_str::<UniverseConfig>(r#"{"topn": 3}"#).is_err());
        assert_eq!(
            serde_json::from_str::<UniverseConfig>(r#"{"top_n": 3, "min_quote_volume": 1000}"#).unwrap(),
            UniverseConfig { top_n: 3, min_quote_volume: dec!(1000), ..UniverseConfig::default() }
        );
    }

    proptest! {
        #[test]
        fn the_rolling_sum_is_the_sum_of_the_window(volumes in prop::collection::vec(0_i64..1_000_000, 1..80)) {
            let mut universe = Universe::new(UniverseConfig::default());
            for (volume, index) in volumes.iter().zip(0..) {
                universe.on_step(&step(vec![bar("BTCUSDT", index, 2.5, *volume)]), &BTreeSet::new());
            }
            let expected: i64 = volumes.iter().rev().take(24).sum();
            prop_assert_eq!(
                universe.quote_volume(&symbol("BTCUSDT")),
                Some(Decimal::from(expected) * dec!(2.5))
            );
        }
    }
}

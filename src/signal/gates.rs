//! The market's regime, read from a few anchors, and which side's entries it forbids.
//!
//! An anchor trends down when its fast EMA is below the slow one while the ADX says the trend is strong; it is stormy
//! when its NATR, scaled to one day by the square root of time, is above the limit. When every anchor with enough
//! history trends down and storms, longs are closed; shorts mirror it. Without such an anchor both gates are open:
//! missing data must not stop a fleet.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use super::indicator::{Adx, Atr, Ema, natr};
use super::sample::Sample;
use super::{Gate, Gates};
use crate::domain::instrument::Symbol;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::side::PositionSide;
use crate::domain::time::{Timeframe, Timestamp};

/// What closes a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// False leaves both gates open.
    pub enabled: bool,
    /// The symbols that stand for the market; those the feed lacks are ignored.
    pub anchors: Vec<Symbol>,
    /// The bars it is computed on; `None` is the feed's finest. A feed without bars of this length leaves gates open.
    pub timeframe: Option<Timeframe>,
    /// Bars of the fast trend EMA, 1..=1000, below `slow_bars`.
    pub fast_bars: u32,
    /// Bars of the slow trend EMA, 1..=1000.
    pub slow_bars: u32,
    /// Bars of the ADX and the ATR, 2..=200.
    pub strength_bars: u32,
    /// ADX from which a trend is strong, 0..=100.
    pub strength_min: f64,
    /// Average true range of a day, in % of the price, above which the market storms, 0..=1000.
    pub daily_volatility_max_pct: f64,
}

impl Default for GateConfig {
    fn default() -> Self {
        let anchors = ["BTCUSDT", "ETHUSDT", "KRW-BTC"];
        Self {
            enabled: true,
            anchors: anchors.into_iter().filter_map(|name| Symbol::try_new(name).ok()).collect(),
            timeframe: None,
            fast_bars: 50,
            slow_bars: 200,
            strength_bars: 14,
            strength_min: 25.0,
            daily_volatility_max_pct: 8.0,
        }
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GateConfigError {
    #[error("gates: `{field}` is {value}, allowed is {allowed}")]
    OutOfRange { field: &'static str, value: String, allowed: &'static str },
    #[error("gates: `fast_bars` is {fast_bars}, allowed is less than `slow_bars` ({slow_bars})")]
    FastNotBelowSlow { fast_bars: u32, slow_bars: u32 },
}

impl GateConfig {
    pub fn validate(&self) -> Result<(), GateConfigError> {
        let checks = [
            ("fast_bars", f64::from(self.fast_bars), 1.0..=1000.0, "1 to 1000"),
            ("slow_bars", f64::from(self.slow_bars), 1.0..=1000.0, "1 to 1000"),
            ("strength_bars", f64::from(self.strength_bars), 2.0..=200.0, "2 to 200"),
            ("strength_min", self.strength_min, 0.0..=100.0, "0 to 100"),
            ("daily_volatility_max_pct", self.daily_volatility_max_pct, 0.0..=1000.0, "0 to 1000"),
        ];
        for (field, value, range, allowed) in checks {
            if !range.contains(&value) {
                return Err(GateConfigError::OutOfRange { field, value: value.to_string(), allowed });
            }
        }
        if self.fast_bars >= self.slow_bars {
            return Err(GateConfigError::FastNotBelowSlow {
                fast_bars: self.fast_bars,
                slow_bars: self.slow_bars,
            });
        }
        Ok(())
    }

    /// Bars of history after which its averages forget what was before.
    pub fn history_bars(&self) -> u32 {
        self.warmup_bars().saturating_mul(5)
    }

    /// Bars of history an anchor needs before it can close a gate.
    pub fn warmup_bars(&self) -> u32 {
        self.slow_bars.max(2 * self.strength_bars)
    }
}

/// What an anchor's last bar says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Regime {
    fast: f64,
    slow: f64,
    adx: f64,
    /// ATR in % of the close, scaled to one day.
    daily_volatility_pct: f64,
}

/// One anchor's streaming indicators.
#[derive(Debug, Clone)]
struct Anchor {
    fast: Ema,
    slow: Ema,
    adx: Adx,
    atr: Atr,
    last_open_at: Option<Timestamp>,
    regime: Option<Regime>,
}

impl Anchor {
    fn new(config: &GateConfig) -> Self {
        Self {
            fast: Ema::new(config.fast_bars),
            slow: Ema::new(config.slow_bars),
            adx: Adx::new(config.strength_bars),
            atr: Atr::new(config.strength_bars),
            last_open_at: None,
            regime: None,
        }
    }

    /// Bars that are not newer than the last one are ignored. Returns whether the bar was used.
    fn push(&mut self, bar: &Bar) -> bool {
        if self.last_open_at.is_some_and(|last| bar.candle.open_time <= last) {
            return false;
        }
        self.last_open_at = Some(bar.candle.open_time);
        let Sample { high, low, close, .. } = Sample::of(bar);
        let (fast, slow) = (self.fast.push(close), self.slow.push(close));
        let adx = self.adx.push(high, low, close).and_then(|directional| directional.adx);
        let atr = self.atr.push(high, low, close);
        self.regime = match (fast, slow, adx, atr) {
            (Some(fast), Some(slow), Some(adx), Some(atr)) => {
                let daily_volatility_pct = natr(atr, close) * bars_a_day(bar.timeframe).sqrt();
                Some(Regime { fast, slow, adx, daily_volatility_pct })
            }
            _ => None,
        };
        true
    }
}

fn bars_a_day(timeframe: Timeframe) -> f64 {
    let bars = Timeframe::D1.duration().ms() / timeframe.duration().ms();
    i32::try_from(bars).map_or(1.0, f64::from)
}

/// Follows the anchors and keeps the gates of the last bar.
#[derive(Debug, Clone)]
pub struct RegimeGate {
    config: GateConfig,
    anchors: BTreeMap<Symbol, Anchor>,
    gates: Gates,
}

impl RegimeGate {
    pub const fn new(config: GateConfig) -> Self {
        Self { config, anchors: BTreeMap::new(), gates: Gates::OPEN }
    }

    /// Feeds history of any anchors, oldest bar first, of the configured timeframe.
    pub fn warm(&mut self, bars: &[Bar]) {
        self.push_all(bars);
    }

    /// The gates after this step; recomputed only when a bar of an anchor closed.
    pub fn on_step(&mut self, step: &MarketStep) -> Gates {
        match self.config.timeframe {
            None => self.push_all(&step.price_bars),
            Some(_) => self.push_all(&step.closed_bars),
        }
        self.gates.clone()
    }

    fn push_all(&mut self, bars: &[Bar]) {
        if !self.config.enabled {
            return;
        }
        let mut changed = false;
        let wanted = |bar: &&Bar| {
            self.config.timeframe.is_none_or(|timeframe| bar.timeframe == timeframe)
                && self.config.anchors.contains(&bar.symbol)
        };
        for bar in bars.iter().filter(wanted) {
            changed |= match self.anchors.entry(bar.symbol.clone()) {
                Entry::Occupied(mut anchor) => anchor.get_mut().push(bar),
                Entry::Vacant(slot) => slot.insert(Anchor::new(&self.config)).push(bar),
            };
        }
        if changed {
            self.gates =
                Gates { longs: self.judge(PositionSide::Long), shorts: self.judge(PositionSide::Short) };
        }
    }

    /// Closed when every anchor that has a regime storms against `side`.
    fn judge(&self, side: PositionSide) -> Gate {
        let regimes: Vec<(&Symbol, Regime)> =
            self.anchors.iter().filter_map(|(symbol, anchor)| Some((symbol, anchor.regime?))).collect();
        if regimes.is_empty() || !regimes.iter().all(|(_, regime)| self.storms_against(side, *regime)) {
            return Gate::Open;
        }
        let trend = match side {
            PositionSide::Long => "down",
            PositionSide::Short => "up",
        };
        let numbers: Vec<String> =
            regimes.iter().map(|(symbol, regime)| self.render(symbol, *regime)).collect();
        Gate::Closed { reason: format!("market storms {trend}: {}", numbers.join("; ")) }
    }

    fn storms_against(&self, side: PositionSide, regime: Regime) -> bool {
        let against = match side {
            PositionSide::Long => regime.fast < regime.slow,
            PositionSide::Short => regime.fast > regime.slow,
        };
        against
            && regime.adx >= self.config.strength_min
            && regime.daily_volatility_pct > self.config.daily_volatility_max_pct
    }

    fn render(&self, symbol: &Symbol, regime: Regime) -> String {
        let config = &self.config;
        format!(
            "{symbol} ema_{} {:.6} vs ema_{} {:.6}, adx {:.1} (strong from {}), daily volatility {:.2} % (limit {} %)",
            config.fast_bars,
            regime.fast,
            config.slow_bars,
            regime.slow,
            regime.adx,
            config.strength_min,
            regime.daily_volatility_pct,
            config.daily_volatility_max_pct,
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signal::testing::{bar, step};

    /// Hourly bars of `symbol` that move by `move_pct` each.
    fn walk(gate: &mut RegimeGate, symbols: &[&str], bars: i64, move_pct: f64) -> Gates {
        let mut gates = Gates::OPEN;
        let mut close = 1e6;
        for index in 0..bars {
            close *= 1.0 + move_pct / 100.0;
            gates = gate.on_step(&step(symbols.iter().map(|symbol| bar(symbol, index, close, 1)).collect()));
        }
        gates
    }

    #[test]
    fn a_crash_closes_longs_and_a_rally_of_that_force_closes_shorts() {
        let gates = walk(&mut RegimeGate::new(GateConfig::default()), &["BTCUSDT", "ETHUSDT"], 220, -3.0);
        assert_eq!(gates.shorts, Gate::Open);
        let Gate::Closed { reason } = gates.longs else { panic!("longs are open in a crash") };
        for part in ["down", "BTCUSDT", "ETHUSDT", "ema_50", "adx 100.0", "limit 8 %"] {
            assert!(reason.contains(part), "{part:?} is not in {reason:?}");
        }
        let gates = walk(&mut RegimeGate::new(GateConfig::default()), &["BTCUSDT"], 220, 3.0);
        assert_eq!(gates.longs, Gate::Open);
        assert!(matches!(gates.shorts, Gate::Closed { .. }));
    }

    #[test]
    fn gates_are_open_while_nothing_is_known_or_nothing_storms() {
        let mut cases = vec![
            (GateConfig::default(), "BTCUSDT", 199, -3.0, "still warming up"),
            (GateConfig::default(), "XRPUSDT", 220, -3.0, "no anchor"),
            (GateConfig::default(), "BTCUSDT", 220, -0.1, "a calm decline"),
        ];
        cases.push((
            GateConfig { enabled: false, ..GateConfig::default() },
            "BTCUSDT",
            220,
            -3.0,
            "switched off",
        ));
        for (config, symbol, bars, move_pct, why) in cases {
            let gates = walk(&mut RegimeGate::new(config), &[symbol], bars, move_pct);
            assert_eq!(gates, Gates::OPEN, "{why}");
        }
    }

    #[test]
    fn a_configured_timeframe_reads_only_its_own_bars() {
        for (timeframe, closes) in [(Timeframe::H1, true), (Timeframe::H4, false)] {
            let config = GateConfig { timeframe: Some(timeframe), ..GateConfig::default() };
            let gates = walk(&mut RegimeGate::new(config), &["BTCUSDT"], 220, -3.0);
            assert_eq!(gates.longs != Gate::Open, closes, "{timeframe}");
        }
    }

    #[test]
    fn one_calm_anchor_keeps_the_gates_open() {
        let mut gate = RegimeGate::new(GateConfig::default());
        let mut gates = Gates::OPEN;
        let mut close = 1e6;
        for index in 0..220 {
            close *= 0.97;
            gates = gate.on_step(&step(vec![
                bar("BTCUSDT", index, close, 1),
                bar("ETHUSDT", index, 100.0 + f64::from(u8::from(index % 2 == 0)) / 100.0, 1),
            ]));
        }
        assert_eq!(gates, Gates::OPEN);
    }

    #[test]
    fn limits_are_checked_by_name() {
        assert_eq!(GateConfig::default().validate(), Ok(()));
        let error = GateConfig { strength_min: f64::NAN, ..GateConfig::default() }.validate().unwrap_err();
        assert_eq!(error.to_string(), "gates: `strength_min` is NaN, allowed is 0 to 100");
        assert!(GateConfig { fast_bars: 200, ..GateConfig::default() }.validate().is_err());
        assert!(serde_json::from_str::<GateConfig>(r#"{"enabeld": true}"#).is_err());
        assert_eq!(serde_json::from_str::<GateConfig>("{}").unwrap(), GateConfig::default());
    }

    proptest! {
        /// History and live bars may overlap: a bar counts once.
        #[test]
        fn warming_then_stepping_equals_stepping(moves in prop::collection::vec(-4.0_f64..3.9, 210..260), split in 0_usize..210) {
            let mut close = 1e6;
            let bars: Vec<Bar> = moves.iter().zip(0..).map(|(percent, index)| {
                close *= 1.0 + percent / 100.0;
                bar("BTCUSDT", index, close, 1)
            }).collect();
            let (mut stepped, mut warmed) = (RegimeGate::new(GateConfig::default()), RegimeGate::new(GateConfig::default()));
            warmed.warm(&bars[..split]);
            for bar in &bars {
                stepped.on_step(&step(vec![bar.clone()]));
                warmed.on_step(&step(vec![bar.clone()]));
            }
            prop_assert_eq!(stepped.gates, warmed.gates);
        }
    }
}

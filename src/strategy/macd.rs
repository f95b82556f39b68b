//! `macd`, the adaptive one: a MACD cross plus as many conditions as the volatility asks for, with its own exits.
//!
//! Conditions of a long (a short mirrors them): volume above its mean; short above long moving average; RSI inside its
//! band; MACD above zero or a rising histogram; close above MACD's slow EMA. A condition that is still warming up has not
//! passed, and volatility that is still warming up counts as calm, which asks for more. A dead cross exits nothing: the
//! exit plan does.

use super::ExitPlan;
use super::ema_cross::crossed;
use super::evaluation::{Verdict, condition, holds, show};
use super::param::{ANY, Bounds, ParamError, strategy_params};
use super::state::leaning;
use crate::domain::money::Pct;
use crate::domain::side::PositionSide;
use crate::signal::Condition;
use crate::signal::indicator::{self, Atr, MacdValue, Rsi, Sma, natr};
use crate::signal::sample::Sample;

strategy_params! {
    /// Parameters of `macd`. Both condition counts 0, no holding period and no trail make it the plain cross.
    MacdParams of "macd" {
        fast: u32 = 12, Bounds(1.0, 500.0), "Bars of MACD's fast EMA; below `slow`.";
        slow: u32 = 26, Bounds(2.0, 1000.0), "Bars of MACD's slow EMA.";
        signal: u32 = 9, Bounds(1.0, 500.0), "Bars of MACD's signal line.";
        conditions_volatile: u32 = 3, Bounds(0.0, 5.0), "Conditions, of five, that an entry needs in a volatile market.";
        conditions_calm: u32 = 4, Bounds(0.0, 5.0), "Conditions, of five, that an entry needs in a calm market.";
        volatility_threshold: f64 = 0.02, Bounds(0.0, 1.0), "Average true range / close above which the market is volatile; a fraction.";
        atr_period: u32 = 14, Bounds(1.0, 500.0), "Bars of the average true range.";
        volume_period: u32 = 20, Bounds(1.0, 500.0), "Bars of the mean volume, the current one included.";
        trend_fast: u32 = 20, Bounds(1.0, 500.0), "Bars of the trend's short moving average; below `trend_slow`.";
        trend_slow: u32 = 50, Bounds(2.0, 1000.0), "Bars of the trend's long moving average.";
        rsi_period: u32 = 14, Bounds(1.0, 500.0), "Bars of the RSI.";
        rsi_low: f64 = 40.0, Bounds(0.0, 100.0), "Lower end of a long's RSI band; below `rsi_high`. A short's band is 100 minus it.";
        rsi_high: f64 = 70.0, Bounds(0.0, 100.0), "Upper end of a long's RSI band.";
        take_profit_pct: Pct = five(), Bounds(0.0, 1000.0), "Take profit, in % from the entry price; 0 leaves it to bot and account.";
        stop_loss_pct: Pct = one_and_a_half(), Bounds(0.0, 100.0), "Stop loss, in % from the entry price; 0 leaves it to bot and account.";
        min_hold_bars: u32 = 10, Bounds(0.0, 10000.0), "Bars since the entry during which only the stop loss may exit.";
        trail_activation_pct: Pct = eight(), Bounds(0.0, 1000.0), "Profit, in %, from which the trailing stop replaces the take profit; 0 is off.";
        trail_pct: Pct = five(), Bounds(0.0, 99.0), "Distance of the trailing stop from the best price, in %; 0 is off.";
        allow_short: bool = false, ANY, "Whether a dead cross opens a short, by mirrored conditions.";
        min_confidence: f64 = 0.0, Bounds(0.0, 1.0), "Least confidence of an entry, 0..1.";
        signal_ttl_bars: u32 = 1, Bounds(1.0, 100.0), "Bars after its own during which a signal may be acted on.";
    }
}

fn pct(tenths: i64) -> Pct {
    Pct::try_new(rust_decimal::Decimal::new(tenths, 1)).unwrap_or_default()
}

fn one_and_a_half() -> Pct {
    pct(15)
}

fn five() -> Pct {
    pct(50)
}

fn eight() -> Pct {
    pct(80)
}

impl MacdParams {
    fn validate_together(&self) -> Result<(), ParamError> {
        ParamError::check_below(("fast", self.fast.into()), ("slow", self.slow.into()))?;
        ParamError::check_below(
            ("trend_fast", self.trend_fast.into()),
            ("trend_slow", self.trend_slow.into()),
        )?;
        ParamError::check_below(("rsi_low", self.rsi_low), ("rsi_high", self.rsi_high))
    }

    pub(super) fn warmup_bars(&self) -> u32 {
        let cross = self.slow + self.signal;
        let windows = self.volume_period.max(self.trend_slow);
        cross.max(windows).max(self.rsi_period + 1).max(self.atr_period + 1)
    }

    /// The weight of an EMA's seed fades as e^(-2 bars / period), of Wilder's as e^(-bars / period).
    pub(super) fn memory_bars(&self) -> u32 {
        (4 * (self.slow + self.signal)).max(8 * self.rsi_period.max(self.atr_period))
    }

    /// With what only exits and lifetimes depend on at its default.
    pub(super) fn signal_part(self) -> Self {
        let default = Self::default();
        Self {
            take_profit_pct: default.take_profit_pct,
            stop_loss_pct: default.stop_loss_pct,
            min_hold_bars: default.min_hold_bars,
            trail_activation_pct: default.trail_activation_pct,
            trail_pct: default.trail_pct,
            signal_ttl_bars: default.signal_ttl_bars,
            ..self
        }
    }

    pub(super) fn exit_plan(&self) -> ExitPlan {
        let on = |pct: Pct| (pct > Pct::ZERO).then_some(pct);
        let trail = on(self.trail_activation_pct).zip(on(self.trail_pct));
        ExitPlan {
            take_profit_pct: on(self.take_profit_pct),
            stop_loss_pct: on(self.stop_loss_pct),
            min_hold_bars: self.min_hold_bars,
            trail_activation_pct: trail.map(|(activation, _)| activation),
            trail_pct: trail.map(|(_, distance)| distance),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MacdFacts {
    close: f64,
    volume: f64,
    lines: Option<MacdValue>,
    previous_histogram: Option<f64>,
    mean_volume: Option<f64>,
    trend_fast: Option<f64>,
    trend_slow: Option<f64>,
    rsi: Option<f64>,
    /// Average true range / close.
    volatility: Option<f64>,
    cross: Option<PositionSide>,
    /// The side the histogram leans to; the conditions are judged for it.
    side: PositionSide,
    /// Which of the five conditions passed, in the order of the module's text.
    passed: [bool; 5],
    needed: u32,
}

impl MacdFacts {
    pub(super) fn headline(&self) -> String {
        let line = show(self.lines.map(|macd| macd.line));
        let signal = show(self.lines.map(|macd| macd.signal));
        format!("macd {line}, signal line {signal}, {} of {} conditions", self.count(), self.needed)
    }

    fn count(&self) -> u32 {
        self.passed.iter().map(|passed| u32::from(*passed)).sum()
    }

    /// Judges the five conditions for `self.side`.
    fn judge(&self, params: &MacdParams) -> [bool; 5] {
        let with_volume = holds(self.mean_volume, |mean| self.volume > mean);
        let Some((macd, (trend_fast, trend_slow))) = self.lines.zip(self.trend_fast.zip(self.trend_slow))
        else {
            return [with_volume, false, false, false, false];
        };
        match self.side {
            PositionSide::Long => [
                with_volume,
                trend_fast > trend_slow,
                holds(self.rsi, |rsi| (params.rsi_low..=params.rsi_high).contains(&rsi)),
                macd.line > 0.0 || holds(self.previous_histogram, |before| macd.histogram > before),
                self.close > macd.slow_ema,
            ],
            PositionSide::Short => [
                with_volume,
                trend_fast < trend_slow,
                holds(self.rsi, |rsi| (params.rsi_low..=params.rsi_high).contains(&(100.0 - rsi))),
                macd.line < 0.0 || holds(self.previous_histogram, |before| macd.histogram < before),
                self.close < macd.slow_ema,
            ],
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Macd {
    params: MacdParams,
    lines: indicator::Macd,
    atr: Atr,
    rsi: Rsi,
    mean_volume: Sma,
    trend_fast: Sma,
    trend_slow: Sma,
    previous_histogram: Option<f64>,
}

impl Macd {
    pub(super) fn new(params: MacdParams) -> Self {
        Self {
            lines: indicator::Macd::new(params.fast, params.slow, params.signal),
            atr: Atr::new(params.atr_period),
            rsi: Rsi::new(params.rsi_period),
            mean_volume: Sma::new(params.volume_period),
            trend_fast: Sma::new(params.trend_fast),
            trend_slow: Sma::new(params.trend_slow),
            previous_histogram: None,
            params,
        }
    }

    /// Confidence: 0.5 plus 0.1 for each of the five conditions that passed.
    pub(super) fn push(&mut self, sample: &Sample) -> Verdict<MacdFacts> {
        let close = sample.close;
        let macd = self.lines.push(close);
        let histogram = macd.map(|macd| macd.histogram);
        let previous_histogram = std::mem::replace(&mut self.previous_histogram, histogram);
        let volatility = self.atr.push(sample.high, sample.low, close).map(|atr| natr(atr, close) / 100.0);
        let volatile = holds(volatility, |volatility| volatility > self.params.volatility_threshold);
        let mut facts = MacdFacts {
            close,
            volume: sample.volume,
            lines: macd,
            previous_histogram,
            mean_volume: self.mean_volume.push(sample.volume),
            trend_fast: self.trend_fast.push(close),
            trend_slow: self.trend_slow.push(close),
            rsi: self.rsi.push(close),
            volatility,
            cross: crossed(previous_histogram, histogram),
            side: leaning(histogram.unwrap_or(0.0)),
            passed: [false; 5],
            needed: if volatile { self.params.conditions_volatile } else { self.params.conditions_calm },
        };
        facts.passed = facts.judge(&self.params);
        let enough = facts.count() >= facts.needed;
        let allowed = facts.side == PositionSide::Long || self.params.allow_short;
        Verdict {
            entry: facts.cross.filter(|_| enough && allowed),
            exit_long: false,
            exit_short: false,
            confidence: 0.5 + 0.1 * f64::from(facts.count()),
            facts,
        }
    }

    pub(super) fn conditions(&self, facts: &MacdFacts) -> Vec<Condition> {
        let params = &self.params;
        let long = facts.side == PositionSide::Long;
        let sign = if long { '>' } else { '<' };
        let line = show(facts.lines.map(|macd| macd.line));
        let (low, high) = if long {
            (params.rsi_low, params.rsi_high)
        } else {
            (100.0 - params.rsi_high, 100.0 - params.rsi_low)
        };
        let details = [
            format!("volume {} > mean {}", show(Some(facts.volume)), show(facts.mean_volume)),
            format!(
                "sma_{} {} {sign} sma_{} {}",
                params.trend_fast,
                show(facts.trend_fast),
                params.trend_slow,
                show(facts.trend_slow)
            ),
            format!("rsi_{} {} in {low}..{high}", params.rsi_period, show(facts.rsi)),
            format!(
                "macd {line} {sign} 0 or histogram {} {sign} {}",
                show(facts.lines.map(|macd| macd.histogram)),
                show(facts.previous_histogram)
            ),
            format!(
                "close {} {sign} ema_{} {}",
                show(Some(facts.close)),
                params.slow,
                show(facts.lines.map(|macd| macd.slow_ema))
            ),
        ];
        let names = if long {
            ["volume above mean", "trend up", "rsi band", "macd above zero or rising", "close above slow ema"]
        } else {
            [
                "volume above mean",
                "trend down",
                "rsi band",
                "macd below zero or falling",
                "close below slow ema",
            ]
        };
        let cross = format!("macd {line} {sign} signal {}", show(facts.lines.map(|macd| macd.signal)));
        let cross_name = if long { "golden cross" } else { "dead cross" };
        let mut conditions = vec![condition(cross_name, facts.cross == Some(facts.side), cross)];
        let five = names.into_iter().zip(facts.passed).zip(details);
        conditions.extend(five.map(|((name, passed), detail)| condition(name, passed, detail)));
        conditions.push(condition(
            "enough conditions",
            facts.count() >= facts.needed,
            format!(
                "{} of {} needed at volatility {} (limit {})",
                facts.count(),
                facts.needed,
                show(facts.volatility),
                params.volatility_threshold
            ),
        ));
        if !long {
            let detail = format!("allow_short {}", params.allow_short);
            conditions.push(condition("shorts allowed", params.allow_short, detail));
        }
        conditions
    }
}

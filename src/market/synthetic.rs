//! A made-up market for demos and tests: random, but the same candles bit for bit for the same configuration.
//!
//! Floats are only added, subtracted, multiplied, divided and rooted (IEEE 754 defines these exactly), so that no
//! platform's mathematics library can change a candle. Prices become integers of the symbol's last decimal before
//! they become money. One factor moves all symbols; each adds its own noise.

use rust_decimal::Decimal;

use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};

use super::pcg::Pcg;

/// What the whole market does for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Regime {
    TrendUp,
    TrendDown,
    Range,
    Crash,
}

impl Regime {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrendUp => "trend up",
            Self::TrendDown => "trend down",
            Self::Range => "range",
            Self::Crash => "crash",
        }
    }

    /// Mean move of a bar, its deviation (both as a fraction, for 1m bars) and the volume against a range's.
    const fn character(self) -> (f64, f64, f64) {
        match self {
            Self::TrendUp => (0.000_06, 0.000_8, 1.8),
            Self::TrendDown => (-0.000_06, 0.000_9, 1.6),
            Self::Range => (0.0, 0.000_6, 1.0),
            Self::Crash => (-0.001, 0.002_5, 6.0),
        }
    }
}

/// How long regimes last, in bars (shortest and longest), and how often a switch is a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegimeConfig {
    pub trend_bars: (u32, u32),
    pub range_bars: (u32, u32),
    pub crash_bars: (u32, u32),
    /// 0..=100
    pub crash_pct: u32,
}

impl Default for RegimeConfig {
    fn default() -> Self {
        Self { trend_bars: (90, 300), range_bars: (60, 180), crash_bars: (12, 40), crash_pct: 6 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticSymbol {
    pub symbol: Symbol,
    /// Open of the first candle.
    pub price: Price,
    /// Decimals its prices have, 0..=8.
    pub decimals: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticConfig {
    pub seed: u64,
    pub symbols: Vec<SyntheticSymbol>,
    /// Open time of the first candles, on the timeframe's grid.
    pub start: Timestamp,
    pub timeframe: Timeframe,
    /// Bars a symbol; endless when absent.
    pub steps: Option<u64>,
    pub regimes: RegimeConfig,
}

impl SyntheticConfig {
    /// BTCUSDT, ETHUSDT, SOLUSDT and XRPUSDT in endless 1m bars; `start` is moved back onto the grid.
    pub fn with_default_symbols(seed: u64, start: Timestamp) -> Self {
        let symbols = [("BTCUSDT", 6_000_000, 2), ("ETHUSDT", 300_000, 2), ("SOLUSDT", 15_000, 2)];
        let symbols = symbols.into_iter().chain([("XRPUSDT", 6_000, 4)]);
        let symbols = symbols.filter_map(|(symbol, ticks, decimals)| {
            let price = Price::try_new(Decimal::new(ticks, decimals)).ok()?;
            Some(SyntheticSymbol { symbol: Symbol::try_new(symbol).ok()?, price, decimals })
        });
        Self {
            seed,
            symbols: symbols.collect(),
            start: Timeframe::M1.bar_start(start),
            timeframe: Timeframe::M1,
            steps: None,
            regimes: RegimeConfig::default(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntheticError {
    #[error("a synthetic market needs at least one symbol")]
    NoSymbols,
    #[error("symbol {0} is there twice")]
    Twice(Symbol),
    #[error("start {start} is not the start of a {timeframe} bar")]
    OffGrid { start: Timestamp, timeframe: Timeframe },
    #[error("steps must be at least 1")]
    NoSteps,
    #[error("decimals {decimals} of {symbol} are not 0 to 8")]
    Decimals { symbol: Symbol, decimals: u32 },
    #[error("price {price} of {symbol} is not 1,000 to 10^12 units of its last decimal")]
    Price { symbol: Symbol, price: Price },
}

/// Bounds of a price in units of its last decimal: coarse enough to move, and exact in a float.
const START_TICKS: std::ops::RangeInclusive<i64> = 1_000..=1_000_000_000_000;
/// The walk is kept within its start / 100 and its start x 100.
const LEVEL_BOUND: f64 = 100.0;
/// Quote currency traded in a quiet 1m bar.
const QUIET_NOTIONAL: f64 = 400_000.0;
const VOLUME_DECIMALS: u32 = 3;
/// The longest move of one bar, as a fraction.
const MOVE_MAX: f64 = 0.2;

/// The state of the walk between two bars. A clone goes on with the same candles.
#[derive(Debug, Clone)]
pub struct SyntheticMarket {
    timeframe: Timeframe,
    steps_left: Option<u64>,
    next_open: Timestamp,
    regimes: RegimeConfig,
    regime: Regime,
    regime_bars_left: u32,
    rng: Pcg,
    /// The factor against its start, 1.0 at first.
    factor: f64,
    walks: Vec<Walk>,
}

#[derive(Debug, Clone)]
struct Walk {
    symbol: Symbol,
    decimals: u32,
    rng: Pcg,
    start_ticks: f64,
    /// Price against its start, unrounded.
    level: f64,
    /// How strongly it follows the factor.
    beta: f64,
    close_ticks: i64,
}

impl SyntheticMarket {
    pub fn new(config: SyntheticConfig) -> Result<Self, SyntheticError> {
        check(&config)?;
        let SyntheticConfig { seed, mut symbols, start, timeframe, steps, regimes } = config;
        symbols.sort_by(|one, other| one.symbol.cmp(&other.symbol));
        if let Some((twin, _)) =
            symbols.iter().zip(symbols.iter().skip(1)).find(|(a, b)| a.symbol == b.symbol)
        {
            return Err(SyntheticError::Twice(twin.symbol.clone()));
        }
        let walks = symbols.into_iter().zip(1..).map(|(symbol, stream)| Walk::new(symbol, seed, stream));
        Ok(Self {
            timeframe,
            steps_left: steps,
            next_open: start,
            regimes,
            regime: Regime::Range,
            regime_bars_left: 0,
            rng: Pcg::new(seed, 0),
            factor: 1.0,
            walks: walks.collect::<Result<_, _>>()?,
        })
    }

    /// Sorted; the order of every row.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.walks.iter().map(|walk| &walk.symbol)
    }

    pub const fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// Bars a symbol that are still to come; `None` when endless.
    pub const fn steps_left(&self) -> Option<u64> {
        self.steps_left
    }

    /// Open time of the bars that come next.
    pub const fn next_open(&self) -> Timestamp {
        self.next_open
    }

    /// Of the bars that came last.
    pub const fn regime(&self) -> Regime {
        self.regime
    }

    /// The next bar of every symbol, in the order of [`Self::symbols`]; `None` at the end.
    pub fn next_row(&mut self) -> Option<Vec<Candle>> {
        match &mut self.steps_left {
            Some(0) => return None,
            Some(steps) => *steps -= 1,
            None => {}
        }
        if self.regime_bars_left == 0 {
            self.switch_regime();
        }
        self.regime_bars_left = self.regime_bars_left.saturating_sub(1);
        let (drift, deviation, volume) = self.regime.character();
        let scale = self.bar_scale();
        let bar = BarCharacter {
            open_time: self.next_open,
            market_move: (drift + deviation * self.rng.gaussian()) * scale,
            deviation: deviation * scale,
            volume: volume * scale * scale,
            factor: self.factor,
        };
        self.factor = bounded(self.factor * (1.0 + bar.market_move.clamp(-MOVE_MAX, MOVE_MAX)));
        self.next_open = self.next_open.plus(self.timeframe.duration());
        self.walks.iter_mut().map(|walk| walk.next_candle(&bar)).collect()
    }

    /// Longer bars move by the root of their length, up to that of an hour.
    fn bar_scale(&self) -> f64 {
        let minutes = u32::try_from(self.timeframe.duration().ms() / 60_000).unwrap_or(1).min(60);
        f64::from(minutes).sqrt()
    }

    /// Never the same regime twice. The higher the market has risen the likelier it falls next, so that it neither
    /// vanishes nor explodes in a long run.
    fn switch_regime(&mut self) {
        let crash = self.rng.between(1, 100) <= self.regimes.crash_pct;
        let rises = self.rng.uniform() * (1.0 + self.factor * self.factor) < 1.0;
        let trend = if rises { Regime::TrendUp } else { Regime::TrendDown };
        let rests = self.rng.between(1, 3) == 1;
        self.regime = match self.regime {
            Regime::TrendUp | Regime::Range if crash => Regime::Crash,
            Regime::TrendUp | Regime::TrendDown | Regime::Crash if rests => Regime::Range,
            Regime::TrendUp => Regime::TrendDown,
            Regime::TrendDown | Regime::Crash => Regime::TrendUp,
            Regime::Range => trend,
        };
        let (shortest, longest) = match self.regime {
            Regime::TrendUp | Regime::TrendDown => self.regimes.trend_bars,
            Regime::Range => self.regimes.range_bars,
            Regime::Crash => self.regimes.crash_bars,
        };
        self.regime_bars_left = self.rng.between(shortest, longest);
    }
}

fn check(config: &SyntheticConfig) -> Result<(), SyntheticError> {
    let SyntheticConfig { symbols, start, timeframe, steps, .. } = config;
    if symbols.is_empty() {
        return Err(SyntheticError::NoSymbols);
    }
    if *steps == Some(0) {
        return Err(SyntheticError::NoSteps);
    }
    if timeframe.bar_start(*start) != *start {
        return Err(SyntheticError::OffGrid { start: *start, timeframe: *timeframe });
    }
    Ok(())
}

fn bounded(level: f64) -> f64 {
    level.clamp(1.0 / LEVEL_BOUND, LEVEL_BOUND)
}

/// What one bar is like for all symbols.
struct BarCharacter {
    open_time: Timestamp,
    market_move: f64,
    deviation: f64,
    volume: f64,
    /// Before this bar.
    factor: f64,
}

impl Walk {
    fn new(config: SyntheticSymbol, seed: u64, stream: u64) -> Result<Self, SyntheticError> {
        let SyntheticSymbol { symbol, price, decimals } = config;
        if decimals > 8 {
            return Err(SyntheticError::Decimals { symbol, decimals });
        }
        let ticks = price.decimal() * Decimal::from(10_u64.pow(decimals));
        let close_ticks = i64::try_from(ticks).ok().filter(|ticks| START_TICKS.contains(ticks));
        let Some(close_ticks) = close_ticks.filter(|units| Decimal::from(*units) == ticks) else {
            return Err(SyntheticError::Price { symbol, price });
        };
        let mut rng = Pcg::new(seed, stream);
        let beta = 0.8 + 0.6 * rng.uniform();
        Ok(Self { symbol, decimals, rng, start_ticks: as_float(close_ticks), level: 1.0, beta, close_ticks })
    }

    fn next_candle(&mut self, bar: &BarCharacter) -> Option<Candle> {
        // What drifted away from the factor comes back slowly.
        let pull = 0.000_2 * (1.0 - self.level / bar.factor).clamp(-1.0, 1.0);
        let own = 0.6 * bar.deviation * self.rng.gaussian();
        let change = (self.beta * bar.market_move + own + pull).clamp(-MOVE_MAX, MOVE_MAX);
        self.level = bounded(self.level * (1.0 + change));
        let open = self.close_ticks;
        let close = whole(self.level * self.start_ticks).max(1);
        self.close_ticks = close;
        let mut wick = || whole(self.rng.gaussian().abs() * 0.5 * bar.deviation * as_float(close));
        let high = open.max(close) + wick();
        let low = (open.min(close) - wick()).max(1);
        let swell = 1.0 + 25.0 * change.abs();
        let notional = QUIET_NOTIONAL * bar.volume * swell * (0.4 + 1.2 * self.rng.uniform());
        let per_unit = f64::from(10_u32.pow(self.decimals)) / as_float(close);
        let volume = whole(notional * per_unit * f64::from(10_u32.pow(VOLUME_DECIMALS)));
        let price = |ticks| Price::try_new(Decimal::new(ticks, self.decimals)).ok();
        let prices = [price(open)?, price(high)?, price(low)?, price(close)?];
        Candle::try_new(bar.open_time, prices, Decimal::new(volume, VOLUME_DECIMALS).normalize()).ok()
    }
}

/// Exact: what is passed is below 2^53.
#[expect(clippy::cast_precision_loss, reason = "ticks stay below START_TICKS x LEVEL_BOUND x 2, under 2^53")]
const fn as_float(ticks: i64) -> f64 {
    ticks as f64
}

/// Rounded half away from zero.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates and the values are bounded")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}

#[cfg(test)]
mod tests;

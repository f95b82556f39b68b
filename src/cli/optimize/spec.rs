//! A search as it was asked for: enough to begin it, and to go on with it in another process.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::backtest::driver::checked_span;
use crate::backtest::market::Market;
use crate::backtest::setup::{BotSetup, Setup};
use crate::cli::backtest::{self, BacktestArgs};
use crate::cli::{CliError, Context};
use crate::control::Assignment;
use crate::domain::instrument::Symbol;
use crate::domain::money::Leverage;
use crate::domain::time::{Timeframe, Timestamp};
use crate::engine::settings::{BotSettings, PolicyLimits};
use crate::market::series::SeriesNameError;
use crate::optimize::objective::{Bounds, Objective};
use crate::optimize::search::{Method, Plan};
use crate::optimize::space::{Dimension, Space};
use crate::optimize::study::Study;
use crate::optimize::windows::{WalkForward, WindowError};
use crate::strategy::{StrategyKind, StrategyParams, StrategySpec};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) kind: StrategyKind,
    /// All parameters of the strategy that is varied.
    params: Vec<(String, String)>,
    tape: Vec<PathBuf>,
    skip_bad_rows: bool,
    /// Names of stored candles.
    #[serde(default)]
    data: Vec<String>,
    #[serde(default)]
    exchange: Option<String>,
    symbols: Vec<Symbol>,
    timeframe: Option<Timeframe>,
    detail_timeframe: Option<Timeframe>,
    /// The bars that signals are given on, once they are known.
    pub(super) bars: Option<Timeframe>,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    capital: Option<String>,
    settings: Vec<(String, String)>,
    #[serde(default)]
    funding_files: Vec<String>,
    plain: bool,
    exact: bool,
    spot: bool,
    gates: bool,
    /// What is searched.
    pub(super) space: Vec<(String, String)>,
    pub(super) method: Method,
    pub(super) trials: Option<usize>,
    pub(super) seed: u64,
    pub(super) objective: Objective,
    pub(super) bounds: Bounds,
    pub(super) windows: usize,
    pub(super) in_sample: usize,
    pub(super) anchored: bool,
}

/// The strategy that a search begins with.
pub(super) struct Origin {
    pub(super) kind: StrategyKind,
    pub(super) params: serde_json::Value,
    pub(super) timeframe: Option<Timeframe>,
}

/// What a continued search must find as it was, in hexadecimal.
pub(super) struct Fingerprints {
    pub(super) candles: String,
    pub(super) setup: String,
}

impl Spec {
    pub(super) fn new(args: &super::StartArgs, origin: &Origin, context: &Context) -> Result<Self, CliError> {
        let time = |text: &Option<String>| {
            let parsed = text.as_ref().map(|text| crate::cli::when::parse(text, context.now()));
            parsed.transpose().map(|at| at.map(Timestamp::ms)).map_err(CliError::usage)
        };
        let pairs = |of: &[Assignment]| of.iter().map(|of| (of.key.clone(), of.value.clone())).collect();
        let params = origin.params.as_object().into_iter().flatten();
        Ok(Self {
            kind: origin.kind,
            params: params.map(|(key, value)| (key.clone(), value.to_string())).collect(),
            // Wherever it is gone on with.
            tape: args.tape.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect(),
            skip_bad_rows: args.skip_bad_rows,
            data: args.data.iter().map(ToString::to_string).collect(),
            exchange: args.exchange.as_ref().map(ToString::to_string),
            symbols: args.symbols.clone(),
            timeframe: args.timeframe.or(origin.timeframe),
            detail_timeframe: args.detail_timeframe,
            bars: None,
            from_ms: time(&args.from)?,
            to_ms: time(&args.to)?,
            capital: args.capital.clone(),
            settings: pairs(&args.settings),
            funding_files: args.funding_files.iter().map(|text| absolute(text)).collect(),
            plain: args.plain,
            exact: args.exact,
            spot: args.spot,
            gates: args.gates,
            space: pairs(&args.params),
            method: args.method,
            trials: args.trials,
            seed: args.seed,
            objective: args.objective,
            bounds: Bounds { min_trades: args.min_trades, max_drawdown: drawdown(args.max_drawdown)? },
            windows: args.walk_forward,
            in_sample: args.in_sample,
            anchored: args.anchored,
        })
    }

    pub(super) fn read(text: &str) -> Result<Self, CliError> {
        serde_json::from_str(text).map_err(|error| {
            CliError::refused(format!("the search was stored by another version of tradefleet: {error}"))
        })
    }

    /// Reads the candles and checks everything.
    pub(super) fn study(&self, context: &Context) -> Result<Study, CliError> {
        let args = self.backtest_args()?;
        let source = backtest::market::open(&args, context)?;
        let mut base = backtest::bots::setup(&args, context, &source)?;
        base.from = self.from_ms.map(Timestamp::from_ms);
        base.to = self.to_ms.map(Timestamp::from_ms);
        let space = self.space(&base)?;
        let span = checked_span(&source.market, &base).map_err(|error| backtest::refused(&error))?;
        let at = |step: usize| source.market.at(step).unwrap_or_default();
        backtest::checks::tell_rates(context, &base, (at(span.0), at(span.1.saturating_sub(1))));
        let plan = WalkForward { windows: self.windows, ratio: self.in_sample, anchored: self.anchored };
        let windows = plan.windows(span).map_err(|error| {
            let refusal = CliError::usage(error.to_string());
            match error {
                WindowError::TooShort { .. } => {
                    refusal.hint("fewer --walk-forward windows, or a longer period")
                }
                WindowError::NotAllowed { .. } => refusal,
            }
        })?;
        Ok(Study {
            market: source.market,
            base,
            space,
            windows,
            objective: self.objective,
            bounds: self.bounds,
            plan: Plan { method: self.method, trials: self.trials, seed: self.seed },
        })
    }

    /// What is searched. Whether the configuration still allows it is no question when results are looked at.
    pub(super) fn dimensions(&self) -> Result<Vec<Dimension>, CliError> {
        let mut params = StrategyParams::new(self.kind);
        for Assignment { key, value } in self.strategy() {
            params.set(&key, &value).map_err(|error| CliError::refused(error.to_string()))?;
        }
        let limits = PolicyLimits { max_leverage: Leverage::try_new(Leverage::MAX).unwrap_or(Leverage::ONE) };
        let spec = StrategySpec { params, timeframe: self.bars };
        let bot = BotSetup::signals(self.kind.as_str(), spec, BotSettings::default());
        self.space(&Setup::new(limits, vec![bot])).map(|space| space.dimensions)
    }

    fn space(&self, base: &Setup) -> Result<Space, CliError> {
        Space::parse(&self.space, base).map_err(|error| CliError::usage(error.to_string()))
    }

    /// All parameters of the strategy, before anything is varied.
    pub(super) fn strategy(&self) -> Vec<Assignment> {
        assignments(&self.params)
    }

    fn backtest_args(&self) -> Result<BacktestArgs, CliError> {
        let data = self.data.iter().map(|name| name.parse()).collect::<Result<_, _>>();
        let exchange = self.exchange.as_ref().map(|name| name.parse()).transpose();
        Ok(BacktestArgs {
            data: data.map_err(|error: SeriesNameError| CliError::refused(error.to_string()))?,
            exchange: exchange.map_err(|error: SeriesNameError| CliError::refused(error.to_string()))?,
            kind: Some(self.kind),
            params: self.strategy(),
            tape: self.tape.clone(),
            skip_bad_rows: self.skip_bad_rows,
            symbols: self.symbols.clone(),
            timeframe: self.timeframe,
            detail_timeframe: self.detail_timeframe,
            capital: self.capital.clone(),
            settings: assignments(&self.settings),
            funding_files: self.funding_files.clone(),
            plain: self.plain,
            exact: self.exact,
            spot: self.spot,
            gates: self.gates,
            ..BacktestArgs::default()
        })
    }
}

/// `[SYMBOL=]FILE`, wherever the search is gone on with.
fn absolute(text: &str) -> String {
    let (symbol, path) = text.split_once('=').map_or(("", text), |(symbol, path)| (symbol, path));
    let path =
        Path::new(path).canonicalize().map_or_else(|_| path.to_owned(), |path| path.display().to_string());
    if symbol.is_empty() { path } else { format!("{symbol}={path}") }
}

fn assignments(of: &[(String, String)]) -> Vec<Assignment> {
    of.iter().map(|(key, value)| Assignment { key: key.clone(), value: value.clone() }).collect()
}

impl Fingerprints {
    pub(super) fn of(study: &Study) -> Self {
        let rest = (&study.base, &study.space, &study.windows, study.objective, study.bounds, study.plan);
        Self { candles: candles(&study.market), setup: digest([format!("{rest:?}").as_bytes()]) }
    }
}

fn candles(market: &Market) -> String {
    let mut hash = Sha256::new();
    for lane in &market.lanes {
        let columns = &lane.columns;
        let head =
            (&lane.symbol, columns.timeframe, columns.price_scale, columns.volume_scale, columns.len());
        hash.update(format!("{head:?}"));
        for column in [&columns.open_times, &columns.opens, &columns.highs, &columns.lows, &columns.closes] {
            for number in column {
                hash.update(number.to_le_bytes());
            }
        }
        for volume in (0..columns.len()).filter_map(|bar| columns.volumes.get(bar)) {
            hash.update(volume.to_le_bytes());
        }
    }
    HEXLOWER.encode(&hash.finalize())
}

fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    HEXLOWER.encode(&hash.finalize())
}

fn drawdown(pct: Option<f64>) -> Result<Option<f64>, CliError> {
    match pct {
        Some(pct) if pct > 0.0 && pct <= 100.0 => Ok(Some(pct / 100.0)),
        None => Ok(None),
        Some(pct) => Err(CliError::usage(format!("--max-drawdown is {pct}, allowed is above 0 to 100 %"))),
    }
}

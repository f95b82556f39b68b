//! The account of a backtest as it was typed: settings, paper book, bots.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::market::Source;
use super::typed::Typed;
use super::{BacktestArgs, grid_bot};
use crate::backtest::funding::{FundingRates, read_rates};
use crate::backtest::setup::{BotSetup, Setup};
use crate::cli::{CliError, Context};
use crate::control::{Assignment, grids, strategy_params};
use crate::domain::instrument::Symbol;
use crate::domain::kind::BotType;
use crate::domain::money::Pct;
use crate::domain::time::Timeframe;
use crate::engine::settings::{BotSettings, PaperSettings, PolicyLimits, SymbolScope};
use crate::store::strategies;
use crate::strategy::{StrategyKind, StrategyParams, StrategySpec};

/// As many as an account may have.
const BOTS_MAX: usize = 10;

pub(in crate::cli) fn setup(
    args: &BacktestArgs,
    context: &Context,
    source: &Source,
) -> Result<Setup, CliError> {
    let config = context.config()?;
    let mut setup = Setup {
        settings: if args.plain { Setup::plain_settings() } else { Setup::settings() },
        paper: PaperSettings { quote_asset: quote_asset(source), ..PaperSettings::default() },
        limits: config.limits,
        bots: Vec::new(),
        instruments: source.instruments.clone(),
        funding: FundingRates::default(),
        gates: args.gates.then(|| config.gates.clone()),
        spot: args.spot,
        from: None,
        to: None,
    };
    if let Some(capital) = &args.capital {
        setup.paper.set("initial_balance", capital).map_err(bad)?;
    }
    for Assignment { key, value } in &args.settings {
        setup.set(key, value).map_err(bad)?;
    }
    for text in &args.funding_files {
        let (symbol, path) = funding_file(text, source)?;
        let rates = read_rates(&path).map_err(bad)?;
        if setup.funding.tables.insert(symbol.clone(), rates).is_some() {
            return Err(CliError::usage(format!("--funding-file: {symbol} has two files")));
        }
    }
    check_spot(args, &setup)?;
    setup.bots = bots(args, context, source, config.limits)?;
    number_names(&mut setup.bots);
    check_shares(&setup.bots)?;
    Ok(setup)
}

/// What a spot exchange does not have.
fn check_spot(args: &BacktestArgs, setup: &Setup) -> Result<(), CliError> {
    if !args.spot {
        return Ok(());
    }
    if !setup.funding.is_empty() {
        return Err(CliError::usage("--spot: nothing is funded on a spot exchange")
            .hint("leave out `funding_pct` and `--funding-file`"));
    }
    let leverage =
        args.settings.iter().find(|setting| setting.key == "leverage" && setting.value.trim() != "1");
    match leverage {
        Some(Assignment { value, .. }) => {
            Err(CliError::usage(format!("--spot: leverage = `{value}` is not allowed: 1 on a spot exchange")))
        }
        None => Ok(()),
    }
}

/// Of bots with one name, the later ones are numbered, so that their trades can be told apart.
fn number_names(bots: &mut [BotSetup]) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for bot in bots {
        let own = bot.name.clone();
        let mut number = 1_u32;
        while !taken.insert(bot.name.clone()) {
            number += 1;
            bot.name = format!("{own} {number}");
        }
    }
}

/// Whose rates a file holds: the symbol before it, or the only one that is traded.
fn funding_file(text: &str, source: &Source) -> Result<(Symbol, PathBuf), CliError> {
    let named = text.split_once('=').and_then(|(symbol, path)| Some((Symbol::try_new(symbol).ok()?, path)));
    let symbols = source.market.symbols();
    match (named, symbols.as_slice()) {
        (Some((symbol, path)), _) if symbols.contains(&symbol) => Ok((symbol, path.into())),
        (Some((symbol, _)), _) => Err(CliError::usage(format!("--funding-file: {symbol} is not traded"))),
        (None, [only]) => Ok((only.clone(), text.into())),
        (None, _) => Err(CliError::usage(format!("--funding-file {text}: several symbols are traded"))
            .hint("`SYMBOL=FILE` says whose rates it holds")),
    }
}

pub(super) fn bad(error: impl std::error::Error) -> CliError {
    CliError::usage(error.to_string())
}

fn quote_asset(source: &Source) -> String {
    source.market.lanes.first().map_or("USDT", |lane| lane.symbol.quote_asset()).to_owned()
}

fn bots(
    args: &BacktestArgs,
    context: &Context,
    source: &Source,
    limits: PolicyLimits,
) -> Result<Vec<BotSetup>, CliError> {
    if !args.bots.is_empty() {
        return args.bots.iter().map(|text| described(text, context, source, limits)).collect();
    }
    let spec = Described {
        strategy: args.strategy.clone(),
        kind: args.kind,
        timeframe: args.timeframe,
        params: args.params.clone(),
    };
    let spec = spec.resolve(context, source)?;
    let settings = BotSettings {
        symbol: scope(source),
        allocation_percent: Pct::HUNDRED,
        max_leverage: limits.max_leverage,
        max_positions: u16::try_from(source.market.lanes.len()).unwrap_or(u16::MAX).clamp(1, 20),
        ..BotSettings::default()
    };
    Ok(vec![BotSetup::signals(spec.params.kind().as_str(), spec, settings)])
}

/// One symbol, or all of the tape.
fn scope(source: &Source) -> SymbolScope {
    match source.market.lanes.as_slice() {
        [lane] => SymbolScope::One(lane.symbol.clone()),
        _ => SymbolScope::Universe,
    }
}

/// A strategy as it was typed.
#[derive(Default)]
struct Described {
    strategy: Option<String>,
    kind: Option<StrategyKind>,
    timeframe: Option<Timeframe>,
    params: Vec<Assignment>,
}

impl Described {
    fn resolve(&self, context: &Context, source: &Source) -> Result<StrategySpec, CliError> {
        let (mut params, own) = match (&self.strategy, self.kind) {
            (Some(name), None) => {
                let store = context.read_store()?;
                let row = strategies::find(store.conn(), name)?;
                (strategy_params(&row)?, row.timeframe)
            }
            (None, Some(kind)) => (StrategyParams::new(kind), None),
            (None, None) | (Some(_), Some(_)) => {
                return Err(CliError::usage("a backtest needs one strategy")
                    .hint("`--kind macd`, or `--strategy NAME` of `tradefleet strategy list`"));
            }
        };
        for Assignment { key, value } in &self.params {
            params.set(key, value).map_err(bad)?;
        }
        params.validate().map_err(bad)?;
        let timeframe = self.timeframe.or(own).unwrap_or(source.timeframe);
        let base = source.market.timeframe;
        if timeframe < base || !timeframe.is_multiple_of(base) {
            return Err(CliError::usage(format!(
                "{timeframe} bars, which the strategy looks at, cannot be built from {base} candles"
            )));
        }
        Ok(StrategySpec { params, timeframe: Some(timeframe) })
    }
}

/// A bot from `key=value,...`.
fn described(
    text: &str,
    context: &Context,
    source: &Source,
    limits: PolicyLimits,
) -> Result<BotSetup, CliError> {
    let typed = Typed::split(text)?;
    let settings =
        BotSettings { symbol: scope(source), max_leverage: limits.max_leverage, ..BotSettings::default() };
    let bot = match typed.bot_type()? {
        BotType::AiTrend => following(typed, context, source, (settings, limits))?,
        BotType::Grid => grid_bot::of(typed, (settings, limits))?,
    };
    if let SymbolScope::One(symbol) = &bot.settings.symbol
        && source.market.lane(symbol).is_none()
    {
        let known: Vec<String> = source.market.symbols().iter().map(Symbol::to_string).collect();
        return Err(CliError::usage(format!("the tape has no {symbol}; it has {}", known.join(", "))));
    }
    Ok(bot)
}

/// A bot that follows the signals of a strategy.
fn following(
    typed: Typed<'_>,
    context: &Context,
    source: &Source,
    (mut settings, limits): (BotSettings, PolicyLimits),
) -> Result<BotSetup, CliError> {
    let mut described = Described::default();
    for (key, value) in typed.pairs {
        match key {
            "strategy" => described.strategy = Some(value.to_owned()),
            "kind" => described.kind = Some(value.parse().map_err(bad)?),
            "timeframe" => described.timeframe = Some(value.parse().map_err(bad)?),
            key => {
                if let Some(param) = key.strip_prefix("param.") {
                    described.params.push(Assignment { key: param.to_owned(), value: value.to_owned() });
                } else {
                    grids::check_key(key, false)
                        .map_err(|error| bad(error).hint("`type=grid` makes it a grid"))?;
                    settings.set(key, value, limits).map_err(bad)?;
                }
            }
        }
    }
    let spec = described.resolve(context, source)?;
    let name = typed.name.unwrap_or_else(|| format!("{} {}", spec.params.kind(), settings.symbol));
    Ok(BotSetup::signals(&name, spec, settings))
}

/// What a live account could not have, a tested one cannot either.
fn check_shares(bots: &[BotSetup]) -> Result<(), CliError> {
    if bots.len() > BOTS_MAX {
        return Err(CliError::usage(format!("{} bots, an account has at most {BOTS_MAX}", bots.len())));
    }
    let sum = bots.iter().map(|bot| bot.settings.allocation_percent).fold(Pct::ZERO, |sum, pct| sum + pct);
    if sum > Pct::HUNDRED {
        return Err(CliError::usage(format!(
            "the bots' allocation_percent add up to {sum} %, at most 100 %"
        )));
    }
    Ok(())
}

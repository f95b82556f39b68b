//! `simulate`: a local exchange in the exchanges' own protocols, on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::logging;
use super::market_source::{MarketArgs, MarketSource, instruments_of, synthetic_around};
use super::progress::RunProgress;
use super::{CliError, Context, Exit};
use crate::daemon::shutdown::Shutdown;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::{Pct, Price};
use crate::domain::time::DurationMs;
use crate::market::feed::Feed;
use crate::market::synthetic::SyntheticSymbol;
use crate::market::tape::Tape;
use crate::simulator::accounts_file::{AccountSpec, AccountsFile};
use crate::simulator::clock::SimClock;
use crate::simulator::faults::FaultSettings;
use crate::simulator::funding::FundingTerms;
use crate::simulator::market::MarketData;
use crate::simulator::opening::{EXCHANGES, OpenError, Opening, lists};
use crate::simulator::server::Server;

/// Bars of history that an exchange opens with, unless a tape is shorter than three times as many.
const WARMUP: usize = 1_500;
/// Of the prices of what fees are paid in, in all.
const FEE_ASSET_DIGITS: usize = 6;

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Where to serve Binance USDS-M futures; all exchanges at their usual ports if none is named
    #[arg(long, value_name = "ADDR")]
    binance: Option<SocketAddr>,
    /// Where to serve Bitget USDT futures
    #[arg(long, value_name = "ADDR")]
    bitget: Option<SocketAddr>,
    /// Where to serve Upbit KRW spot
    #[arg(long, value_name = "ADDR")]
    upbit: Option<SocketAddr>,
    /// Accounts, in TOML; one demo account an exchange if absent
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    #[command(flatten)]
    market: MarketArgs,
    /// How many times as fast as the market was
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    speed: u32,
    /// Bars that are history already when the exchange opens [default: 1500, or a third of the tape]
    #[arg(long, value_name = "BARS")]
    warmup: Option<usize>,
    /// Faults from the start: a JSON file, or the JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    faults: Option<String>,
    /// Settle funding by itself: % of the notional that longs pay shorts, negative the other way round
    #[arg(long, value_name = "PCT", value_parser = rate, allow_negative_numbers = true)]
    funding_rate: Option<Pct>,
    /// Minutes of the exchange's time between two fundings
    #[arg(long, value_name = "MINUTES", default_value_t = 480, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    funding_every: u32,
    /// Seed of the faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    fault_seed: u64,
    /// Write the base URLs here, as JSON, once all ports are open
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

pub(crate) fn run(args: &SimulateArgs, context: &Context) -> Result<(), CliError> {
    if !args.market.is_given() {
        return Err(CliError::usage("simulate needs a market")
            .hint("`--synthetic`, or candles: `--tape FILE`, `--data SERIES`"));
    }
    let accounts = accounts(args.accounts.as_deref())?;
    let faults = faults(args.faults.as_deref())?;
    let clock = SimClock::start(args.speed);
    let funding = funding(args)?;
    let mut openings = Vec::new();
    let tape = args.market.synthetic_seed().is_none().then(|| args.market.tape(context)).transpose()?;
    for (exchange, address) in addresses(args) {
        let specs = accounts_of(accounts.as_ref(), exchange);
        let Some(market) = market(args, tape.as_ref(), (exchange, &specs))? else { continue };
        openings.push(Opening {
            exchange,
            address,
            clock,
            market,
            accounts: specs,
            faults: faults.clone(),
            funding: funding.filter(|_| exchange != ExchangeKind::Upbit),
            limits: accounts.as_ref().map(|file| file.limits.clone()).unwrap_or_default(),
            seed: args.fault_seed,
        });
    }
    if openings.is_empty() {
        return Err(CliError::usage("the tape holds no symbol of the exchanges that were asked for"));
    }
    let _logs = logging::start(context.config()?, &RunProgress::start(context.out))?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| CliError::new(Exit::Failure, format!("the runtime does not start: {error}")))?;
    let outcome = runtime.block_on(serve(openings, args, context));
    runtime.shutdown_background();
    outcome
}

async fn serve(openings: Vec<Opening>, args: &SimulateArgs, context: &Context) -> Result<(), CliError> {
    let mut servers = Vec::new();
    for opening in openings {
        servers.push(opening.open().await.map_err(|error| refused(&error))?);
    }
    announce(&servers, args, context)?;
    Shutdown::default().on_signal().await;
    Ok(())
}

/// Says where everything is, in lines that can be pasted into a configuration.
fn announce(servers: &[Server], args: &SimulateArgs, context: &Context) -> Result<(), CliError> {
    let urls: Map<String, Value> = servers
        .iter()
        .map(|server| {
            (server.venue.exchange.as_str().to_owned(), json!(format!("http://{}", server.address)))
        })
        .collect();
    if context.out.is_json() {
        context.out.json(&urls)?;
    } else {
        context.out.note("in config.toml, under the sections that are there:");
        for server in servers {
            let (exchange, address) = (server.venue.exchange, server.address);
            context.out.line(format!("[{exchange}]"))?;
            context.out.line(format!("rest_url = \"http://{address}\""))?;
            context.out.line(format!("stream_url = \"ws://{address}\""))?;
            if exchange == ExchangeKind::Binance {
                context.out.line(format!("account_url = \"http://{address}\""))?;
            }
        }
        if args.speed > 1 {
            context.out.line(format!("[live]\nspeed = {}", args.speed))?;
        }
        if args.accounts.is_none() {
            context
                .out
                .note("each has the account `demo`: key testkey, secret testsecret, passphrase testpass");
        }
        context.out.note("control: /_sim/health, /_sim/faults, /_sim/ledger?account=NAME; stop with Ctrl-C");
    }
    if let Some(path) = &args.ready_file {
        std::fs::write(path, Value::Object(urls).to_string())
            .map_err(|error| CliError::file(path, &error))?;
    }
    Ok(())
}

fn rate(text: &str) -> Result<Pct, String> {
    text.parse().map_err(|error| format!("{error}; a percentage such as 0.01"))
}

/// A spot exchange has none.
fn funding(args: &SimulateArgs) -> Result<Option<FundingTerms>, CliError> {
    let has_futures = addresses(args).iter().any(|(exchange, _)| *exchange != ExchangeKind::Upbit);
    if args.funding_rate.is_some() && !has_futures {
        return Err(CliError::usage("--funding-rate: upbit is a spot exchange and has no funding"));
    }
    let every = DurationMs::from_secs(60).times(i64::from(args.funding_every));
    Ok(args.funding_rate.map(|rate_pct| FundingTerms { every, rate_pct }))
}

fn refused(error: &OpenError) -> CliError {
    CliError::refused(error.to_string())
}

/// The exchanges to open: those that were given an address, or all.
fn addresses(args: &SimulateArgs) -> Vec<(ExchangeKind, SocketAddr)> {
    let given = [
        (ExchangeKind::Binance, args.binance),
        (ExchangeKind::Bitget, args.bitget),
        (ExchangeKind::Upbit, args.upbit),
    ];
    let given: Vec<_> = given.into_iter().filter_map(|(exchange, at)| Some((exchange, at?))).collect();
    if !given.is_empty() {
        return given;
    }
    EXCHANGES
        .into_iter()
        .map(|(exchange, port)| (exchange, SocketAddr::from(([127, 0, 0, 1], port))))
        .collect()
}

/// What an exchange trades on; `None` when the tape holds nothing for it.
fn market(
    args: &SimulateArgs,
    tape: Option<&Tape>,
    (exchange, accounts): (ExchangeKind, &[AccountSpec]),
) -> Result<Option<MarketData>, CliError> {
    let Some(tape) = tape else {
        let warmup = args.warmup.unwrap_or(WARMUP);
        let seed = args.market.synthetic_seed().unwrap_or_default();
        let MarketSource { feed, instruments, .. } =
            synthetic_around(seed, symbols(exchange, accounts), warmup)?;
        return Ok(Some(MarketData { feed, instruments, warmup }));
    };
    let instruments: BTreeMap<Symbol, Instrument> =
        instruments_of(tape).into_iter().filter(|(symbol, _)| lists(exchange, symbol)).collect();
    let feed = Feed::from_tape(tape);
    let third = feed.steps_hint().and_then(|steps| usize::try_from(steps / 3).ok()).unwrap_or(WARMUP);
    let warmup = args.warmup.unwrap_or(WARMUP.min(third));
    Ok((!instruments.is_empty()).then_some(MarketData { feed, instruments, warmup }))
}

/// The synthetic symbols of an exchange, with about the prices at which it opens and their decimals. What accounts pay
/// their fees in is listed too.
fn symbols(exchange: ExchangeKind, accounts: &[AccountSpec]) -> Vec<SyntheticSymbol> {
    let listed: [(&str, i64, u32); 4] = match exchange {
        ExchangeKind::Upbit => [
            ("KRW-BTC", 77_000_000, 0),
            ("KRW-ETH", 4_200_000, 0),
            ("KRW-SOL", 210_000, 0),
            ("KRW-XRP", 8_400, 1),
        ],
        ExchangeKind::Bitget => {
            [("BTCUSDT", 280_000, 1), ("ETHUSDT", 300_000, 2), ("SOLUSDT", 150_000, 3), ("XRPUSDT", 6_000, 4)]
        }
        ExchangeKind::Binance | ExchangeKind::Paper => {
            [("BTCUSDT", 550_000, 1), ("ETHUSDT", 300_000, 2), ("SOLUSDT", 15_000, 2), ("XRPUSDT", 6_000, 4)]
        }
    };
    let symbols = listed.into_iter().filter_map(|(symbol, ticks, decimals)| {
        let price = Price::try_new(Decimal::new(ticks, decimals)).ok()?;
        Some(SyntheticSymbol { symbol: Symbol::try_new(symbol).ok()?, price, decimals })
    });
    let mut symbols: Vec<_> = symbols.collect();
    for terms in accounts.iter().filter_map(AccountSpec::fee_terms) {
        let Some(symbol) = Symbol::of_pair(&terms.asset, exchange.quote_asset()) else { continue };
        if symbols.iter().all(|listed| listed.symbol != symbol) {
            let digits = terms.price.decimal().trunc().to_string().len();
            let decimals = u32::try_from(FEE_ASSET_DIGITS.saturating_sub(digits)).unwrap_or_default();
            symbols.push(SyntheticSymbol { symbol, price: terms.price, decimals });
        }
    }
    symbols
}

fn accounts(path: Option<&Path>) -> Result<Option<AccountsFile>, CliError> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|error| CliError::input(path, &error))?;
    let parsed = AccountsFile::parse(&text);
    parsed.map(Some).map_err(|error| CliError::usage(format!("{}: {error}", path.display())))
}

fn accounts_of(file: Option<&AccountsFile>, exchange: ExchangeKind) -> Vec<AccountSpec> {
    file.map_or_else(|| vec![AccountSpec::demo(exchange)], |file| file.accounts(exchange))
}

fn faults(given: Option<&str>) -> Result<FaultSettings, CliError> {
    let Some(given) = given else { return Ok(FaultSettings::default()) };
    let text = if given.trim_start().starts_with('{') {
        given.to_owned()
    } else {
        let path = Path::new(given);
        std::fs::read_to_string(path).map_err(|error| CliError::input(path, &error))?
    };
    let wrong = |error: String| CliError::usage(format!("--faults: {error}"));
    let faults: FaultSettings = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    faults.check().map_err(wrong)?;
    Ok(faults)
}

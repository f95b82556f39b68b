//! One exchange's market as it happens: its rules and volumes, its candles over sockets, and the history that
//! computing begins with (`warm_up`). What must be asked for is asked in the background; a cycle never waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use tokio::task::JoinSet;

use super::desk::MarketView;
use super::monitor::vitals::MarketVitals;
use super::warm_up::{Fetched, fetch};
use crate::clock::Stopwatch;
use crate::domain::fee::FEE_ASSETS;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::http::HttpClient;
use crate::exchange::market_data::{MarketData, MarketEvent, Ticker};
use crate::exchange::socket_runner::{SocketHandle, SocketNews, SocketRunner};
use crate::exchange::{Answer, BoxFuture, Sleep};
use crate::market::candle_store::CandleStore;
use crate::market::live_bars::{LiveBars, Series};

/// Series begin with at least this much history, bars.
const HISTORY_LEAST: usize = 120;
/// Series that are asked for at once.
const FETCHES_MAX: usize = 8;
/// Between an error and the next asking.
const RETRY_AFTER: DurationMs = DurationMs::from_secs(5);
/// Groups of sockets before all are opened anew as one.
const GROUPS_MAX: usize = 4;

/// Sockets that were opened together, and what they carry.
struct Group {
    series: BTreeSet<Series>,
    sockets: Vec<SocketHandle<MarketEvent>>,
}

/// What an exchange has answered about its market as a whole.
#[derive(Debug)]
pub struct ToldRules {
    tickers: Result<Vec<Ticker>, ExchangeError>,
    instruments: Result<Vec<Instrument>, ExchangeError>,
}

pub struct LiveMarket {
    data: Arc<dyn MarketData>,
    http: HttpClient,
    sleep: Arc<dyn Sleep>,
    /// What history is read from before the exchange is asked.
    candles: Option<CandleStore>,
    instruments: BTreeMap<Symbol, Instrument>,
    volumes: BTreeMap<Symbol, Decimal>,
    is_told: bool,
    universe: Arc<Vec<Symbol>>,
    bars: LiveBars,
    /// How much history each series begins with.
    depth: BTreeMap<Series, usize>,
    groups: Vec<Group>,
    fetches: JoinSet<Fetched>,
    fetching: BTreeSet<Series>,
    /// Asked for whose stream was interrupted since: the answer may be older than what was missed then.
    outdated: BTreeSet<Series>,
    /// Nothing is asked for before: the exchange wants to be left alone.
    quiet_until: Timestamp,
    /// A series is not asked for before: the last answer was an error.
    quiet_series: BTreeMap<Series, Timestamp>,
    /// Since a candle was heard last.
    silent: Stopwatch,
}

impl LiveMarket {
    /// Prices are read from candles of this length.
    pub const BASE: Timeframe = Timeframe::M1;

    /// `grace`: how long after its end a candle that nothing has closed is waited for.
    pub fn new(
        data: Arc<dyn MarketData>,
        http: HttpClient,
        sleep: Arc<dyn Sleep>,
        grace: DurationMs,
    ) -> Self {
        let polled =
            data.timeframes().iter().copied().filter(|timeframe| !data.streams(*timeframe)).collect();
        Self {
            data,
            http,
            sleep,
            candles: None,
            instruments: BTreeMap::new(),
            volumes: BTreeMap::new(),
            is_told: false,
            universe: Arc::default(),
            bars: LiveBars::new(Self::BASE, grace).polling(polled),
            depth: BTreeMap::new(),
            groups: Vec::new(),
            fetches: JoinSet::new(),
            fetching: BTreeSet::new(),
            outdated: BTreeSet::new(),
            quiet_until: Timestamp::default(),
            quiet_series: BTreeMap::new(),
            silent: Stopwatch::start(),
        }
    }

    /// History is read from `candles` as far as they have it.
    #[must_use]
    pub fn warmed_by(self, candles: Option<CandleStore>) -> Self {
        Self { candles, ..self }
    }

    /// Goes by the rules of an earlier run until the exchange tells its own.
    #[must_use]
    pub fn ruled_by(self, instruments: BTreeMap<Symbol, Instrument>) -> Self {
        Self { instruments, ..self }
    }

    /// How its sockets go.
    pub fn vitals(&self) -> MarketVitals {
        let sockets = || self.groups.iter().flat_map(|group| &group.sockets);
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        MarketVitals {
            exchange: self.kind(),
            sockets: count(sockets().count()),
            sockets_up: count(sockets().filter(|socket| socket.is_up()).count()),
            silent: self.silent.elapsed(),
        }
    }

    pub fn kind(&self) -> ExchangeKind {
        self.data.kind()
    }

    pub const fn instruments(&self) -> &BTreeMap<Symbol, Instrument> {
        &self.instruments
    }

    /// Quote volume of the last 24 h.
    pub const fn volumes(&self) -> &BTreeMap<Symbol, Decimal> {
        &self.volumes
    }

    /// Asks for the trading rules and volumes, both at once, in a future of its own: nobody has to wait for it.
    pub fn ask_rules(&self) -> BoxFuture<'static, ToldRules> {
        let data = Arc::clone(&self.data);
        Box::pin(async move {
            let (tickers, instruments) =
                tokio::join!(insist(|| data.tickers()), insist(|| data.instruments()));
            ToldRules { tickers, instruments }
        })
    }

    /// Takes in what was answered; true when the rules have changed. What was not answered stays as it was.
    pub fn take_rules(&mut self, told: ToldRules) -> bool {
        self.is_told = told.tickers.is_ok() && told.instruments.is_ok();
        match told.tickers {
            Ok(tickers) => {
                let volumes = tickers.into_iter();
                self.volumes =
                    volumes.map(|ticker| (ticker.symbol, ticker.quote_volume_24h.decimal())).collect();
            }
            Err(error) => self.complain("24 h volumes", &error),
        }
        let instruments = match told.instruments {
            Ok(instruments) => instruments,
            Err(error) => {
                self.complain("trading rules", &error);
                return false;
            }
        };
        let instruments: BTreeMap<_, _> =
            instruments.into_iter().map(|rules| (rules.symbol.clone(), rules)).collect();
        self.volumes.retain(|symbol, _| instruments.contains_key(symbol));
        let has_changed = self.instruments != instruments;
        self.instruments = instruments;
        has_changed
    }

    fn complain(&self, what: &str, error: &ExchangeError) {
        tracing::warn!(exchange = %self.kind(), %error, "the {what} are not told; asked again later");
    }

    /// Whether the last [`Self::ask_rules`] was answered in full.
    pub const fn is_told(&self) -> bool {
        self.is_told
    }

    pub fn set_universe(&mut self, universe: Arc<Vec<Symbol>>) {
        self.universe = universe;
    }

    /// Sets which series are streamed, and with how much history each begins.
    pub fn follow(&mut self, mut depth: BTreeMap<Series, usize>) {
        let (offered, followed) = (self.data.timeframes(), self.bars.series());
        depth.retain(|series, _| {
            // What has left the rules may still be held.
            let is_there = self.instruments.contains_key(&series.0) || followed.contains(series);
            is_there && offered.contains(&series.1)
        });
        if !depth.is_empty() {
            for symbol in self.fee_symbols() {
                depth.entry((symbol, Self::BASE)).or_default();
            }
        }
        let symbols: BTreeSet<Symbol> = depth.keys().map(|(symbol, _)| symbol.clone()).collect();
        for symbol in symbols {
            depth.entry((symbol, Self::BASE)).or_default();
        }
        let wanted: BTreeSet<Series> = depth.keys().cloned().collect();
        self.depth = depth;
        self.quiet_series.retain(|series, _| wanted.contains(series));
        if wanted == self.bars.series() {
            return;
        }
        self.bars.follow(&wanted);
        for (series, bars) in &self.depth {
            self.bars.keep(series, *bars);
        }
        self.groups.retain(|group| !group.series.is_disjoint(&wanted));
        let carried: BTreeSet<&Series> = self.groups.iter().flat_map(|group| &group.series).collect();
        let added: BTreeSet<Series> =
            wanted.iter().filter(|series| !carried.contains(series)).cloned().collect();
        if added.is_empty() {
            return;
        }
        if self.groups.len() < GROUPS_MAX {
            self.open(added);
        } else {
            self.groups.clear();
            self.interrupted(&wanted);
            self.open(wanted);
        }
    }

    /// What the exchange may take fees in: their worth is wanted, whoever trades it.
    fn fee_symbols(&self) -> impl Iterator<Item = Symbol> {
        let own = FEE_ASSETS.iter().filter(|(exchange, _)| *exchange == self.kind());
        let symbols = own.filter_map(|(exchange, asset)| Symbol::of_pair(asset, exchange.quote_asset()));
        symbols.filter(|symbol| self.instruments.contains_key(symbol))
    }

    fn open(&mut self, series: BTreeSet<Series>) {
        let protocols = self.data.sockets(&series).into_iter();
        let sockets = protocols
            .map(|protocol| SocketRunner::spawn(self.http.clone(), protocol, Arc::clone(&self.sleep), None))
            .collect();
        self.groups.push(Group { series, sockets });
    }

    /// We stood still: whatever was told meanwhile may be lost.
    pub fn stood_still(&mut self) {
        self.interrupted(&self.bars.series());
    }

    fn interrupted(&mut self, series: &BTreeSet<Series>) {
        self.bars.interrupted(series);
        self.outdated.extend(self.fetching.intersection(series).cloned());
    }

    /// Takes in what came since the last call and asks for what is missing; true when a symbol has become ready.
    pub fn take_in(&mut self, now: Timestamp) -> bool {
        let mut groups = std::mem::take(&mut self.groups);
        for group in &mut groups {
            for socket in &mut group.sockets {
                while let Some(news) = socket.pop() {
                    self.take_in_news(&group.series, news);
                }
            }
            if let Some(heard_at) = group.sockets.iter().map(SocketHandle::heard_at).min() {
                self.bars.alive(&group.series, heard_at);
            }
        }
        self.groups = groups;
        let has_come = self.take_in_fetches();
        self.fetch_missing(now);
        has_come
    }

    fn take_in_news(&mut self, series: &BTreeSet<Series>, news: SocketNews<MarketEvent>) {
        match news {
            SocketNews::Event(event) => {
                self.silent = Stopwatch::start();
                hear(&mut self.bars, event);
            }
            SocketNews::Up => self.interrupted(series),
            SocketNews::Down { reason } => {
                self.interrupted(series);
                tracing::debug!(exchange = %self.data.kind(), reason, "a market socket is down");
            }
        }
    }

    fn take_in_fetches(&mut self) -> bool {
        let mut has_come = false;
        while let Some(done) = self.fetches.try_join_next() {
            let Ok((series, at, answer)) = done else { continue };
            self.fetching.remove(&series);
            let is_outdated = self.outdated.remove(&series);
            match answer {
                Ok(_) if is_outdated => {}
                Ok(candles) => {
                    has_come |= !self.bars.is_loaded(&series);
                    self.bars.fetched(&series, &candles, at);
                }
                Err(error) => {
                    let again = self.sleep.now().plus(RETRY_AFTER);
                    if let ExchangeError::Throttled { until } = &error {
                        self.quiet_until = (*until).max(again);
                    }
                    self.quiet_series.insert(series.clone(), again);
                    self.complain(&format!("candles of {} {}", series.0, series.1), &error);
                }
            }
        }
        has_come
    }

    /// Asks only while the sockets are up: what closes meanwhile is heard, so that nothing falls between.
    fn fetch_missing(&mut self, now: Timestamp) {
        if now < self.quiet_until {
            return;
        }
        let up: BTreeSet<&Series> = self
            .groups
            .iter()
            .filter(|group| group.sockets.iter().all(SocketHandle::is_up))
            .flat_map(|group| &group.series)
            .collect();
        for missing in self.bars.missing() {
            let series = missing.series;
            if self.fetching.len() >= FETCHES_MAX {
                return;
            }
            let is_quiet = self.quiet_series.get(&series).is_some_and(|until| now < *until);
            if is_quiet || !up.contains(&series) || self.fetching.contains(&series) {
                continue;
            }
            let depth = self.depth.get(&series).copied().unwrap_or_default().max(HISTORY_LEAST);
            let length = series.1.duration();
            let bars = i64::try_from(depth).unwrap_or(i64::MAX);
            let from = missing.from.unwrap_or_else(|| series.1.bar_start(now).minus(length.times(bars)));
            self.fetching.insert(series.clone());
            self.fetches.spawn(fetch(Arc::clone(&self.data), self.candles.clone(), series, (from, now)));
        }
    }

    pub fn has_news(&self) -> bool {
        self.bars.has_news()
    }

    pub fn step(&mut self, at: Timestamp) -> MarketStep {
        self.bars.step(at)
    }
}

/// Asks up to three times at once: an answer that was lost is no reason to begin without a market.
pub(super) async fn insist<'a, T>(question: impl Fn() -> Answer<'a, T>) -> Result<T, ExchangeError> {
    for _ in 0..2 {
        if let Ok(answer) = question().await {
            return Ok(answer);
        }
    }
    question().await
}

fn hear(bars: &mut LiveBars, event: MarketEvent) {
    let MarketEvent::Candle { symbol, timeframe, candle, is_closed } = event;
    bars.heard(&(symbol, timeframe), candle, is_closed);
}

impl MarketView for LiveMarket {
    fn symbols(&self) -> Vec<Symbol> {
        let listed = self.universe.iter().filter(|symbol| self.instruments.contains_key(*symbol));
        listed.cloned().collect()
    }

    fn base_timeframe(&self, symbol: &Symbol) -> Option<Timeframe> {
        // Before the rules are told, nothing says that the symbol is not there.
        let is_there = self.instruments.is_empty() || self.instruments.contains_key(symbol);
        let has_been = || self.bars.is_loaded(&(symbol.clone(), Self::BASE));
        (is_there || has_been()).then_some(Self::BASE)
    }

    fn is_ready(&self, symbol: &Symbol, timeframe: Timeframe) -> bool {
        self.bars.is_loaded(&(symbol.clone(), timeframe))
    }

    fn unmet(&self, needed: &BTreeSet<Series>) -> Vec<String> {
        let offered = self.data.timeframes();
        let missing = needed.iter().filter(|(_, timeframe)| !offered.contains(timeframe));
        let kind = self.kind();
        missing.map(|(symbol, timeframe)| format!("{kind} has no {timeframe} candles of {symbol}")).collect()
    }

    /// [`LiveMarket::follow`] has done it.
    fn subscribe(&mut self, _needed: &BTreeSet<Series>) {}

    fn history(&self, symbol: &Symbol, timeframe: Timeframe, before: Timestamp, bars: usize) -> Vec<Bar> {
        self.bars.history(&(symbol.clone(), timeframe), before, bars)
    }
}

//! The ways to the exchanges: one HTTP pool, one rate ledger and one count of sockets for each exchange and way out,
//! shared by all accounts that use them; one clock an exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::handle::LiveHandle;
use super::live_market::LiveMarket;
use super::pace::RealSleep;
use super::roster::Access;
use crate::clock::{SteadyClock, wall_now};
use crate::config::LiveConfig;
use crate::domain::ids::AccountId;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::connect_gate::ConnectGate;
use crate::exchange::dialect::{self, AccountParts, Credentials, NoHandle};
use crate::exchange::egress::{BadEgress, Egress};
use crate::exchange::governor::{Ban, Governor};
use crate::exchange::http::HttpClient;
use crate::exchange::line::Line;
use crate::exchange::market_data::MarketData;
use crate::exchange::server_clock::ServerClock;
use crate::exchange::{BoxFuture, Sleep};
use crate::market::candle_store::CandleStore;
use crate::vault::{Field, Vault, VaultError};

/// An answer that takes longer is lost.
const REQUEST_TIMEOUT: DurationMs = DurationMs::from_secs(8);
const REQUEST_TIMEOUT_LEAST: DurationMs = DurationMs::from_ms(500);
/// A candle that nothing has closed is waited for so long after its end.
const CANDLE_GRACE: DurationMs = DurationMs::from_secs(10);
/// At a higher speed the same lag is more of the market's time.
const CANDLE_GRACE_WALL: DurationMs = DurationMs::from_secs(2);

/// How often a clock that runs fast is asked for its time before the run begins with ours.
const FAST_CLOCK_TRIES: u32 = 8;

/// Why an account cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Egress(#[from] BadEgress),
    #[error(transparent)]
    Key(#[from] VaultError),
    #[error("the keys are not at hand: these connections were opened for the market only")]
    Keyless,
    #[error(transparent)]
    NoHandle(#[from] NoHandle),
}

/// What all accounts share that reach one exchange by one way out.
#[derive(Clone)]
struct Way {
    http: HttpClient,
    /// To the host that tells what a key may do.
    account_http: HttpClient,
    governor: Arc<Governor>,
    gate: Option<Arc<ConnectGate>>,
}

pub struct Connections {
    config: LiveConfig,
    /// Absent where only the market is asked.
    vault: Option<Arc<Vault>>,
    clock: SteadyClock,
    sleep: Arc<dyn Sleep>,
    clocks: BTreeMap<ExchangeKind, Arc<ServerClock>>,
    ways: BTreeMap<(ExchangeKind, Egress), Way>,
    /// Bans that an earlier run was given, by exchange and way out.
    bans: Vec<(ExchangeKind, String, Ban)>,
    /// What markets read their history from first.
    candles: Option<CandleStore>,
}

impl Connections {
    pub fn new(config: &LiveConfig, vault: Arc<Vault>) -> Self {
        Self { vault: Some(vault), ..Self::keyless(config) }
    }

    /// For what everybody may ask; no account can be opened.
    pub fn keyless(config: &LiveConfig) -> Self {
        let clock = SteadyClock::start(wall_now(), config.speed);
        Self {
            config: config.clone(),
            vault: None,
            clock,
            sleep: Arc::new(RealSleep(clock)),
            clocks: BTreeMap::new(),
            ways: BTreeMap::new(),
            bans: Vec::new(),
            candles: None,
        }
    }

    /// Obeys bans from before: by exchange and the way out's label.
    #[must_use]
    pub fn remembering(self, bans: Vec<(ExchangeKind, String, Ban)>) -> Self {
        Self { bans, ..self }
    }

    /// Markets begin with the history of `candles`, as far as it goes.
    #[must_use]
    pub fn warmed_by(self, candles: CandleStore) -> Self {
        Self { candles: Some(candles), ..self }
    }

    pub const fn clock(&self) -> SteadyClock {
        self.clock
    }

    /// Whether time begins where the wall clock is, which may have been set since the last run.
    pub const fn keeps_wall_time(&self) -> bool {
        self.config.speed.get() == 1
    }

    pub fn sleep(&self) -> Arc<dyn Sleep> {
        Arc::clone(&self.sleep)
    }

    /// Measures the clocks of these exchanges. Against an exchange whose clock runs fast (a rehearsal) ours starts where
    /// its clock is.
    pub async fn synchronise(&mut self, kinds: &[ExchangeKind]) {
        if self.config.speed.get() > 1
            && let Some(data) = kinds.first().and_then(|kind| self.market_data(*kind).ok())
            && let Some(now) = insist_on_time(data.as_ref()).await
        {
            self.clock = SteadyClock::start(now, self.config.speed);
            self.sleep = Arc::new(RealSleep(self.clock));
            self.clocks.clear();
            self.ways.clear();
        }
        let measurements: Vec<_> = kinds.iter().filter_map(|kind| self.measurement(*kind)).collect();
        join_all(measurements).await;
    }

    /// Measures the clock of every exchange in use. Nobody waits for an answer: each is a future of its own.
    pub fn measurements(&mut self) -> Vec<BoxFuture<'static, ()>> {
        let kinds: Vec<ExchangeKind> = self.clocks.keys().copied().collect();
        kinds.into_iter().filter_map(|kind| self.measurement(kind)).collect()
    }

    fn measurement(&mut self, kind: ExchangeKind) -> Option<BoxFuture<'static, ()>> {
        let data = self.market_data(kind).ok()?;
        Some(Box::pin(measure(kind, data, self.server_clock(kind), self.clock)))
    }

    /// The exchanges' clocks minus ours, as far as they are known.
    pub fn offsets(&self) -> impl Iterator<Item = (ExchangeKind, DurationMs)> {
        self.clocks.iter().map(|(kind, clock)| (*kind, clock.offset()))
    }

    fn server_clock(&mut self, kind: ExchangeKind) -> Arc<ServerClock> {
        let sleep = Arc::clone(&self.sleep);
        Arc::clone(self.clocks.entry(kind).or_insert_with(|| Arc::new(ServerClock::new(sleep))))
    }

    fn way(&mut self, kind: ExchangeKind, egress: &Egress) -> Result<Way, ConnectError> {
        if let Some(way) = self.ways.get(&(kind, egress.clone())) {
            return Ok(way.clone());
        }
        let urls = self.config.urls(kind).ok_or(NoHandle::NotRemote(kind))?;
        let way = Way {
            http: HttpClient::new(egress, &urls.rest, self.timeout())?,
            account_http: HttpClient::new(egress, &urls.account, self.timeout())?,
            governor: Governor::new(kind, egress.label(), dialect::limits(kind), Arc::clone(&self.sleep)),
            gate: if self.config.limit_sockets { dialect::connect_gate(kind) } else { None },
        };
        let label = egress.label();
        let own = self.bans.iter().filter(|(exchange, egress, _)| *exchange == kind && *egress == label);
        way.governor.restore(own.map(|(_, _, ban)| *ban));
        self.ways.insert((kind, egress.clone()), way.clone());
        Ok(way)
    }

    /// Of a whole request, by the wall's clock: against an exchange whose clock runs fast it must be over sooner.
    fn timeout(&self) -> DurationMs {
        DurationMs::from_ms(
            (REQUEST_TIMEOUT.ms() / i64::from(self.config.speed.get())).max(REQUEST_TIMEOUT_LEAST.ms()),
        )
    }

    /// The way out of an account: its own, or its place among those that are configured.
    fn egress(&self, account: AccountId, access: &Access) -> Result<Egress, BadEgress> {
        let own = access.proxy.as_deref().or(access.bind_address.as_deref());
        let ways = &self.config.egress;
        let shared = || {
            let index = usize::try_from(account.get()).ok()?.checked_rem(ways.len())?;
            ways.get(index).map(String::as_str)
        };
        own.or_else(shared).map_or(Ok(Egress::Direct), str::parse)
    }

    /// What everybody may ask of an exchange.
    pub fn market_data(&mut self, kind: ExchangeKind) -> Result<Arc<dyn MarketData>, ConnectError> {
        let egress = self.config.egress.first().map_or(Ok(Egress::Direct), |way| way.parse())?;
        let way = self.way(kind, &egress)?;
        let line = Line::new(way.http, way.governor, self.server_clock(kind), None);
        let urls = self.config.urls(kind).ok_or(NoHandle::NotRemote(kind))?;
        Ok(dialect::market_data(kind, line, &urls.stream).ok_or(NoHandle::NotRemote(kind))?)
    }

    /// The market of an exchange; it says nothing until it is refreshed and followed.
    pub fn market(&mut self, kind: ExchangeKind) -> Result<LiveMarket, ConnectError> {
        let data = self.market_data(kind)?;
        let egress = self.config.egress.first().map_or(Ok(Egress::Direct), |way| way.parse())?;
        let way = self.way(kind, &egress)?;
        let lag = CANDLE_GRACE_WALL.times(i64::from(self.config.speed.get()));
        let market = LiveMarket::new(data, way.http, Arc::clone(&self.sleep), CANDLE_GRACE.max(lag));
        Ok(market.warmed_by(self.candles.clone()))
    }

    /// An account's own handle.
    pub fn open(&mut self, account: AccountId, access: &Access) -> Result<LiveHandle, ConnectError> {
        let kind = access.exchange;
        let egress = self.egress(account, access)?;
        let way = self.way(kind, &egress)?;
        let urls = self.config.urls(kind).ok_or(NoHandle::NotRemote(kind))?.clone();
        let credentials = self.credentials(account, access)?;
        let line = Line::new(way.http, way.governor, self.server_clock(kind), Some(account));
        let reopen = move |position_mode| {
            dialect::account(AccountParts {
                kind,
                line: line.clone(),
                credentials: credentials.clone(),
                stream_url: urls.stream.clone(),
                account_http: way.account_http.clone(),
                position_mode,
                gate: way.gate.clone(),
            })
        };
        Ok(LiveHandle::new(access, Box::new(reopen))?)
    }

    fn credentials(&self, account: AccountId, access: &Access) -> Result<Credentials, ConnectError> {
        let vault = self.vault.as_ref().ok_or(ConnectError::Keyless)?;
        let open = |field, sealed: &str| vault.open(account, field, sealed);
        Ok(Credentials {
            api_key: open(Field::ApiKey, &access.api_key)?,
            api_secret: open(Field::ApiSecret, &access.api_secret)?,
            passphrase: access
                .passphrase
                .as_deref()
                .map(|sealed| open(Field::Passphrase, sealed))
                .transpose()?,
        })
    }

    /// The rate ledgers, each with its exchange and way out.
    pub fn governors(&self) -> impl Iterator<Item = (ExchangeKind, String, &Governor)> {
        self.ways.iter().map(|((kind, egress), way)| (*kind, egress.label(), way.governor.as_ref()))
    }
}

/// A clock that began at the wrong time would stand still for as long as the exchange's has run ahead.
async fn insist_on_time(data: &dyn MarketData) -> Option<Timestamp> {
    for _ in 0..FAST_CLOCK_TRIES {
        if let Ok(now) = data.server_time().await {
            return Some(now);
        }
    }
    None
}

async fn measure(kind: ExchangeKind, data: Arc<dyn MarketData>, clock: Arc<ServerClock>, ours: SteadyClock) {
    let sent_at = ours.now();
    match data.server_time().await {
        Ok(server) => clock.learn(sent_at, ours.now(), server),
        Err(error) => tracing::warn!(exchange = %kind, %error, "the exchange's clock is not told"),
    }
}

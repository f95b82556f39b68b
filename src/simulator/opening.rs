//! Opens a simulated exchange: its market, its accounts, its dialect and its port.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::account::FirstIds;
use super::accounts_file::AccountSpec;
use super::binance::Binance;
use super::bitget::{self, Bitget};
use super::clock::SimClock;
use super::dialect::Dialect;
use super::faults::FaultSettings;
use super::funding::FundingTerms;
use super::limits::LimitSpec;
use super::market::{Market, MarketData, MarketError};
use super::server::Server;
use super::upbit::{self, Upbit};
use super::venue::{Venue, VenueConfig};
use crate::domain::instrument::Symbol;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::Timeframe;

/// Parts of a bar are about this long by the wall clock, as long as a bar has [`PARTS`] of them.
const PART_MS: i64 = 250;
const PARTS: std::ops::RangeInclusive<i64> = 8..=60;

/// What an exchange is opened with.
pub struct Opening {
    pub exchange: ExchangeKind,
    /// Port 0 takes a free one.
    pub address: SocketAddr,
    pub clock: SimClock,
    pub market: MarketData,
    pub accounts: Vec<AccountSpec>,
    pub faults: FaultSettings,
    pub limits: LimitSpec,
    /// `None`: funding is settled on demand only.
    pub funding: Option<FundingTerms>,
    pub seed: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0} has no dialect here")]
    NoDialect(ExchangeKind),
    #[error("{exchange}: {error}")]
    Market { exchange: ExchangeKind, error: MarketError },
    #[error("{exchange}: {address}: {error}")]
    Port { exchange: ExchangeKind, address: SocketAddr, error: io::Error },
}

/// Whether the exchange lists symbols of this form.
pub fn lists(exchange: ExchangeKind, symbol: &Symbol) -> bool {
    symbol.quote_asset() == exchange.quote_asset()
}

/// The exchanges that can be opened, with their usual ports.
pub const EXCHANGES: [(ExchangeKind, u16); 3] =
    [(ExchangeKind::Binance, 9101), (ExchangeKind::Bitget, 9102), (ExchangeKind::Upbit, 9103)];

impl Opening {
    pub async fn open(self) -> Result<Server, OpenError> {
        let Self { exchange, address, clock, market, accounts, faults, limits, funding, seed } = self;
        let instruments: BTreeMap<_, _> =
            market.instruments.into_iter().filter(|(symbol, _)| lists(exchange, symbol)).collect();
        let base = market.feed.symbols().find_map(|symbol| market.feed.base_timeframe(symbol));
        let parts = parts_of_a_bar(base.unwrap_or(Timeframe::M1), clock.speed());
        let data = MarketData { instruments: instruments.clone(), ..market };
        let market =
            Market::open(data, clock.now(), parts).map_err(|error| OpenError::Market { exchange, error })?;
        let venue = Arc::new(Venue::open(VenueConfig {
            exchange,
            quote_asset: exchange.quote_asset(),
            clock,
            market,
            instruments,
            accounts,
            first_ids: first_ids(exchange),
            faults,
            limits,
            funding,
            seed,
        }));
        let dialect: Arc<dyn Dialect> = match exchange {
            ExchangeKind::Binance => Arc::new(Binance::new(Arc::clone(&venue))),
            ExchangeKind::Bitget => Arc::new(Bitget::new(Arc::clone(&venue))),
            ExchangeKind::Upbit => Arc::new(Upbit::new(Arc::clone(&venue))),
            ExchangeKind::Paper => {
                return Err(OpenError::NoDialect(exchange));
            }
        };
        let started = Server::start(address, venue, dialect).await;
        started.map_err(|error| OpenError::Port { exchange, address, error })
    }
}

fn parts_of_a_bar(base: Timeframe, speed: u32) -> u32 {
    let parts = base.duration().ms() / i64::from(speed) / PART_MS;
    u32::try_from(parts.clamp(*PARTS.start(), *PARTS.end())).unwrap_or(u32::MAX)
}

/// Where the ids of each account begin: long enough to look like an exchange's own.
const fn first_ids(exchange: ExchangeKind) -> FirstIds {
    match exchange {
        ExchangeKind::Binance => {
            FirstIds { order: 22_542_177, conditional: 2_146_760, trade: 698_759, income: 9_689_322 }
        }
        ExchangeKind::Bitget => FirstIds {
            order: bitget::ids::FIRST_ORDER,
            conditional: bitget::ids::FIRST_PLAN,
            trade: bitget::ids::FIRST_TRADE,
            income: bitget::ids::FIRST_BILL,
        },
        ExchangeKind::Upbit => FirstIds {
            order: upbit::ids::FIRST_ORDER,
            conditional: 1_000_001,
            trade: 1_000_001,
            income: 1_000_001,
        },
        ExchangeKind::Paper => {
            FirstIds { order: 1_000_001, conditional: 1_000_001, trade: 1_000_001, income: 1_000_001 }
        }
    }
}

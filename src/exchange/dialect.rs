//! Which dialect an exchange speaks: its market, its accounts, its limits.

use std::sync::Arc;

use super::Exchange;
use super::binance::{self, BinanceExchange, BinanceMarket, BinanceParts};
use super::bitget::{self, BitgetExchange, BitgetMarket, BitgetParts};
use super::connect_gate::ConnectGate;
use super::governor::Limit;
use super::http::HttpClient;
use super::line::Line;
use super::market_data::MarketData;
use super::upbit::{self, UpbitExchange, UpbitMarket, UpbitParts};
use crate::domain::kind::ExchangeKind;
use crate::domain::secret::Secret;
use crate::domain::side::PositionMode;

/// The keys of one account. Debug shows none of them.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub api_key: Secret,
    pub api_secret: Secret,
    /// Only where the exchange has one.
    pub passphrase: Option<Secret>,
}

/// What an account's handle is made of.
pub struct AccountParts {
    pub kind: ExchangeKind,
    pub line: Line,
    pub credentials: Credentials,
    /// To the host that tells what a key may do.
    pub account_http: HttpClient,
    /// Base address of the sockets.
    pub stream_url: String,
    pub position_mode: PositionMode,
    /// Of the way out; `None`: the exchange does not limit its sockets.
    pub gate: Option<Arc<ConnectGate>>,
}

/// The limits of an exchange, for one way out.
pub fn limits(kind: ExchangeKind) -> Vec<Limit> {
    match kind {
        ExchangeKind::Binance => binance::calls::LIMITS.to_vec(),
        ExchangeKind::Paper => Vec::new(),
        ExchangeKind::Bitget => bitget::rest::limits(),
        ExchangeKind::Upbit => upbit::rest::limits(),
    }
}

/// How many sockets may leave by one way out, where that is limited.
pub fn connect_gate(kind: ExchangeKind) -> Option<Arc<ConnectGate>> {
    match kind {
        ExchangeKind::Binance => Some(binance::connect_gate()),
        ExchangeKind::Bitget => Some(bitget::connect_gate()),
        ExchangeKind::Upbit | ExchangeKind::Paper => None,
    }
}

/// `None` for the paper exchange, which has no market of its own.
pub fn market_data(kind: ExchangeKind, line: Line, stream_url: &str) -> Option<Arc<dyn MarketData>> {
    match kind {
        ExchangeKind::Binance => Some(Arc::new(BinanceMarket::new(line, stream_url))),
        ExchangeKind::Bitget => Some(Arc::new(BitgetMarket::new(line, stream_url))),
        ExchangeKind::Upbit => Some(Arc::new(UpbitMarket::new(line, stream_url))),
        ExchangeKind::Paper => None,
    }
}

/// Why an account has no handle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoHandle {
    #[error("{0} is not reached over a wire")]
    NotRemote(ExchangeKind),
    #[error("these keys cannot be used: {0}")]
    BadKeys(String),
}

/// An account's handle; its stream starts within the current runtime.
pub fn account(parts: AccountParts) -> Result<Box<dyn Exchange>, NoHandle> {
    let AccountParts { kind, line, credentials, account_http, stream_url, position_mode, gate } = parts;
    let Credentials { api_key, api_secret, passphrase } = credentials;
    Ok(match kind {
        ExchangeKind::Binance => {
            let exchange = BinanceExchange::connect(BinanceParts {
                line,
                spot: Some(account_http),
                credentials: binance::sign::Credentials { api_key, api_secret },
                socket_url: stream_url,
                position_mode,
                connects: gate,
            });
            Box::new(exchange.map_err(|error| NoHandle::BadKeys(error.to_string()))?)
        }
        ExchangeKind::Bitget => Box::new(BitgetExchange::new(BitgetParts {
            line,
            credentials: bitget::sign::Credentials {
                api_key,
                secret: api_secret,
                passphrase: passphrase.ok_or_else(|| NoHandle::BadKeys("no passphrase".to_owned()))?,
            },
            socket_url: stream_url,
            position_mode,
            connects: gate,
        })),
        ExchangeKind::Upbit => {
            let algorithm = upbit::sign::Algorithm::Hs512;
            let keys = upbit::sign::Keys { access_key: api_key, secret_key: api_secret, algorithm };
            Box::new(UpbitExchange::new(UpbitParts { line, keys, socket_url: stream_url, connects: gate }))
        }
        ExchangeKind::Paper => return Err(NoHandle::NotRemote(kind)),
    })
}

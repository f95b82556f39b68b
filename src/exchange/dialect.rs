//! Which dialect an exchange speaks: its market, its accounts, its limits.

use std::sync::Arc;

use super::Exchange;
use super::bitget::{self, BitgetExchange, BitgetMarket, BitgetParts};
use super::connect_gate::ConnectGate;
use super::governor::Limit;
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
    /// Base addresses of the sockets, and of what tells the permissions of a key.
    pub stream_url: String,
    pub account_url: String,
    pub position_mode: PositionMode,
    /// Of the way out; `None`: the exchange does not limit its sockets.
    pub gate: Option<Arc<ConnectGate>>,
}

/// The limits of an exchange, for one way out.
pub fn limits(kind: ExchangeKind) -> Vec<Limit> {
    match kind {
        ExchangeKind::Binance | ExchangeKind::Paper => Vec::new(),
        ExchangeKind::Bitget => bitget::rest::limits(),
        ExchangeKind::Upbit => upbit::rest::limits(),
    }
}

/// How many sockets may leave by one way out, where that is limited.
pub fn connect_gate(kind: ExchangeKind) -> Option<Arc<ConnectGate>> {
    match kind {
        ExchangeKind::Bitget => Some(bitget::connect_gate()),
        ExchangeKind::Binance | ExchangeKind::Upbit | ExchangeKind::Paper => None,
    }
}

/// `None` for the paper exchange, which has no market of its own.
pub fn market_data(kind: ExchangeKind, line: Line, stream_url: &str) -> Option<Arc<dyn MarketData>> {
    match kind {
        ExchangeKind::Binance => None,
        ExchangeKind::Bitget => Some(Arc::new(BitgetMarket::new(line, stream_url))),
        ExchangeKind::Upbit => Some(Arc::new(UpbitMarket::new(line, stream_url))),
        ExchangeKind::Paper => None,
    }
}

/// An account's handle; its stream starts within the current runtime. `None` for the paper exchange, which is not
/// reached over a wire.
pub fn account(parts: AccountParts) -> Option<Box<dyn Exchange>> {
    let AccountParts { kind, line, credentials, stream_url, account_url: _, position_mode, gate } = parts;
    match kind {
        ExchangeKind::Binance => None,
        ExchangeKind::Bitget => Some(Box::new(BitgetExchange::new(BitgetParts {
            line,
            credentials: bitget::sign::Credentials {
                api_key: credentials.api_key,
                secret: credentials.api_secret,
                // The vault keeps none only for exchanges that have none.
                passphrase: credentials.passphrase.unwrap_or_else(|| Secret::new(String::new())),
            },
            socket_url: stream_url,
            position_mode,
            connects: gate,
        }))),
        ExchangeKind::Upbit => {
            let keys = upbit::sign::Keys {
                access_key: credentials.api_key,
                secret_key: credentials.api_secret,
                algorithm: upbit::sign::Algorithm::Hs512,
            };
            Some(Box::new(UpbitExchange::new(UpbitParts {
                line,
                keys,
                socket_url: stream_url,
                connects: gate,
            })))
        }
        ExchangeKind::Paper => None,
    }
}

//! Where the real exchanges are, by which addresses they are reached, and the rhythm of a live run.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;

use super::keys::{one, quoted, quoted_list, within};
use crate::domain::kind::ExchangeKind;
use crate::domain::time::DurationMs;

/// Base addresses of one exchange, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeUrls {
    pub rest: String,
    pub stream: String,
    /// What a key may do is asked here; on Binance another host than that of the futures.
    pub account: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConfig {
    /// Positions are managed so often.
    pub price_cycle: DurationMs,
    /// How many times as fast as real time the exchanges' clocks run. Only local ones run faster than 1.
    pub speed: NonZeroU32,
    /// Whether the exchanges' limits on sockets are kept. Only a local exchange has none.
    pub limit_sockets: bool,
    /// At whose prices accounts of the exchange `paper` trade.
    pub paper_market: ExchangeKind,
    /// Ways out that accounts without a proxy or bind address of their own are spread over, as text: `direct`, an IP
    /// address of this machine, `http://...` or `socks5://...`.
    pub egress: Vec<String>,
    urls: BTreeMap<ExchangeKind, ExchangeUrls>,
}

impl Default for LiveConfig {
    fn default() -> Self {
        let urls = |rest: &str, stream: &str, account: &str| ExchangeUrls {
            rest: rest.to_owned(),
            stream: stream.to_owned(),
            account: account.to_owned(),
        };
        let binance =
            urls("https://fapi.binance.com", "wss://fstream.binance.com", "https://api.binance.com");
        let bitget = urls("https://api.bitget.com", "wss://ws.bitget.com", "https://api.bitget.com");
        let upbit = urls("https://api.upbit.com", "wss://api.upbit.com", "https://api.upbit.com");
        Self {
            price_cycle: DurationMs::from_secs(5),
            speed: NonZeroU32::MIN,
            limit_sockets: true,
            paper_market: ExchangeKind::Binance,
            egress: Vec::new(),
            urls: BTreeMap::from([
                (ExchangeKind::Binance, binance),
                (ExchangeKind::Bitget, bitget),
                (ExchangeKind::Upbit, upbit),
            ]),
        }
    }
}

impl LiveConfig {
    /// `None` for the paper exchange, which is not anywhere.
    pub fn urls(&self, exchange: ExchangeKind) -> Option<&ExchangeUrls> {
        self.urls.get(&exchange)
    }

    pub(super) fn set(&mut self, key: &str, values: &[&str]) -> Option<()> {
        match key {
            "engine.price_cycle_ms" => self.price_cycle = DurationMs::from_ms(within(values, 250..=60_000)?),
            "live.speed" => self.speed = one(values)?,
            "live.limit_sockets" => self.limit_sockets = one(values)?,
            "live.paper_market" => {
                let market: ExchangeKind = ExchangeKind::from_word(&one::<String>(values)?)?;
                self.paper_market = Some(market).filter(|market| *market != ExchangeKind::Paper)?;
            }
            "live.egress" => {
                self.egress = values
                    .iter()
                    .map(|way| is_egress(way).then(|| (*way).to_owned()))
                    .collect::<Option<_>>()?;
            }
            url => *self.url_mut(url)? = base_url(&one::<String>(values)?, url.ends_with("stream_url"))?,
        }
        Some(())
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        Some(match key {
            "engine.price_cycle_ms" => self.price_cycle.ms().to_string(),
            "live.speed" => self.speed.to_string(),
            "live.limit_sockets" => self.limit_sockets.to_string(),
            "live.paper_market" => quoted(self.paper_market),
            "live.egress" => quoted_list(&self.egress),
            url => quoted(self.clone().url_mut(url)?),
        })
    }

    fn url_mut(&mut self, key: &str) -> Option<&mut String> {
        let (exchange, name) = key.split_once('.')?;
        let urls = self.urls.get_mut(&ExchangeKind::from_word(exchange)?)?;
        match name {
            "rest_url" => Some(&mut urls.rest),
            "stream_url" => Some(&mut urls.stream),
            "account_url" => Some(&mut urls.account),
            _ => None,
        }
    }
}

fn is_egress(way: &str) -> bool {
    way == "direct"
        || way.parse::<IpAddr>().is_ok()
        || ["http://", "socks5://"]
            .iter()
            .any(|scheme| way.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

fn base_url(text: &str, is_stream: bool) -> Option<String> {
    let schemes = if is_stream { ["wss://", "ws://"] } else { ["https://", "http://"] };
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme))?;
    (!host.is_empty() && !host.contains(['?', '#', ' '])).then(|| text.trim_end_matches('/').to_owned())
}

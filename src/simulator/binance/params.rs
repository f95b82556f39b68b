//! Parameters of a request, from its query and its form body, and their signature.
//!
//! signature = hex(HMAC-SHA256(secret, query ++ body)), of the text as it was sent, without the signature itself; a
//! parameter in both is that of the query
//! (<https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info>).

use std::str::FromStr;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use rust_decimal::Decimal;
use sha2::Sha256;

use super::error::Error;
use crate::domain::money::parse_decimal;
use crate::domain::time::Timestamp;

const SIGNATURE: &str = "signature";

#[derive(Debug, Clone, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn read(query: &str, body: &str) -> Self {
        let pairs =
            [query, body].into_iter().flat_map(|text| text.split('&')).filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name), decoded(value))
                })
                .collect(),
        )
    }

    /// One order of a batch.
    pub(super) fn from_object(object: &serde_json::Map<String, serde_json::Value>) -> Self {
        let text =
            |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self(object.iter().map(|(name, value)| (name.clone(), text(value))).collect())
    }

    /// A parameter that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| Error::missing(name))
    }

    /// A parameter of another type; absent is fine, illegible is not.
    pub(super) fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        self.get(name).map(|text| text.parse().map_err(|_| Error::missing(name))).transpose()
    }

    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Error> {
        self.get(name).map(|text| parse_decimal("amount", text).map_err(|_| Error::missing(name))).transpose()
    }

    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.parse(name)?.map(Timestamp::from_ms))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `limit`, up to `max`.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, Error> {
        let limit = self.parse("limit")?.unwrap_or(default);
        if limit == 0 || limit > max {
            return Err(Error::new(-1130, "Data sent for parameter 'limit' is not valid."));
        }
        Ok(limit)
    }
}

/// Whether `signature` in the query or the body is that of the rest.
pub(super) fn is_signed(query: &str, body: &str, secret: &str) -> bool {
    let (query, in_query) = without_signature(query);
    let (body, in_body) = without_signature(body);
    let Some(signature) = in_query.or(in_body) else { return false };
    let Ok(signature) = HEXLOWER.decode(signature.to_ascii_lowercase().as_bytes()) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(query.as_bytes());
    mac.update(body.as_bytes());
    mac.verify_slice(&signature).is_ok()
}

fn without_signature(text: &str) -> (String, Option<&str>) {
    let value = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| name == SIGNATURE);
    let signature = text.split('&').find(|pair| value(pair)).and_then(|pair| pair.split_once('='));
    let rest: Vec<&str> = text.split('&').filter(|pair| !value(pair)).collect();
    (rest.join("&"), signature.map(|(_, value)| value))
}

/// Undoes percent-encoding; `+` is a space.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                bytes.extend(
                    HEXLOWER.decode(&digits.map(|digit| digit.to_ascii_lowercase())).unwrap_or_default(),
                );
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation's SIGNED endpoint page: parameters in the query, the body, or both.
    #[test]
    fn signatures_are_made_of_query_then_body() {
        let secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";
        let all = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000\
                   &timestamp=1591702613943";
        let signature = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9";
        let signed = format!("{all}&signature={signature}");
        assert!(is_signed(&signed, "", secret));
        assert!(is_signed("", &signed, secret));
        assert!(!is_signed(&signed.replace("quantity=1", "quantity=2"), "", secret));
        assert!(!is_signed(all, "", secret));
        let params = Params::read("a=1&b=%5B%22x%22%5D", "a=2&c=+");
        assert_eq!(
            (params.get("a"), params.get("b"), params.get("c")),
            (Some("1"), Some("[\"x\"]"), Some(" "))
        );
    }
}

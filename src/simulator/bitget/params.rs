//! Parameters: of the query of a GET, or of the JSON body of a POST, whose values may be texts or numbers.

use std::collections::BTreeMap;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::error::Error;
use crate::domain::money::parse_decimal;
use crate::domain::time::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Params {
    values: BTreeMap<String, String>,
    /// Lists of objects, such as `orderList`.
    lists: BTreeMap<String, Vec<Params>>,
}

impl Params {
    pub(super) fn read(query: &str, body: &str) -> Result<Self, Error> {
        let mut params = match body {
            "" => Self::default(),
            body => {
                let object: Map<String, Value> =
                    serde_json::from_str(body).map_err(|_| Error::new("40020", "Parameter body error"))?;
                Self::from_object(&object)
            }
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            params.values.insert(decoded(name), decoded(value));
        }
        Ok(params)
    }

    fn from_object(object: &Map<String, Value>) -> Self {
        let mut params = Self::default();
        for (name, value) in object {
            match value {
                Value::Array(rows) => {
                    let rows = rows.iter().filter_map(Value::as_object).map(Self::from_object).collect();
                    params.lists.insert(name.clone(), rows);
                }
                Value::String(text) => {
                    params.values.insert(name.clone(), text.clone());
                }
                Value::Number(number) => {
                    params.values.insert(name.clone(), number.to_string());
                }
                Value::Bool(flag) => {
                    params.values.insert(name.clone(), flag.to_string());
                }
                Value::Null | Value::Object(_) => {}
            }
        }
        params
    }

    /// What is given, and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| Error::empty(name))
    }

    pub(super) fn list(&self, name: &str) -> Option<&[Self]> {
        self.lists.get(name).map(Vec::as_slice)
    }

    /// The same parameters with this symbol, for the rows of a list.
    pub(super) fn of_symbol(&self, outer: &Self) -> Self {
        let mut values = self.values.clone();
        for name in ["symbol", "marginMode", "marginCoin", "productType"] {
            if let Some(value) = outer.get(name) {
                values.insert(name.to_owned(), value.to_owned());
            }
        }
        Self { values, lists: BTreeMap::new() }
    }

    pub(super) fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        self.get(name).map(|text| text.parse().map_err(|_| Error::wrong(name))).transpose()
    }

    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Error> {
        self.get(name).map(|text| parse_decimal("amount", text).map_err(|_| Error::wrong(name))).transpose()
    }

    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.parse(name)?.map(Timestamp::from_ms))
    }

    /// `limit`, up to `max`.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, Error> {
        let limit = self.parse("limit")?.unwrap_or(default);
        if limit == 0 || limit > max { Err(Error::wrong("limit")) } else { Ok(limit) }
    }

    /// Whether the product is the one that is traded here; the others exist and are empty.
    pub(super) fn is_usdt(&self) -> Result<bool, Error> {
        const PRODUCTS: [&str; 6] = [
            "USDT-FUTURES",
            "COIN-FUTURES",
            "USDC-FUTURES",
            "SUSDT-FUTURES",
            "SCOIN-FUTURES",
            "SUSDC-FUTURES",
        ];
        let product = self.need("productType")?.to_ascii_uppercase();
        if !PRODUCTS.contains(&product.as_str()) {
            return Err(Error::wrong("productType"));
        }
        Ok(product == "USDT-FUTURES")
    }
}

/// Undoes percent-encoding.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
            bytes.extend(HEXLOWER_PERMISSIVE.decode(&digits).unwrap_or_default());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

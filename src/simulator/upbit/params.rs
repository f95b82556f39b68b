//! Parameters of a request, in the order they were sent: from the query, or from a JSON or form body.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXUPPER_PERMISSIVE;
use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::error::Error;
use crate::domain::money::parse_decimal;
use crate::domain::time::Timestamp;
use crate::simulator::dialect::Request;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params(Vec<(String, String)>);

/// A JSON object whose fields keep their order.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Params {
    pub(super) fn read(request: &Request) -> Result<Self, Error> {
        let mut params = Self(pairs(&request.query));
        if request.body.trim_start().starts_with('{') {
            let fields: Fields = serde_json::from_str(&request.body).map_err(|_| Error::invalid("body"))?;
            fields.0.into_iter().for_each(|(name, value)| params.add(name, value));
        } else {
            params.0.extend(pairs(&request.body));
        }
        Ok(params)
    }

    /// Parameters that no request has sent as such.
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn add(&mut self, name: String, value: Value) {
        match value {
            Value::Null => {}
            Value::Array(values) => values.into_iter().for_each(|value| self.add(format!("{name}[]"), value)),
            Value::String(text) => self.0.push((name, text)),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => self.0.push((name, value.to_string())),
        }
    }

    /// `name=value&name=value`: what a token's hash is made of.
    pub(super) fn plain(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }

    /// A parameter that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| Error::invalid(name))
    }

    /// All values of a list, however it is written: `name[]=a&name[]=b`, `name=a,b`.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let listed = |known: &str| known == name || known.strip_suffix("[]") == Some(name);
        let values = self.0.iter().filter(|(known, _)| listed(known));
        values.flat_map(|(_, value)| value.split(',')).filter(|value| !value.is_empty()).collect()
    }

    pub(super) fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        self.get(name).map(|text| text.parse().map_err(|_| Error::invalid(name))).transpose()
    }

    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Error> {
        self.get(name).map(|text| parse_decimal("number", text).map_err(|_| Error::invalid(name))).transpose()
    }

    /// ISO 8601 (in UTC when it does not say) or milliseconds.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        self.get(name).map(|text| read_time(text).ok_or_else(|| Error::invalid(name))).transpose()
    }
}

fn read_time(text: &str) -> Option<Timestamp> {
    if let Ok(ms) = text.parse() {
        return Some(Timestamp::from_ms(ms));
    }
    // A plus sign that was not encoded has become a space.
    let forms = [text.to_owned(), text.replace(' ', "+"), format!("{}Z", text.replace(' ', "T"))];
    let instant = forms.iter().find_map(|form| form.parse::<jiff::Timestamp>().ok())?;
    Some(Timestamp::from_ms(instant.as_millisecond()))
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Undoes percent-encoding; `+` is a space.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                bytes.extend(HEXUPPER_PERMISSIVE.decode(&digits).unwrap_or_default());
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_that_clients_write() {
        let told = [
            "1700000000000",
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20",
            "2023-11-14 22:13:20",
            "2023-11-15T07:13:20+09:00",
            "2023-11-15T07:13:20 09:00",
        ];
        for text in told {
            assert_eq!(read_time(text), Some(Timestamp::from_ms(1_700_000_000_000)), "{text}");
        }
        assert_eq!(read_time("yesterday"), None);
    }

    #[test]
    fn parameters_keep_the_order_they_were_sent_in() {
        let fields =
            Fields(vec![("b".to_owned(), Value::from("2")), ("a".to_owned(), serde_json::json!(["x", 1]))]);
        let mut params = Params(pairs("to=1+2&states%5b%5d=wait"));
        fields.0.into_iter().for_each(|(name, value)| params.add(name, value));
        assert_eq!(params.plain(), "to=1 2&states[]=wait&b=2&a[]=x&a[]=1");
        assert_eq!((params.list("states"), params.list("a")), (vec!["wait"], vec!["x", "1"]));
    }
}

//! Recorded requests, answers and errors of the real exchanges ("vectors") against our dialects.
//!
//! The folder is `TRADEFLEET_VECTORS`, or `../shared/vectors`. Without it each test says so and passes. Vectors are
//! taken by what they are (endpoint, status, fields), never by name, so that other vectors of the same kind work too;
//! those that our program has no use for are named on standard error.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a vector that does not hold must fail loudly"
)]
#![expect(clippy::print_stderr, reason = "what was skipped must be visible")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

mod binance;
mod bitget;
mod signing;
mod upbit;

/// One file of vectors.
#[derive(Deserialize)]
pub(crate) struct VectorFile<V> {
    /// Keys, clock and the like that the vectors were made with.
    pub(crate) meta: BTreeMap<String, Value>,
    pub(crate) vectors: Vec<V>,
}

impl<V> VectorFile<V> {
    /// Text of the file's head, such as `apiKey` or `secret`.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.meta
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no `{key}` in the vectors' head"))
    }
}

/// A request as a real client sends it.
#[derive(Deserialize)]
pub(crate) struct RequestVector {
    pub(crate) name: String,
    pub(crate) http_method: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The body, if there is one.
    pub(crate) output: Option<String>,
}

impl RequestVector {
    /// Path and query of the URL.
    pub(crate) fn target(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.find('/').map_or("/", |start| &rest[start..])
    }

    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    pub(crate) fn query(&self) -> &str {
        self.target().split_once('?').map_or("", |(_, query)| query)
    }
}

/// An answer, and what it means in a client's unified words.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResponseVector {
    pub(crate) name: String,
    /// The client's name of the call.
    pub(crate) method: String,
    #[serde(rename = "http_method")]
    pub(crate) http_method: String,
    pub(crate) url: String,
    #[serde(default = "ok")]
    pub(crate) http_status: u16,
    /// The body as it was written: numbers keep every digit.
    pub(crate) http_response: Box<RawValue>,
    pub(crate) parsed_response: Value,
}

impl ResponseVector {
    pub(crate) fn path(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let path = rest.find('/').map_or("/", |start| &rest[start..]);
        path.split('?').next().unwrap_or_default()
    }
}

const fn ok() -> u16 {
    200
}

/// A refusal, and the class a client gives it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorVector {
    pub(crate) name: String,
    pub(crate) http_status: u16,
    /// The body as it was written.
    pub(crate) http_response: Box<RawValue>,
    /// The client's class.
    pub(crate) ccxt_exception: Option<String>,
}

/// Reads `file` of the vectors; `None` (and a word about it) without the folder or the file.
pub(crate) fn load<V: DeserializeOwned>(file: &str) -> Option<VectorFile<V>> {
    let path = folder().join(file);
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("skipped: no vectors at {}", path.display());
        return None;
    };
    match serde_json::from_str(&text) {
        Ok(vectors) => Some(vectors),
        Err(error) => panic!("{} cannot be read: {error}", path.display()),
    }
}

fn folder() -> PathBuf {
    std::env::var_os("TRADEFLEET_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"), PathBuf::from)
}

/// What one test looked at, left out, and found wrong; told all at once at its end.
#[derive(Default)]
pub(crate) struct Findings {
    checked: usize,
    skipped: Vec<String>,
    wrong: Vec<String>,
}

impl Findings {
    pub(crate) fn check(&mut self, name: &str, result: Result<(), String>) {
        self.checked += 1;
        if let Err(problem) = result {
            self.wrong.push(format!("{name}: {problem}"));
        }
    }

    /// Leaves a vector out, and says why.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        self.skipped.push(format!("{name} ({why})"));
    }

    pub(crate) fn conclude(self, what: &str) {
        eprintln!("{what}: {} checked, {} skipped", self.checked, self.skipped.len());
        for skipped in &self.skipped {
            eprintln!("  skipped: {skipped}");
        }
        assert!(self.wrong.is_empty(), "{what}:\n{}", self.wrong.join("\n"));
    }
}

/// A number of a vector's meaning as an exact decimal; `None` for null.
pub(crate) fn number(value: &Value) -> Option<Decimal> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let parsed = if text.contains('e') { Decimal::from_scientific(&text) } else { text.parse() };
    Some(parsed.unwrap().normalize())
}

/// Compares one thing of a meaning with ours.
#[expect(clippy::needless_pass_by_value, reason = "what is compared is made for it at each call")]
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, theirs: T) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what} is {ours:?}, recorded is {theirs:?}")) }
}

/// The parameters of a query string or a form body, decoded.
pub(crate) fn parameters(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

/// Percent-decoded.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits: String = bytes.by_ref().take(2).map(char::from).collect();
        decoded.push(u8::from_str_radix(&digits, 16).unwrap());
    }
    String::from_utf8(decoded).unwrap()
}

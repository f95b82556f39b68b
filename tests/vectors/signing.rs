//! Signing examples: what is signed with which key, and the signature that comes out.

use serde::Deserialize;
use serde_json::Value;

/// One example; the fields that an exchange does not have are empty.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SigningExample {
    pub(crate) exchange: String,
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) query: String,
    #[serde(default)]
    pub(crate) body: String,
    pub(crate) expected: String,
    /// Everything else, such as `secret`, `passphrase`, `timestamp`, `nonce`, `query_hash`.
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, Value>,
}

impl SigningExample {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.rest.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{}: no `{key}`", self.name))
    }
}

/// The examples of one exchange; none without the vectors.
pub(crate) fn examples(exchange: &str) -> Vec<SigningExample> {
    let examples = super::load::<SigningExample>("signing.json").map(|file| file.vectors).unwrap_or_default();
    examples.into_iter().filter(|example| example.exchange == exchange).collect()
}

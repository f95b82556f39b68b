//! The parameters of a request, in the order they are sent: the order that is signed.

use crate::exchange::percent;

/// What the exchange's lists are written with stays as it is.
const KEPT: &[u8] = b",";

/// Names and values. A list repeats its name, which ends in `[]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(&'static str, String)>);

impl Params {
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds the parameter if there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `name=value&name=value`, as it is hashed.
    pub fn plain(&self) -> String {
        self.joined(str::to_owned)
    }

    /// The same, percent-encoded, as it is sent.
    pub fn query(&self) -> String {
        self.joined(|text| percent::encoded(text, KEPT))
    }

    /// A JSON object of texts, in the same order.
    pub fn json(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let fields: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{}:{}", text(name), text(value))).collect();
        format!("{{{}}}", fields.join(","))
    }

    fn joined(&self, written: impl Fn(&str) -> String) -> String {
        let pairs: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{}={}", written(name), written(value))).collect();
        pairs.join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_order_in_every_form() {
        let params = Params::default()
            .with("to", "2023-11-11T16:26:40Z")
            .with_some("market", None::<String>)
            .with("states[]", "wait")
            .with("states[]", "watch");
        assert_eq!(params.plain(), "to=2023-11-11T16:26:40Z&states[]=wait&states[]=watch");
        assert_eq!(params.query(), "to=2023-11-11T16%3A26%3A40Z&states%5B%5D=wait&states%5B%5D=watch");
        let body = Params::default().with("market", "KRW-BTC").with("identifier", "a\"b");
        assert_eq!(body.json(), r#"{"market":"KRW-BTC","identifier":"a\"b"}"#);
    }
}

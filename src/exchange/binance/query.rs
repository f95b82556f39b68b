//! Parameters of a call: `key=value&…`, percent-encoded before anything is signed.

use std::fmt::{Display, Write};

use crate::exchange::percent::PercentEncoded;

/// Parameters in the order they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(String);

impl Query {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Display) -> Self {
        self.push(key, value);
        self
    }

    /// Adds a parameter that some calls do without.
    #[must_use]
    pub fn with_some(self, key: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    pub fn push(&mut self, key: &'static str, value: impl Display) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(key);
        self.0.push('=');
        // Writing to a string fails only if the value's own text does, and ours never do.
        let _ = write!(PercentEncoded::new(&mut self.0), "{value}");
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_and_order_is_kept() {
        let query =
            Query::new().with("symbol", "币USDT").with("list", "[\"a b\"]").with_some("none", None::<u8>);
        assert_eq!(query.as_str(), "symbol=%E5%B8%81USDT&list=%5B%22a%20b%22%5D");
    }
}

//! Takes out of text what must not leave the machine.
//!
//! Secrets have types that cannot be printed, so none should be there to begin with. This is the second lock: what is
//! known to be secret is looked for, and what looks like a secret goes too.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::secret::Secret;

/// A run of letters and digits of this length is a key or a token, not a word: our own order ids have 28.
const OPAQUE_LEN: usize = 40;
/// Shorter texts are found everywhere.
const SECRET_LEN_MIN: usize = 4;
/// Chat ids with fewer digits are found everywhere; those of fields that hold chats go whatever their length.
const CHAT_DIGITS_MIN: usize = 5;
const REMOVED: &str = "(removed)";
/// Fields of these names hold what must go, whatever it looks like.
const SECRET_FIELDS: [&str; 10] =
    ["chat", "users", "token", "secret", "password", "passphrase", "api_key", "webhook", "private", "proxy"];

#[derive(Debug, Default)]
pub(super) struct Redactor {
    secrets: Vec<Secret>,
    chats: Vec<String>,
    /// Names and what stands for them.
    names: BTreeMap<String, String>,
}

impl Redactor {
    pub(super) fn new(secrets: Vec<Secret>, chats: &[i64]) -> Self {
        let chats = chats.iter().map(|chat| chat.unsigned_abs().to_string());
        let mut secrets: Vec<_> =
            secrets.into_iter().filter(|secret| secret.expose().len() >= SECRET_LEN_MIN).collect();
        // One that holds another goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Self {
            secrets,
            chats: chats.filter(|chat| chat.len() >= CHAT_DIGITS_MIN).collect(),
            names: BTreeMap::new(),
        }
    }

    /// Stands `kind-1`, `kind-2` ... for the names from now on.
    pub(super) fn disguise<'a>(&mut self, kind: &str, names: impl IntoIterator<Item = &'a str>) {
        for (number, name) in (1..).zip(names.into_iter().filter(|name| !name.is_empty())) {
            self.names.entry(name.to_owned()).or_insert_with(|| format!("{kind}-{number}"));
        }
    }

    /// A document, its strings redacted.
    pub(super) fn json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Object(fields) => {
                let redacted = fields.iter().map(|(name, value)| {
                    let value = if holds_secret(name) { removed(value) } else { self.json(value) };
                    (self.text(name), value)
                });
                Value::Object(redacted.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Free text, redacted.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), REMOVED);
            }
        }
        let text = without_addresses(&text);
        let mut clean = String::with_capacity(text.len());
        for word in words(&text) {
            clean.push_str(&self.word(word, &clean));
        }
        clean
    }

    /// A word, or a piece of what is between words.
    fn word(&self, word: &str, before: &str) -> String {
        if !word.starts_with(is_word) {
            return word.to_owned();
        }
        if let Some(name) = self.names.get(word) {
            return name.clone();
        }
        if word.contains(':') {
            return self.parts(word, before);
        }
        let digits = word.trim_start_matches('-');
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_chat = self.chats.iter().any(|chat| chat == digits) || names_chat(before);
        if (is_number && is_chat) || is_opaque(word) {
            return REMOVED.to_owned();
        }
        // A sentence's full stop is no part of a name.
        let bare = word.trim_end_matches(['.', '-']);
        match self.names.get(bare) {
            Some(name) => format!("{name}{}", word.get(bare.len()..).unwrap_or_default()),
            None => word.to_owned(),
        }
    }

    /// What colons join: a bot's token, or several words.
    fn parts(&self, word: &str, before: &str) -> String {
        if is_bot_token(word) {
            return REMOVED.to_owned();
        }
        let mut clean = String::new();
        for (index, part) in word.split(':').enumerate() {
            if index > 0 {
                clean.push(':');
            }
            let so_far = format!("{before}{clean}");
            clean.push_str(&self.word(part, &so_far));
        }
        clean
    }
}

fn holds_secret(field: &str) -> bool {
    let field = field.to_lowercase();
    SECRET_FIELDS.iter().any(|name| field.contains(name))
}

/// What stands for a secret's value: nothing stays nothing, and a reference says where it is.
fn removed(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::String(text) if text.is_empty() || text.starts_with("env:") || text.starts_with("file:") => {
            value.clone()
        }
        Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => REMOVED.into(),
    }
}

/// `https://user:word@host:1/path?query` -> `https://host:1/...`: what follows a host may be a secret, as in webhooks.
fn without_addresses(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|c: char| c.is_whitespace() || "\"'<>(){}`,".contains(c)).unwrap_or(after.len());
        let (address, next) = after.split_at(end);
        let host_end = address.find(['/', '?', '#', '\\']).unwrap_or(address.len());
        let (authority, tail) = address.split_at(host_end);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        clean.push_str(before);
        clean.push_str("://");
        clean.push_str(host);
        if tail.len() > 1 {
            clean.push_str("/...");
        } else {
            clean.push_str(tail);
        }
        rest = next;
    }
    clean.push_str(rest);
    clean
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '+') || !c.is_ascii()
}

/// Runs of what words are made of, and what is between them.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = is_word(first);
        let end = rest.find(|c| is_word(c) != kind).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        found.push(word);
        rest = after;
    }
    found
}

/// `123456:abc-DEF...`.
fn is_bot_token(word: &str) -> bool {
    let Some((number, key)) = word.split_once(':') else { return false };
    number.len() >= 5
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && key.len() >= 10
        && key.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_opaque(word: &str) -> bool {
    let runs = word.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '+'));
    runs.into_iter()
        .any(|run| run.len() >= OPAQUE_LEN && run.bytes().any(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether the text before a number says that it is a chat: `chat=`, `chat_id: `, `telegram:`.
fn names_chat(before: &str) -> bool {
    let before = before.trim_end_matches(['=', ':', ' ', '"', '\'', '(']);
    ["chat", "chat_id", "telegram"].iter().any(|word| {
        let at = before.len().saturating_sub(word.len());
        before.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(word))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor() -> Redactor {
        let secrets = ["hunter22", "k3y"].map(|text| Secret::new(text.to_owned()));
        Redactor::new(secrets.to_vec(), &[-1_001_234_567, 42])
    }

    #[test]
    fn what_is_secret_goes_and_the_rest_stays() {
        let long = "a".repeat(24) + &"B1".repeat(20);
        for (text, clean) in [
            ("password hunter22!", "password (removed)!".to_owned()),
            ("https://hooks.slack.com/services/T0/B0/x y", "https://hooks.slack.com/... y".to_owned()),
            ("socks5://me:pass@10.0.0.1:1080", "socks5://10.0.0.1:1080".to_owned()),
            ("at http://127.0.0.1:9464/", "at http://127.0.0.1:9464/".to_owned()),
            ("bot123456:AAbb-ccddee_ff", "bot123456:AAbb-ccddee_ff".to_owned()),
            ("bot 123456:AAbb-ccddee_ff", "bot (removed)".to_owned()),
            ("chat -1001234567 spoke", "chat (removed) spoke".to_owned()),
            (
                "telegram:42 and chat_id=7, 42 orders",
                "telegram:(removed) and chat_id=(removed), 42 orders".to_owned(),
            ),
            (long.as_str(), REMOVED.to_owned()),
            ("tfabcdefghijklmnopqrstuvwxyz at 2022-06-15T03:00:00.123Z", String::new()),
            ("가격 100.5 USDT: BTC-USDT -> 3.25 %", String::new()),
        ] {
            let expected = if clean.is_empty() { text.to_owned() } else { clean };
            assert_eq!(redactor().text(text), expected);
        }
    }

    #[test]
    fn names_are_disguised_as_words_only() {
        let mut redactor = redactor();
        redactor.disguise("account", ["alpha", "beta"]);
        assert_eq!(redactor.text("alpha, alphabet. beta."), "account-1, alphabet. account-2.");
        assert_eq!(redactor.text("cli:alpha account=beta"), "cli:account-1 account=account-2");
        let clean = redactor.json(&json!({ "account": "alpha", "holds": [{ "beta": 1 }], "n": 1 }));
        assert_eq!(clean, json!({ "account": "account-1", "holds": [{ "account-2": 1 }], "n": 1 }));
    }

    #[test]
    fn fields_of_secrets_go_whatever_they_hold() {
        let clean = redactor().json(&json!({
            "chat_id": -5, "bot_token": "x", "api_key": null, "passphrase": { "a": 1 }, "password": "env:PW",
            "has_secret": true,
        }));
        let removed = Value::from(REMOVED);
        assert_eq!(clean["chat_id"], removed);
        assert_eq!((&clean["bot_token"], &clean["passphrase"]), (&removed, &removed));
        assert_eq!((&clean["api_key"], &clean["password"]), (&Value::Null, &Value::from("env:PW")));
        assert_eq!(clean["has_secret"], Value::from(true));
    }

    proptest::proptest! {
        #[test]
        fn a_secret_never_comes_through(before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let clean = redactor().text(&format!("{before}hunter22{after}"));
            proptest::prop_assert!(!clean.contains("hunter22"));
        }
    }
}

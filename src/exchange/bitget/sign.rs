//! Signing: `base64(HMAC-SHA256(secret, timestamp + METHOD + path[?query] + body))`.
//!
//! The query is signed decoded, in the order it is sent, and the body as the exact bytes that are sent. REST stamps are
//! in milliseconds, the login of the private socket is in seconds.
//! Source: bitget.com/api-doc/common/signature, bitget.com/api-doc/common/websocket-intro.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::calls::Call;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::exchange::wire::{Body, HttpRequest, Method};

/// What an account signs in with.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub api_key: Secret,
    pub secret: Secret,
    pub passphrase: Secret,
}

/// Signs with one account's key, which is expanded once.
#[derive(Clone)]
pub struct Signer {
    credentials: Credentials,
    mac: Option<Hmac<Sha256>>,
}

impl Signer {
    pub fn new(credentials: Credentials) -> Self {
        // HMAC takes keys of every length, so that there always is one.
        let mac = Hmac::<Sha256>::new_from_slice(credentials.secret.expose().as_bytes()).ok();
        Self { credentials, mac }
    }

    /// The request of a private call, stamped with `at` by the exchange's clock.
    pub fn signed(&self, call: &Call, at: Timestamp) -> HttpRequest {
        let stamp = at.ms().to_string();
        let body = call.body.as_deref().unwrap_or_default();
        let sign = self.signature(&stamp, call.method, &call.decoded_target(), body);
        let mut request = unsigned(call);
        request.headers.extend([
            ("ACCESS-KEY", self.credentials.api_key.expose().to_owned()),
            ("ACCESS-SIGN", sign),
            ("ACCESS-TIMESTAMP", stamp),
            ("ACCESS-PASSPHRASE", self.credentials.passphrase.expose().to_owned()),
        ]);
        request
    }

    /// What is said first on the private socket.
    pub fn login(&self, at: Timestamp) -> String {
        let stamp = at.ms().div_euclid(1_000).to_string();
        let login = json!({
            "op": "login",
            "args": [{
                "apiKey": self.credentials.api_key.expose(),
                "passphrase": self.credentials.passphrase.expose(),
                "sign": self.signature(&stamp, Method::Get, "/user/verify", ""),
                "timestamp": stamp,
            }],
        });
        login.to_string()
    }

    /// Of the exact bytes that are sent.
    pub fn signature(&self, stamp: &str, method: Method, target: &str, body: &str) -> String {
        let Some(mac) = &self.mac else { return String::new() };
        let mut mac = mac.clone();
        for part in [stamp, method.as_str(), target, body] {
            mac.update(part.as_bytes());
        }
        BASE64.encode(&mac.finalize().into_bytes())
    }
}

/// The request of a public call.
pub fn unsigned(call: &Call) -> HttpRequest {
    HttpRequest {
        method: call.method,
        target: call.target(),
        headers: vec![("locale", "en-US".to_owned())],
        body: call.body.clone().map(|text| Body { content_type: "application/json", text }),
    }
}

#[cfg(test)]
mod tests;

//! Signing: HMAC-SHA256 over the query followed by the body, no separator between the two, in hexadecimal.
//!
//! Source: developers.binance.com, USDⓈ-M futures, "General Info", signed endpoints.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::calls::{Auth, Call, RECEIVE_WINDOW};
use super::query::Query;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::exchange::wire::HttpRequest;

const KEY_HEADER: &str = "X-MBX-APIKEY";

/// The two halves of an API key.
#[derive(Clone)]
pub struct Credentials {
    pub api_key: Secret,
    pub api_secret: Secret,
}

/// A key that cannot be one. Its text is never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCredentials {
    #[error("the API key is empty or has characters other than printable ASCII")]
    ApiKey,
    #[error("the API secret is empty")]
    ApiSecret,
}

/// Signs the requests of one account. The key is prepared once; a signature clones its state.
#[derive(Clone)]
pub struct Signer {
    api_key: Secret,
    keyed: Hmac<Sha256>,
}

impl Signer {
    pub fn try_new(credentials: &Credentials) -> Result<Self, BadCredentials> {
        let key = credentials.api_key.expose();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadCredentials::ApiKey);
        }
        let secret = credentials.api_secret.expose();
        if secret.is_empty() {
            return Err(BadCredentials::ApiSecret);
        }
        let keyed = Hmac::new_from_slice(secret.as_bytes()).map_err(|_| BadCredentials::ApiSecret)?;
        Ok(Self { api_key: credentials.api_key.clone(), keyed })
    }

    /// The signature of a query and a body that is sent with it.
    pub fn signature(&self, query: &str, body: &str) -> String {
        let mut mac = self.keyed.clone();
        mac.update(query.as_bytes());
        mac.update(body.as_bytes());
        HEXLOWER.encode(&mac.finalize().into_bytes())
    }

    /// The request of a call, with what its endpoint asks for: nothing, the key, or time stamp and signature.
    pub fn request(&self, call: Call, signed_at: Timestamp) -> HttpRequest {
        let mut call = call;
        if call.auth == Auth::Signed {
            self.sign(&mut call.query, signed_at);
        }
        let with_key = call.auth != Auth::Open;
        let mut request = call.into_request();
        if with_key {
            request.headers.push((KEY_HEADER, self.api_key.expose().to_owned()));
        }
        request
    }

    fn sign(&self, query: &mut Query, signed_at: Timestamp) {
        query.push("recvWindow", RECEIVE_WINDOW.ms());
        query.push("timestamp", signed_at.ms());
        let signature = self.signature(query.as_str(), "");
        query.push("signature", signature);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_cannot_be_sent_are_refused_without_showing_them() {
        let credentials = |key: &str, secret: &str| Credentials {
            api_key: Secret::new(key.to_owned()),
            api_secret: Secret::new(secret.to_owned()),
        };
        assert_eq!(Signer::try_new(&credentials("a\nb", "s")).err(), Some(BadCredentials::ApiKey));
        assert_eq!(Signer::try_new(&credentials("key", "")).err(), Some(BadCredentials::ApiSecret));
        assert!(Signer::try_new(&credentials("key", "s")).is_ok());
    }
}

//! Signing: a JSON Web Token a request, made of the key, a number used once, and a hash of the parameters.
//!
//! Facts: the hash is SHA-512 over `name=value&name=value` in the order sent and *not* percent-encoded, for a body over
//! its fields in the same form; a request without parameters has none; the secret's text is the key, undecoded.
//! Source: docs.upbit.com, "Authentication" (v1.6). A token holds no time, so a request that is late is still valid:
//! how long an order may wait is our own affair.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

use super::params::Params;
use crate::domain::secret::Secret;

/// What a token is signed with. The exchange takes both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Hs256,
    Hs512,
}

/// One account's key.
#[derive(Debug, Clone)]
pub struct Keys {
    pub access_key: Secret,
    pub secret_key: Secret,
    pub algorithm: Algorithm,
}

/// The value of the `Authorization` header for a request with these parameters. `nonce` is refused the second time.
pub fn authorization(keys: &Keys, nonce: &str, params: &Params) -> String {
    format!("Bearer {}", token(keys, nonce, params))
}

fn token(keys: &Keys, nonce: &str, params: &Params) -> String {
    let header = match keys.algorithm {
        Algorithm::Hs256 => r#"{"alg":"HS256","typ":"JWT"}"#,
        Algorithm::Hs512 => r#"{"alg":"HS512","typ":"JWT"}"#,
    };
    let signed = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(header.as_bytes()),
        BASE64URL_NOPAD.encode(claims(keys, nonce, params).as_bytes())
    );
    let key = keys.secret_key.expose().as_bytes();
    let signature = match keys.algorithm {
        Algorithm::Hs256 => signature::<Hmac<Sha256>>(key, &signed),
        Algorithm::Hs512 => signature::<Hmac<Sha512>>(key, &signed),
    };
    format!("{signed}.{signature}")
}

fn claims(keys: &Keys, nonce: &str, params: &Params) -> String {
    let access_key = json_text(keys.access_key.expose());
    let nonce = json_text(nonce);
    if params.is_empty() {
        return format!(r#"{{"access_key":{access_key},"nonce":{nonce}}}"#);
    }
    let hash = HEXLOWER.encode(&Sha512::digest(params.plain().as_bytes()));
    format!(
        r#"{{"access_key":{access_key},"nonce":{nonce},"query_hash":"{hash}","query_hash_alg":"SHA512"}}"#
    )
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn signature<M: Mac + KeyInit>(key: &[u8], text: &str) -> String {
    // A MAC takes keys of every length.
    M::new_from_slice(key)
        .map(|mac| BASE64URL_NOPAD.encode(&mac.chain_update(text).finalize().into_bytes()))
        .unwrap_or_default()
}

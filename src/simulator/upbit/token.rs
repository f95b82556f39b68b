//! Whose request it is: the JSON Web Token in the `Authorization` header (docs.upbit.com, "Authentication").
//!
//! The token's signature is checked with the account's secret, its hash with the parameters as they were sent, and its
//! nonce with all that were used before.

use std::collections::{BTreeSet, VecDeque};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha512};

use super::error::Error;
use crate::simulator::event::AccountIndex;
use crate::simulator::venue::Venue;

/// Nonces that are remembered, of all accounts.
const NONCES_MAX: usize = 200_000;

#[derive(Deserialize)]
struct Head {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    access_key: String,
    nonce: String,
    query_hash: Option<String>,
    query_hash_alg: Option<String>,
}

/// The nonces that were used.
#[derive(Debug, Default)]
pub(super) struct Nonces {
    used: BTreeSet<(AccountIndex, String)>,
    oldest_first: VecDeque<(AccountIndex, String)>,
}

impl Nonces {
    /// False for one that was used before.
    fn take(&mut self, account: AccountIndex, nonce: String) -> bool {
        if !self.used.insert((account, nonce.clone())) {
            return false;
        }
        self.oldest_first.push_back((account, nonce));
        if self.oldest_first.len() > NONCES_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.used.remove(&oldest);
        }
        true
    }
}

/// The account that a header names, whether or not the rest of it is right.
pub(super) fn claimed(venue: &Venue, header: &str) -> Option<AccountIndex> {
    let claims: Claims = part(header.strip_prefix("Bearer ")?.split('.').nth(1)?)?;
    venue.account_of_key(&claims.access_key)
}

/// The account that a request with these parameters is certainly from.
pub(super) fn verify(
    venue: &Venue,
    nonces: &mut Nonces,
    header: &str,
    plain_params: &str,
) -> Result<AccountIndex, Error> {
    let token =
        header.strip_prefix("Bearer ").ok_or_else(|| Error::unauthorized("no_authorization_token"))?;
    let unverified = || Error::unauthorized("jwt_verification");
    let (signed, signature) = token.rsplit_once('.').ok_or_else(unverified)?;
    let (head, claims) = signed.split_once('.').ok_or_else(unverified)?;
    let head: Head = part(head).ok_or_else(unverified)?;
    let claims: Claims = part(claims).ok_or_else(unverified)?;
    let account =
        venue.account_of_key(&claims.access_key).ok_or_else(|| Error::unauthorized("invalid_access_key"))?;
    let secret = venue.with(account, |account| account.spec.api_secret.clone()).unwrap_or_default();
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| unverified())?;
    let is_genuine = match head.alg.as_str() {
        "HS256" => is_signed::<Hmac<Sha256>>(&secret, signed, &signature),
        "HS512" => is_signed::<Hmac<Sha512>>(&secret, signed, &signature),
        _ => false,
    };
    if !is_genuine {
        return Err(unverified());
    }
    if !plain_params.is_empty() {
        let hash = HEXLOWER.encode(&Sha512::digest(plain_params.as_bytes()));
        let is_sha512 = claims.query_hash_alg.as_deref().is_none_or(|alg| alg == "SHA512");
        if !is_sha512 || claims.query_hash.as_deref() != Some(hash.as_str()) {
            return Err(Error::unauthorized("invalid_query_payload"));
        }
    }
    if !nonces.take(account, claims.nonce) {
        return Err(Error::unauthorized("nonce_used"));
    }
    Ok(account)
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()
}

fn is_signed<M: Mac + KeyInit>(secret: &str, text: &str, signature: &[u8]) -> bool {
    M::new_from_slice(secret.as_bytes())
        .is_ok_and(|mac| mac.chain_update(text).verify_slice(signature).is_ok())
}

//! Signatures: `base64(HMAC-SHA256(secret, timestamp + METHOD + path[?query] + body))`, the query decoded
//! (<https://www.bitget.com/api-doc/common/signature>).

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::params::decoded;
use crate::simulator::dialect::Request;

pub(super) fn is_signed(request: &Request, stamp: &str, sign: &str, secret: &str) -> bool {
    let query =
        if request.query.is_empty() { String::new() } else { format!("?{}", decoded(&request.query)) };
    is_signature(&[stamp, request.method.as_str(), &request.path, &query, &request.body], sign, secret)
}

/// The login of a socket is signed as a request that is never made; its stamp is in seconds.
pub(super) fn is_login(stamp: &str, sign: &str, secret: &str) -> bool {
    is_signature(&[stamp, "GET", "/user/verify"], sign, secret)
}

fn is_signature(parts: &[&str], sign: &str, secret: &str) -> bool {
    let Ok(sign) = BASE64.decode(sign.as_bytes()) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    for part in parts {
        mac.update(part.as_bytes());
    }
    mac.verify_slice(&sign).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by the recipe of the documentation's signature page.
    #[test]
    fn a_login_is_checked_against_the_secret() {
        let sign = "QVwf6Kg569MRIy34yzhT6Pt0jrbH7OngkEWm6TXUR6M=";
        assert!(is_login("1700000000", sign, "testSecret"));
        assert!(!is_login("1700000001", sign, "testSecret"));
        assert!(!is_login("1700000000", "no base64", "testSecret"));
    }
}

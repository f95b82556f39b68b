//! Signing. The signatures themselves are held against recorded ones in the vectors.

use super::*;
use crate::domain::instrument::Symbol;
use crate::exchange::bitget::calls::{self, OrderName};
use crate::exchange::bitget::testing::credentials;

#[test]
fn the_query_is_signed_decoded_and_sent_encoded() {
    let symbol = Symbol::try_new("BTCUSDT").unwrap();
    let call = calls::order_detail(&symbol, OrderName::Client("a#b/c"));
    assert!(call.decoded_target().contains("clientOid=a#b/c&productType=USDT-FUTURES"));
    let signer = Signer::new(credentials());
    let request = signer.signed(&call, Timestamp::from_ms(1_700_000_000_123));
    assert!(request.target.contains("clientOid=a%23b%2Fc&productType=USDT-FUTURES"));
    let header = |name: &str| request.headers.iter().find(|(key, _)| *key == name).unwrap().1.clone();
    assert_eq!(header("ACCESS-TIMESTAMP"), "1700000000123");
    assert_eq!(header("ACCESS-PASSPHRASE"), "pass");
    assert_eq!(
        header("ACCESS-SIGN"),
        signer.signature("1700000000123", Method::Get, &call.decoded_target(), "")
    );
}

#[test]
fn the_socket_is_logged_in_to_in_seconds() {
    let login = Signer::new(credentials()).login(Timestamp::from_ms(1_700_000_000_999));
    let login: serde_json::Value = serde_json::from_str(&login).unwrap();
    assert_eq!(login["op"], "login");
    assert_eq!(login["args"][0]["timestamp"], "1700000000");
}

//! What a key may do, by the words that the exchange has for it.
//!
//! The documentation shows `trade` and `readonly`; keys of today carry short codes (`coow`: contract orders, write;
//! `wtow`: wallet transfers, write; `wwow`: withdrawals, write). A word that is not known leaves open what it allows.
//! Source: bitget.com/api-doc/spot/account/Get-Account-Info.

use super::wire::KeyRow;

/// `None`: the exchange does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    pub trade: Option<bool>,
    pub withdraw: Option<bool>,
    pub transfer: Option<bool>,
    /// The key works only from addresses that were named.
    pub ip_restricted: bool,
}

const TRADE: &[&str] = &["trade", "contract_trade", "futures_trade", "futures", "coow"];
const WITHDRAW: &[&str] = &["withdraw", "wwow"];
const TRANSFER: &[&str] = &["transfer", "wtow"];
/// Harmless to us, and known.
const OTHERS: &[&str] = &[
    "readonly",
    "read",
    "coor",
    "cpor",
    "cpow",
    "stor",
    "stow",
    "spot",
    "spot_trade",
    "mtor",
    "mtow",
    "margin_trade",
    "ctor",
    "ctow",
    "wtor",
    "wwor",
    "deposit",
    "taxr",
    "p2p",
];

impl Permissions {
    pub fn read(key: &KeyRow) -> Self {
        let words: Vec<String> =
            key.authorities.iter().flatten().map(|word| word.as_str().to_ascii_lowercase()).collect();
        let is_known = |word: &String| {
            [TRADE, WITHDRAW, TRANSFER, OTHERS].iter().any(|known| known.contains(&word.as_str()))
        };
        let knows_all = !words.is_empty() && words.iter().all(is_known);
        let may = |codes: &[&str]| {
            let is_listed = words.iter().any(|word| codes.contains(&word.as_str()));
            (is_listed || knows_all).then_some(is_listed)
        };
        Self {
            trade: may(TRADE),
            withdraw: may(WITHDRAW),
            transfer: may(TRANSFER),
            ip_restricted: !key.ips.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Permissions {
        Permissions::read(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_word_that_is_not_known_leaves_open_what_is_not_listed() {
        let plain = read(r#"{"authorities":["trade","readonly"],"ips":"127.0.0.1"}"#);
        assert_eq!((plain.trade, plain.withdraw, plain.transfer), (Some(true), Some(false), Some(false)));
        assert!(plain.ip_restricted);
        let rich = read(r#"{"authorities":["coow","wtow","wwow"],"ips":""}"#);
        assert_eq!((rich.trade, rich.withdraw, rich.transfer), (Some(true), Some(true), Some(true)));
        assert!(!rich.ip_restricted);
        let strange = read(r#"{"authorities":["coow","zzzz"]}"#);
        assert_eq!((strange.trade, strange.withdraw), (Some(true), None));
        assert_eq!(read("{}").trade, None);
    }
}

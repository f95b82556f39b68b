//! What `account verify` says of one account, check by check.

use crate::cli::finding::{Finding, Verdict};
use crate::cli::{CliError, when};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::Quote;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::assess::{self, Aspect, Expected, assess};
use crate::exchange::error::ExchangeError;
use crate::exchange::report::AccountProfile;
use crate::store::accounts::AccountRow;

/// A key that expires sooner is worth a word.
const EXPIRY_WARN: DurationMs = DurationMs::from_secs(14 * 86_400);

const SIGNS_IN: &str = "signs in";

/// An account that is told apart, held against its row.
pub(super) struct Checks<'a> {
    pub(super) row: &'a AccountRow,
    pub(super) profile: &'a AccountProfile,
    pub(super) expected: &'a Expected,
    pub(super) now: Timestamp,
}

impl Checks<'_> {
    pub(super) fn all(&self) -> Vec<Finding> {
        let found = assess(self.profile, self.expected);
        let is_refused = found.iter().any(|finding| finding.is_fatal);
        let mut findings = vec![Finding::ok(SIGNS_IN, format!("{} knows the key", self.row.exchange))];
        for (aspect, check, fine) in [
            (Aspect::Identity, "account", self.identity(is_refused)),
            (Aspect::Trading, "may trade", told(self.profile.can_trade, "yes")),
            (Aspect::MoneyMoves, "may withdraw", self.money_moves()),
            (Aspect::Addresses, "addresses", told(self.profile.ip_restricted, "only from named addresses")),
        ] {
            findings.extend(judged(&found, aspect, check, fine));
        }
        findings.extend([self.expiry(), self.position_mode(), self.margin_mode(), self.balance()]);
        let clock = format!("{} ms ahead of ours", self.profile.clock_offset.ms());
        findings.extend(judged(&found, Aspect::Clock, "clock", clock));
        findings.extend(
            found
                .iter()
                .filter(|finding| finding.about == Aspect::Remark)
                .map(|finding| verdict("note", finding)),
        );
        findings
    }

    fn identity(&self, is_refused: bool) -> String {
        match (&self.profile.uid, &self.expected.uid) {
            (None, _) => "the exchange does not say whose key it is".to_owned(),
            (Some(uid), None) if is_refused => format!("{uid}: not pinned, the key is refused"),
            (Some(uid), None) => format!("{uid}: pinned from now on"),
            (Some(uid), Some(_)) => format!("{uid}, as before"),
        }
    }

    fn money_moves(&self) -> String {
        match (self.profile.can_withdraw, self.profile.can_transfer) {
            (None, None) => NOT_TOLD.to_owned(),
            (Some(_), None) => "no (whether it may transfer is not told)".to_owned(),
            (None, Some(_)) => "not told, but it may not transfer".to_owned(),
            (Some(_), Some(_)) => "no, nor transfer".to_owned(),
        }
    }

    fn expiry(&self) -> Finding {
        let check = "key expiry";
        match self.profile.key_expires_at {
            None => Finding::ok(check, NOT_TOLD),
            Some(at) if at <= self.now.plus(EXPIRY_WARN) => {
                let fix =
                    "make a new key at the exchange, and `tradefleet account set NAME --api-key-file ...`";
                Finding::warn(check, when::minute(at), fix)
            }
            Some(at) => Finding::ok(check, when::minute(at)),
        }
    }

    fn position_mode(&self) -> Finding {
        let check = "position mode";
        match (self.row.position_mode, self.profile.position_mode) {
            (_, None) => Finding::ok(check, "none: a spot exchange"),
            (Some(before), Some(now)) if before != now => {
                let fix = "a daemon that runs takes it over when it is restarted";
                Finding::warn(check, format!("{now}, was {before} when last asked"), fix)
            }
            (_, Some(mode)) => Finding::ok(check, format!("{mode}; it is used as it is")),
        }
    }

    fn margin_mode(&self) -> Finding {
        let check = "margin mode";
        if self.row.exchange == ExchangeKind::Upbit {
            return Finding::ok(check, "none: a spot exchange");
        }
        let settings = &self.row.settings;
        let what = format!("{}, set for a symbol before its first order", settings.margin_mode);
        Finding::ok(check, what)
    }

    fn balance(&self) -> Finding {
        let balance = self.profile.balance;
        let quote = if self.row.exchange == ExchangeKind::Upbit { "KRW" } else { "USDT" };
        let what = format!("wallet {} {quote}, {} available", balance.wallet, balance.available);
        if balance.available <= Quote::ZERO {
            return Finding::warn("balance", what, "nothing can be opened: move money to the trading wallet");
        }
        Finding::ok("balance", what)
    }
}

const NOT_TOLD: &str = "the exchange does not say";

fn told(said: Option<bool>, fine: &str) -> String {
    said.map_or(NOT_TOLD, |_| fine).to_owned()
}

/// What was found of one aspect, or that it is fine.
fn judged(found: &[assess::Finding], about: Aspect, check: &'static str, fine: String) -> Vec<Finding> {
    let found: Vec<_> = found
        .iter()
        .filter(|finding| finding.about == about)
        .map(|finding| verdict(check, finding))
        .collect();
    if found.is_empty() { vec![Finding::ok(check, fine)] } else { found }
}

fn verdict(check: &'static str, finding: &assess::Finding) -> Finding {
    Finding {
        check,
        verdict: if finding.is_fatal { Verdict::Fail } else { Verdict::Warn },
        detail: finding.what.clone(),
        fix: Some(finding.fix.clone()).filter(|fix| !fix.is_empty()),
    }
}

/// The one check of an account that could not be asked.
pub(super) fn no_profile(error: &ExchangeError, row: &AccountRow) -> Finding {
    let fix = match error {
        ExchangeError::Unauthorized { .. } | ExchangeError::Refused { .. } => format!(
            "check the key at the exchange, its addresses and this machine's clock; `tradefleet account set {} \
             --api-key-file PATH ...` replaces it",
            row.name
        ),
        ExchangeError::Throttled { .. } => "wait until then, and verify it again".to_owned(),
        ExchangeError::Unknown { .. }
        | ExchangeError::Unavailable { .. }
        | ExchangeError::Malformed { .. } => format!(
            "check the network, the account's proxy and {}.rest_url in the configuration, and verify it again",
            row.exchange
        ),
    };
    Finding::fail(SIGNS_IN, CliError::refused(error.to_string()).hint(fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::report::Balance;
    use crate::store::accounts;
    use crate::store::scratch::Scratch;

    #[test]
    fn an_account_is_pinned_only_where_its_key_is_not_refused() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let now = Timestamp::from_ms(1_700_000_000_000);
        let id = accounts::insert(store.conn(), "a", ExchangeKind::Binance, now).unwrap();
        let row = accounts::get(store.conn(), id).unwrap();
        let said = |can_trade| {
            let profile = AccountProfile {
                uid: Some("77".to_owned()),
                can_trade: Some(can_trade),
                can_withdraw: Some(false),
                can_transfer: Some(false),
                ip_restricted: Some(true),
                key_expires_at: None,
                position_mode: None,
                remarks: Vec::new(),
                balance: Balance { wallet: Quote::ZERO, unrealized: Quote::ZERO, available: Quote::ZERO },
                clock_offset: DurationMs::from_ms(0),
            };
            let checks = Checks { row: &row, profile: &profile, expected: &Expected::default(), now }.all();
            checks.into_iter().find(|check| check.check == "account").unwrap().detail
        };
        assert_eq!(said(true), "77: pinned from now on");
        assert_eq!(said(false), "77: not pinned, the key is refused");
    }
}

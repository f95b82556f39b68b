//! What there is to say about an account and its key, and what to do about each thing. Pure.

use super::report::AccountProfile;
use crate::domain::time::DurationMs;

/// From this difference on orders may be refused for their time stamp.
const CLOCK_WARN: DurationMs = DurationMs::from_ms(500);
/// From this difference on they will be.
const CLOCK_MAX: DurationMs = DurationMs::from_ms(1_000);

/// What the account is held against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The exchange's id of the account these keys must belong to; `None`: whoever it is, it is pinned.
    pub uid: Option<String>,
    pub withdraw_key_allowed: bool,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Whose account it is.
    Identity,
    /// Withdrawing and transferring.
    MoneyMoves,
    Trading,
    /// From where the key works.
    Addresses,
    Clock,
    /// Something else that the exchange said.
    Remark,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub about: Aspect,
    /// The key must not be used as it is.
    pub is_fatal: bool,
    pub what: String,
    pub fix: String,
}

/// Everything that is wrong or worth knowing, the fatal first; nothing when all is well.
pub fn assess(profile: &AccountProfile, expected: &Expected) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |about, is_fatal, what: String, fix: &str| {
        findings.push(Finding { about, is_fatal, what, fix: fix.to_owned() });
    };
    if let (Some(pinned), Some(uid)) = (&expected.uid, &profile.uid)
        && pinned != uid
    {
        let what = format!("the key belongs to account {uid} of the exchange, not to {pinned}");
        add(
            Aspect::Identity,
            true,
            what,
            "give this account its own key, or add the other as an account of its own",
        );
    }
    let may_move_money = [("withdraw", profile.can_withdraw), ("transfer", profile.can_transfer)];
    for (what, _) in may_move_money.iter().filter(|(_, can)| *can == Some(true)) {
        let fix = "make a key without this permission, or repeat with --allow-withdraw-key";
        let is_fatal = !expected.withdraw_key_allowed;
        add(Aspect::MoneyMoves, is_fatal, format!("the key can {what} money"), fix);
    }
    if profile.can_trade == Some(false) {
        let fix = "give it the permission to trade at the exchange";
        add(Aspect::Trading, true, "the key cannot trade".to_owned(), fix);
    }
    if profile.ip_restricted == Some(false) {
        let what = "the key works from every address".to_owned();
        add(Aspect::Addresses, false, what, "restrict it to this machine's address at the exchange");
    }
    let offset = profile.clock_offset.ms().abs();
    if offset > CLOCK_MAX.ms() {
        add(
            Aspect::Clock,
            false,
            format!("the clocks differ by {offset} ms"),
            "set this machine's clock by NTP; orders go by the exchange's",
        );
    } else if offset > CLOCK_WARN.ms() {
        let what = format!("the clocks differ by {offset} ms");
        add(Aspect::Clock, false, what, "check this machine's NTP");
    }
    for remark in &profile.remarks {
        add(Aspect::Remark, false, remark.clone(), "");
    }
    findings.sort_by_key(|finding| !finding.is_fatal);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Quote;
    use crate::exchange::report::Balance;

    fn profile() -> AccountProfile {
        AccountProfile {
            uid: Some("7".to_owned()),
            can_trade: Some(true),
            can_withdraw: Some(false),
            can_transfer: None,
            ip_restricted: Some(true),
            key_expires_at: None,
            position_mode: None,
            remarks: Vec::new(),
            balance: Balance { wallet: Quote::ZERO, unrealized: Quote::ZERO, available: Quote::ZERO },
            clock_offset: DurationMs::from_ms(-20),
        }
    }

    #[test]
    fn a_good_key_has_nothing_said_about_it() {
        let pinned = Expected { uid: Some("7".to_owned()), withdraw_key_allowed: false };
        assert_eq!(assess(&profile(), &pinned), []);
        assert_eq!(assess(&profile(), &Expected::default()), []);
    }

    #[test]
    fn what_must_not_be_used_is_told_first() {
        let bad = AccountProfile {
            can_withdraw: Some(true),
            can_trade: Some(false),
            ip_restricted: Some(false),
            clock_offset: DurationMs::from_ms(1_500),
            ..profile()
        };
        let swapped = Expected { uid: Some("8".to_owned()), withdraw_key_allowed: false };
        let findings = assess(&bad, &swapped);
        let fatal: Vec<bool> = findings.iter().map(|finding| finding.is_fatal).collect();
        assert_eq!(fatal, [true, true, true, false, false]);
        assert_eq!(findings.first().map(|finding| finding.about), Some(Aspect::Identity));
        let allowed = Expected { withdraw_key_allowed: true, ..swapped };
        assert_eq!(assess(&bad, &allowed).iter().filter(|finding| finding.is_fatal).count(), 2);
    }
}

//! How much of the exchanges' rate limits is used, in words.

use std::collections::BTreeMap;

use super::when;
use crate::store::rate_limits::{BanRow, HeadroomRow};

/// One line a way out: each limit with what is used of it in the window last seen.
pub(super) fn lines(limits: &[HeadroomRow]) -> Vec<String> {
    let mut ways: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for row in limits.iter().filter(|row| row.used > 0) {
        let whose = if row.account.is_some() { " of an account" } else { "" };
        let used = format!("{} {}/{}{whose}", row.bucket, row.used, row.amount);
        ways.entry((row.exchange.as_str(), &row.egress)).or_default().push(used);
    }
    ways.into_iter()
        .map(|((exchange, egress), used)| format!("{exchange} by {egress}: {}", used.join(", ")))
        .collect()
}

/// One line a way out that an exchange takes nothing from.
pub(super) fn bans(bans: &[BanRow]) -> Vec<String> {
    let line = |ban: &BanRow| {
        let until = when::minute(ban.until);
        format!("{} takes nothing by {} until {until} ({})", ban.exchange, ban.egress, ban.reason)
    };
    bans.iter().map(line).collect()
}

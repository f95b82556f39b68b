//! What an account's chat is told, and how.

use super::accounts::subject;
use super::turn::{Diff, Turn};
use super::{Assignment, ControlError, Selection};
use crate::domain::spelling;
use crate::engine::turn::NoticeKind;
use crate::store::accounts::AccountRow;
use crate::store::notice_preferences::{self, DailyPlan, NoticeMode};

/// What can be set beside the kinds.
const DAILY_HOUR: &str = "daily_hour";
const TIME_ZONE: &str = "time_zone";

/// All keys.
pub fn keys() -> impl Iterator<Item = &'static str> {
    NoticeKind::ALL.iter().map(|kind| kind.as_str()).chain([DAILY_HOUR, TIME_ZONE])
}

pub(super) fn set(
    turn: &mut Turn<'_>,
    accounts: &Selection,
    values: &[Assignment],
) -> Result<(), ControlError> {
    for account in turn.select(accounts)? {
        let mut changed = Diff::default();
        for value in values {
            set_one(turn, &account, value, &mut changed)?;
        }
        turn.record(subject("set_notices", &account), changed)?;
    }
    Ok(())
}

/// Sets one key of one account.
pub(super) fn set_one(
    turn: &Turn<'_>,
    account: &AccountRow,
    wanted: &Assignment,
    changed: &mut Diff,
) -> Result<(), ControlError> {
    if let Some(kind) = NoticeKind::from_word(&wanted.key) {
        let bad = || ControlError::BadValue {
            key: kind.as_str(),
            value: wanted.value.clone(),
            allowed: "on, silent or off",
        };
        let mode = NoticeMode::from_word(&wanted.value).ok_or_else(bad)?;
        let before = notice_preferences::modes(turn.conn, account.id)?;
        let before = before.get(kind.as_str()).copied().unwrap_or_default();
        changed.compare(&format!("notices.{kind}"), Some(before.to_string()), Some(mode.to_string()));
        return Ok(notice_preferences::set_mode(turn.conn, account.id, kind.as_str(), mode)?);
    }
    if ![DAILY_HOUR, TIME_ZONE].contains(&wanted.key.as_str()) {
        let key = wanted.key.clone();
        let hint = spelling::hint_or_all(&key, keys());
        return Err(ControlError::UnknownNoticeKey { key, hint });
    }
    let no_chat = || ControlError::NoTelegram { account: account.name.clone() };
    let before = notice_preferences::daily(turn.conn, account.id)?.ok_or_else(no_chat)?;
    let after = planned(&before, wanted)?;
    let hour = |plan: &DailyPlan| Some(plan.hour.map_or_else(|| "off".to_owned(), |hour| hour.to_string()));
    changed.compare("notices.daily_hour", hour(&before), hour(&after));
    changed.compare("notices.time_zone", Some(before.time_zone.clone()), Some(after.time_zone.clone()));
    Ok(notice_preferences::set_daily(turn.conn, account.id, &after)?)
}

fn planned(before: &DailyPlan, wanted: &Assignment) -> Result<DailyPlan, ControlError> {
    let bad = |key, allowed| ControlError::BadValue { key, value: wanted.value.clone(), allowed };
    let mut after = before.clone();
    if wanted.key == DAILY_HOUR {
        let hour = wanted.value.parse::<u8>().ok().filter(|hour| *hour < 24);
        after.hour = match (wanted.value.as_str(), hour) {
            ("off", _) => {
                // Whoever wants them again wants to hear of a day, not of the time without.
                after.told_at = None;
                None
            }
            (_, Some(hour)) => Some(hour),
            (_, None) => return Err(bad(DAILY_HOUR, "0 to 23, or off")),
        };
    } else {
        if jiff::tz::TimeZone::get(&wanted.value).is_err() {
            return Err(bad(TIME_ZONE, "an IANA time zone such as UTC, Asia/Seoul or Europe/Berlin"));
        }
        after.time_zone.clone_from(&wanted.value);
    }
    Ok(after)
}

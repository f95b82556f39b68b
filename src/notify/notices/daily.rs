//! The summary of an account's day, at its hour in its time zone: how it stands, and its equity as a picture. Written once
//! a day, whatever happens: the day is noted in the transaction that writes it.

use jiff::tz::TimeZone;
use rusqlite::Connection;

use super::member;
use crate::domain::time::Timestamp;
use crate::engine::turn::NoticeKind;
use crate::notify::telegram::grammar::View;
use crate::notify::telegram::{replies, views};
use crate::notify::text::{Lang, notice};
use crate::store::notice_preferences::{self, DailyPlan, NoticeMode};
use crate::store::{StoreError, telegram_bots};

/// Whether any account's day is to be summed up now.
pub(super) fn is_any_due(conn: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    for bot in telegram_bots::list(conn)? {
        let plan = notice_preferences::daily(conn, bot.account_id)?;
        if plan.is_some_and(|plan| day_due(&plan, now).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sums up every day that is due.
pub(super) fn tell_due(conn: &Connection, default_lang: Lang, now: Timestamp) -> Result<(), StoreError> {
    for bot in telegram_bots::list(conn)? {
        let account = bot.account_id;
        let Some(plan) = notice_preferences::daily(conn, account)? else { continue };
        let Some(day) = day_due(&plan, now) else { continue };
        notice_preferences::set_daily(conn, account, &DailyPlan { told_on: Some(day.clone()), ..plan })?;
        let mode = notice_preferences::modes(conn, account)?
            .get(NoticeKind::DailySummary.as_str())
            .copied()
            .unwrap_or_default();
        let Some(member) = member(conn, account, default_lang)? else { continue };
        if mode == NoticeMode::Off {
            continue;
        }
        for view in [View::Status, View::Pnl] {
            let mut answer = views::show(conn, &member, &view)?;
            if view == View::Status {
                answer.text = format!("{} {day}\n{}", notice::AT_NIGHT.text(member.lang), answer.text);
            }
            answer.silent = mode == NoticeMode::Silent;
            replies::keep(conn, &member, &answer, now)?;
        }
    }
    Ok(())
}

/// The day that is to be summed up, as `2026-11-26` in the account's zone; `None` while there is nothing to do.
fn day_due(plan: &DailyPlan, now: Timestamp) -> Option<String> {
    let hour = i8::try_from(plan.hour?).ok()?;
    let zone = TimeZone::get(&plan.time_zone).unwrap_or(TimeZone::UTC);
    let local = jiff::Timestamp::from_millisecond(now.ms()).ok()?.to_zoned(zone);
    let day = local.strftime("%Y-%m-%d").to_string();
    (local.hour() >= hour && plan.told_on.as_deref() != Some(day.as_str())).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(hour: u8, zone: &str, told_on: Option<&str>) -> DailyPlan {
        DailyPlan { hour: Some(hour), time_zone: zone.to_owned(), told_on: told_on.map(str::to_owned) }
    }

    #[test]
    fn a_day_is_due_once_after_its_hour_in_its_zone() {
        // 2026-03-29T00:30Z: in Berlin the night in which an hour is missing, 01:30; in Seoul 09:30.
        let night = Timestamp::from_ms(1_774_744_200_000);
        let hour = 3_600_000;
        assert_eq!(day_due(&plan(9, "Asia/Seoul", None), night).as_deref(), Some("2026-03-29"));
        assert_eq!(day_due(&plan(10, "Asia/Seoul", None), night), None);
        assert_eq!(day_due(&plan(9, "Asia/Seoul", Some("2026-03-29")), night), None);
        assert_eq!(day_due(&plan(2, "Europe/Berlin", None), night), None);
        // There is no 02:30 that night: 03:30 is the next hour.
        let next = Timestamp::from_ms(night.ms() + hour);
        assert_eq!(
            day_due(&plan(2, "Europe/Berlin", Some("2026-03-28")), next).as_deref(),
            Some("2026-03-29")
        );
        assert_eq!(day_due(&DailyPlan { hour: None, ..plan(0, "UTC", None) }, night), None);
    }
}

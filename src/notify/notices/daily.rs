//! The summary of an account's day, at its hour in its time zone: how it stands, what it has realized since the summary
//! before, and its equity as a picture. Written once a day, whatever happens: the day is noted in the transaction that
//! writes it.

use jiff::ToSpan;
use jiff::tz::TimeZone;
use rusqlite::Connection;

use super::{Rest, member};
use crate::domain::time::Timestamp;
use crate::engine::turn::NoticeKind;
use crate::notify::telegram::grammar::View;
use crate::notify::telegram::views::{self, Period};
use crate::notify::telegram::{answer::Answer, gate::Member, replies};
use crate::notify::text::{Lang, notice};
use crate::store::notice_preferences::{self, DailyPlan, NoticeMode};
use crate::store::{StoreError, telegram_bots};

/// Days that are summed up with one job of the writer: each reads much, and all may be due at the same hour.
const DAYS_AT_ONCE: usize = 5;

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

/// Sums up the days that are due, a few of them.
pub(super) fn tell_due(conn: &Connection, default_lang: Lang, now: Timestamp) -> Result<Rest, StoreError> {
    let mut left = DAYS_AT_ONCE;
    for bot in telegram_bots::list(conn)? {
        let account = bot.account_id;
        let Some(plan) = notice_preferences::daily(conn, account)? else { continue };
        let Some(day) = day_due(&plan, now) else { continue };
        if left == 0 {
            return Ok(Rest::Waits);
        }
        left -= 1;
        let period = period(&plan, now);
        let told = DailyPlan { told_on: Some(day.clone()), told_at: Some(now), ..plan };
        notice_preferences::set_daily(conn, account, &told)?;
        let mode = notice_preferences::modes(conn, account)?
            .get(NoticeKind::DailySummary.as_str())
            .copied()
            .unwrap_or_default();
        let Some(member) = member(conn, account, default_lang)? else { continue };
        if mode == NoticeMode::Off {
            continue;
        }
        for answer in [standing(conn, &member, &day, &period)?, views::show(conn, &member, &View::Pnl)?] {
            let answer = Answer { silent: mode == NoticeMode::Silent, ..answer };
            replies::keep(conn, &member, &answer, now)?;
        }
    }
    Ok(Rest::Nothing)
}

fn standing(conn: &Connection, member: &Member, day: &str, period: &Period) -> Result<Answer, StoreError> {
    let answer = views::summary(conn, member, period)?;
    let text = format!("{} {day}\n{}", notice::AT_NIGHT.text(member.lang), answer.text);
    Ok(Answer { text, ..answer })
}

/// From the summary before on, so that nothing is in none and nothing in two; without one, of a day on the local clock.
fn period(plan: &DailyPlan, now: Timestamp) -> Period {
    let zone = TimeZone::get(&plan.time_zone).unwrap_or(TimeZone::UTC);
    let local = |at: Timestamp| {
        let at = jiff::Timestamp::from_millisecond(at.ms()).unwrap_or(jiff::Timestamp::MIN);
        at.to_zoned(zone.clone())
    };
    let before = plan.told_at.filter(|before| *before < now).map(local);
    let since = before.unwrap_or_else(|| {
        let now = local(now);
        now.checked_sub(1.day()).unwrap_or(now)
    });
    Period::Since {
        at: Timestamp::from_ms(since.timestamp().as_millisecond()),
        text: since.strftime("%Y-%m-%d %H:%M").to_string(),
        zone: plan.time_zone.clone(),
    }
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
        let told_on = told_on.map(str::to_owned);
        DailyPlan { hour: Some(hour), time_zone: zone.to_owned(), told_on, told_at: None }
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

    #[test]
    fn a_summary_counts_from_the_one_before_on_and_the_first_from_a_day_before_on_the_local_clock() {
        // 2026-03-29T07:00Z, 09:00 in Berlin: the day before had an hour more.
        let now = Timestamp::from_ms(1_774_767_600_000);
        let berlin = plan(9, "Europe/Berlin", None);
        let since = |hours_before: i64, text: &str, zone: &str| Period::Since {
            at: Timestamp::from_ms(now.ms() - hours_before * 3_600_000),
            text: text.to_owned(),
            zone: zone.to_owned(),
        };
        assert_eq!(period(&berlin, now), since(23, "2026-03-28 09:00", "Europe/Berlin"));
        assert_eq!(period(&plan(0, "UTC", None), now), since(24, "2026-03-28 07:00", "UTC"));
        // Another hour since, or days without the daemon: nothing is left out.
        let told_at = |hours_before: i64| Some(Timestamp::from_ms(now.ms() - hours_before * 3_600_000));
        let late = DailyPlan { told_at: told_at(60), ..berlin.clone() };
        assert_eq!(period(&late, now), since(60, "2026-03-26 20:00", "Europe/Berlin"));
        // A clock that was set back.
        let ahead = DailyPlan { told_at: told_at(-5), ..berlin.clone() };
        assert_eq!(period(&ahead, now), period(&berlin, now));
    }
}

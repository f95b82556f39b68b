use super::*;
use crate::domain::kind::ExchangeKind;
use crate::engine::turn::{Notice, Severity};
use crate::store::journal;
use crate::store::scratch::Scratch;
use crate::store::telegram_bots::TelegramBotRow;
use crate::store::telegram_replies::{self, ReplyKind};

const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);

fn account(conn: &Connection, name: &str) -> AccountId {
    let id = accounts::insert(conn, name, ExchangeKind::Paper, NOW).unwrap();
    let bot = TelegramBotRow { account_id: id, bot_token: "sealed".to_owned(), chat_id: 7, language: None };
    telegram_bots::put(conn, &bot).unwrap();
    id
}

fn notify(conn: &Connection, account: AccountId, kind: NoticeKind, severity: Severity, symbol: &str) {
    let fields = [("symbol", symbol.to_owned()), ("qty", "1".to_owned()), ("price", "100".to_owned())];
    let notice = Notice { kind, severity, fields: fields.into_iter().collect() };
    journal::write_notice(conn, account, NOW, &notice).unwrap();
}

/// Texts that wait for the account's chat.
fn texts(conn: &Connection, account: AccountId) -> Vec<String> {
    let rows = telegram_replies::pending(conn, account, ReplyKind::Text, 1_000).unwrap();
    rows.iter().map(|row| row.body["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_few_notices_are_told_one_by_one_and_only_once() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let id = account(conn, "alpha");
    notify(conn, id, NoticeKind::Entry, Severity::Info, "BTCUSDT");
    notify(conn, id, NoticeKind::OutOfSync, Severity::Critical, "ETHUSDT");
    tell_waiting(conn, Lang::En, NOW).unwrap();
    tell_waiting(conn, Lang::En, NOW).unwrap();
    let told = texts(conn, id);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("Out of sync") && told[1].contains("Entry BTCUSDT 1 @ 100"), "{told:?}");
    assert!(outbox::waiting(conn, 10).unwrap().is_empty());
}

#[test]
fn many_accounts_are_told_a_part_at_a_time_whoever_has_waited_longest_first() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let ids: Vec<_> = (0..=ACCOUNTS_AT_ONCE).map(|number| account(conn, &format!("a{number}"))).collect();
    for id in ids.iter().rev().chain(&ids) {
        notify(conn, *id, NoticeKind::Entry, Severity::Info, "BTCUSDT");
    }
    assert_eq!(tell_waiting(conn, Lang::En, NOW).unwrap(), Rest::Waits);
    let told = |id: &AccountId| texts(conn, *id).len();
    assert_eq!((told(&ids[0]), told(&ids[1]), told(&ids[ACCOUNTS_AT_ONCE])), (0, 2, 2));
    assert_eq!(tell_waiting(conn, Lang::En, NOW).unwrap(), Rest::Nothing);
    assert!(ids.iter().all(|id| told(id) == 2));
}

#[test]
fn a_flood_becomes_a_digest_in_which_everything_counts() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let id = account(conn, "alpha");
    for number in 0..1_000 {
        let kind = if number % 2 == 0 { NoticeKind::Entry } else { NoticeKind::Exit };
        notify(conn, id, kind, Severity::Info, "BTCUSDT");
    }
    for _ in 0..40 {
        notify(conn, id, NoticeKind::Liquidation, Severity::Critical, "ETHUSDT");
    }
    tell_waiting(conn, Lang::En, NOW).unwrap();
    let told = texts(conn, id);
    assert!(told.len() < 10, "{} messages", told.len());
    let all = told.join("\n");
    assert!(all.contains("1040 notices"), "{all}");
    assert_eq!(all.matches("Liquidation").count(), 40, "what is critical is shown");
    assert!(all.contains("Entry 500") && all.contains("Exit 500"), "{all}");
}

#[test]
fn what_an_account_does_not_want_to_hear_is_not_told() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let id = account(conn, "alpha");
    notice_preferences::set_mode(conn, id, "entry", NoticeMode::Off).unwrap();
    notice_preferences::set_mode(conn, id, "exit", NoticeMode::Silent).unwrap();
    for kind in [NoticeKind::Entry, NoticeKind::Exit, NoticeKind::Dca] {
        notify(conn, id, kind, Severity::Info, "BTCUSDT");
    }
    tell_waiting(conn, Lang::Ko, NOW).unwrap();
    let rows = telegram_replies::pending(conn, id, ReplyKind::Text, 10).unwrap();
    let silent: Vec<bool> = rows.iter().map(|row| row.body["silent"] == true).collect();
    assert_eq!(silent, [true, false]);
    assert!(rows[0].body["text"].as_str().unwrap().contains("청산"));
    assert!(outbox::waiting(conn, 10).unwrap().is_empty());
}

#[test]
fn a_summary_is_written_once_a_day() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let id = account(conn, "alpha");
    let plan = notice_preferences::daily(conn, id).unwrap().unwrap();
    assert!(!daily::is_any_due(conn, NOW).unwrap());
    let plan = notice_preferences::DailyPlan { hour: Some(0), ..plan };
    notice_preferences::set_daily(conn, id, &plan).unwrap();
    assert!(daily::is_any_due(conn, NOW).unwrap());
    daily::tell_due(conn, Lang::En, NOW).unwrap();
    daily::tell_due(conn, Lang::En, NOW).unwrap();
    let told = texts(conn, id);
    assert_eq!(
        told.iter().filter(|text| text.starts_with("Daily summary 2026-01-01")).count(),
        1,
        "{told:?}"
    );
    assert!(!daily::is_any_due(conn, NOW).unwrap());
}

#[test]
fn a_summary_sums_from_the_one_before_on_whatever_the_day_of_utc() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    conn.execute_batch(include_str!("../../../tests/fixtures/ledger.sql")).unwrap();
    let bot = |language: &str| TelegramBotRow {
        account_id: AccountId::new(1),
        bot_token: "sealed".to_owned(),
        chat_id: 7,
        language: Some(language.to_owned()),
    };
    // 2022-06-15T04:30Z: the long of 03:00 is closed half an hour later, for 77 less the fee, 1.3325.
    let before = Timestamp::from_ms(1_655_267_400_000);
    let now = Timestamp::from_ms(before.ms() + 86_400_000);
    for (lang, words) in [
        ("en", ["PnL (period)", "period: from 2022-06-15 13:30 (Asia/Seoul) on", "+75.67"]),
        ("ko", ["손익(기간)", "기간: 2022-06-15 13:30 (Asia/Seoul)부터", "+75.67"]),
    ] {
        telegram_bots::put(conn, &bot(lang)).unwrap();
        let plan = notice_preferences::DailyPlan {
            hour: Some(13),
            time_zone: "Asia/Seoul".to_owned(),
            told_on: Some("2022-06-15".to_owned()),
            told_at: Some(before),
        };
        notice_preferences::set_daily(conn, AccountId::new(1), &plan).unwrap();
        assert_eq!(daily::tell_due(conn, Lang::En, now).unwrap(), Rest::Nothing);
        let told = texts(conn, AccountId::new(1));
        let summary = told.iter().find(|text| text.contains(words[0])).unwrap();
        assert!(words.iter().all(|word| summary.contains(word)), "{summary}");
        let plan = notice_preferences::daily(conn, AccountId::new(1)).unwrap().unwrap();
        assert_eq!((plan.told_on.as_deref(), plan.told_at), (Some("2022-06-16"), Some(now)));
    }
}

#[test]
fn days_that_are_due_together_are_summed_up_a_few_at_a_time() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let ids: Vec<_> = (0..6).map(|number| account(conn, &format!("a{number}"))).collect();
    for id in &ids {
        let plan = notice_preferences::daily(conn, *id).unwrap().unwrap();
        let plan = notice_preferences::DailyPlan { hour: Some(0), ..plan };
        notice_preferences::set_daily(conn, *id, &plan).unwrap();
    }
    let told = || ids.iter().filter(|id| !texts(conn, **id).is_empty()).count();
    assert_eq!((daily::tell_due(conn, Lang::En, NOW).unwrap(), told()), (Rest::Waits, 5));
    assert_eq!((daily::tell_due(conn, Lang::En, NOW).unwrap(), told()), (Rest::Nothing, 6));
}

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

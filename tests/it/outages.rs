//! Telegram is away for long, and then everything comes at once: nothing is lost, nothing is told twice, limits hold.

use serde_json::{Value, json};

use crate::bot_api::{BotApi, TOKEN};
use crate::fleet::Daemon;
use crate::harness::Home;

const RUN: &str = "--json run --synthetic --speed 60";

/// The account `a` with the chat of person 1001, and nothing that trades.
fn quiet_home(api: &BotApi) -> Home {
    let home = Home::with_account();
    api.serve(&home);
    home.run_with("telegram set a --token-env T --chat 1001", &[("T", TOKEN)]).ok();
    home
}

/// So many notices, as accounts write them; each tells of a price of its own.
fn write_notices(home: &Home, first: u32, count: u32) {
    home.sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {first} + {count} - 1)
         INSERT INTO outbox (account_id, kind, severity, payload, created_at, not_before)
         SELECT 1, 'entry', 'info', json_object('symbol', 'BTCUSDT', 'qty', '1', 'price', 'P' || i || 'P'), 1, 1 FROM n"
    ));
}

fn number(home: &Home, sql: &str) -> i64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = rusqlite::Connection::open_with_flags(home.file("tradefleet.db"), flags).unwrap();
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

const PENDING: &str = "SELECT count(*) FROM telegram_replies WHERE status = 'pending'";

/// The waits between tries pass at once, as if it were minutes later.
fn time_passes(home: &Home) {
    home.sql("UPDATE telegram_replies SET not_before = 1 WHERE status = 'pending'");
}

fn told(api: &BotApi) -> Vec<String> {
    api.calls("SendMessage").iter().map(|call| call.text().to_owned()).collect()
}

#[test]
fn ten_minutes_without_telegram_lose_nothing_and_tell_nothing_twice() {
    let api = BotApi::start();
    let home = quiet_home(&api);
    let mut daemon = Daemon::at_work(&home, RUN);
    api.wait_until(|| api.calls("SetMyCommands").len() == 3);
    api.fail(Some((503, json!({ "ok": false, "error_code": 503, "description": "Service Unavailable" }))));
    api.say(TOKEN, 1001, "/entrypct 4");
    // The waits between tries double from a second on: ten tries are more than eight minutes.
    for wave in 0_i64..10 {
        let first = u32::try_from(wave).unwrap() * 2 + 1;
        write_notices(&home, first, 2);
        api.wait_until(|| {
            time_passes(&home);
            number(&home, "SELECT coalesce(max(attempts), 0) FROM telegram_replies") > wave
        });
        // Whoever was killed in between goes on from where it was.
        if wave % 4 == 3 {
            daemon.kill();
            daemon = Daemon::at_work(&home, RUN);
        }
    }
    assert_eq!(told(&api), Vec::<String>::new());
    api.fail(None);
    api.wait_until(|| {
        time_passes(&home);
        number(&home, PENDING) == 0
            && number(&home, "SELECT count(*) FROM outbox WHERE status = 'pending'") == 0
    });
    let all = told(&api).join("\n");
    for price in 1..=20 {
        assert_eq!(all.matches(&format!("P{price}P")).count(), 1, "notice {price}: {all}");
    }
    assert_eq!(number(&home, "SELECT count(*) FROM telegram_replies WHERE status = 'dead'"), 0);
    // What was said meanwhile is done, once.
    let lowered = || home.json("account show a")["settings"]["entry_pct"] == "4";
    api.wait_until(lowered);
    let entries = home.json("audit show --limit 10000 --action set_account");
    let by_chat = |entry: &&Value| entry["actor"].as_str().unwrap().starts_with("telegram:");
    assert_eq!(entries["entries"].as_array().unwrap().iter().filter(by_chat).count(), 1);
    daemon.kill();
}

#[test]
fn a_thousand_notices_at_once_are_few_messages_in_which_all_count() {
    let api = BotApi::start();
    let home = quiet_home(&api);
    let daemon = Daemon::at_work(&home, RUN);
    api.wait_until(|| api.calls("SetMyCommands").len() == 3);
    write_notices(&home, 1, 1_000);
    api.wait_until(|| number(&home, "SELECT count(*) FROM outbox WHERE status = 'sent'") == 1_000);
    api.wait_until(|| number(&home, PENDING) == 0);
    let messages = told(&api);
    assert!(messages.len() <= 5, "{} messages are more than a chat takes at once", messages.len());
    let all = messages.join("\n");
    assert!(all.contains("1000 notices") && all.contains("Entry 970"), "{all}");
    // Commands are answered all the same.
    assert!(api.ask(TOKEN, 1001, "/status").text().contains("DRY RUN"));
    drop(daemon);
}

/// Counts what a webhook was told.
fn told_of(sink: &crate::tellings::Sink, words: &str) -> usize {
    sink.heard().iter().filter(|text| text.contains(words)).count()
}

#[test]
fn a_database_that_takes_nothing_is_told_of_all_the_same_and_once() {
    let sink = crate::tellings::slack(0);
    let home = crate::tellings::slack_home(&sink);
    home.run("bot add trend --account a --allocation 40 --start").ok();
    let mut daemon = Daemon::at_work(&home, RUN);
    let conn = rusqlite::Connection::open_with_flags(
        home.file("tradefleet.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE,
    )
    .unwrap();
    // Whoever writes waits for this until it is over, and is refused.
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    daemon.wait_until(|| told_of(&sink, "journal_failing (critical)") == 1);
    conn.execute_batch("ROLLBACK").unwrap();
    daemon.wait_until(|| told_of(&sink, "journal_failing (over)") == 1);
    // It goes on as if nothing had been, and nobody is told again.
    let cycles = home.json("status")["daemon"]["cycles"].as_u64().unwrap();
    daemon.wait_until(|| home.json("status")["daemon"]["cycles"].as_u64().unwrap() > cycles);
    daemon.terminate().ok();
    assert_eq!(
        (told_of(&sink, "journal_failing (critical)"), told_of(&sink, "journal_failing (over)")),
        (1, 1)
    );
    home.run("db check").ok();
}

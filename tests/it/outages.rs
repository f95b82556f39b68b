//! Telegram is away for long: nothing is lost, nothing is told twice.

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
            home.count("SELECT coalesce(max(attempts), 0) FROM telegram_replies") > wave
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
        home.count(PENDING) == 0 && home.count("SELECT count(*) FROM outbox WHERE status = 'pending'") == 0
    });
    let all = told(&api).join("\n");
    for price in 1..=20 {
        assert_eq!(all.matches(&format!("P{price}P")).count(), 1, "notice {price}: {all}");
    }
    assert_eq!(home.count("SELECT count(*) FROM telegram_replies WHERE status = 'dead'"), 0);
    // What was said meanwhile is done, once.
    let lowered = || home.json("account show a")["settings"]["entry_pct"] == "4";
    api.wait_until(lowered);
    let entries = home.json("audit show --limit 10000 --action set_account");
    let by_chat = |entry: &&Value| entry["actor"].as_str().unwrap().starts_with("telegram:");
    assert_eq!(entries["entries"].as_array().unwrap().iter().filter(by_chat).count(), 1);
    daemon.kill();
}

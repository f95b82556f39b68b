//! Accounts steered from their chats: who is obeyed, what is asked back, and that nothing counts twice.

use serde_json::{Value, json};

use crate::bot_api::{BotApi, TOKEN, message};
use crate::fleet::{Daemon, Tape, list, three_bots};
use crate::harness::{Answer, Home, bytes_of};

const RUN: &str = "--json run --synthetic --speed 60";

fn give_bot(home: &Home, account: &str, more: &str) -> Answer {
    home.run_with(&format!("telegram set {account} --token-env T {more}"), &[("T", TOKEN)])
}

/// The account `a` with the chat of person 1001, and its daemon.
fn listening() -> (Home, BotApi, Daemon) {
    let api = BotApi::start();
    let home = Home::with_account();
    api.serve(&home);
    home.run("bot add trend --account a --allocation 40").ok();
    give_bot(&home, "a", "--chat 1001").ok();
    let daemon = Daemon::at_work(&home, RUN);
    (home, api, daemon)
}

fn setting(home: &Home, account: &str, key: &str) -> String {
    home.json(&format!("account show {account}"))["settings"][key].as_str().unwrap().to_owned()
}

fn ignored(home: &Home) -> Vec<String> {
    let shown = home.json("telegram show");
    list(&shown, "ignored").iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect()
}

/// Entries of the audit log that a chat has caused.
fn audited(home: &Home) -> Vec<Value> {
    let shown = home.json("audit show --limit 10000");
    let by_chat = |entry: &&Value| entry["actor"].as_str().unwrap().starts_with("telegram:");
    list(&shown, "entries").iter().filter(by_chat).cloned().collect()
}

#[test]
fn a_grid_is_drawn_for_the_phone() {
    let (home, api, _daemon) = listening();
    let grid = "--type grid --lower 10000 --upper 100000 --grids 31 --trigger 50000 --investment 900";
    home.run(&format!("bot add ladder --account a {grid}")).ok();
    let answer = api.ask(TOKEN, 1001, "/grid");
    for words in ["ladder BTCUSDT, stopped", "Line", "buy 0, sell 0, cycles 0"] {
        assert!(answer.text().contains(words), "no {words:?} in {}", answer.text());
    }
    // Not all of its 31 lines, and the last price between them.
    assert!(answer.text().lines().count() < 30, "{}", answer.text());
    assert!(
        answer
            .text()
            .lines()
            .any(|line| line.trim_start().starts_with("&gt;") || line.trim_start().starts_with('>'))
    );
}

#[test]
fn every_command_is_answered_in_english() {
    let (_home, api, _daemon) = listening();
    api.wait_until(|| api.calls("SetMyCommands").len() == 3);
    let languages: Vec<_> =
        api.calls("SetMyCommands").iter().map(|menu| menu.body["language_code"].clone()).collect();
    assert_eq!(languages, [Value::Null, json!("en"), json!("ko")]);
    let answers = [
        ("/status", "DRY RUN"),
        ("/bots", "trend"),
        ("/positions", "No open positions"),
        ("/balance", "Wallet"),
        ("/orders", "No working orders"),
        ("/pnl", "PnL"),
        ("/daily", "No results yet"),
        ("/grid", "no grid bot"),
        ("/grid trend", "no grid bot"),
        ("/why", "No decisions yet"),
        ("/log", "set_telegram"),
        ("/help", "/entrypct N"),
        ("/start", "/entrypct N"),
        ("/status@fleet_bot", "Protected"),
        ("/nonsense", "There is no command /nonsense"),
        ("/dryrun maybe", "on or off"),
        ("/entrypct 500", "above 0 to 100"),
        ("/set leverage 21", "1 to 20"),
        ("/set proxy http://x:1", "cannot be set from a chat"),
        ("/stop nobody", "nobody"),
        ("/closepos BTCUSDT", "nothing is open"),
        ("/resume", "Nothing to change"),
        ("hello", "/help"),
    ];
    // In two minutes, so to speak: a chat may give 20 commands in one.
    for (text, expected) in answers.iter().take(20) {
        let answer = api.ask(TOKEN, 1001, text);
        assert_eq!(answer.chat(), 1001);
        assert!(answer.text().contains(expected), "{text}: {}", answer.text());
    }
    let status = api.calls("SendMessage")[0].clone();
    assert_eq!(status.body["parse_mode"], "HTML");
    assert_eq!(status.buttons(), ["show:status"]);
    assert!(
        status.text().contains("<pre>") && status.text().contains("[####......] 40 %"),
        "{}",
        status.text()
    );
    let photo = api.calls("SendPhoto").pop().unwrap();
    assert!(photo.body["raw"].as_str().unwrap().contains("PNG"));
    let (text, expected) = answers[20];
    assert!(api.ask(TOKEN, 1001, text).text().contains("Too many commands"), "{text} {expected}");
    assert!(api.ask(TOKEN, 1001, "/halt it is odd").text().contains("halt: no -> halted"));
}

#[test]
fn every_command_is_answered_in_korean() {
    let api = BotApi::start();
    let home = Home::with_account();
    api.serve(&home);
    home.run("bot add trend --account a --allocation 40").ok();
    give_bot(&home, "a", "--chat 1001 --lang ko").ok();
    let _daemon = Daemon::at_work(&home, RUN);
    for (text, expected) in [
        ("/status", "모의 거래"),
        ("/bots", "정지"),
        ("/positions", "열린 포지션이 없습니다"),
        ("/balance", "지갑"),
        ("/orders", "진행 중인 주문이 없습니다"),
        ("/pnl", "미실현"),
        ("/daily", "아직 결과가 없습니다"),
        ("/grid", "그리드 봇이 없습니다"),
        ("/why", "아직 결정이 없습니다"),
        ("/help", "모드, 평가금"),
        ("/what", "명령은 없습니다"),
        ("/set", "형식"),
        ("/entrypct 500", "0 초과 100 이하"),
        ("/entrypct 5", "entry_pct: 10 -> 5"),
        ("/dryrun off", "확인해 주세요"),
        ("/stop nobody", "봇이 없습니다"),
        ("/closepos BTCUSDT", "열린 포지션이 없습니다"),
        ("/resume", "이미 그렇게"),
        ("안녕", "/help"),
    ] {
        let answer = api.ask(TOKEN, 1001, text);
        assert!(answer.text().contains(expected), "{text}: {}", answer.text());
    }
}

#[test]
fn lowering_risk_is_done_at_once_and_raising_it_takes_a_button_that_works_once() {
    let (home, api, _daemon) = listening();
    let answer = api.ask(TOKEN, 1001, "/entrypct 5");
    assert!(answer.text().contains("entry_pct: 10 -> 5") && answer.buttons().is_empty(), "{answer:?}");
    assert_eq!(setting(&home, "a", "entry_pct"), "5");
    let started = api.ask(TOKEN, 1001, "/start trend");
    assert!(started.text().contains("running: off -> on"), "{started:?}");

    for (command, key, before, after) in [
        ("/entrypct 7.5", "entry_pct", "5", "7.5"),
        ("/set leverage 12", "leverage", "10", "12"),
        ("/dryrun off", "dry_run", "on", "off"),
    ] {
        let question = api.ask(TOKEN, 1001, command);
        assert!(question.text().contains(&format!("{key}: {before} -> {after}")), "{question:?}");
        assert_eq!(setting(&home, "a", key), before, "not before it is confirmed");
        let confirm = question.buttons()[0].clone();
        let sent = api.calls("SendMessage").len();
        api.press(TOKEN, 1001, 1001, &confirm);
        let done = api.message(sent + 1);
        assert!(done.text().contains(&format!("{key}: {before} -> {after}")), "{done:?}");
        assert_eq!(setting(&home, "a", key), after);
        // Once more does nothing.
        let entries = audited(&home).len();
        let pressed = api.calls("AnswerCallbackQuery").len();
        api.press(TOKEN, 1001, 1001, &confirm);
        let word = api.wait_for("AnswerCallbackQuery", pressed + 1);
        assert!(word.text().contains("used already"), "{word:?}");
        assert_eq!(audited(&home).len(), entries);
    }
    assert!(!api.calls("EditMessageReplyMarkup").is_empty(), "spent buttons are taken off");
    assert!(audited(&home).iter().all(|entry| entry["actor"] == "telegram:1001/1001"));

    let question = api.ask(TOKEN, 1001, "/flatten");
    let sent = api.calls("SendMessage").len();
    api.press(TOKEN, 1001, 1001, &question.buttons()[1]);
    assert!(api.message(sent + 1).text().contains("Cancelled"));
    assert_eq!(home.json("account show a")["state"], "active");

    let question = api.ask(TOKEN, 1001, "/flatten");
    home.sql("UPDATE telegram_confirmations SET expires_at = 1 WHERE ended_at IS NULL");
    let pressed = api.calls("AnswerCallbackQuery").len();
    api.press(TOKEN, 1001, 1001, &question.buttons()[0]);
    assert!(api.wait_for("AnswerCallbackQuery", pressed + 1).text().contains("too old"));
    assert_eq!(home.json("account show a")["state"], "active");
}

#[test]
fn what_is_confirmed_is_checked_anew() {
    let (home, api, _daemon) = listening();
    let question = api.ask(TOKEN, 1001, "/dryrun off");
    home.open_position(1, 1);
    let sent = api.calls("SendMessage").len();
    api.press(TOKEN, 1001, 1001, &question.buttons()[0]);
    assert!(api.message(sent + 1).text().contains("open positions"));
    assert_eq!(setting(&home, "a", "dry_run"), "on");
}

#[test]
fn strangers_groups_edits_and_forwards_are_ignored_and_noted() {
    let (home, api, _daemon) = listening();
    let before = home.json("account show a")["settings"].clone();
    let written = |update: Value| api.push(TOKEN, update);
    written(json!({ "message": message(2002, 2002, "private", "/halt", 0) }));
    written(json!({ "message": message(2002, 1001, "private", "/halt", 0) }));
    written(json!({ "message": message(1001, -5, "group", "/halt", 0) }));
    written(json!({ "message": message(1001, 1001, "group", "/halt", 0) }));
    written(json!({ "edited_message": message(1001, 1001, "private", "/halt", 0) }));
    let mut forwarded = message(1001, 1001, "private", "/halt", 0);
    forwarded["forward_origin"] = json!({ "type": "hidden_user", "date": 1, "sender_user_name": "B" });
    written(json!({ "message": forwarded }));
    written(json!({ "message": message(700, 1001, "private", "/halt", 0) }));
    written(json!({ "something_new": { "text": "/halt" } }));
    api.press(TOKEN, 2002, 1001, "ok:00");
    let answer = api.ask(TOKEN, 1001, "/log");
    assert!(!answer.text().contains("halt"), "{answer:?}");
    assert_eq!(home.json("account show a")["settings"], before);
    assert_eq!(
        ignored(&home),
        [
            "foreign_chat",
            "foreign_user",
            "foreign_chat",
            "group_chat",
            "edited",
            "forwarded",
            "sender",
            "unreadable",
            "foreign_user"
        ]
    );
}

#[test]
fn in_a_group_only_those_who_are_named_are_obeyed() {
    let api = BotApi::start();
    let home = Home::with_account();
    api.serve(&home);
    let answer = give_bot(&home, "a", "--chat -50").ok();
    assert!(answer.stderr.contains("--user ID"), "{answer:?}");
    home.run("telegram set a --user 1001 --user 1002").ok();
    let _daemon = Daemon::at_work(&home, RUN);
    let group =
        |user, text: &str| api.push(TOKEN, json!({ "message": message(user, -50, "supergroup", text, 0) }));
    group(2002, "/halt");
    group(1001, "good morning");
    group(1001, "/halt@another_bot");
    group(1001, "/flatten@fleet_bot");
    let question = api.message(1);
    assert_eq!(question.chat(), -50);
    // The other one may give commands, but not press this button.
    api.press(TOKEN, 1002, -50, &question.buttons()[0]);
    let word = api.wait_for("AnswerCallbackQuery", 1);
    assert!(word.text().contains("not yours"), "{word:?}");
    assert_eq!(home.json("account show a")["state"], "active");
    assert_eq!(ignored(&home), ["foreign_user"]);
}

#[test]
fn five_wrong_buttons_close_the_chat_for_a_while_but_never_the_way_to_halt() {
    let (home, api, _daemon) = listening();
    for number in 0..5 {
        api.press(TOKEN, 1001, 1001, &format!("ok:{number}"));
    }
    assert!(api.message(1).text().contains("Too many wrong buttons"));
    api.say(TOKEN, 1001, "/status");
    assert!(api.ask(TOKEN, 1001, "/halt").text().contains("halt: no -> halted"));
    assert_eq!(ignored(&home), ["muted"]);
    assert!(audited(&home).iter().any(|entry| entry["action"] == "telegram_muted"));
}

#[test]
fn what_is_old_and_dangerous_is_answered_but_not_done() {
    let api = BotApi::start();
    let home = Home::with_account();
    api.serve(&home);
    home.run("bot add trend --account a").ok();
    give_bot(&home, "a", "--chat 1001").ok();
    for text in ["/dryrun off", "/flatten", "/start trend", "/entrypct 20"] {
        api.push(TOKEN, json!({ "message": message(1001, 1001, "private", text, 90) }));
    }
    api.push(TOKEN, json!({ "message": message(1001, 1001, "private", "/entrypct 4", 90) }));
    let _daemon = Daemon::at_work(&home, RUN);
    let last = api.message(5);
    assert!(last.text().contains("entry_pct: 10 -> 4"), "{last:?}");
    for answer in api.calls("SendMessage").iter().take(4) {
        assert!(answer.text().contains("was not executed") && answer.buttons().is_empty(), "{answer:?}");
    }
    assert_eq!(setting(&home, "a", "dry_run"), "on");
    assert_eq!(home.json("bot show trend")["running"], false);
}

#[test]
fn updates_that_come_again_after_kills_count_once() {
    let (home, api, daemon) = listening();
    api.repeat();
    let mut daemon = Some(daemon);
    for round in 1..=4_i32 {
        api.say(TOKEN, 1001, &format!("/entrypct {}", 10 - round));
        api.say(TOKEN, 1001, "/halt");
        api.say(TOKEN, 1001, "/stop trend");
        if round % 2 == 0 {
            api.wait_until(|| setting(&home, "a", "entry_pct") == (10 - round).to_string());
        }
        daemon.take().unwrap().kill();
        daemon = Some(Daemon::at_work(&home, RUN));
    }
    api.wait_until(|| setting(&home, "a", "entry_pct") == "6");
    api.wait_until(|| home.json("telegram show")["accounts"][0]["last_update_id"] == 1_012);
    let changed: Vec<_> =
        audited(&home).iter().filter(|entry| entry["action"] == "set_account").cloned().collect();
    assert_eq!(changed.len(), 4, "{changed:?}");
    // An answer that was on its way when the daemon was killed may be told twice; none is missing.
    api.wait_until(|| api.calls("SendMessage").len() >= 12);
    assert!(api.calls("SendMessage").len() <= 12 + 4, "{:?}", api.calls("SendMessage").len());
}

#[test]
fn two_accounts_share_a_bot_and_neither_hears_of_the_other() {
    let api = BotApi::start();
    let home = three_bots();
    api.serve(&home);
    give_bot(&home, "a", "--chat 1001").ok();
    give_bot(&home, "b", "--chat 1001").fails(4, &["chat 1001 steers account `a`"]);
    give_bot(&home, "b", "--chat 1002").ok();
    home.run("telegram set b --chat 1001").fails(4, &["account `a`"]);
    let _daemon = Daemon::at_work(&home, RUN);
    let answer = api.ask(TOKEN, 1002, "/entrypct 3");
    assert_eq!(answer.chat(), 1002);
    assert_eq!(
        (setting(&home, "a", "entry_pct"), setting(&home, "b", "entry_pct")),
        ("10".into(), "3".into())
    );
    let bots = api.ask(TOKEN, 1002, "/bots");
    assert!(bots.text().contains("wide") && !bots.text().contains("cross"), "{bots:?}");
    assert!(api.ask(TOKEN, 1002, "/stop cross").text().contains("cross"), "of the other account");
    assert_eq!(home.json("bot show cross")["running"], true);

    // What is changed while the daemon runs is followed.
    home.run("telegram remove a").ok();
    home.run_with("telegram set b --token-env T", &[("T", "701:another")]).ok();
    api.wait_until(|| api.calls("GetMe").iter().any(|call| call.token == "701:another"));
    assert_eq!(api.ask("701:another", 1002, "/balance").token, "701:another");
    home.run("telegram test b").ok();
}

#[test]
fn a_flood_of_strangers_leaves_the_owner_an_answer() {
    let (home, api, _daemon) = listening();
    for number in 0..300 {
        api.say(TOKEN, 5_000 + number, "/flatten");
    }
    assert!(api.ask(TOKEN, 1001, "/status").text().contains("DRY RUN"));
    assert_eq!(api.calls("SendMessage").len(), 1);
    assert_eq!(home.json("telegram show")["ignored"].as_array().unwrap().len(), 20);
    assert_eq!(home.json("account show a")["state"], "active");
}

#[test]
fn a_second_program_on_the_bot_is_an_alert_and_the_token_is_nowhere() {
    let (home, api, daemon) = listening();
    let conflict =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    api.fail(Some((409, json!({ "ok": false, "error_code": 409, "description": conflict }))));
    let told = || {
        let shown = home.json("audit show --limit 10000");
        list(&shown, "entries").iter().any(|entry| entry["action"] == "telegram_trouble")
    };
    api.wait_until(told);
    home.run("telegram test a").fails(4, &["another program"]);
    api.fail(Some((200, json!("no JSON object"))));
    home.run("telegram test a").fails(9, &["unreadable"]);
    api.fail(None);
    // It goes on by itself. The chat is told of the trouble too.
    api.say(TOKEN, 1001, "/status");
    api.wait_until(|| api.calls("SendMessage").iter().any(|call| call.text().contains("DRY RUN")));
    let last_words = daemon.terminate();
    assert_eq!(last_words.code, 0);
    assert!(!last_words.stderr.contains("canary"), "{}", last_words.stderr);
    for name in ["tradefleet.db", "tradefleet.db-wal"] {
        if home.file(name).exists() {
            assert!(!bytes_of(&home.file(name)).contains("canary"), "{name}");
        }
    }
}

#[test]
fn a_symbol_is_closed_by_a_persons_word_without_auto_exit() {
    let api = BotApi::start();
    let home = three_bots();
    api.serve(&home);
    home.run("account set a auto_exit=off").ok();
    home.run("account set b auto_exit=off").ok();
    give_bot(&home, "b", "--chat 1002").ok();
    let tape = Tape::write(&home, 1_500, 700);
    home.run(&format!("run --cycles 400 {}", tape.whole)).ok();
    home.run("bot stop --all --account a,b").ok();
    let mut daemon = Daemon::at_work(&home, &format!("--json run --speed 1200 {}", tape.whole));
    let open = |account: &str| {
        let positions = home.json(&format!("positions --account {account}"));
        let rows = list(&positions, "positions").iter();
        rows.map(|row| row["symbol"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = open("b");
    assert!(!before.is_empty());
    let shown = api.ask(TOKEN, 1002, "/positions");
    assert!(shown.text().contains(&before[0]), "{shown:?}");
    let question = api.ask(TOKEN, 1002, &format!("/closepos {}", before[0]));
    let sent = api.calls("SendMessage").len();
    api.press(TOKEN, 1002, 1002, &question.buttons()[0]);
    assert!(api.message(sent + 1).text().contains("requested"));
    daemon.wait_until(|| !open("b").contains(&before[0]));
    assert_eq!(open("b").len(), before.len() - 1, "the other symbols stay");
    let others = open("a");
    home.run(&format!("positions close {} --account a", others[0])).ok();
    daemon.wait_until(|| !open("a").contains(&others[0]));
    home.run("positions close DOGEUSDT --account a").fails(3, &["DOGEUSDT"]);
    let pressed = api.calls("EditMessageText").len();
    api.press(TOKEN, 1002, 1002, "show:positions");
    api.wait_for("EditMessageText", pressed + 1);
}

//! Updates count once, whatever is in them, and strangers change nothing.

use proptest::prelude::*;

use super::*;
use crate::domain::kind::ExchangeKind;
use crate::domain::money::Leverage;
use crate::notify::telegram::incoming::Place;
use crate::notify::text::Lang;
use crate::store::scratch::Scratch;
use crate::store::telegram_bots::TelegramBotRow;
use crate::store::{Store, accounts, audit, latches};

const OWNER: i64 = 7;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + seconds * 1_000)
}

fn desk(store: &Store) -> Desk {
    let account = accounts::insert(store.conn(), "a", ExchangeKind::Paper, at(0)).unwrap();
    let bot_token = "sealed".to_owned();
    let row = TelegramBotRow { account_id: account, bot_token, chat_id: OWNER, language: None };
    telegram_bots::put(store.conn(), &row).unwrap();
    Desk {
        bot_id: 1,
        own_name: Some("fleet_bot".to_owned()),
        members: vec![Member {
            account,
            name: "a".to_owned(),
            chat_id: OWNER,
            users: Vec::new(),
            lang: Lang::En,
        }],
        limits: PolicyLimits { max_leverage: Leverage::try_new(20).unwrap() },
    }
}

fn text(update_id: i64, user: i64, text: &str) -> Incoming {
    let place = Place { chat: user, is_private: true };
    let kind = Kind::Text(Text { place, user, sent_at: at(0), text: text.to_owned() });
    Incoming { update_id, kind }
}

/// Sorts and settles, and says how many entries the audit log has.
fn obey(store: &mut Store, desk: &Desk, incoming: &Incoming) -> (Option<After>, usize) {
    let task = desk.sort(incoming, &mut Turnstile::default(), at(1));
    let after = store.attempt(false, |conn| desk.settle(conn, incoming, task, at(1))).unwrap();
    (after, audit::verify(store.conn()).unwrap().entries.try_into().unwrap())
}

#[test]
fn an_update_counts_once_and_earlier_ones_not_at_all() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let desk = desk(&store);
    assert_eq!(obey(&mut store, &desk, &text(10, OWNER, "/entrypct 5")).1, 1);
    for update in [10, 9, 1] {
        assert_eq!(obey(&mut store, &desk, &text(update, OWNER, "/entrypct 4")), (None, 1));
    }
    assert_eq!(obey(&mut store, &desk, &text(11, OWNER, "/entrypct 3")).1, 2);
}

#[test]
fn after_days_of_silence_telegram_may_number_anew() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let desk = desk(&store);
    obey(&mut store, &desk, &text(1_000_000, OWNER, "/halt"));
    assert_eq!(desk.last_update(store.conn(), at(60)).unwrap(), Some(1_000_000));
    assert_eq!(desk.last_update(store.conn(), at(4 * 86_400)).unwrap(), None);
}

#[test]
fn what_is_refused_changes_nothing_but_the_number() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let desk = desk(&store);
    for (update, wrong) in
        (1..).zip(["/entrypct 0", "/set leverage 99", "/start nobody", "/closepos BTCUSDT"])
    {
        assert_eq!(obey(&mut store, &desk, &text(update, OWNER, wrong)).1, 0, "{wrong}");
        assert_eq!(desk.last_update(store.conn(), at(1)).unwrap(), Some(update));
    }
}

#[test]
fn who_commands_an_account_in_quarantine_is_told_that_nothing_is_done() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let desk = desk(&store);
    latches::quarantine(store.conn(), desk.members[0].account, "panic", at(0)).unwrap();
    obey(&mut store, &desk, &text(1, OWNER, "/halt"));
    let sql = "SELECT body FROM telegram_replies ORDER BY id DESC LIMIT 1";
    let answer: String = store.conn().query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(answer.contains("quarantined") && answer.contains("/resume"), "{answer}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn strangers_change_nothing(user in 8_i64..1_000_000, words in "/?(halt|flatten|dryrun off|set leverage 20|\\PC{0,40})") {
        let scratch = Scratch::new();
        let mut store = scratch.open();
        let desk = desk(&store);
        let incoming = text(1, user, &words);
        prop_assert!(matches!(desk.sort(&incoming, &mut Turnstile::default(), at(1)), Task::Ignore("foreign_chat")));
        prop_assert_eq!(obey(&mut store, &desk, &incoming).1, 0);
        prop_assert_eq!(ignored_updates::list(store.conn(), 9).unwrap().len(), 1);
    }

    #[test]
    fn any_text_of_the_owner_is_settled(words in "[ \\PC]{0,120}") {
        let scratch = Scratch::new();
        let mut store = scratch.open();
        let desk = desk(&store);
        for (update, words) in (1..).zip([words.clone(), format!("/{words}"), format!("/set {words}"), format!("/halt {words}")]) {
            prop_assert!(obey(&mut store, &desk, &text(update, OWNER, &words)).0.is_some());
        }
    }
}

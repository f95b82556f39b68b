//! What people do besides command lines: a setting by Telegram, and a second daemon.

use tradefleet::domain::ids::AccountId;
use tradefleet::domain::money::Leverage;
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::settings::PolicyLimits;
use tradefleet::notify::telegram::desk::Desk;
use tradefleet::notify::telegram::gate::{Member, Turnstile};
use tradefleet::notify::telegram::incoming::{Incoming, Kind, Place, Text};
use tradefleet::notify::text::Lang;
use tradefleet::store::lease::{Lease, LeaseClaim};
use tradefleet::store::telegram_bots::{self, TelegramBotRow};
use tradefleet::store::{OpenMode, Store, StoreError};

use crate::commands::fleet;
use crate::home::Home;
use crate::points::Scenario;
use crate::soundness::is_sound;

const OWNER: i64 = 7;
const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// `a` is the second of the fleet.
const ACCOUNT: AccountId = AccountId::new(2);

fn limits() -> PolicyLimits {
    PolicyLimits { max_leverage: Leverage::try_new(20).unwrap() }
}

/// One update, sorted and settled as the poller does it.
fn obey(home: &Home) -> Result<(), StoreError> {
    let member =
        Member { account: ACCOUNT, name: "a".to_owned(), chat_id: OWNER, users: Vec::new(), lang: Lang::En };
    let desk = Desk { bot_id: 1, own_name: None, members: vec![member], limits: limits() };
    let place = Place { chat: OWNER, is_private: true };
    let text = Text { place, user: OWNER, sent_at: NOW, text: "/entrypct 5".to_owned() };
    let update = Incoming { update_id: 10, kind: Kind::Text(text) };
    let mut store = Store::open(&home.database(), OpenMode::ReadWrite)?;
    let task = desk.sort(&update, &mut Turnstile::default(), NOW);
    store.attempt(false, |conn| desk.settle(conn, &update, task, NOW)).map(drop)
}

#[test]
fn a_setting_is_changed_from_a_chat_once() {
    Scenario {
        name: "telegram",
        prepare: |home| {
            fleet(home);
            let row = TelegramBotRow {
                account_id: ACCOUNT,
                bot_token: "sealed".to_owned(),
                chat_id: OWNER,
                language: None,
            };
            let store = Store::open(&home.database(), OpenMode::ReadWrite).unwrap();
            telegram_bots::put(store.conn(), &row).unwrap();
        },
        // Telegram sends an update again until the next one is asked for.
        act: |home| obey(home).is_ok() && obey(home).is_ok(),
        // The setting, the update's number, the answer and the entry of the audit log go together.
        state: |home| {
            home.rows(
                "SELECT entry_pct, (SELECT max(last_update_id) FROM telegram_bots),
                     (SELECT count(*) FROM telegram_replies), (SELECT count(*) FROM audit_log)
                 FROM account_settings s JOIN accounts a ON a.id = s.account_id WHERE name = 'a'",
            )
        },
        sound: |home| {
            // The token of this chat was never sealed.
            let answer = home.run("db check");
            if answer.is_ok { Ok(()) } else { Err(answer.text) }
        },
        steps: &["sync tradefleet.db-wal"],
    }
    .exhaust();
}

fn claim(pid: u32) -> LeaseClaim {
    LeaseClaim { pid, host: "alpha".to_owned(), version: "1".to_owned(), source: "tape".to_owned() }
}

/// Takes the lease and gives it back; while it holds it, nobody else gets it.
fn reign(home: &Home, pid: u32) -> Result<u64, StoreError> {
    let store = Store::open(&home.database(), OpenMode::ReadWrite)?;
    let lease = Lease::acquire(store.conn(), &claim(pid), NOW)?;
    let rival = Store::open(&home.database(), OpenMode::ReadWrite)?;
    if let Ok(second) = Lease::acquire(rival.conn(), &claim(pid + 1), NOW) {
        panic!("two daemons, of epochs {} and {}", lease.epoch(), second.epoch());
    }
    Lease::heartbeat(store.conn(), lease.epoch(), NOW)?;
    Lease::release(store.conn(), lease.epoch(), NOW)?;
    Ok(lease.epoch())
}

#[test]
fn one_daemon_follows_another() {
    Scenario {
        name: "two daemons",
        prepare: fleet,
        act: |home| {
            let before =
                home.rows("SELECT epoch FROM lease").trim_end_matches("|\n").parse().unwrap_or(0_u64);
            reign(home, 1).is_ok_and(|epoch| {
                assert!(epoch > before, "epoch {epoch} after {before}");
                true
            })
        },
        // Whoever came once may have been the first or the second: what counts is that it has gone.
        state: |home| {
            match home.rows("SELECT count(released_at) FROM lease").as_str() {
                "1|\n" => "released",
                _ => "free",
            }
            .to_owned()
        },
        sound: is_sound,
        steps: &["sync tradefleet.db-wal"],
    }
    .exhaust();
}

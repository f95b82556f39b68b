//! An account reads back as it was written, whatever was written.

use super::*;
use crate::domain::kind::BotType;
use crate::domain::money::Leverage;
use crate::engine::settings::{BotSettings, MarginMode, PolicyLimits};
use crate::store::bots::{self, NewBot};
use crate::store::scratch::Scratch;

const NOW: Timestamp = Timestamp::from_ms(5);
const LATER: Timestamp = Timestamp::from_ms(9);

#[test]
fn every_column_reads_back() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let id = insert(conn, "ana", ExchangeKind::Binance, NOW).unwrap();
    let mut row = find(conn, "ana").unwrap();
    assert_eq!((row.id, row.exchange, row.is_active), (id, ExchangeKind::Binance, true));
    assert_eq!(
        (&row.settings, &row.paper_settings),
        (&AccountSettings::default(), &PaperSettings::default())
    );

    row.name = "ana-2".to_owned();
    row.api_key = Some("v1:abc".to_owned());
    row.api_secret = Some("v1:def".to_owned());
    row.passphrase = Some("v1:ghi".to_owned());
    row.proxy = Some("socks5://127.0.0.1:1080".to_owned());
    row.bind_address = Some("10.0.0.2".to_owned());
    row.exchange_uid = Some("uid".to_owned());
    row.updated_at = LATER;
    row.tags = vec!["a,b".to_owned(), "family".to_owned()];
    let limits = PolicyLimits { max_leverage: Leverage::try_new(100).unwrap() };
    row.settings.margin_mode = MarginMode::Isolated;
    for (key, value) in [
        ("dry_run", "off"),
        ("auto_exit", "on"),
        ("leverage", "100"),
        ("entry_pct", "12.345"),
        ("dca_enabled", "off"),
    ] {
        row.settings.set(key, value, limits).unwrap();
    }
    for (key, value) in [
        ("participation_pct", "7.5"),
        ("fault_hang", "on"),
        ("position_mode", "one_way"),
        ("maker_fee_pct", "-0.01"),
    ] {
        row.paper_settings.set(key, value).unwrap();
    }
    update(conn, &row, LATER).unwrap();
    update_settings(conn, id, &row.settings, LATER).unwrap();
    update_paper_settings(conn, id, &row.paper_settings, LATER).unwrap();
    set_tags(conn, id, &row.tags, LATER).unwrap();
    assert_eq!(get(conn, id).unwrap(), row);
    assert_eq!(find(conn, "ana-2").unwrap(), row);
    assert_eq!(tagged(conn, "family").unwrap(), [row]);
    assert_eq!(tagged(conn, "a").unwrap(), []);
}

#[test]
fn names_are_unique_among_those_that_are_there() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let first = insert(conn, "ana", ExchangeKind::Paper, NOW).unwrap();
    let taken = StoreError::Exists { what: "account", name: "ana".to_owned() };
    assert_eq!(insert(conn, "ana", ExchangeKind::Paper, NOW), Err(taken.clone()));
    let other = insert(conn, "ben", ExchangeKind::Paper, NOW).unwrap();
    let renamed = AccountRow { name: "ana".to_owned(), ..get(conn, other).unwrap() };
    assert_eq!(update(conn, &renamed, NOW), Err(taken));
    remove(conn, first, LATER).unwrap();
    update(conn, &renamed, NOW).unwrap();
    assert_eq!(find(conn, "ana").unwrap().id, other);
}

#[test]
fn removing_is_soft_and_stops_the_bots() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let id = insert(conn, "ana", ExchangeKind::Paper, NOW).unwrap();
    let new = NewBot {
        account_id: id,
        strategy_id: None,
        name: "bot".to_owned(),
        bot_type: BotType::AiTrend,
        settings: BotSettings::default(),
    };
    let bot = bots::insert(conn, &new, NOW).unwrap();
    bots::set_running(conn, bot, true, NOW).unwrap();
    set_active(conn, id, false, NOW).unwrap();
    assert!(!get(conn, id).unwrap().is_active);

    remove(conn, id, LATER).unwrap();
    assert_eq!(get(conn, id).unwrap().removed_at, Some(LATER));
    assert_eq!(list(conn).unwrap(), []);
    let bot = bots::get(conn, bot).unwrap();
    assert_eq!((bot.is_active, bot.is_running, bot.last_stopped_at), (false, false, Some(LATER)));
    let gone = Err(StoreError::not_found("account", id.to_string()));
    assert_eq!(remove(conn, id, LATER), gone);
    assert_eq!(set_active(conn, id, true, LATER), gone);
    assert_eq!(set_tags(conn, id, &[], LATER), gone);
}

#[test]
fn a_value_nobody_can_have_set_is_damage() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let id = insert(store.conn(), "ana", ExchangeKind::Paper, NOW).unwrap();
    store.conn().execute_batch("UPDATE account_settings SET entry_pct = '1e1'").unwrap();
    let error = get(store.conn(), id).unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { detail } if detail.contains("entry_pct")), "{error}");
}

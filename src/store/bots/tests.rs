//! The limits hold on every path, and what is refused says what is free.

use rust_decimal::dec;

use super::*;
use crate::domain::kind::ExchangeKind;
use crate::domain::money::Leverage;
use crate::engine::settings::PolicyLimits;
use crate::store::scratch::Scratch;
use crate::store::{Store, accounts};

const NOW: Timestamp = Timestamp::from_ms(5);
const LATER: Timestamp = Timestamp::from_ms(9);

fn account(store: &Store) -> AccountId {
    accounts::insert(store.conn(), "ana", ExchangeKind::Paper, NOW).unwrap()
}

fn new_bot(account_id: AccountId, name: &str, allocation: &str) -> NewBot {
    let settings = BotSettings { allocation_percent: allocation.parse().unwrap(), ..BotSettings::default() };
    NewBot { account_id, strategy_id: None, name: name.to_owned(), bot_type: BotType::AiTrend, settings }
}

fn add(store: &Store, account: AccountId, name: &str, allocation: &str) -> Result<BotId, StoreError> {
    insert(store.conn(), &new_bot(account, name, allocation), NOW)
}

#[test]
fn every_setting_reads_back() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let account = account(&store);
    let limits = PolicyLimits { max_leverage: Leverage::try_new(100).unwrap() };
    let mut new = new_bot(account, "one", "12.3456");
    new.strategy_id = Some(StrategyId::new(3));
    new.bot_type = BotType::Grid;
    for (key, value) in [
        // Words that mean something in other columns are plain text here.
        ("description", "off"),
        ("symbol", "*"),
        ("max_leverage", "100"),
        ("max_positions", "20"),
        ("stop_loss_percent", "1.5"),
        ("take_profit_percent", "inherit"),
        ("telegram_notify", "off"),
    ] {
        new.settings.set(key, value, limits).unwrap();
    }
    let id = insert(store.conn(), &new, NOW).unwrap();
    let row = find(store.conn(), account, "one").unwrap();
    assert_eq!((row.id, &row.settings), (id, &new.settings));
    assert_eq!((row.strategy_id, row.bot_type), (Some(StrategyId::new(3)), BotType::Grid));
    assert_eq!((row.is_running, row.is_active, row.total_pnl), (false, true, Quote::ZERO));

    let changed = BotRow {
        name: "two".to_owned(),
        strategy_id: None,
        settings: BotSettings::default(),
        updated_at: LATER,
        ..row
    };
    update(store.conn(), &changed, LATER).unwrap();
    assert_eq!(get(store.conn(), id).unwrap(), changed);
    assert_eq!(list(store.conn(), Some(account)).unwrap(), list(store.conn(), None).unwrap());
}

#[test]
fn allocations_sum_to_exactly_100_and_not_more() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let account = account(&store);
    for (name, allocation) in [("a", "33.33"), ("b", "33.33"), ("c", "33.34")] {
        add(&store, account, name, allocation).unwrap();
    }
    assert_eq!(allocation_used(store.conn(), account).unwrap(), Pct::HUNDRED);
    let refused = add(&store, account, "d", "0.0001").unwrap_err();
    assert_eq!(refused, StoreError::AllocationLimit { requested: dec!(0.0001), free: dec!(0) });
}

#[test]
fn a_hundredth_too_much_is_refused_with_what_is_free() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let account = account(&store);
    add(&store, account, "a", "60").unwrap();
    let refused = add(&store, account, "b", "40.01").unwrap_err();
    assert_eq!(refused, StoreError::AllocationLimit { requested: dec!(40.01), free: dec!(40) });
    assert_eq!(refused.to_string(), "an allocation of 40.01 % exceeds the 40 % that the account has free");
    add(&store, account, "b", "40").unwrap();
}

#[test]
fn raising_an_allocation_or_waking_a_bot_keeps_the_limit() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let account = account(&store);
    let first = add(&store, account, "a", "60").unwrap();
    let second = add(&store, account, "b", "40").unwrap();
    let mut row = get(store.conn(), second).unwrap();
    row.settings.allocation_percent = "40.01".parse().unwrap();
    assert_eq!(
        update(store.conn(), &row, LATER),
        Err(StoreError::AllocationLimit { requested: dec!(40.01), free: dec!(40) })
    );
    row.settings.allocation_percent = "39.99".parse().unwrap();
    update(store.conn(), &row, LATER).unwrap();

    remove(store.conn(), first, LATER).unwrap();
    add(&store, account, "c", "60.01").unwrap();
    for sql in
        ["UPDATE bot_instances SET is_active = 1", "UPDATE bot_instances SET allocation_percent = '70'"]
    {
        let refused = StoreError::from(store.conn().execute_batch(sql).unwrap_err());
        assert!(matches!(refused, StoreError::Conflict { .. }), "{sql}: {refused:?}");
    }
}

#[test]
fn there_is_no_eleventh_bot() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let account = account(&store);
    let ids: Vec<_> = (0..10).map(|n| add(&store, account, &format!("b{n}"), "1").unwrap()).collect();
    assert_eq!(add(&store, account, "b10", "1"), Err(StoreError::BotLimit { limit: BOT_LIMIT }));
    remove(store.conn(), ids[0], LATER).unwrap();
    add(&store, account, "b10", "1").unwrap();
    let woken = store
        .conn()
        .execute("UPDATE bot_instances SET is_active = 1 WHERE id = ?1", [ids[0].get()])
        .unwrap_err();
    assert!(woken.to_string().contains("limit: at most 10"), "{woken}");

    let other = accounts::insert(store.conn(), "ben", ExchangeKind::Paper, NOW).unwrap();
    add(&store, other, "b0", "100").unwrap();
}

#[test]
fn names_are_unique_in_an_account_among_active_bots() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let account = account(&store);
    let first = add(&store, account, "a", "1").unwrap();
    let taken = StoreError::Exists { what: "bot", name: "a".to_owned() };
    assert_eq!(add(&store, account, "a", "1"), Err(taken));
    remove(store.conn(), first, LATER).unwrap();
    add(&store, account, "a", "1").unwrap();
}

#[test]
fn starting_and_stopping_note_when_it_changed() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let account = account(&store);
    let id = add(&store, account, "a", "1").unwrap();
    set_running(store.conn(), id, true, NOW).unwrap();
    set_running(store.conn(), id, true, LATER).unwrap();
    let row = get(store.conn(), id).unwrap();
    assert_eq!((row.is_running, row.last_started_at, row.last_stopped_at), (true, Some(NOW), None));
    set_close_requested(store.conn(), id, true, NOW).unwrap();
    remove(store.conn(), id, LATER).unwrap();
    let row = get(store.conn(), id).unwrap();
    assert_eq!((row.is_running, row.is_active, row.last_stopped_at), (false, false, Some(LATER)));
    assert!(row.close_requested, "what was asked for stays asked for");
    assert_eq!(set_running(store.conn(), id, true, LATER), Err(absent(id)));
    assert_eq!(find(store.conn(), account, "a"), Err(StoreError::not_found("bot", "a")));
}

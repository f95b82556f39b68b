//! A grid's history that was changed is named by its own trade.

use super::*;
use crate::domain::ids::{AccountId, BotId, CycleId, OrderKey};
use crate::domain::kind::{BotType, ExchangeKind};
use crate::domain::order::Purpose;
use crate::engine::settings::BotSettings;
use crate::store::bots::{self, NewBot};
use crate::store::scratch::Scratch;
use crate::store::{Store, accounts, grid_configs};

/// Trade, purpose and line of its order, side, price, quantity, fee; then what it did: line, quantity, fee, profit.
type Trade = (
    &'static str,
    (Purpose, u16),
    [&'static str; 4],
    &'static [(u16, &'static str, &'static str, Option<&'static str>)],
);

/// Line 1 opens in two parts and closes 0.4; the rest is flattened. Then line 0 opens and a buy-in opens lines 2 and 3,
/// of which line 3 closes, and line 0.
const TRADES: &[Trade] = &[
    ("t1", (Purpose::GridEntry, 1), ["buy", "95", "0.5", "0.01"], &[(1, "0.5", "0.01", None)]),
    ("t2", (Purpose::GridEntry, 1), ["buy", "95", "0.5", "0.01"], &[(1, "0.5", "0.01", None)]),
    // 0.4 x (100 - 95) - 0.4 x 0.02 - 0.01
    ("t3", (Purpose::GridExit, 1), ["sell", "100", "0.4", "0.01"], &[(1, "0.4", "0.01", Some("1.982"))]),
    ("t4", (Purpose::Flatten, 0), ["sell", "90", "0.6", "0.01"], &[]),
    ("t5", (Purpose::GridEntry, 0), ["buy", "90", "1", "0.01"], &[(0, "1", "0.01", None)]),
    (
        "t6",
        (Purpose::GridBuyIn, 2),
        ["buy", "101", "2", "0.04"],
        &[(2, "1", "0.02", None), (3, "1", "0.02", None)],
    ),
    // 110 - 101 - 0.02 - 0.01
    ("t7", (Purpose::GridExit, 3), ["sell", "110", "1", "0.01"], &[(3, "1", "0.01", Some("8.97"))]),
    ("t8", (Purpose::GridExit, 0), ["sell", "95", "1", "0.01"], &[(0, "1", "0.01", Some("4.98"))]),
];

fn ledger(scratch: &Scratch) -> Store {
    let store = scratch.open();
    let conn = store.conn();
    let account_id = accounts::insert(conn, "ana", ExchangeKind::Paper, Timestamp::from_ms(1)).unwrap();
    let new = NewBot {
        account_id,
        strategy_id: None,
        name: "ladder".to_owned(),
        bot_type: BotType::Grid,
        settings: BotSettings::default(),
    };
    let bot = bots::insert(conn, &new, Timestamp::from_ms(1)).unwrap();
    let config = crate::engine::grid::fixtures::plain(("90", "110"), 5, "200");
    grid_configs::put(conn, bot, &config, "50".parse().unwrap()).unwrap();
    for (number, trade) in (1_i64..).zip(TRADES) {
        write(conn, (account_id, bot), number, trade);
    }
    conn.execute_batch(
        "UPDATE grid_bot_configs SET filled_buy_count = 5, filled_sell_count = 3, realized_profit = '15.932';
         INSERT INTO grid_orders (grid_config_id, grid_index, grid_price, profit)
             SELECT bot_id, column1, column2, column3 FROM grid_bot_configs,
                 (VALUES (0, '90', '4.98'), (1, '95', '1.982'), (2, '100', '0'), (3, '105', '8.97'));
         DROP TRIGGER grid_fills_no_update;",
    )
    .unwrap();
    store
}

fn write(conn: &Connection, (account, bot): (AccountId, BotId), number: i64, trade: &Trade) {
    let (id, (purpose, line), [side, price, qty, fee], parts) = *trade;
    let cycle = CycleId::at(Timestamp::from_ms(number * 1_000));
    let key = OrderKey { account, bot: Some(bot), cycle, purpose, leg: line, attempt: 1 };
    let order = crate::domain::ids::ClientOrderId::new(&key).to_string();
    conn.execute(
        "INSERT INTO fills (account_id, symbol, trade_id, client_order_id, bot_id, position_id, side, position_side,
             price, qty, fee, fee_asset, liquidity, realized_pnl, dry_run, at, number)
         VALUES (?1, 'BTCUSDT', ?2, ?3, ?4, 'p', ?5, 'long', ?6, ?7, ?8, 'USDT', 'maker', '0', 1, ?9, ?9)",
        params![account.get(), id, order, bot.get(), side, price, qty, fee, number],
    )
    .unwrap();
    for (line, qty, fee, profit) in parts {
        conn.execute(
            "INSERT INTO grid_fills (grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee, profit, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![bot.get(), line, order, id, side, price, qty, fee, profit, number],
        )
        .unwrap();
    }
}

/// The differences of the grid after `tampering`: subject, field, stored, recomputed.
fn found(tampering: &str) -> Vec<String> {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    store.conn().execute_batch(tampering).unwrap();
    let grids = check(store.conn()).unwrap().into_iter().find(|result| result.name == GRIDS).unwrap();
    let text = |it: Difference| format!("{}: {} {} is {}", it.subject, it.field, it.stored, it.recomputed);
    grids.differences.into_iter().map(text).collect()
}

#[test]
fn a_row_that_was_changed_is_named_by_its_trade() {
    assert_eq!(found(""), [""; 0]);
    for (change, trade, words) in [
        ("profit = '8.96'", "t7", "profit 8.96 is 8.97"),
        ("profit = NULL", "t3", "profit none is 1.982"),
        ("profit = '0'", "t1", "profit 0 is none"),
        ("price = '94'", "t8", "price 94 is 95"),
        ("side = 'sell'", "t5", "side sell is buy"),
        ("qty = '2'", "t5", "qty 2 is 1"),
        ("fee = '0.02'", "t7", "fee 0.02 is 0.01"),
        ("grid_index = 2", "t8", "grid_index 2 is 0"),
    ] {
        let tampering = format!("UPDATE grid_fills SET {change} WHERE trade_id = '{trade}'");
        assert_eq!(found(&tampering), [format!("fill {trade} of grid ladder: {words}")], "{tampering}");
    }
}

#[test]
fn counters_and_profits_follow_from_the_fills() {
    for (tampering, words) in [
        (
            "UPDATE grid_bot_configs SET filled_buy_count = 4",
            "grid ladder: filled_buy_count 4 is 5",
        ),
        (
            "UPDATE grid_bot_configs SET filled_sell_count = 4",
            "grid ladder: filled_sell_count 4 is 3",
        ),
        (
            "UPDATE grid_bot_configs SET realized_profit = '15.9321'",
            "grid ladder: realized_profit 15.9321 is 15.932",
        ),
        (
            "UPDATE grid_orders SET profit = '1' WHERE grid_index = 2",
            "grid ladder line 2: profit 1 is 0",
        ),
        (
            "INSERT INTO grid_fills (grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee, at)
                 SELECT grid_config_id, 2, client_order_id, 't9', side, price, qty, fee, at FROM grid_fills
                 WHERE trade_id = 't8'",
            "fill t9 of grid ladder: fills a line's fill is no fill",
        ),
    ] {
        assert_eq!(found(tampering), [words], "{tampering}");
    }
    let lost = found("DELETE FROM grid_fills WHERE trade_id = 't8'");
    assert_eq!(
        lost,
        [
            "fill t8 of grid ladder: qty 0 is 1",
            "fill t8 of grid ladder: fee 0 is 0.01",
            "grid ladder: filled_sell_count 3 is 2",
            "grid ladder: realized_profit 15.932 is 10.952",
            "grid ladder line 0: profit 4.98 is 0",
        ]
    );
}

#[test]
fn a_line_that_an_edit_took_away_comes_back_with_what_it_has_earned() {
    use crate::engine::grid::rows::{GridLineRow, GridLines, LineStatus};
    use crate::store::grids::journal::write_lines;
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let lines = |count: u16, changed: &[u16]| GridLines {
        bot: BotId::new(1),
        current_price: None,
        active_buys: 0,
        active_sells: 0,
        count,
        changed: changed
            .iter()
            .map(|line| GridLineRow {
                line: *line,
                price: "105".parse().unwrap(),
                status: LineStatus::Pending,
                buy: None,
                sell: None,
            })
            .collect(),
    };
    write_lines(store.conn(), &lines(3, &[])).unwrap();
    write_lines(store.conn(), &lines(5, &[3, 4])).unwrap();
    let profits = "SELECT group_concat(profit) FROM (SELECT profit FROM grid_orders ORDER BY grid_index)";
    let profits: String = store.conn().query_row(profits, [], |row| row.get(0)).unwrap();
    assert_eq!(profits, "4.98,1.982,0,8.97,0");
    assert!(check(store.conn()).unwrap().iter().find(|result| result.name == GRIDS).unwrap().ok);
}

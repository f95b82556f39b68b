//! What a turn writes is what a restart reads.

use rusqlite::Connection;

use super::*;
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::funding::FundingPayment;
use crate::domain::ids::{CycleId, OrderKey, TradeId};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::Leverage;
use crate::domain::order::Purpose;
use crate::domain::position::Position;
use crate::domain::side::{PositionSide, Side};
use crate::engine::turn::{CashAdjustment, CashAdjustmentKind};
use crate::store::accounts;
use crate::store::check;
use crate::store::queries::{Filter, pnl};
use crate::store::scratch::Scratch;

const AT: fn(i64) -> Timestamp = Timestamp::from_ms;

fn turn(account: AccountId, records: Vec<Record>, state: &str, wallet: &str) -> TurnRows {
    TurnRows {
        account,
        at: AT(5),
        records,
        state: Some(StateRow {
            state: state.to_owned(),
            last_cycle_at: None,
            wallet: Some(wallet.parse().unwrap()),
            equity: None,
            breaker: "closed",
            last_error: None,
        }),
        paper_book: None,
    }
}

/// An account of Binance.
fn account(conn: &Connection, dry_run: bool) -> AccountId {
    let id = accounts::insert(conn, "a", ExchangeKind::Binance, AT(1)).unwrap();
    conn.execute(
        "INSERT INTO account_settings (account_id, dry_run) VALUES (?1, ?2)
         ON CONFLICT (account_id) DO UPDATE SET dry_run = ?2",
        params![id.get(), dry_run],
    )
    .unwrap();
    id
}

/// `count` orders of each life that ended, and were filled once each, a second after one another.
fn history(conn: &Connection, account: AccountId, count: i64) {
    for (dry_run, word) in [(true, 'p'), (false, 'r')] {
        for n in 0..count {
            let at = n * 1_000;
            let order = ClientOrderId::new(&OrderKey {
                account,
                bot: None,
                cycle: CycleId::at(AT(at)),
                purpose: Purpose::Entry,
                leg: u16::from(dry_run),
                attempt: 1,
            });
            let order = order.as_str();
            conn.execute(
                "INSERT INTO orders (client_order_id, account_id, symbol, side, position_side, purpose, order_type, qty,
                     reduce_only, leverage, reserved_margin, cycle_id, status, filled_qty, filled_notional, dry_run,
                     decided_at, finished_at)
                 VALUES (?1, ?2, 'BTCUSDT', 'buy', 'long', 'entry', 'market', '1', 0, 1, '0', 0, 'filled', '1', '100',
                     ?3, ?4, ?4)",
                params![order, account.get(), dry_run, at],
            )
            .unwrap();
            conn.execute(
                "INSERT INTO fills (account_id, symbol, trade_id, client_order_id, side, position_side, price, qty, fee,
                     fee_asset, liquidity, realized_pnl, dry_run, at)
                 VALUES (?1, 'BTCUSDT', ?2, ?3, 'buy', 'long', '100', '1', '0', 'USDT', 'taker', '0', ?4, ?5)",
                params![account.get(), format!("{word}{n}"), order, dry_run, at],
            )
            .unwrap();
        }
    }
}

#[test]
fn a_restart_reads_what_may_still_be_told_of_the_life_it_leads() {
    // dry run, swept until (s) -> orders, trades
    for (dry_run, swept_until, ended, booked) in [
        (true, None, 32, 128),
        (false, None, 32, 128),
        (false, Some(270), 50, 128),
        // Trades may be told again as some of a little earlier.
        (false, Some(130), 190, 192),
    ] {
        let scratch = Scratch::new();
        let store = scratch.open();
        let conn = store.conn();
        let id = account(conn, dry_run);
        history(conn, id, 200);
        let state =
            swept_until.map_or("{}".to_owned(), |secs| format!(r#"{{"swept_until":{}}}"#, secs * 1_000));
        record_turn(conn, &turn(id, Vec::new(), &state, "0")).unwrap();
        let saved = load_account(conn, id, !dry_run, None).unwrap().saved;
        let case = format!("dry run {dry_run}, swept until {swept_until:?}");
        assert_eq!((saved.ended.len(), saved.booked.len()), (ended, booked), "{case}");
        let word = if dry_run { 'p' } else { 'r' };
        assert!(saved.booked.iter().all(|trade| trade.trade_id.0.starts_with(word)), "{case}");
        assert!(saved.ended.iter().all(|order| order.dry_run == dry_run), "{case}");
        assert_eq!(saved.booked.last().unwrap().trade_id.0, format!("{word}199"), "{case}: newest last");
        assert!(saved.ended.is_sorted_by_key(|order| order.times.decided_at), "{case}");
    }
}

/// A fill of before what opened it may be told later.
#[test]
fn a_position_is_read_as_it_was_written_last() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let id = account(conn, false);
    let key = OrderKey {
        account: id,
        bot: None,
        cycle: CycleId::at(AT(1)),
        purpose: Purpose::Entry,
        leg: 0,
        attempt: 1,
    };
    let fill = Fill {
        trade_id: TradeId("2".to_owned()),
        client_order_id: ClientOrderId::new(&key),
        symbol: "BTCUSDT".parse().unwrap(),
        side: Side::Buy,
        position_side: PositionSide::Long,
        price: "100".parse().unwrap(),
        qty: "1".parse().unwrap(),
        fee: Fee::from_cash("0.1".parse().unwrap(), "USDT"),
        liquidity: Liquidity::Taker,
        at: AT(3),
    };
    let mut row = PositionRow {
        position: Position::open(None, Leverage::ONE, &fill),
        dca_level: 0,
        stop_loss: None,
        take_profit: None,
        is_protected: false,
        exit_reason: None,
        dry_run: false,
    };
    for earlier in [3, 2] {
        row.position.apply(&Fill { at: AT(earlier), ..fill.clone() });
        row.dca_level += 1;
        record_turn(conn, &turn(id, vec![Record::Position(row.clone())], "{}", "0")).unwrap();
        let read = conn.query_row("SELECT * FROM bot_positions", [], position_row::read).unwrap();
        assert_eq!(read, row);
    }
}

#[test]
fn cash_without_fills_is_part_of_the_result_and_of_the_check() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let id = account(conn, false);
    let adjusted = |kind, amount: &str| {
        Record::CashAdjustment(CashAdjustment { kind, amount: amount.parse().unwrap(), at: AT(2) })
    };
    let funding = || {
        Record::Funding(FundingPayment {
            id: "77".to_owned(),
            symbol: "BTCUSDT".parse().unwrap(),
            amount: "-1.5".parse().unwrap(),
            at: AT(4),
        })
    };
    let records = vec![
        adjusted(CashAdjustmentKind::Opening, "1000"),
        adjusted(CashAdjustmentKind::TransferOrExternal, "-200"),
        funding(),
    ];
    record_turn(conn, &turn(id, records, "{}", "798.5")).unwrap();
    let report = pnl::report(conn, &Filter::default()).unwrap();
    let own = &report.accounts[0];
    let figures = (own.adjustments.to_string(), own.funding.to_string(), own.equity.unwrap().to_string());
    assert_eq!(figures, ("800".to_owned(), "-1.5".to_owned(), "798.5".to_owned()));
    let holds = || check::check(conn).into_iter().all(|result| result.ok);
    assert!(holds());
    conn.execute("UPDATE account_state SET wallet = '800'", []).unwrap();
    assert!(!holds());
    assert!(record_turn(conn, &turn(id, vec![funding()], "{}", "797")).is_err(), "booked once");
}

/// The index on working orders is used only by queries that say its condition in its words.
#[test]
fn recovery_and_the_life_of_an_order_search_indexes() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let working = order_row::IS_WORKING;
    for (sql, index) in [
        (format!("SELECT * FROM orders WHERE account_id = 1 AND {working}"), "orders_working (account_id=?)"),
        (format!("SELECT account_id FROM orders WHERE {working}"), "orders_working"),
        ("SELECT * FROM order_events WHERE order_number = 1 ORDER BY id".to_owned(), "order_events_order"),
        (
            "SELECT * FROM orders WHERE account_id = 1 ORDER BY decided_at DESC LIMIT 1".to_owned(),
            "orders_account",
        ),
        ("SELECT * FROM orders ORDER BY decided_at DESC LIMIT 1".to_owned(), "orders_decided"),
    ] {
        let plan = store.plan(&sql);
        assert!(plan.contains(index), "{sql}: {plan}");
    }
    // No table is built to check the words of a row.
    for sql in [
        "UPDATE orders SET status = 'open' WHERE client_order_id = 'x'",
        "UPDATE account_state SET breaker = 'open' WHERE account_id = 1",
    ] {
        let mut statement = store.conn().prepare(&format!("EXPLAIN {sql}")).unwrap();
        let steps = statement.query_map([], |row| row.get::<_, String>("opcode")).unwrap();
        assert!(steps.map(Result::unwrap).all(|step| step != "OpenEphemeral"), "{sql}");
    }
}

#[test]
fn a_step_of_an_order_is_noted_with_the_time_at_which_it_happened() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let conn = store.conn();
    let id = account(conn, false);
    history(conn, id, 1);
    let order = conn.query_row("SELECT * FROM orders", [], order_row::read).unwrap();
    let step = Record::OrderChanged { order, at: AT(3), detail: "no clear answer".to_owned() };
    record_turn(conn, &turn(id, vec![step], "{}", "0")).unwrap();
    let noted: i64 = conn.query_row("SELECT at FROM order_events", [], |row| row.get(0)).unwrap();
    assert_eq!(AT(noted), AT(3), "not with that of the turn");
}

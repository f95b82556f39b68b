use super::*;
use crate::store::Store;
use crate::store::scratch::Scratch;

const LEDGER: &str = include_str!("../../../tests/fixtures/ledger.sql");

fn ledger(scratch: &Scratch) -> Store {
    let store = scratch.open();
    store.conn().execute_batch(LEDGER).unwrap();
    store
}

/// [`ledger`] whose first account has traded nothing.
fn ledger_without_fills(scratch: &Scratch) -> Store {
    let store = ledger(scratch);
    let wipe = "DELETE FROM fills WHERE account_id = 1; DELETE FROM bot_positions WHERE account_id = 1;
                DELETE FROM orders WHERE account_id = 1";
    store.conn().execute_batch(wipe).unwrap();
    store
}

fn wallets_hold(store: &Store) -> bool {
    check(store.conn()).unwrap().into_iter().find(|result| result.name == WALLETS).unwrap().ok
}

/// The differences after `tampering`: check, account, subject's first word, field, stored, recomputed.
fn found(tampering: &str) -> Vec<(&'static str, String, String, &'static str, String, String)> {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    store.conn().execute_batch(tampering).unwrap();
    check(store.conn())
        .unwrap()
        .into_iter()
        .inspect(|result| assert_eq!(result.ok, result.differences.is_empty(), "{result:?}"))
        .flat_map(|result| result.differences)
        .map(|it| {
            let word = it.subject.split(' ').next().unwrap_or_default().to_owned();
            (it.check, it.account, word, it.field, it.stored, it.recomputed)
        })
        .collect()
}

#[test]
fn a_ledger_that_holds_has_no_findings() {
    assert_eq!(found(""), []);
    let scratch = Scratch::new();
    let details: Vec<_> = check(ledger(&scratch).conn()).unwrap().into_iter().map(|it| it.detail).collect();
    assert_eq!(
        details,
        [
            "3 positions",
            "7 fills",
            "3 bots",
            "8 orders",
            "7 fills",
            "3 positions",
            "2 wallets",
            "3 accounts",
            "0 grids"
        ]
    );
}

#[test]
fn every_figure_that_was_changed_is_named_with_both_values() {
    let cases = [
        (
            "UPDATE bot_positions SET realized_pnl = '78' WHERE bot_id = 1",
            (POSITIONS, "alpha", "position", "realized_pnl", "78", "77"),
        ),
        (
            "UPDATE bot_positions SET closed_at = NULL WHERE bot_id = 1",
            (POSITIONS, "alpha", "position", "closed_at", "open", "2022-06-15T05:00:02Z"),
        ),
        (
            "UPDATE bot_instances SET total_pnl = '74.3736' WHERE id = 1",
            (STATISTICS, "alpha", "bot", "total_pnl", "74.3736", "74.3735"),
        ),
        (
            "UPDATE bot_instances SET winning_trades = 1 WHERE id = 3",
            (STATISTICS, "beta", "bot", "winning_trades", "1", "0"),
        ),
        (
            "UPDATE orders SET filled_qty = '0.2' WHERE filled_qty = '0.1'",
            (ORDERS, "alpha", "order", "filled_qty", "0.2", "0.1"),
        ),
        (
            "UPDATE account_state SET wallet = '4957.83' WHERE account_id = 2",
            (WALLETS, "beta", "account", "wallet", "4957.83", "4957.82"),
        ),
        (
            "UPDATE fills SET realized_pnl = '-41' WHERE realized_pnl = '-40'",
            (FILLS, "beta", "fill", "realized_pnl", "-41", "-40"),
        ),
    ];
    for (tampering, (check, account, word, field, stored, recomputed)) in cases {
        let expected =
            (check, account.to_owned(), word.to_owned(), field, stored.to_owned(), recomputed.to_owned());
        assert_eq!(found(tampering), [expected], "{tampering}");
    }
}

#[test]
fn what_is_missing_or_double_is_found() {
    let checks = |tampering: &str| {
        let mut checks: Vec<_> = found(tampering).into_iter().map(|it| it.0).collect();
        checks.dedup();
        checks
    };
    assert_eq!(
        checks("DELETE FROM orders WHERE exchange_order_id = '3' AND account_id = 1"),
        [ORPHANS],
        "a fill without an order"
    );
    let restored = |from: &str, at: &str, replaced: &str| {
        format!(
            "DELETE FROM orders WHERE exchange_order_id = '3' AND account_id = 1;
             INSERT INTO audit_log (id, at, actor, action, subject, after, prev_hash, hash) VALUES
                 (1000, {at}, 'cli:t', 'restore_database', 'database',
                  '{{\"last_cycle_at\": {from}, \"replaced_last_cycle_at\": {replaced}}}', 'p', 'h')"
        )
    };
    let late = "9000000000000";
    assert_eq!(
        checks(&restored("0", late, "null")),
        [""; 0],
        "a restored copy does not know the orders since"
    );
    assert_eq!(checks(&restored("8000000000000", late, "null")), [ORPHANS], "but those of before");
    assert_eq!(checks(&restored("0", "1", "2")), [ORPHANS], "and those of after");
    assert_eq!(checks(&restored("0", "1", late)), [""; 0], "the exchange's clock may be ahead of ours");
    let wrong_wallet = "UPDATE account_state SET wallet = '1' WHERE account_id = 2";
    assert_eq!(checks(wrong_wallet), [WALLETS]);
    let switched =
        "UPDATE account_state SET state = json_set(state, '$.on_paper', json('false')) WHERE account_id = 2";
    assert_eq!(
        checks(&format!("{wrong_wallet}; {switched}")),
        [""; 0],
        "it is the other life's until the account starts"
    );
    assert_eq!(checks("DELETE FROM bot_positions WHERE bot_id = 2"), [POSITIONS], "no row for the fills");
    assert_eq!(
        checks("DELETE FROM fills WHERE trade_id = 'P1' AND account_id = 2"),
        [POSITIONS, FILLS, STATISTICS, ORDERS, WALLETS],
        "a lost fill shows everywhere"
    );
    let twin = "INSERT INTO bot_positions SELECT replace(id, 'qaaaab', 'qaaaac'), account_id, bot_id, symbol, side,
        leverage, qty, cost, first_entry_qty, last_entry_price, entered_qty, entered_notional, exited_qty,
        exited_notional, realized_pnl, fees, dca_level, stop_loss_price, take_profit_price, protected, exit_reason,
        dry_run, opened_at, closed_at FROM bot_positions WHERE closed_at IS NULL";
    assert_eq!(checks(twin), [POSITIONS, DOUBLES]);
    let over =
        "DROP TRIGGER bot_limits_update; UPDATE bot_instances SET allocation_percent = '80' WHERE id = 1";
    assert_eq!(checks(over), [ALLOCATIONS]);
}

#[test]
fn two_bots_on_one_side_share_the_exchanges_average() {
    // Bot 2 buys what bot 1 holds at another price; the exchange averages both, so bot 1's exit realizes another part.
    let scratch = Scratch::new();
    let store = ledger_without_fills(&scratch);
    let at = 1_655_262_000_000_i64 + 4_000_000;
    store
        .conn()
        .execute_batch(&format!(
            "INSERT INTO fills SELECT 1, 'BTCUSDT', column1, column2, column3, column2, column4, 'long', column5, '1',
                 '0', 'USDT', 'taker', column6, 1, {at} + column7, column7, 0, NULL
             FROM (VALUES ('P1', 'tfaaaaaacaaaaaarqfsu3m4aaaab', 1, 'buy', '100', '0', 1),
                          ('P2', 'tfaaaaaacaaaaabbqfsyjiqaaaab', 2, 'buy', '200', '0', 2),
                          ('P3', 'tfaaaaaacaaaaaarqfsu3m4aaaab', 1, 'sell', '150', '50', 3))"
        ))
        .unwrap();
    let wallets = |account: &str, book: &str| {
        let sql = format!(
            "UPDATE account_state SET wallet = '{account}' WHERE account_id = 1;
             UPDATE paper_books SET state = json_set(state, '$.inner.wallet', '{book}') WHERE account_id = 1"
        );
        store.conn().execute_batch(&sql).unwrap();
        wallets_hold(&store)
    };
    assert!(wallets("10050", "10000"), "bot 1 gained 50; the exchange sold at its average of 150");
    assert!(!wallets("10000", "10000"));
    assert!(!wallets("10050", "10050"));
}

#[test]
fn a_one_way_book_nets_both_sides_of_a_bot() {
    let scratch = Scratch::new();
    let store = ledger_without_fills(&scratch);
    let at = 1_655_262_000_000_i64 + 4_000_000;
    // Long 1 at 100 and short 2 at 110: the bot has two positions, the book is short 1 and has gained 10.
    store
        .conn()
        .execute_batch(&format!(
            "INSERT INTO fills SELECT 1, 'BTCUSDT', column1, column2, 1, column2, column3, column4, column5, column6,
                 '0', 'USDT', 'taker', '0', 1, {at} + column7, column7, 0, NULL
             FROM (VALUES ('P1', 'tfaaaaaacaaaaaarqfsu3m4aaaab', 'buy', 'long', '100', '1', 1),
                          ('P2', 'tfaaaaaacaaaaabbqfsyjiqaaaab', 'sell', 'short', '110', '2', 2));
             UPDATE account_state SET wallet = '10000' WHERE account_id = 1"
        ))
        .unwrap();
    let holds = |mode: &str, wallet: &str| {
        let sql = format!(
            "UPDATE paper_books SET state = json_set(state, '$.inner.wallet', '{wallet}',
                '$.inner.config.position_mode', '{mode}') WHERE account_id = 1"
        );
        store.conn().execute_batch(&sql).unwrap();
        wallets_hold(&store)
    };
    assert!(holds("one_way", "10010") && !holds("one_way", "10000"));
    assert!(holds("hedge", "10000") && !holds("hedge", "10010"));
}

#[test]
fn a_crash_between_a_fill_and_its_wallet_is_no_finding() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let holds = |book: &str| {
        let set = format!("UPDATE paper_books SET state = {book} WHERE account_id = 1");
        store.conn().execute_batch(&set).unwrap();
        wallets_hold(&store)
    };
    // The book has filled a second short at a fee of 0.5; the account has not heard of it.
    let fill = r#"{"trade_id":"P11","client_order_id":"tfaaaaaacaaaaabbqfsyjiqaaaab","symbol":"ETHUSDT","side":"sell",
        "position_side":"short","price":"1150","qty":"1","fee":"0.5","fee_asset":"USDT","liquidity":"taker",
        "at":1655362000000}"#;
    let untold = r#"[{"event":"balance","wallet":"10073.2735"}]"#;
    let ahead = format!(
        "json_set(state, '$.inner.wallet', '10073.2735', '$.inner.fills', json('[{fill}]'), '$.inner.untold', json('{untold}'))"
    );
    assert!(holds(&ahead));
    assert!(!holds("json_set(state, '$.inner.fills', json('[]'))"), "a wallet that no fill explains");
    assert!(!holds("'{}'"), "a book that cannot be read");
}

#[test]
fn repair_rewrites_statistics_only_and_is_audited() {
    let scratch = Scratch::new();
    let mut store = ledger(&scratch);
    store
        .conn()
        .execute_batch(
            "UPDATE bot_instances SET total_trades = 9, total_pnl = '1' WHERE id = 1;
             UPDATE account_state SET wallet = '1' WHERE account_id = 1",
        )
        .unwrap();
    let now = Timestamp::from_ms(5);
    let repaired = store.transaction(|conn| repair(conn, "cli:op", now)).unwrap();
    assert_eq!(repaired.len(), 1);
    assert_eq!((repaired[0].account.as_str(), repaired[0].bot.as_str()), ("alpha", "trend"));
    assert_eq!((repaired[0].before.total_trades, repaired[0].after.total_trades), (9, 1));
    let failed: Vec<_> =
        check(store.conn()).unwrap().into_iter().filter(|it| !it.ok).map(|it| it.name).collect();
    assert_eq!(failed, [WALLETS], "a wallet is a person's business");
    let report = audit::verify(store.conn()).unwrap();
    assert_eq!((report.entries, report.fault), (1, None));
    assert_eq!(store.transaction(|conn| repair(conn, "cli:op", now)).unwrap(), []);
}

#[test]
fn fills_are_folded_in_the_order_they_were_booked() {
    // An exit that was booked before the second entry was told realized its part of the first entry's cost alone.
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let misfits = |second_entry: i64, first_exit: i64| {
        let sql = format!(
            "UPDATE fills SET number = 1 WHERE account_id = 1 AND trade_id IN ('P1', 'P3');
             UPDATE fills SET number = {second_entry} WHERE account_id = 1 AND trade_id = 'P2';
             UPDATE fills SET number = {first_exit} WHERE account_id = 1 AND trade_id = 'P9';
             UPDATE fills SET number = 4 WHERE account_id = 1 AND trade_id = 'P10'"
        );
        store.conn().execute_batch(&sql).unwrap();
        check(store.conn()).unwrap().into_iter().any(|it| it.name == FILLS && !it.ok)
    };
    assert!(!misfits(2, 3));
    assert!(misfits(3, 2));
}

/// The first fill's fee of 1 USDT was paid as 0.001 BNB, worth 1000 each: the wallets are better off by it.
const PAID_IN_BNB: &str =
    "UPDATE fills SET fee = '0.001', fee_asset = 'BNB', fee_in_kind = 1, fee_price = '1000'
        WHERE account_id = 1 AND trade_id = 'P1';
    UPDATE account_state SET wallet = '10074.7735' WHERE account_id = 1;
    UPDATE paper_books SET state = json_set(state, '$.inner.wallet', '10074.7735') WHERE account_id = 1;";

#[test]
fn a_fee_in_kind_is_worth_its_price_and_leaves_the_cash_alone() {
    assert_eq!(found(PAID_IN_BNB), []);
    let fields = |tampering: &str| {
        let found = found(&format!("{PAID_IN_BNB}{tampering}"));
        found.into_iter().map(|it| (it.0, it.3, it.5)).collect::<Vec<_>>()
    };
    assert_eq!(
        fields("UPDATE fills SET fee_price = '900' WHERE fee_in_kind = 1"),
        [(POSITIONS, "fees", "2.5265".to_owned()), (STATISTICS, "total_pnl", "74.4735".to_owned())]
    );
    assert_eq!(
        fields("UPDATE fills SET fee_price = NULL WHERE fee_in_kind = 1"),
        [(POSITIONS, "fees", "1.6265".to_owned()), (STATISTICS, "total_pnl", "75.3735".to_owned())],
        "what nobody could value is in no sum"
    );
    let wallet = "UPDATE account_state SET wallet = '10073.7735' WHERE account_id = 1";
    assert_eq!(fields(wallet), [(WALLETS, "wallet", "10074.7735".to_owned())]);
}

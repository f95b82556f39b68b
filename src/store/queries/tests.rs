use rust_decimal::Decimal;

use super::explain::explain;
use super::tally::BookKind;
use super::{Filter, daily, fills, names, orders, pnl, positions, signals, status, trades};
use crate::domain::ids::{AccountId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::Quote;
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::time::Timestamp;
use crate::store::scratch::Scratch;
use crate::store::{Store, StoreError};

const LEDGER: &str = include_str!("../../../tests/fixtures/ledger.sql");
/// The first bar's close: 2022-06-15 03:00.
const START: i64 = 1_655_262_000_000;
const HOUR: i64 = 3_600_000;
const TREND_ENTRY: &str = "tfaaaaaacaaaaaarqfsu3m4aaaab";

fn ledger(scratch: &Scratch) -> Store {
    let store = scratch.open();
    store.conn().execute_batch(LEDGER).unwrap();
    store
}

fn quote(text: &str) -> Quote {
    text.parse().unwrap()
}

fn of_account(id: u32) -> Filter {
    Filter { account: Some(AccountId::new(id)), ..Filter::default() }
}

#[test]
fn a_trade_can_be_recomputed_from_its_fills() {
    let scratch = Scratch::new();
    let list = trades::list(ledger(&scratch).conn(), &Filter::default(), false).unwrap();
    assert_eq!(list.matching, 2);
    let accounts: Vec<_> = list.trades.iter().map(|trade| trade.account.as_str()).collect();
    assert_eq!(accounts, ["beta", "alpha"], "ordered by the time they were opened");
    let trade = &list.trades[1];
    assert_eq!((trade.id.as_str(), trade.bot.as_deref()), (TREND_ENTRY, Some("trend")));
    assert_eq!(trade.net_pnl, quote("74.3735"));
    assert_eq!(trade.entry_price_avg.unwrap().to_string(), "19907.692307692308");
    assert_eq!(trade.exit_price_avg.unwrap().to_string(), "20500");
    let ids: Vec<_> = trade.fills.iter().map(|fill| fill.trade_id.0.as_str()).collect();
    assert_eq!(ids, ["P1", "P2", "P9", "P10"], "by number, not by text");
    assert_eq!(trade.fills[1].purpose, Some(Purpose::Dca1));
    assert_eq!(trade.fills.iter().map(|fill| fill.realized_pnl).sum::<Quote>(), trade.gross_pnl);
    assert_eq!(trade.fills.iter().map(|fill| Quote::new(fill.fee)).sum::<Quote>(), trade.fees);
}

#[test]
fn trades_are_filtered_and_limited_to_the_latest() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let count = |filter: &Filter, with_open| {
        let list = trades::list(store.conn(), filter, with_open).unwrap();
        (list.trades.len(), list.matching)
    };
    assert_eq!(count(&Filter::default(), true), (3, 3));
    assert_eq!(count(&Filter { limit: Some(1), ..Filter::default() }, true), (1, 3));
    assert_eq!(count(&of_account(1), false), (1, 1));
    assert_eq!(count(&Filter { bot: Some("trend".to_owned()), ..Filter::default() }, false), (2, 2));
    assert_eq!(count(&Filter { symbol: Symbol::try_new("BTCUSDT").ok(), ..Filter::default() }, true), (1, 1));
    let since = Some(Timestamp::from_ms(START + 3 * HOUR));
    assert_eq!(count(&Filter { since, ..Filter::default() }, false), (1, 1), "closed since");
    assert_eq!(count(&Filter { since, ..Filter::default() }, true), (2, 2), "and open ones");
    let last = trades::list(store.conn(), &Filter { limit: Some(1), ..Filter::default() }, true).unwrap();
    assert_eq!(last.trades[0].closed_at, None, "the latest is the open one");
}

#[test]
fn a_position_is_valued_at_the_last_price() {
    let scratch = Scratch::new();
    let open = positions::list(ledger(&scratch).conn(), &Filter::default()).unwrap();
    assert_eq!(open.len(), 1);
    let position = &open[0];
    assert_eq!(position.unrealized_pnl, Some(quote("50")));
    assert_eq!(position.margin, quote("240"));
    assert_eq!(position.move_pct.unwrap().decimal(), Decimal::new(4_166_667, 6));
    assert_eq!(position.bars_held, Some(24));
    assert_eq!(position.held_ms.unwrap().ms(), 25 * HOUR - 1_000);
    assert!(position.protected);
    assert_eq!(position.fills.len(), 1);
}

#[test]
fn paper_results_add_up_to_the_last_digit() {
    let scratch = Scratch::new();
    let report = pnl::report(ledger(&scratch).conn(), &Filter::default()).unwrap();
    let names: Vec<_> = report.accounts.iter().map(|account| account.account.as_str()).collect();
    assert_eq!(names, ["alpha", "beta", "gamma"]);
    let alpha = &report.accounts[0];
    assert_eq!(alpha.tally.net_pnl, quote("73.7735"));
    assert_eq!(alpha.tally.win_rate_pct.unwrap().decimal(), Decimal::ONE_HUNDRED);
    assert_eq!(alpha.wallet, Some(quote("10073.7735")));
    assert_eq!(alpha.equity, Some(quote("10123.7735")));
    for account in &report.accounts[..2] {
        let tally = &account.tally;
        let sum = account.initial_balance.unwrap() + tally.net_pnl + account.funding + tally.unrealized_pnl;
        assert_eq!(Some(sum), account.equity, "{}", account.account);
        let bots: Quote = account.bots.iter().map(|bot| bot.tally.net_pnl).sum();
        assert_eq!(bots, tally.net_pnl);
    }
    assert_eq!(report.accounts[2].equity, None, "gamma has never run");
    assert_eq!(report.totals.len(), 1);
    assert_eq!(report.totals[0].tally.net_pnl, quote("31.5935"));
    assert_eq!(report.totals[0].equity, quote("15081.5935"));
}

#[test]
fn a_part_of_an_account_has_results_but_no_equity() {
    let scratch = Scratch::new();
    let filter = Filter { bot: Some("swing".to_owned()), ..Filter::default() };
    let report = pnl::report(ledger(&scratch).conn(), &filter).unwrap();
    assert_eq!(report.accounts.len(), 1);
    assert_eq!(report.accounts[0].tally.net_pnl, quote("-0.6"));
    assert_eq!((report.accounts[0].equity, report.accounts[0].wallet), (None, None));
}

#[test]
fn real_results_never_mix_with_a_dry_runs() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    store.conn().execute_batch("UPDATE bot_positions SET dry_run = 0 WHERE account_id = 2").unwrap();
    let report = pnl::report(store.conn(), &of_account(2)).unwrap();
    let books: Vec<_> = report.accounts.iter().map(|row| (row.book, row.tally.net_pnl, row.equity)).collect();
    assert_eq!(
        books,
        [(BookKind::Paper, Quote::ZERO, Some(quote("5000"))), (BookKind::Real, quote("-42.18"), None)]
    );
}

#[test]
fn days_add_up_to_the_net_result() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let days = daily::daily(store.conn(), &Filter::default()).unwrap();
    let nets: Vec<_> = days.iter().map(|day| (day.fills, day.closed_trades, day.net_pnl)).collect();
    assert_eq!(nets, [(6, 1, quote("72.6735")), (1, 1, quote("-41.08"))]);
    assert_eq!(days[1].cumulative_pnl, quote("31.5935"));
    assert_eq!(days[0].day, Timestamp::from_ms(1_655_251_200_000));
    let last = daily::daily(store.conn(), &Filter { limit: Some(1), ..Filter::default() }).unwrap();
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].net_pnl, quote("-41.08"));
}

#[test]
fn status_tells_the_same_as_pnl() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let fleet = status::status(store.conn(), None).unwrap();
    let daemon = fleet.daemon.unwrap();
    assert!(!daemon.live, "nobody holds the lock");
    assert_eq!((daemon.run.cycles, daemon.run.signals_computed, daemon.run.signal_keys), (26, 52, 2));
    let alpha = &fleet.accounts[0];
    assert_eq!((alpha.mode, alpha.equity), ("paper", Some(quote("10123.7735"))));
    assert_eq!(alpha.allocation_pct.decimal(), Decimal::from(70));
    assert_eq!((alpha.bots_running, alpha.bots_active, alpha.unknown_orders), (2, 2, 1));
    assert_eq!((alpha.tally.open_positions, alpha.tally.protected_positions), (1, 1));
    assert_eq!(alpha.bots[1].tally.closed_trades, 1);
    let beta = &fleet.accounts[1];
    assert!(beta.quarantined && beta.mode == "dry_run" && beta.breaker == "open");
    let totals = &fleet.totals;
    assert_eq!((totals.accounts, totals.active, totals.quarantined, totals.breakers_open), (3, 2, 1, 1));
    assert_eq!(totals.by_asset[0].net_pnl, quote("31.5935"));
    assert_eq!(status::status(store.conn(), Some(AccountId::new(2))).unwrap().accounts.len(), 1);
}

#[test]
fn an_order_tells_its_whole_life() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let life = orders::life(store.conn(), TREND_ENTRY).unwrap();
    assert_eq!(life.order.average_price.unwrap().to_string(), "20000");
    assert_eq!(life.events.len(), 4);
    assert_eq!(life.fills.len(), 1);
    assert_eq!(life.decision.unwrap().detail, "long 0.1 at 20000");
    assert_eq!(life.signal.unwrap().strategy, "ema_cross");
    assert_eq!(
        orders::life(store.conn(), "tfnone"),
        Err(StoreError::NotFound { what: "order", name: "tfnone".to_owned() })
    );
    assert_eq!(orders::ids_starting_with(store.conn(), "tfaaaaaacaaaaaarqfsu", 2).unwrap(), [TREND_ENTRY]);
}

#[test]
fn orders_are_filtered_by_state() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let ids = |status| {
        let list = orders::list(store.conn(), &Filter::default(), status).unwrap();
        list.orders.iter().map(|order| (order.account.clone(), order.purpose)).collect::<Vec<_>>()
    };
    assert_eq!(ids(Some(OrderStatus::Unknown)), [("alpha".to_owned(), Purpose::Entry)]);
    assert_eq!(ids(Some(OrderStatus::Open)), [("alpha".to_owned(), Purpose::StopLoss)]);
    assert_eq!(ids(Some(OrderStatus::Filled)).len(), 6);
    assert_eq!(ids(None).len(), 8);
    let latest = orders::list(store.conn(), &Filter { limit: Some(2), ..Filter::default() }, None).unwrap();
    assert_eq!((latest.matching, latest.orders.len()), (8, 2));
    assert!(latest.orders[0].decided_at < latest.orders[1].decided_at);
}

#[test]
fn the_latest_signal_of_each_key_and_the_actionable_ones() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let all = signals::SignalFilter::default();
    let bars: Vec<_> =
        signals::latest(store.conn(), &all).unwrap().iter().map(|signal| signal.bar_close_at.ms()).collect();
    assert_eq!(bars, [START + HOUR, START]);
    assert_eq!(signals::actionable(store.conn(), &all).unwrap().len(), 2);
    let momentum = signals::SignalFilter { strategy: Some("momentum".to_owned()), ..all };
    assert_eq!(signals::latest(store.conn(), &momentum).unwrap().len(), 1);
}

#[test]
fn every_bot_that_follows_a_signal_has_a_verdict() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let bitcoin = Symbol::try_new("BTCUSDT").unwrap();
    let code = |sql: &str| {
        store.conn().execute_batch(sql).unwrap();
        let explanations = explain(store.conn(), &bitcoin, None, Some(AccountId::new(1))).unwrap();
        let verdicts = &explanations[0].verdicts;
        assert_eq!(explanations.len(), 1);
        let swing = verdicts.iter().find(|verdict| verdict.bot == "swing").unwrap();
        (verdicts.len(), swing.code.clone(), swing.detail.clone())
    };
    let (count, first, _) = code("");
    assert_eq!((count, first.as_str()), (2, "not_explained"));
    let held = format!(
        "UPDATE bot_positions SET symbol = 'BTCUSDT', opened_at = {} WHERE closed_at IS NULL",
        START - HOUR
    );
    let (_, holds, detail) = code(&held);
    assert_eq!(
        (holds.as_str(), detail.as_str()),
        ("holds_position", "holds short since 2022-06-15T02:00:00Z")
    );
    let guarded = format!(
        "UPDATE bot_positions SET symbol = 'ETHUSDT' WHERE closed_at IS NULL;
         UPDATE account_state SET state = '{{\"entry_guards\":{{\"2\":{{\"BTCUSDT\":{START}}}}}}}'"
    );
    assert_eq!(code(&guarded).1, "acted_already");
    assert_eq!(code("UPDATE account_state SET last_cycle_at = 1").1, "not_seen");
    assert_eq!(code("UPDATE bot_instances SET is_running = 0").1, "bot_stopped");
    assert_eq!(code("UPDATE account_state SET quarantined_at = 1").1, "account_quarantined");
    assert_eq!(code("UPDATE accounts SET is_active = 0").1, "account_inactive");
    assert_eq!(code("UPDATE signals SET entry = NULL").1, "no_signal");
}

#[test]
fn an_entry_is_explained_by_its_decision() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let bitcoin = Symbol::try_new("BTCUSDT").unwrap();
    let explanations = explain(store.conn(), &bitcoin, Some("ema_cross"), None).unwrap();
    let trend = &explanations[0].verdicts[1];
    assert_eq!((trend.action.as_str(), trend.code.as_str()), ("entered", "signal"));
    assert_eq!(trend.order.as_ref().unwrap().as_str(), TREND_ENTRY);
    assert_eq!(explanations[0].last_entry.as_ref().unwrap().conditions.len(), 1);
    assert!(explain(store.conn(), &bitcoin, Some("macd"), None).unwrap().is_empty());
}

#[test]
fn names_are_known_and_trade_numbers_order_fills() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    assert_eq!(names::bots(store.conn(), None).unwrap(), ["swing", "trend"]);
    assert_eq!(names::signal_symbols(store.conn()).unwrap(), ["BTCUSDT", "ETHUSDT"]);
    let at = Timestamp::from_ms(1);
    let order = |id: &str| fills::booking_order(at, &TradeId(id.to_owned()));
    assert!(order("P9") < order("P10"));
    assert!(order("P10-1") < order("P10-2"));
    assert!(order("9") < order("a10"));
}

#[test]
fn fees_are_listed_by_the_asset_they_were_paid_in() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    store
        .conn()
        .execute_batch(
            "UPDATE fills SET fee = '0.001', fee_asset = 'BNB', fee_in_kind = 1, fee_price = '1000'
                 WHERE account_id = 1 AND trade_id = 'P1';
             UPDATE fills SET fee = '0.0004', fee_asset = 'BNB', fee_in_kind = 1 WHERE account_id = 1 AND trade_id = 'P3';
             UPDATE bot_positions SET fees = '0' WHERE bot_id = 2",
        )
        .unwrap();
    let line = |sums: &[crate::domain::fee::FeeSum]| -> Vec<String> {
        sums.iter()
            .map(|sum| format!("{} {} {} {}", sum.asset, sum.amount, sum.value, sum.unvalued))
            .collect()
    };
    let trend = ["BNB 0.001 1 0", "USDT 1.6265 1.6265 0"];
    let trades = trades::list(store.conn(), &of_account(1), false).unwrap().trades;
    assert_eq!(line(&trades[0].fees_by_asset), trend);
    let open = positions::list(store.conn(), &of_account(1)).unwrap();
    assert_eq!(line(&open[0].fees_by_asset), ["BNB 0.0004 0 0.0004"]);
    let life = orders::life(store.conn(), TREND_ENTRY).unwrap();
    assert_eq!(line(&life.order.fees), ["BNB 0.001 1 0"]);
    let account = &pnl::report(store.conn(), &of_account(1)).unwrap().accounts[0];
    assert_eq!(line(&account.fees_by_asset), ["BNB 0.0014 1 0.0004", "USDT 1.6265 1.6265 0"]);
    assert_eq!(line(&account.bots[1].fees_by_asset), trend, "by bot: swing, trend");
    let days = daily::daily(store.conn(), &of_account(1)).unwrap();
    assert_eq!(days[0].fees, quote("2.6265"), "worth, not amounts");
    assert_eq!(line(&days[0].fees_by_asset), ["BNB 0.0014 1 0.0004", "USDT 1.6265 1.6265 0"]);
}

#[test]
fn what_others_hold_is_listed_apart() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let external = r#"{"BTCUSDT":{"long":"0.5","short":"0","open_orders":1},"XRPUSDT":{"long":"7","short":"3"},
        "ETHUSDT":{"open_orders":2}}"#;
    store
        .conn()
        .execute(
            "UPDATE account_state SET state = json_set(state, '$.external', json(?1)) WHERE account_id = 1",
            [external],
        )
        .unwrap();
    let line = |filter: &Filter| -> Vec<String> {
        let rows = super::external::list(store.conn(), filter).unwrap();
        let notional = |row: &super::external::ExternalRow| row.notional.map(|notional| notional.to_string());
        rows.iter()
            .map(|row| format!("{} {} {} {} {:?}", row.account, row.symbol, row.side, row.qty, notional(row)))
            .collect()
    };
    assert_eq!(
        line(&Filter::default()),
        ["alpha BTCUSDT long 0.5 Some(\"10300\")", "alpha XRPUSDT long 7 None", "alpha XRPUSDT short 3 None"]
    );
    assert_eq!(line(&of_account(2)), [""; 0]);
    assert_eq!(line(&Filter { symbol: Symbol::try_new("BTCUSDT").ok(), ..Filter::default() }).len(), 1);
    assert_eq!(line(&Filter { bot: Some("trend".to_owned()), ..Filter::default() }), [""; 0]);
}

#[test]
fn what_a_released_position_has_realized_counts_for_ever() {
    let scratch = Scratch::new();
    let store = ledger(&scratch);
    let figures = || {
        let report = pnl::report(store.conn(), &of_account(1)).unwrap().accounts.remove(0);
        let days = daily::daily(store.conn(), &of_account(1)).unwrap();
        assert_eq!(days.iter().map(|day| day.net_pnl).sum::<Quote>(), report.tally.net_pnl);
        let released = report.bots.iter().find(|bot| bot.bot.is_none()).map(|bot| bot.tally);
        let trades = |with_open| trades::list(store.conn(), &of_account(1), with_open).unwrap().matching;
        (report.tally.net_pnl, released, (trades(false), trades(true)))
    };
    let external = r#"{"ETHUSDT":{"short":"0.2"}}"#;
    store
        .conn()
        .execute("UPDATE bot_positions SET bot_id = NULL, dry_run = 0 WHERE closed_at IS NULL", [])
        .unwrap();
    let hold =
        "UPDATE account_state SET state = json_set(state, '$.external', json(?1)) WHERE account_id = 1";
    store.conn().execute(hold, [external]).unwrap();
    let (net, released, trades) = figures();
    let released = released.unwrap();
    assert_eq!((net, released.net_pnl, trades), (quote("73.7735"), quote("-0.6"), (1, 2)));
    assert_eq!((released.open_positions, released.unrealized_pnl), (1, quote("50")));
    store.conn().execute(hold, ["{}"]).unwrap();
    let (net, released, trades) = figures();
    let released = released.unwrap();
    assert_eq!((net, released.net_pnl, trades), (quote("73.7735"), quote("-0.6"), (2, 2)));
    assert_eq!((released.open_positions, released.unrealized_pnl), (0, Quote::ZERO));
    let latest = trades::list(store.conn(), &Filter { limit: Some(1), ..of_account(1) }, false).unwrap();
    assert_eq!((latest.matching, latest.trades[0].closed_at), (2, None));
}

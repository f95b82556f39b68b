//! Commands change what they say, record it once, and tell the daemon; what changes nothing tells nobody.

use super::command::{NewAccount, NewBotSpec, NewStrategy, TelegramValues};
use super::*;
use crate::domain::kind::{BotType, ExchangeKind};
use crate::domain::money::Leverage;
use crate::domain::time::{Timeframe, Timestamp};
use crate::engine::settings::PolicyLimits;
use crate::store::scratch::Scratch;
use crate::store::{Store, accounts, audit, bots, commands};
use crate::strategy::StrategyKind;

fn by(confirmed: bool) -> Authority<'static> {
    Authority {
        actor: "cli:test",
        now: Timestamp::from_ms(1_000),
        limits: PolicyLimits { max_leverage: Leverage::try_new(20).unwrap() },
        confirmed,
        keys: None,
    }
}

fn run(store: &mut Store, command: &Command) -> Result<Applied, ControlError> {
    store.attempt(false, |conn| apply(conn, command, by(false)))
}

fn paper(name: &str) -> Command {
    Command::AddAccount(NewAccount {
        name: name.to_owned(),
        exchange: ExchangeKind::Paper,
        values: Vec::new(),
        tags: vec!["t".to_owned()],
    })
}

fn bot(account: &str, name: &str) -> Command {
    Command::AddBot(bot_spec(account, name))
}

fn bot_spec(account: &str, name: &str) -> NewBotSpec {
    NewBotSpec {
        account: account.to_owned(),
        name: name.to_owned(),
        bot_type: BotType::AiTrend,
        strategy: None,
        values: Vec::new(),
        start: true,
    }
}

fn every_command() -> Vec<Command> {
    let accounts = Selection::Tagged("t".to_owned());
    let bots = BotSelection { accounts: Selection::All, name: None };
    let values = vec![Assignment::new("leverage", "5")];
    let account = "a".to_owned();
    vec![
        paper("a"),
        Command::SetAccounts { accounts: accounts.clone(), values: values.clone() },
        Command::ReplaceKeys { account: account.clone() },
        Command::TagAccounts { accounts: accounts.clone(), add: vec!["x".to_owned()], remove: Vec::new() },
        Command::ActivateAccounts { accounts: accounts.clone() },
        Command::DeactivateAccounts { accounts: accounts.clone() },
        Command::RemoveAccount { account: account.clone(), force: true },
        Command::SetTelegram {
            account: account.clone(),
            values: TelegramValues {
                chat_id: Some(-1),
                users: Some(vec![7]),
                language: Some("ko".to_owned()),
                notices: vec![Assignment::new("entry", "off")],
            },
        },
        Command::RemoveTelegram { account: account.clone() },
        Command::ClosePositions { account: account.clone(), symbol: "BTCUSDT".to_owned() },
        bot("a", "b"),
        Command::CloneBot { account, name: "b".to_owned(), to: Selection::one("c") },
        Command::SetBots { bots: bots.clone(), values },
        Command::StartBots { bots: bots.clone() },
        Command::StopBots { bots: bots.clone(), close: true },
        Command::RepairGrids { bots: bots.clone() },
        Command::RemoveBots { bots, positions: Some(PositionsChoice::Release) },
        Command::AddStrategy(NewStrategy {
            name: "s".to_owned(),
            kind: StrategyKind::Macd,
            timeframe: Some(Timeframe::M5),
            values: Vec::new(),
        }),
        Command::SetStrategy { name: "s".to_owned(), values: vec![Assignment::new("fast", "5")] },
        Command::RemoveStrategy { name: "s".to_owned() },
        Command::Halt { accounts: accounts.clone(), flatten: true, reason: "r".to_owned() },
        Command::Resume { accounts },
        Command::Import { accounts: vec!["a".to_owned()] },
    ]
}

#[test]
fn every_command_reads_back_from_its_row() {
    for command in every_command() {
        let written = serde_json::to_value(&command).unwrap();
        assert_eq!(written["command"].as_str(), Some(command.kind()));
        assert_eq!(serde_json::from_value::<Command>(written).unwrap(), command);
    }
}

#[test]
fn a_change_is_one_command_one_audit_entry_a_subject() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    run(&mut store, &paper("a")).unwrap();
    run(&mut store, &paper("b")).unwrap();
    let set = Command::SetAccounts {
        accounts: Selection::one("a"),
        values: vec![Assignment::new("leverage", "3"), Assignment::new("paper.slippage_pct", "0.1")],
    };
    let applied = run(&mut store, &set).unwrap();
    let keys: Vec<_> = applied.changes.iter().map(|change| change.key.as_str()).collect();
    assert_eq!(keys, ["leverage", "paper.slippage_pct"]);
    let row = commands::get(store.conn(), applied.command_id.unwrap()).unwrap();
    assert_eq!((row.command.kind.as_str(), row.command.actor.as_str()), ("set_accounts", "cli:test"));
    assert_eq!(row.command.account_id, Some(accounts::find(store.conn(), "a").unwrap().id));
    assert_eq!(serde_json::from_value::<Command>(row.command.payload).unwrap(), set);
    let entries = audit::list(store.conn(), &audit::AuditFilter { limit: 9, ..Default::default() }).unwrap();
    assert_eq!(entries.len(), 3);

    // The same again changes nothing, so nobody is told.
    assert_eq!(run(&mut store, &set).unwrap(), Applied::default());
    // A command over several accounts is one row without an account.
    let tag = Command::SetAccounts {
        accounts: Selection::Tagged("t".to_owned()),
        values: vec![Assignment::new("leverage", "4")],
    };
    let applied = run(&mut store, &tag).unwrap();
    assert_eq!(commands::get(store.conn(), applied.command_id.unwrap()).unwrap().command.account_id, None);
    assert_eq!(applied.changes.len(), 2);
}

#[test]
fn a_bulk_change_that_fails_for_one_is_done_for_none() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    for name in ["a", "b"] {
        run(&mut store, &paper(name)).unwrap();
        run(&mut store, &bot(name, "one")).unwrap();
    }
    run(&mut store, &bot("b", "two")).unwrap();
    let bots = BotSelection { accounts: Selection::All, name: Some("one".to_owned()) };
    let values = vec![Assignment::new("allocation_percent", "95")];
    let refused = run(&mut store, &Command::SetBots { bots, values }).unwrap_err();
    assert!(matches!(refused, ControlError::Allocation { .. }), "{refused}");
    let all = bots::list(store.conn(), None).unwrap();
    assert!(all.iter().all(|bot| bot.settings.allocation_percent.to_string() == "10"));
}

/// A daemon would go on with a plan that is none any more.
#[test]
fn leverage_is_not_lowered_below_that_of_a_running_grid() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    run(&mut store, &paper("a")).unwrap();
    let values =
        [("lower", "90"), ("upper", "110"), ("grids", "5"), ("investment", "500"), ("leverage", "3")];
    let grid = NewBotSpec {
        account: "a".to_owned(),
        name: "g".to_owned(),
        bot_type: BotType::Grid,
        strategy: None,
        values: values.map(|(key, value)| Assignment::new(key, value)).to_vec(),
        start: true,
    };
    run(&mut store, &Command::AddBot(grid)).unwrap();
    let lower = |leverage: &str| Command::SetAccounts {
        accounts: Selection::one("a"),
        values: vec![Assignment::new("leverage", leverage)],
    };
    run(&mut store, &lower("3")).unwrap();
    let refused = run(&mut store, &lower("2")).unwrap_err();
    for words in ["account `a`", "leverage = 2", "running grid `g` needs leverage = 3"] {
        assert!(refused.to_string().contains(words), "no {words:?} in {refused}");
    }
    assert!(refused.hint().unwrap().contains("bot stop NAME"));
    assert_eq!(accounts::find(store.conn(), "a").unwrap().settings.leverage.get(), 3);
    // One that is stopped is judged when it is started.
    let bots = BotSelection { accounts: Selection::All, name: Some("g".to_owned()) };
    run(&mut store, &Command::StopBots { bots: bots.clone(), close: false }).unwrap();
    run(&mut store, &lower("2")).unwrap();
    assert!(matches!(run(&mut store, &Command::StartBots { bots }), Err(ControlError::GridRefused { .. })));
}

#[test]
fn leaving_dry_run_needs_a_word() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    run(&mut store, &paper("a")).unwrap();
    let live = Command::SetAccounts {
        accounts: Selection::one("a"),
        values: vec![Assignment::new("dry_run", "off")],
    };
    assert!(matches!(run(&mut store, &live), Err(ControlError::Unconfirmed { .. })));
    store.attempt(false, |conn| apply(conn, &live, by(true))).unwrap();
    assert!(!accounts::find(store.conn(), "a").unwrap().settings.dry_run);
}

#[test]
fn a_rehearsal_answers_and_leaves_no_trace() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let applied = store.attempt(true, |conn| apply(conn, &paper("a"), by(false))).unwrap();
    assert!(!applied.changes.is_empty() && applied.command_id.is_some());
    assert!(accounts::list(store.conn()).unwrap().is_empty());
    assert!(commands::pending(store.conn(), 0).unwrap().is_empty());
    assert_eq!(audit::head(store.conn()).unwrap(), None);
}

/// An account without keys, which only the store makes, and a strategy on candles of 2 hours.
fn with_slow_strategy(store: &mut Store, exchange: ExchangeKind) {
    let now = Timestamp::from_ms(1_000);
    store.attempt(false, |conn| accounts::insert(conn, "a", exchange, now)).unwrap();
    let slow = NewStrategy {
        name: "slow".to_owned(),
        kind: StrategyKind::Macd,
        timeframe: Some(Timeframe::H2),
        values: Vec::new(),
    };
    run(store, &Command::AddStrategy(slow)).unwrap();
}

#[test]
fn a_bot_is_not_given_candles_that_its_exchange_lacks() {
    for exchange in [ExchangeKind::Upbit, ExchangeKind::Bitget] {
        let scratch = Scratch::new();
        let mut store = scratch.open();
        with_slow_strategy(&mut store, exchange);
        let refuse = |store: &mut Store, command: &Command| {
            let said = run(store, command).unwrap_err().to_string();
            let has = exchange
                .timeframes()
                .iter()
                .map(|timeframe| timeframe.as_str())
                .collect::<Vec<_>>()
                .join(" ");
            assert!(said.starts_with("timeframe = `2h` is not allowed: bot `a/b`"), "{said}");
            assert!(said.ends_with(&format!("strategy `slow` from {exchange}, which has {has}")), "{said}");
        };
        let slow = NewBotSpec { strategy: Some("slow".to_owned()), ..bot_spec("a", "b") };
        refuse(&mut store, &Command::AddBot(slow.clone()));
        run(&mut store, &bot("a", "b")).unwrap();
        let bots = BotSelection { accounts: Selection::All, name: Some("b".to_owned()) };
        let give = |name: &str| Command::SetBots {
            bots: bots.clone(),
            values: vec![Assignment::new("strategy", name)],
        };
        refuse(&mut store, &give("slow"));
        let set = |timeframe: &str| Command::SetStrategy {
            name: "slow".to_owned(),
            values: vec![Assignment::new("timeframe", timeframe)],
        };
        run(&mut store, &set("4h")).unwrap();
        run(&mut store, &give("slow")).unwrap();
        refuse(&mut store, &set("2h"));
        // One from before this was checked can be changed otherwise, and does not start.
        let conn = store.conn();
        conn.execute("UPDATE strategies SET timeframe = '2h' WHERE name = 'slow'", []).unwrap();
        let lower = vec![Assignment::new("allocation_percent", "5")];
        run(&mut store, &Command::SetBots { bots: bots.clone(), values: lower }).unwrap();
        refuse(&mut store, &Command::StartBots { bots });
    }
}

#[test]
fn a_bot_is_given_candles_that_its_exchange_has_or_may_have() {
    for exchange in [ExchangeKind::Binance, ExchangeKind::Paper] {
        let scratch = Scratch::new();
        let mut store = scratch.open();
        with_slow_strategy(&mut store, exchange);
        let slow = NewBotSpec { strategy: Some("slow".to_owned()), ..bot_spec("a", "b") };
        run(&mut store, &Command::AddBot(slow)).unwrap();
    }
}

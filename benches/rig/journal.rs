//! Durable intents through the daemon's writer, against rows that a bare SQLite loop commits in groups as large.

use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tradefleet::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::kind::{BotType, ExchangeKind};
use tradefleet::domain::money::{Leverage, Qty, Quote};
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose};
use tradefleet::domain::side::{PositionSide, Side};
use tradefleet::domain::time::{DurationMs, Timestamp};
use tradefleet::engine::settings::BotSettings;
use tradefleet::engine::turn::Record;
use tradefleet::store::bots::NewBot;
use tradefleet::store::journal::{self, StateRow, TurnRows};
use tradefleet::store::{OpenMode, Store, Writer, accounts, bots};

use super::timing::{Pair, nanoseconds_each, paired};

const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);
/// Rows of one intent: the order, the first step of its life, and the account's state.
pub(crate) const ROWS_PER_INTENT: u32 = 3;
/// What one of an intent's rows holds, roughly.
const RAW_ROW: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
                       0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Intents a second, both with `synchronous=FULL`: the daemon's journal, with its indexes and constraints, and a table
/// without any that takes `raw_rows` rows for each.
pub(crate) fn measure(group: u32, groups: u32, raw_rows: u32, rounds: usize) -> anyhow::Result<Pair> {
    let mut journal = Journal::open(group)?;
    let mut raw = Raw::open()?;
    let intents = group * groups;
    paired(
        rounds,
        || per_second(intents, || journal.commit(groups)),
        || per_second(intents, || raw.commit(group * raw_rows, groups)),
    )
}

fn per_second(intents: u32, commit: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut outcome = Ok(());
    let each = nanoseconds_each(intents, || outcome = commit());
    outcome.map(|()| 1e9 / each)
}

struct Journal {
    writer: Writer,
    runtime: Runtime,
    /// One account with one bot for each intent of a group.
    members: Vec<(AccountId, BotId)>,
    symbol: Symbol,
    cycle: i64,
    _home: TempDir,
}

impl Journal {
    fn open(group: u32) -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let path = home.path().join("fleet.db");
        Store::create(&path)?;
        let mut store = Store::open(&path, OpenMode::ReadWrite)?;
        let members = store.attempt(false, |conn| -> anyhow::Result<Vec<_>> {
            (1..=group).map(|number| member(conn, number)).collect()
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let writer = Writer::start(store)?;
        let symbol = Symbol::try_new("BTCUSDT")?;
        Ok(Self { writer, runtime, members, symbol, cycle: 0, _home: home })
    }

    /// As a cycle does it: all intents of a group at once, and the next group when all are durable.
    fn commit(&mut self, groups: u32) -> anyhow::Result<()> {
        for _ in 0..groups {
            self.cycle += 1;
            let turns: Vec<TurnRows> = self
                .members
                .iter()
                .map(|(account, bot)| intent(*account, *bot, &self.symbol, self.cycle))
                .collect();
            self.runtime.block_on(async {
                let mut answers = JoinSet::new();
                for turn in turns.into_iter().map(Arc::new) {
                    let writer = self.writer.clone();
                    answers.spawn(async move {
                        writer.run_repeatable(move |conn| journal::record_turn(conn, &turn)).await
                    });
                }
                while let Some(answer) = answers.join_next().await {
                    answer??;
                }
                anyhow::Ok(())
            })?;
        }
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.runtime.block_on(self.writer.stop());
    }
}

fn member(conn: &Connection, number: u32) -> anyhow::Result<(AccountId, BotId)> {
    let account = accounts::insert(conn, &format!("account {number}"), ExchangeKind::Paper, NOW)?;
    let bot = NewBot {
        account_id: account,
        strategy_id: None,
        name: "bot".to_owned(),
        bot_type: BotType::AiTrend,
        settings: BotSettings::default(),
    };
    Ok((account, bots::insert(conn, &bot, NOW)?))
}

fn intent(account: AccountId, bot: BotId, symbol: &Symbol, cycle: i64) -> TurnRows {
    let at = NOW.plus(DurationMs::from_secs(60 * cycle));
    let (cycle, purpose) = (CycleId::at(at), Purpose::Entry);
    let key = OrderKey { account, bot: Some(bot), cycle, purpose, leg: 0, attempt: 1 };
    let order = Order {
        client_order_id: ClientOrderId::new(&key),
        bot: Some(bot),
        symbol: symbol.clone(),
        side: Side::Buy,
        position_side: PositionSide::Long,
        purpose,
        kind: OrderKind::Market,
        qty: Qty::ZERO,
        reduce_only: false,
        leverage: Leverage::ONE,
        reserved_margin: Quote::ZERO,
        cycle,
        status: OrderStatus::Intended,
        filled_qty: Qty::ZERO,
        filled_notional: Quote::ZERO,
        exchange_order_id: None,
        end_reason: None,
        dry_run: true,
        times: OrderTimes { signal_at: Some(at), decided_at: at, ..OrderTimes::default() },
    };
    let state = StateRow {
        state: "{}".to_owned(),
        last_cycle_at: Some(at),
        wallet: Some(Quote::ZERO),
        equity: Some(Quote::ZERO),
        breaker: "closed",
        last_error: None,
    };
    TurnRows {
        account,
        at,
        records: vec![Record::OrderIntended(order)],
        state: Some(state),
        paper_book: None,
    }
}

/// A table with a row id and a text, in a database of its own.
struct Raw {
    conn: Connection,
    _home: TempDir,
}

impl Raw {
    fn open() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let conn = Connection::open(home.path().join("raw.db"))?;
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT", [])?;
        Ok(Self { conn, _home: home })
    }

    fn commit(&mut self, rows: u32, groups: u32) -> anyhow::Result<()> {
        for _ in 0..groups {
            let transaction = self.conn.transaction()?;
            {
                let mut insert = transaction.prepare_cached("INSERT INTO rows (text) VALUES (?1)")?;
                for _ in 0..rows {
                    insert.execute([RAW_ROW])?;
                }
            }
            transaction.commit()?;
        }
        Ok(())
    }
}

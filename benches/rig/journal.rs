//! Durable intents through the daemon's writer, against rows that bare SQLite loops commit in groups as large.

use std::sync::Arc;

use rusqlite::{Connection, params};
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
const ROWS_PER_INTENT: u32 = 3;
/// What an intent's rows hold together, roughly, spread over as many rows of the bare loop.
const RAW_ROW: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
                       0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What the journal is compared with, both with `synchronous=FULL`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Baseline {
    /// As many rows in a table without indexes and constraints.
    NarrowTable,
    /// The same rows into the same tables, indexes and constraints, by prepared statements in a loop.
    SameTables,
}

/// Rows a second.
pub(crate) fn measure(group: u32, groups: u32, rounds: usize, baseline: Baseline) -> anyhow::Result<Pair> {
    let mut journal = Journal::open(group)?;
    let rows = group * groups * ROWS_PER_INTENT;
    let subject = || rows_per_second(rows, || journal.commit(groups));
    match baseline {
        Baseline::NarrowTable => {
            let mut raw = Raw::open()?;
            paired(rounds, subject, || rows_per_second(rows, || raw.commit(group * ROWS_PER_INTENT, groups)))
        }
        Baseline::SameTables => {
            let mut bare = Bare::open(group)?;
            paired(rounds, subject, || rows_per_second(rows, || bare.commit(groups)))
        }
    }
}

fn rows_per_second(rows: u32, commit: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut outcome = Ok(());
    let each = nanoseconds_each(rows, || outcome = commit());
    outcome.map(|()| 1e9 / each)
}

struct Journal {
    writer: Writer,
    runtime: Runtime,
    /// One account with one bot for each intent of a group.
    members: Members,
    symbol: Symbol,
    cycle: i64,
    _home: TempDir,
}

impl Journal {
    fn open(group: u32) -> anyhow::Result<Self> {
        let (home, store, members) = fleet(group)?;
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
                    answers.spawn(
                        async move { writer.run(move |conn| journal::record_turn(conn, &turn)).await },
                    );
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

/// One bot an account.
type Members = Vec<(AccountId, BotId)>;

/// A new database with so many accounts of one bot each.
fn fleet(size: u32) -> anyhow::Result<(TempDir, Store, Members)> {
    let home = tempfile::tempdir()?;
    let path = home.path().join("fleet.db");
    Store::create(&path)?;
    let mut store = Store::open(&path, OpenMode::ReadWrite)?;
    let members = store.attempt(false, |conn| -> anyhow::Result<Vec<_>> {
        (1..=size).map(|number| member(conn, number)).collect()
    })?;
    Ok((home, store, members))
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

/// The journal's own tables, written without the journal's code.
struct Bare {
    store: Store,
    members: Members,
    cycle: i64,
    _home: TempDir,
}

impl Bare {
    fn open(group: u32) -> anyhow::Result<Self> {
        let (home, store, members) = fleet(group)?;
        Ok(Self { store, members, cycle: 0, _home: home })
    }

    fn commit(&mut self, groups: u32) -> anyhow::Result<()> {
        for _ in 0..groups {
            self.cycle += 1;
            let (members, at) = (&self.members, NOW.plus(DurationMs::from_secs(60 * self.cycle)));
            self.store.attempt(false, |conn| -> anyhow::Result<()> {
                for (account, bot) in members {
                    bare_intent(conn, *account, *bot, at)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn bare_intent(conn: &Connection, account: AccountId, bot: BotId, at: Timestamp) -> anyhow::Result<()> {
    let (cycle, purpose) = (CycleId::at(at), Purpose::Entry);
    let key = OrderKey { account, bot: Some(bot), cycle, purpose, leg: 0, attempt: 1 };
    let id = ClientOrderId::new(&key);
    conn.prepare_cached(
        "INSERT INTO orders (client_order_id, account_id, bot_id, symbol, side, position_side, purpose, order_type, qty,
             reduce_only, leverage, reserved_margin, cycle_id, status, dry_run, signal_at, decided_at)
         VALUES (?1, ?2, ?3, 'BTCUSDT', 'buy', 'long', 'entry', 'market', '0', 0, 1, '0', ?4, 'intended', 1, ?4, ?4)",
    )?
    .execute(params![id.as_str(), account.get(), bot.get(), at.ms()])?;
    conn.prepare_cached(
        "INSERT INTO order_events (client_order_id, at, status, detail) VALUES (?1, ?2, 'intended', 'intent is durable')",
    )?
    .execute(params![id.as_str(), at.ms()])?;
    conn.prepare_cached(
        "INSERT INTO account_state (account_id, state, last_cycle_at, wallet, equity, breaker, updated_at)
         VALUES (?1, '{}', ?2, '0', '0', 'closed', ?2)
         ON CONFLICT (account_id) DO UPDATE SET last_cycle_at = excluded.last_cycle_at, updated_at = excluded.updated_at",
    )?
    .execute(params![account.get(), at.ms()])?;
    Ok(())
}

//! The ledger proves itself: what is stored beside the fills equals what follows from them.
//!
//! Fills are the truth. Positions, statistics, order totals and wallets are recomputed from them with the same
//! arithmetic that wrote them, account by account, and compared to the last digit. Only bot statistics can be
//! rewritten ([`repair`]): whatever else differs needs a person.

mod findings;
mod fold;
mod grids;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use self::findings::Findings;
use self::fold::{BotSums, Folded};
use super::audit::{self, AuditEntry};
use super::check::CheckResult;
use super::journal::position_row;
use super::{StoreError, column};
use crate::domain::fill::Fill;
use crate::domain::money::{Pct, Quote};
use crate::domain::position::Position;
use crate::domain::side::PositionMode;
use crate::domain::time::Timestamp;
use crate::matching::event::BookEvent;

/// One figure that is not what the fills say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which check found it.
    #[serde(skip)]
    check: &'static str,
    pub account: String,
    /// What it is about: `position ID`, `bot NAME`, `order ID`, `fill ID`, `wallet`.
    pub subject: String,
    pub field: &'static str,
    pub stored: String,
    pub recomputed: String,
}

const POSITIONS: &str = "positions equal their fills";
const FILLS: &str = "fills fit their positions";
/// The check whose differences [`repair`] mends.
pub const STATISTICS: &str = "bot statistics equal their fills";
const ORDERS: &str = "orders equal their fills";
const ORPHANS: &str = "every fill has its order";
const DOUBLES: &str = "one open position a bot, symbol and side";
const WALLETS: &str = "wallets equal their fills";
const ALLOCATIONS: &str = "allocations are at most 100 %";

const GRIDS: &str = "grids equal their fills";

const CHECKS: [&str; 9] =
    [POSITIONS, FILLS, STATISTICS, ORDERS, ORPHANS, DOUBLES, WALLETS, ALLOCATIONS, GRIDS];

/// How many rows a check has seen.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    positions: u64,
    fills: u64,
    bots: u64,
    orders: u64,
    wallets: u64,
    accounts: u64,
    grids: u64,
}

impl Counts {
    fn seen(self, check: &'static str) -> String {
        let (count, what) = match check {
            FILLS | ORPHANS => (self.fills, "fills"),
            STATISTICS => (self.bots, "bots"),
            ORDERS => (self.orders, "orders"),
            WALLETS => (self.wallets, "wallets"),
            ALLOCATIONS => (self.accounts, "accounts"),
            GRIDS => (self.grids, "grids"),
            _ => (self.positions, "positions"),
        };
        format!("{count} {what}")
    }
}

/// All checks of the ledger. They must see one state: call it inside a transaction while a daemon may be writing.
pub(super) fn check(conn: &Connection) -> Result<Vec<CheckResult>, StoreError> {
    let mut counts = Counts::default();
    let mut found = Vec::new();
    for account in accounts(conn)? {
        check_account(conn, &account, &mut counts, &mut found)?;
    }
    let results = CHECKS.into_iter().map(|name| {
        let differences: Vec<Difference> =
            found.iter().filter(|difference| difference.check == name).cloned().collect();
        let detail = match differences.len() {
            0 => counts.seen(name),
            1 => "1 difference".to_owned(),
            many => format!("{many} differences"),
        };
        CheckResult { name, ok: differences.is_empty(), detail, differences }
    });
    Ok(results.collect())
}

/// A bot whose statistics were rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repaired {
    pub account: String,
    pub bot: String,
    pub before: BotSums,
    pub after: BotSums,
}

/// Rewrites the statistics of bots from their fills where they differ. Belongs into a writing transaction; every bot
/// that is changed is audited.
pub fn repair(conn: &Connection, actor: &str, now: Timestamp) -> Result<Vec<Repaired>, StoreError> {
    let mut repaired = Vec::new();
    for account in accounts(conn)? {
        let folded = Folded::of(conn, &account)?;
        for bot in bots(conn, &account)? {
            let after = folded.bot(bot.id);
            if bot.sums == after {
                continue;
            }
            conn.execute(
                "UPDATE bot_instances SET total_trades = ?2, winning_trades = ?3, total_pnl = ?4, updated_at = ?5
                 WHERE id = ?1",
                params![
                    bot.id,
                    after.total_trades,
                    after.winning_trades,
                    after.total_pnl.to_string(),
                    now.ms()
                ],
            )?;
            audit::append(
                conn,
                &AuditEntry {
                    at: now,
                    actor: actor.to_owned(),
                    action: "repair_statistics".to_owned(),
                    account: Some(account.name.clone()),
                    subject: format!("bot {}", bot.name),
                    before: serde_json::to_value(bot.sums).ok(),
                    after: serde_json::to_value(after).ok(),
                },
            )?;
            repaired.push(Repaired { account: account.name.clone(), bot: bot.name, before: bot.sums, after });
        }
    }
    Ok(repaired)
}

/// What the checks need to know of an account.
struct AccountRow {
    id: u32,
    name: String,
    is_paper: bool,
    /// It trades on a real exchange, for real.
    is_live: bool,
    wallet: Option<Quote>,
    /// The paper book, when it is the one in use.
    book: Option<Result<BookState, String>>,
}

/// What the checks need to know of a paper book. It is ahead of the account while the account has not heard of all that
/// the book has done; a crash may leave it so until the next start.
#[derive(Deserialize)]
struct BookState {
    config: OpenedWith,
    wallet: Quote,
    /// The last ones, oldest first.
    fills: Vec<Fill>,
    untold: Vec<BookEvent>,
}

#[derive(Deserialize)]
struct OpenedWith {
    initial_balance: Quote,
    position_mode: PositionMode,
}

/// The book as it is kept: with the state of its account's faults around it.
#[derive(Deserialize)]
struct KeptBook {
    inner: BookState,
}

impl BookState {
    /// A liquidation becomes fills only once the account has heard of it.
    fn has_untold_liquidation(&self) -> bool {
        self.untold.iter().any(|event| matches!(event, BookEvent::Liquidated(_)))
    }
}

impl AccountRow {
    /// Whether its paper book keeps both sides of a symbol apart.
    fn book_mode(&self) -> PositionMode {
        let book = self.book.as_ref().and_then(|book| book.as_ref().ok());
        book.map_or(PositionMode::Hedge, |book| book.config.position_mode)
    }
}

fn accounts(conn: &Connection) -> Result<Vec<AccountRow>, StoreError> {
    let mut statement = conn.prepare(
        // Between a switch of dry run and the account's next start its money is that of the other life.
        "SELECT id, name, is_paper, is_live, CASE WHEN on_paper <> is_live THEN wallet END AS wallet,
                CASE WHEN on_paper <> is_live AND NOT is_live THEN book END AS book
         FROM (SELECT a.id, a.name, a.exchange = 'paper' AS is_paper, st.wallet, k.state AS book,
                      a.exchange <> 'paper' AND coalesce(s.dry_run, 1) = 0 AS is_live,
                      coalesce(json_extract(st.state, '$.on_paper'),
                               a.exchange = 'paper' OR coalesce(s.dry_run, 1) = 1) AS on_paper
               FROM accounts a
               LEFT JOIN account_settings s ON s.account_id = a.id
               LEFT JOIN paper_books k ON k.account_id = a.id
               LEFT JOIN account_state st ON st.account_id = a.id)
         ORDER BY name, id",
    )?;
    let rows = statement.query_map([], |row| {
        let book: Option<String> = row.get("book")?;
        Ok(AccountRow {
            id: row.get("id")?,
            name: row.get("name")?,
            is_paper: row.get("is_paper")?,
            is_live: row.get("is_live")?,
            wallet: column::parsed_opt(row, "wallet")?,
            book: book.map(|text| {
                let kept: Result<KeptBook, _> = serde_json::from_str(&text);
                kept.map(|kept| kept.inner).map_err(|error| error.to_string())
            }),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

struct BotRow {
    id: u32,
    name: String,
    is_active: bool,
    allocation: Pct,
    sums: BotSums,
}

fn bots(conn: &Connection, account: &AccountRow) -> Result<Vec<BotRow>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM bot_instances WHERE account_id = ?1 ORDER BY name, id")?;
    let rows = statement.query_map([account.id], |row: &Row<'_>| {
        Ok(BotRow {
            id: row.get("id")?,
            name: row.get("name")?,
            is_active: row.get("is_active")?,
            allocation: column::parsed(row, "allocation_percent")?,
            sums: BotSums {
                total_trades: row.get("total_trades")?,
                winning_trades: row.get("winning_trades")?,
                total_pnl: column::parsed(row, "total_pnl")?,
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn check_account(
    conn: &Connection,
    account: &AccountRow,
    counts: &mut Counts,
    found: &mut Vec<Difference>,
) -> Result<(), StoreError> {
    let folded = Folded::of(conn, account)?;
    let mut findings = Findings { account, found };
    counts.accounts += 1;
    counts.fills += folded.fills;
    for misfit in &folded.misfits {
        findings.add(FILLS, &misfit.subject, "realized_pnl", &misfit.stored, &misfit.recomputed);
    }
    let stored = stored_positions(conn, account)?;
    counts.positions += u64::try_from(stored.len()).unwrap_or(0);
    findings.positions(&stored, &folded);
    let bots = bots(conn, account)?;
    counts.bots += u64::try_from(bots.len()).unwrap_or(0);
    findings.bots(&bots, &folded);
    findings.allocation(&bots);
    counts.grids += findings.grids(conn, &bots)?;
    counts.orders += findings.orders(conn, &folded)?;
    if let Some(book) = &account.book {
        counts.wallets += 1;
        findings.wallet(book, &folded);
    }
    if account.is_live && account.wallet.is_some() {
        counts.wallets += 1;
        findings.live_wallet(&folded);
    }
    Ok(())
}

fn stored_positions(conn: &Connection, account: &AccountRow) -> Result<Vec<Position>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM bot_positions WHERE account_id = ?1 ORDER BY opened_at, id")?;
    let rows = statement.query_map([account.id], |row| Ok(position_row::read(row)?.position))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod grid_tests;
#[cfg(test)]
mod tests;

//! The ledger proves itself: what is stored beside the fills equals what follows from them.
//!
//! Fills are the truth. Positions, statistics, order totals and paper wallets are recomputed from them with the same
//! arithmetic that wrote them, account by account, and compared to the last digit. Only bot statistics can be
//! rewritten ([`repair`]): whatever else differs needs a person.

mod fold;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use self::fold::{BotSums, Folded};
use super::audit::{self, AuditEntry};
use super::check::CheckResult;
use super::queries::positions;
use super::{StoreError, column};
use crate::domain::fill::Fill;
use crate::domain::ids::ClientOrderId;
use crate::domain::money::{Pct, Qty, Quote};
use crate::domain::position::Position;
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
const DOUBLES: &str = "one open position a bot and symbol";
const WALLETS: &str = "paper wallets equal their fills";
const ALLOCATIONS: &str = "allocations are at most 100 %";

const CHECKS: [&str; 8] = [POSITIONS, FILLS, STATISTICS, ORDERS, ORPHANS, DOUBLES, WALLETS, ALLOCATIONS];

/// How many rows a check has seen.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    positions: u64,
    fills: u64,
    bots: u64,
    orders: u64,
    wallets: u64,
    accounts: u64,
}

impl Counts {
    fn seen(self, check: &'static str) -> String {
        let (count, what) = match check {
            FILLS | ORPHANS => (self.fills, "fills"),
            STATISTICS => (self.bots, "bots"),
            ORDERS => (self.orders, "orders"),
            WALLETS => (self.wallets, "wallets"),
            ALLOCATIONS => (self.accounts, "accounts"),
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
}

impl BookState {
    /// A liquidation becomes fills only once the account has heard of it.
    fn has_untold_liquidation(&self) -> bool {
        self.untold.iter().any(|event| matches!(event, BookEvent::Liquidated(_)))
    }

    fn has_untold_wallet(&self) -> bool {
        self.untold.iter().any(|event| matches!(event, BookEvent::Balance { .. }))
    }
}

fn accounts(conn: &Connection) -> Result<Vec<AccountRow>, StoreError> {
    let mut statement = conn.prepare(
        "SELECT a.id, a.name, a.exchange = 'paper' AS is_paper, st.wallet,
                CASE WHEN a.exchange = 'paper' OR s.dry_run = 1 THEN k.state END AS book
         FROM accounts a
         LEFT JOIN account_settings s ON s.account_id = a.id
         LEFT JOIN paper_books k ON k.account_id = a.id
         LEFT JOIN account_state st ON st.account_id = a.id
         ORDER BY a.name, a.id",
    )?;
    let rows = statement.query_map([], |row| {
        let book: Option<String> = row.get("book")?;
        Ok(AccountRow {
            id: row.get("id")?,
            name: row.get("name")?,
            is_paper: row.get("is_paper")?,
            wallet: column::parsed_opt(row, "wallet")?,
            book: book.map(|text| serde_json::from_str(&text).map_err(|error| error.to_string())),
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
    counts.orders += findings.orders(conn, &folded)?;
    if let Some(book) = &account.book {
        counts.wallets += 1;
        findings.wallet(book, &folded);
    }
    Ok(())
}

fn stored_positions(conn: &Connection, account: &AccountRow) -> Result<Vec<Position>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM bot_positions WHERE account_id = ?1 ORDER BY opened_at, id")?;
    let rows = statement.query_map([account.id], positions::position)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Collects the differences of one account.
struct Findings<'a> {
    account: &'a AccountRow,
    found: &'a mut Vec<Difference>,
}

impl Findings<'_> {
    fn add(
        &mut self,
        check: &'static str,
        subject: &str,
        field: &'static str,
        stored: &str,
        recomputed: &str,
    ) {
        self.found.push(Difference {
            check,
            account: self.account.name.clone(),
            subject: subject.to_owned(),
            field,
            stored: stored.to_owned(),
            recomputed: recomputed.to_owned(),
        });
    }

    fn compare<T: PartialEq + ToString>(
        &mut self,
        check: &'static str,
        subject: &str,
        field: &'static str,
        stored: &T,
        recomputed: &T,
    ) {
        if stored != recomputed {
            self.add(check, subject, field, &stored.to_string(), &recomputed.to_string());
        }
    }

    fn positions(&mut self, stored: &[Position], folded: &Folded) {
        let mut known = BTreeSet::new();
        let mut open = BTreeMap::new();
        for position in stored {
            let subject = format!("position {}", position.id);
            match folded.positions.get(position.id.as_str()) {
                Some(from_fills) => self.position(&subject, position, from_fills),
                None => self.add(POSITIONS, &subject, "fills", "a position", "no fills"),
            }
            if position.closed_at.is_none()
                && let Some(bot) = position.bot
                && let Some(other) = open.insert((bot, &position.symbol), &position.id)
            {
                self.add(DOUBLES, &subject, "symbol", other.as_str(), "no other open position");
            }
            known.insert(position.id.as_str());
        }
        for id in folded.positions.keys().filter(|id| !known.contains(id.as_str())) {
            self.add(POSITIONS, &format!("position {id}"), "fills", "no position", "fills");
        }
    }

    fn position(&mut self, subject: &str, stored: &Position, folded: &Position) {
        self.compare(POSITIONS, subject, "symbol", &stored.symbol, &folded.symbol);
        self.compare(POSITIONS, subject, "side", &stored.side, &folded.side);
        let quantities: [(&'static str, Qty, Qty); 4] = [
            ("qty", stored.qty, folded.qty),
            ("first_entry_qty", stored.first_entry_qty, folded.first_entry_qty),
            ("entered_qty", stored.entered_qty, folded.entered_qty),
            ("exited_qty", stored.exited_qty, folded.exited_qty),
        ];
        for (field, stored, folded) in quantities {
            self.compare(POSITIONS, subject, field, &stored, &folded);
        }
        let amounts: [(&'static str, Quote, Quote); 5] = [
            ("cost", stored.cost, folded.cost),
            ("entered_notional", stored.entered_notional, folded.entered_notional),
            ("exited_notional", stored.exited_notional, folded.exited_notional),
            ("realized_pnl", stored.realized_pnl, folded.realized_pnl),
            ("fees", stored.fees, folded.fees),
        ];
        for (field, stored, folded) in amounts {
            self.compare(POSITIONS, subject, field, &stored, &folded);
        }
        self.compare(
            POSITIONS,
            subject,
            "last_entry_price",
            &stored.last_entry_price,
            &folded.last_entry_price,
        );
        self.compare(POSITIONS, subject, "opened_at", &stored.opened_at, &folded.opened_at);
        let time = |at: Option<Timestamp>| at.map_or_else(|| "open".to_owned(), |at| at.to_string());
        self.compare(POSITIONS, subject, "closed_at", &time(stored.closed_at), &time(folded.closed_at));
    }

    fn bots(&mut self, bots: &[BotRow], folded: &Folded) {
        for bot in bots {
            let (subject, sums) = (format!("bot {}", bot.name), folded.bot(bot.id));
            self.compare(STATISTICS, &subject, "total_trades", &bot.sums.total_trades, &sums.total_trades);
            self.compare(
                STATISTICS,
                &subject,
                "winning_trades",
                &bot.sums.winning_trades,
                &sums.winning_trades,
            );
            self.compare(STATISTICS, &subject, "total_pnl", &bot.sums.total_pnl, &sums.total_pnl);
        }
    }

    fn wallet(&mut self, book: &Result<BookState, String>, folded: &Folded) {
        let book = match book {
            Ok(book) => book,
            Err(error) => return self.add(WALLETS, "paper book", "state", error, "a paper book"),
        };
        if !book.has_untold_liquidation() {
            let expected = book.config.initial_balance + folded.paper_result;
            self.compare(WALLETS, "paper book", "wallet", &book.wallet, &expected);
        }
        if let Some(wallet) = self.account.wallet.filter(|_| !book.has_untold_wallet()) {
            self.compare(WALLETS, "account", "wallet", &wallet, &book.wallet);
        }
    }

    fn allocation(&mut self, bots: &[BotRow]) {
        let active = bots.iter().filter(|bot| bot.is_active);
        let sum = active.fold(Pct::ZERO, |sum, bot| sum + bot.allocation);
        if sum > Pct::HUNDRED {
            self.add(ALLOCATIONS, "allocation", "allocation_percent", &sum.to_string(), "at most 100");
        }
    }

    /// Compares the totals of orders, and finds fills that have none; returns how many orders there are.
    fn orders(&mut self, conn: &Connection, folded: &Folded) -> Result<u64, StoreError> {
        let mut statement = conn.prepare_cached(
            "SELECT client_order_id, filled_qty, filled_notional FROM orders WHERE account_id = ?1
             ORDER BY decided_at, client_order_id",
        )?;
        let mut rows = statement.query([self.account.id])?;
        let mut left: BTreeSet<&ClientOrderId> = folded.orders.keys().collect();
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let id: ClientOrderId = column::parsed(row, "client_order_id")?;
            let (qty, notional) = folded.orders.get(&id).copied().unwrap_or_default();
            let subject = format!("order {id}");
            self.compare(ORDERS, &subject, "filled_qty", &column::parsed(row, "filled_qty")?, &qty);
            let stored = column::parsed(row, "filled_notional")?;
            self.compare(ORDERS, &subject, "filled_notional", &stored, &notional);
            left.remove(&id);
            count += 1;
        }
        for id in left {
            self.add(ORPHANS, &format!("order {id}"), "order", "no order", "fills");
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;

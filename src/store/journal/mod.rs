//! The write-ahead journal: everything a turn decided, in one transaction, before anything is sent.
//!
//! Called inside the writer's savepoint, so a turn is there as a whole or not at all.

mod cash;
mod load;
pub(super) mod order_row;
pub(super) mod position_row;
mod state_row;

pub use load::{LoadedAccount, at_stake, engaged_accounts, engagements, external_of, load_account};
pub use state_row::StateRow;

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde_json::json;

use super::audit::{self, AuditEntry};
use super::{StoreError, grids, holdings};
use crate::domain::fee::Paid;
use crate::domain::ids::{AccountId, BotId, ClientOrderId};
use crate::domain::money::{Quote, parse_decimal};
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::engine::decision::Decision;
use crate::engine::turn::{BookedFill, BotStats, Notice, PositionRow, Record};

/// One turn of one account, ready to be written.
#[derive(Debug)]
pub struct TurnRows {
    pub account: AccountId,
    pub at: Timestamp,
    pub records: Vec<Record>,
    /// What the machine must know again after a restart; `None` when only explanations are written.
    pub state: Option<StateRow>,
    /// The paper book, when it changed since it was last written.
    pub paper_book: Option<String>,
}

/// Writes a turn.
pub fn record_turn(conn: &Connection, turn: &TurnRows) -> Result<(), StoreError> {
    let mut rows = LastRows::of(&turn.records);
    for record in &turn.records {
        record_one(conn, turn, record, &mut rows)?;
    }
    state_row::write(conn, turn)
}

/// A turn often moves an order or a position several steps; its row is written once, as it stands at the end.
struct LastRows<'a> {
    orders: BTreeMap<&'a ClientOrderId, &'a Order>,
    positions: BTreeMap<&'a ClientOrderId, &'a PositionRow>,
}

impl<'a> LastRows<'a> {
    fn of(records: &'a [Record]) -> Self {
        let mut rows = Self { orders: BTreeMap::new(), positions: BTreeMap::new() };
        for record in records {
            if let Record::OrderIntended(order) | Record::OrderChanged { order, .. } = record {
                rows.orders.insert(&order.client_order_id, order);
            } else if let Record::Position(row) = record {
                rows.positions.insert(&row.position.id, row);
            }
        }
        rows
    }

    /// Writes the order's row the first time it is asked to.
    fn write_order(
        &mut self,
        conn: &Connection,
        account: AccountId,
        order: &Order,
        is_new: bool,
    ) -> Result<(), StoreError> {
        match self.orders.remove(&order.client_order_id) {
            Some(last) => order_row::write(conn, account, last, is_new),
            None => Ok(()),
        }
    }

    fn write_position(
        &mut self,
        conn: &Connection,
        account: AccountId,
        row: &PositionRow,
    ) -> Result<(), StoreError> {
        match self.positions.remove(&row.position.id) {
            Some(last) => position_row::write(conn, account, last),
            None => Ok(()),
        }
    }
}

fn record_one(
    conn: &Connection,
    turn: &TurnRows,
    record: &Record,
    rows: &mut LastRows<'_>,
) -> Result<(), StoreError> {
    let account = turn.account;
    match record {
        Record::OrderIntended(order) => {
            rows.write_order(conn, account, order, true)?;
            order_row::note(conn, order, order.times.decided_at, "intent is durable")
        }
        Record::OrderChanged { order, at, detail } => {
            rows.write_order(conn, account, order, false)?;
            order_row::note(conn, order, *at, detail)
        }
        Record::Fill(fill) => write_fill(conn, account, fill),
        Record::Funding(payment) => cash::write_funding(conn, account, payment),
        Record::CashAdjustment(adjustment) => cash::write_adjustment(conn, account, *adjustment),
        Record::Position(row) => rows.write_position(conn, account, row),
        Record::BotStats(stats) => add_stats(conn, *stats),
        Record::BotError { bot, error } => set_bot(
            conn,
            *bot,
            turn.at,
            "UPDATE bot_instances SET last_error = ?3, updated_at = ?2 WHERE id = ?1",
            Some(error),
        ),
        Record::BotStopped { bot, reason } => stop_bot(conn, *bot, turn.at, reason),
        Record::BotClosed { bot } => set_bot(
            conn,
            *bot,
            turn.at,
            "UPDATE bot_instances SET close_requested = 0, updated_at = ?2 WHERE id = ?1",
            None,
        ),
        Record::SymbolClosed { symbol, asked_at } => holdings::forget_close(conn, account, symbol, *asked_at),
        Record::Equity { at, wallet, unrealized } => write_equity(conn, account, *at, *wallet, *unrealized),
        Record::Decision(decision) => write_decision(conn, account, decision),
        Record::GridFill(fill) => grids::journal::write_fill(conn, fill),
        Record::GridLines(lines) => grids::journal::write_lines(conn, lines),
        Record::Notice(notice) => write_notice(conn, account, turn.at, notice),
        Record::StateChanged => Ok(()),
    }
}

/// Refused by the primary key when the trade was booked for its order before: the turn fails rather than booking it twice.
fn write_fill(conn: &Connection, account: AccountId, booked: &BookedFill) -> Result<(), StoreError> {
    let fill = &booked.fill;
    let (in_kind, fee_price) = match fill.fee.paid() {
        Paid::FromCash => (false, None),
        Paid::InKind { price } => (true, price),
    };
    conn.prepare_cached(
        "INSERT INTO fills (account_id, symbol, trade_id, client_order_id, bot_id, position_id, side, position_side,
             price, qty, fee, fee_asset, liquidity, realized_pnl, dry_run, at, number,
             fee_in_kind, fee_price)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
    )?
    .execute(params![
        account.get(),
        fill.symbol.as_str(),
        fill.trade_id.0,
        fill.client_order_id.as_str(),
        booked.bot.map(BotId::get),
        booked.position.as_ref().map(ClientOrderId::as_str),
        fill.side.as_str(),
        fill.position_side.as_str(),
        fill.price.to_string(),
        fill.qty.to_string(),
        fill.fee.amount().to_string(),
        fill.fee.asset(),
        fill.liquidity.as_str(),
        booked.realized_pnl.to_string(),
        booked.dry_run,
        fill.at.ms(),
        i64::try_from(booked.number).unwrap_or(i64::MAX),
        in_kind,
        fee_price.map(|price| price.to_string()),
    ])?;
    Ok(())
}

/// Adds a fill to its bot's statistics, exactly: the sum is taken in decimals, not by SQLite.
fn add_stats(conn: &Connection, stats: BotStats) -> Result<(), StoreError> {
    let total: String = conn
        .prepare_cached("SELECT total_pnl FROM bot_instances WHERE id = ?1")?
        .query_row([stats.bot.get()], |row| row.get(0))?;
    let total = parse_decimal("total_pnl", &total).map_err(|error| StoreError::corrupt(error.to_string()))?;
    let total = Quote::new(total) + stats.pnl;
    conn.prepare_cached(
        "UPDATE bot_instances SET total_pnl = ?2, total_trades = total_trades + ?3,
             winning_trades = winning_trades + ?4, last_trade_at = ?5 WHERE id = ?1",
    )?
    .execute(params![
        stats.bot.get(),
        total.to_string(),
        i32::from(stats.closed.is_some()),
        i32::from(stats.closed == Some(true)),
        stats.at.ms(),
    ])?;
    Ok(())
}

/// Nobody asked for it, so the audit log tells it.
fn stop_bot(conn: &Connection, bot: BotId, at: Timestamp, reason: &str) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE bot_instances SET is_running = 0, last_stopped_at = ?2, last_error = ?3, updated_at = ?2
         WHERE id = ?1",
    )?
    .execute(params![bot.get(), at.ms(), reason])?;
    let (account, name): (String, String) = conn
        .prepare_cached(
            "SELECT a.name, b.name FROM bot_instances b JOIN accounts a ON a.id = b.account_id WHERE b.id = ?1",
        )?
        .query_row([bot.get()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let entry = AuditEntry {
        at,
        actor: "daemon".to_owned(),
        action: "stop_bot".to_owned(),
        subject: format!("bot {account}/{name}"),
        account: Some(account),
        before: Some(json!({ "running": "on" })),
        after: Some(json!({ "running": "off", "reason": reason })),
    };
    audit::append(conn, &entry).map(drop)
}

fn set_bot(
    conn: &Connection,
    bot: BotId,
    at: Timestamp,
    sql: &'static str,
    text: Option<&String>,
) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    match text {
        Some(text) => statement.execute(params![bot.get(), at.ms(), text])?,
        None => statement.execute(params![bot.get(), at.ms()])?,
    };
    Ok(())
}

fn write_equity(
    conn: &Connection,
    account: AccountId,
    at: Timestamp,
    wallet: Quote,
    unrealized: Quote,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO equity_snapshots (account_id, at, wallet, unrealized, equity)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        account.get(),
        at.ms(),
        wallet.to_string(),
        unrealized.to_string(),
        (wallet + unrealized).to_string(),
    ])?;
    Ok(())
}

/// A reason is kept once a bar: a replay after a crash finds it there already.
fn write_decision(conn: &Connection, account: AccountId, decision: &Decision) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO decisions (account_id, at, bot_id, symbol, action, code, detail, bar_close_at,
             client_order_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        account.get(),
        decision.at.ms(),
        decision.bot.get(),
        decision.symbol.as_str(),
        decision.action.as_str(),
        decision.code.as_str(),
        decision.detail,
        decision.bar_close_at.ms(),
        decision.client_order_id.as_ref().map(ClientOrderId::as_str),
    ])?;
    Ok(())
}

/// Notices wait for a reader only where there is one: an account with a chat.
pub fn write_notice(
    conn: &Connection,
    account: AccountId,
    at: Timestamp,
    notice: &Notice,
) -> Result<(), StoreError> {
    let payload = serde_json::to_string(&notice.fields)
        .map_err(|error| StoreError::Other { detail: format!("notice: {error}") })?;
    conn.prepare_cached(
        "INSERT INTO outbox (account_id, kind, severity, payload, created_at, not_before)
         SELECT account_id, ?2, ?3, ?4, ?5, ?5 FROM telegram_bots WHERE account_id = ?1",
    )?
    .execute(params![
        account.get(),
        notice.kind.as_str(),
        notice.severity.as_str(),
        payload,
        at.ms()
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests;

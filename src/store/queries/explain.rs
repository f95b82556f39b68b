//! Why each bot acted on a signal, or did not.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::signals::{self, SignalFilter, SignalRow};
use crate::domain::ids::{AccountId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::store::{StoreError, column};

/// One computation with what the bots that follow it made of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// What the strategy said on the last closed bar.
    pub latest: SignalRow,
    /// The last time it asked for an entry: what the verdicts are about. `None` when it never did, as far as is kept.
    pub last_entry: Option<SignalRow>,
    /// Ordered by (account, bot).
    pub verdicts: Vec<Verdict>,
}

/// One bot's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub account: String,
    pub bot: String,
    /// entered, skipped, or none when nothing was decided.
    pub action: String,
    /// Stable word for scripts. Beside the decisions' own: no_signal, account_inactive, account_quarantined,
    /// bot_stopped, holds_position, acted_already, not_seen, not_explained.
    pub code: String,
    pub detail: String,
    pub at: Option<Timestamp>,
    pub order: Option<ClientOrderId>,
}

/// Explains every computation on `symbol`, ordered by (strategy, timeframe).
pub fn explain(
    conn: &Connection,
    symbol: &Symbol,
    strategy: Option<&str>,
    account: Option<AccountId>,
) -> Result<Vec<Explanation>, StoreError> {
    let filter = SignalFilter {
        symbol: Some(symbol.clone()),
        strategy: strategy.map(ToOwned::to_owned),
        ..SignalFilter::default()
    };
    let mut explanations = Vec::new();
    for latest in signals::latest(conn, &filter)? {
        let last_entry = signals::last_entry(conn, &latest)?;
        let mut verdicts = Vec::new();
        for follower in followers(conn, &latest, account)? {
            verdicts.push(verdict(conn, &latest, last_entry.as_ref(), follower)?);
        }
        explanations.push(Explanation { latest, last_entry, verdicts });
    }
    Ok(explanations)
}

/// A bot that follows a signal, with all that may have kept it from acting.
struct Follower {
    account_id: AccountId,
    account: String,
    bot_id: u32,
    bot: String,
    account_is_active: bool,
    quarantine: Option<String>,
    is_running: bool,
    stopped_at: Option<Timestamp>,
    last_cycle_at: Option<Timestamp>,
    /// Close of the last bar whose signal it acted on.
    guard: Option<Timestamp>,
}

fn followers(
    conn: &Connection,
    signal: &SignalRow,
    account: Option<AccountId>,
) -> Result<Vec<Follower>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT b.account_id, a.name AS account, b.id AS bot_id, b.name AS bot, a.is_active, b.is_running,
                b.last_stopped_at, s.last_cycle_at, s.quarantined_at, s.quarantine_reason,
                json_extract(s.state, '$.entry_guards.\"' || b.id || '\".\"' || ?2 || '\"') AS guard
         FROM strategies own
         JOIN bot_instances b ON b.strategy_id = own.id
         JOIN accounts a ON a.id = b.account_id
         LEFT JOIN account_state s ON s.account_id = b.account_id
         WHERE own.id IN (SELECT e.id FROM strategies e JOIN strategies r
                              ON r.kind = e.kind AND json(r.params) = json(e.params)
                          WHERE r.id = ?1 AND coalesce(e.timeframe, ?4) = ?4)
           AND b.is_active = 1 AND b.symbol IN (?2, '*') AND a.removed_at IS NULL
           AND (?3 IS NULL OR b.account_id = ?3) AND coalesce(s.market, '') = ?5
         ORDER BY a.name, b.name",
    )?;
    let key = params![
        signal.strategy_id,
        signal.symbol.as_str(),
        account.map(AccountId::get),
        signal.timeframe.as_str(),
        signal.market
    ];
    let rows = statement.query_map(key, follower_from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn follower_from_row(row: &Row<'_>) -> rusqlite::Result<Follower> {
    let quarantined_at = column::timestamp_opt(row, "quarantined_at")?;
    let reason: Option<String> = row.get("quarantine_reason")?;
    Ok(Follower {
        account_id: AccountId::new(row.get("account_id")?),
        account: row.get("account")?,
        bot_id: row.get("bot_id")?,
        bot: row.get("bot")?,
        account_is_active: row.get("is_active")?,
        quarantine: quarantined_at.map(|at| format!("since {at}: {}", reason.unwrap_or_default())),
        is_running: row.get("is_running")?,
        stopped_at: column::timestamp_opt(row, "last_stopped_at")?,
        last_cycle_at: column::timestamp_opt(row, "last_cycle_at")?,
        guard: column::timestamp_opt(row, "guard")?,
    })
}

fn verdict(
    conn: &Connection,
    latest: &SignalRow,
    entry: Option<&SignalRow>,
    follower: Follower,
) -> Result<Verdict, StoreError> {
    let decision = match entry {
        Some(entry) => signals::decision_on_bar(
            conn,
            follower.account_id,
            follower.bot_id,
            &entry.symbol,
            entry.bar_close_at,
        )?,
        None => None,
    };
    let (action, code, detail, at, order) = if let Some(decision) = decision {
        (decision.action, decision.code, decision.detail, Some(decision.at), decision.order)
    } else {
        let (code, detail) = silence(conn, latest, entry, &follower)?;
        ("none".to_owned(), code.to_owned(), detail, None, None)
    };
    Ok(Verdict { account: follower.account, bot: follower.bot, action, code, detail, at, order })
}

/// Why there is no decision.
fn silence(
    conn: &Connection,
    latest: &SignalRow,
    entry: Option<&SignalRow>,
    follower: &Follower,
) -> Result<(&'static str, String), StoreError> {
    let Some(entry) = entry else {
        return Ok(("no_signal", format!("nothing to do on the bar of {}", latest.bar_close_at)));
    };
    let bar = entry.bar_close_at;
    if !follower.account_is_active {
        return Ok(("account_inactive", "the account is deactivated".to_owned()));
    }
    if let Some(why) = &follower.quarantine {
        return Ok(("account_quarantined", why.clone()));
    }
    if !follower.is_running {
        let since = follower.stopped_at.map_or_else(String::new, |at| format!(" since {at}"));
        return Ok(("bot_stopped", format!("the bot is stopped{since}")));
    }
    if follower.last_cycle_at.is_none_or(|seen| seen < bar) {
        return Ok(("not_seen", "the account has not handled this cycle yet".to_owned()));
    }
    if let Some(held) = held_at(conn, follower.bot_id, &entry.symbol, bar)? {
        return Ok(("holds_position", held));
    }
    if let Some(guard) = follower.guard.filter(|guard| *guard >= bar) {
        return Ok(("acted_already", format!("acted on the bar of {guard}")));
    }
    Ok(("not_explained", "the decision is no longer kept, or the bot was stopped then".to_owned()))
}

/// The position the bot had on the symbol at that time, in words.
fn held_at(
    conn: &Connection,
    bot: u32,
    symbol: &Symbol,
    at: Timestamp,
) -> Result<Option<String>, StoreError> {
    let last = conn
        .prepare_cached(
            "SELECT side, opened_at, closed_at FROM bot_positions
             WHERE bot_id = ?1 AND symbol = ?2 AND opened_at <= ?3 ORDER BY opened_at DESC LIMIT 1",
        )?
        .query_row(params![bot, symbol.as_str(), at.ms()], |row| {
            Ok((
                column::word(row, "side", PositionSide::from_word)?,
                column::timestamp(row, "opened_at")?,
                column::timestamp_opt(row, "closed_at")?,
            ))
        })
        .optional()?;
    Ok(last.and_then(|(side, since, until)| match until {
        None => Some(format!("holds {side} since {since}")),
        Some(until) if until > at => Some(format!("held {side} from {since} to {until}")),
        Some(_) => None,
    }))
}

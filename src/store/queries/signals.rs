//! Signals as they were computed, and what became of them.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::domain::ids::{AccountId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::domain::side::PositionSide;
use crate::domain::time::{Timeframe, Timestamp};
use crate::signal::{Condition, Confidence};
use crate::store::{StoreError, column};

/// What one strategy said about one symbol on one closed bar.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalRow {
    /// Name of the strategy; of several with equal parameters, the one with the lowest id.
    pub strategy: String,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    /// The exchange it was computed at; nothing for a tape.
    pub market: String,
    pub bar_close_at: Timestamp,
    /// Close of that bar.
    pub price: Price,
    /// The position to open.
    pub entry: Option<PositionSide>,
    pub exit_long: bool,
    pub exit_short: bool,
    /// 0..=1.
    pub confidence: Confidence,
    pub reason: String,
    pub conditions: Vec<Condition>,
    pub expires_at: Timestamp,
    /// The strategy's id, by which bots are found.
    #[serde(skip)]
    pub(super) strategy_id: u32,
}

/// What an account decided, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecisionRow {
    pub at: Timestamp,
    /// entered, skipped, added, exited, reported.
    pub action: String,
    /// Stable word for scripts.
    pub code: String,
    /// The numbers it was decided on.
    pub detail: String,
    pub bar_close_at: Timestamp,
    pub order: Option<ClientOrderId>,
}

/// Which signals are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalFilter {
    pub symbol: Option<Symbol>,
    /// A strategy's name.
    pub strategy: Option<String>,
    /// Bars closed at or after.
    pub since: Option<Timestamp>,
    /// At most so many, the latest.
    pub limit: Option<u32>,
}

const SELECT: &str = "SELECT s.*, coalesce(t.name, '#' || s.strategy_id) AS strategy
    FROM signals s LEFT JOIN strategies t ON t.id = s.strategy_id";

const NEWEST_OF_KEY: &str = "s.bar_close_at = (SELECT max(n.bar_close_at) FROM signals n
    WHERE n.strategy_id = s.strategy_id AND n.symbol = s.symbol AND n.timeframe = s.timeframe
    AND n.market = s.market)";

const ACTIONABLE: &str = "(s.entry IS NOT NULL OR s.exit_long = 1 OR s.exit_short = 1)";

/// The latest signal of every key, ordered by (symbol, strategy, timeframe).
pub fn latest(conn: &Connection, filter: &SignalFilter) -> Result<Vec<SignalRow>, StoreError> {
    let order = "ORDER BY s.symbol, s.strategy_id, s.timeframe, s.market";
    list(conn, NEWEST_OF_KEY, filter, order)
}

/// The last actionable signals, ordered by (bar, symbol, strategy, timeframe).
pub fn actionable(conn: &Connection, filter: &SignalFilter) -> Result<Vec<SignalRow>, StoreError> {
    let order =
        "ORDER BY s.bar_close_at DESC, s.symbol DESC, s.strategy_id DESC, s.timeframe DESC, s.market DESC";
    let mut rows = list(conn, ACTIONABLE, filter, order)?;
    rows.reverse();
    Ok(rows)
}

/// The last signal of the same key that asked for an entry.
pub(super) fn last_entry(conn: &Connection, of: &SignalRow) -> Result<Option<SignalRow>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE s.strategy_id = ?1 AND s.symbol = ?2 AND s.timeframe = ?3 AND s.market = ?4
         AND s.entry IS NOT NULL
         ORDER BY s.bar_close_at DESC LIMIT 1"
    );
    let key = params![of.strategy_id, of.symbol.as_str(), of.timeframe.as_str(), of.market];
    Ok(conn.prepare_cached(&sql)?.query_row(key, from_row).optional()?)
}

/// The signal of the bar closed at `at` that `bot` follows. Bots of a strategy follow the signals of the lowest id
/// among the strategies with equal parameters.
pub(super) fn followed_by(
    conn: &Connection,
    bot: u32,
    symbol: &Symbol,
    at: Timestamp,
) -> Result<Option<SignalRow>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE s.symbol = ?2 AND s.bar_close_at = ?3 AND s.strategy_id IN
             (SELECT r.id FROM bot_instances b JOIN strategies own ON own.id = b.strategy_id
              JOIN strategies r ON r.kind = own.kind AND json(r.params) = json(own.params)
              LEFT JOIN account_state t ON t.account_id = b.account_id
              WHERE b.id = ?1 AND coalesce(own.timeframe, s.timeframe) = s.timeframe
              AND coalesce(t.market, '') = s.market)
         ORDER BY s.strategy_id, s.timeframe LIMIT 1"
    );
    let key = params![bot, symbol.as_str(), at.ms()];
    Ok(conn.prepare_cached(&sql)?.query_row(key, from_row).optional()?)
}

/// The decision that led to `order`.
pub(super) fn decision_of_order(
    conn: &Connection,
    account: AccountId,
    bot: u32,
    symbol: &Symbol,
    order: &ClientOrderId,
) -> Result<Option<DecisionRow>, StoreError> {
    let sql = "SELECT * FROM decisions WHERE account_id = ?1 AND bot_id = ?2 AND symbol = ?3
               AND client_order_id = ?4 ORDER BY at DESC, action, code LIMIT 1";
    let key = params![account.get(), bot, symbol.as_str(), order.as_str()];
    Ok(conn.prepare_cached(sql)?.query_row(key, decision_from_row).optional()?)
}

/// The last word of a bot on the signal of one bar.
pub(super) fn decision_on_bar(
    conn: &Connection,
    account: AccountId,
    bot: u32,
    symbol: &Symbol,
    bar_close_at: Timestamp,
) -> Result<Option<DecisionRow>, StoreError> {
    // An entry outweighs the refusals that came before it.
    let sql = "SELECT * FROM decisions WHERE account_id = ?1 AND bot_id = ?2 AND symbol = ?3
               AND bar_close_at = ?4 AND action IN ('entered', 'skipped')
               ORDER BY action = 'entered' DESC, at DESC, code LIMIT 1";
    let key = params![account.get(), bot, symbol.as_str(), bar_close_at.ms()];
    Ok(conn.prepare_cached(sql)?.query_row(key, decision_from_row).optional()?)
}

fn list(
    conn: &Connection,
    condition: &str,
    filter: &SignalFilter,
    order: &str,
) -> Result<Vec<SignalRow>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE {condition} AND (?1 IS NULL OR s.symbol = ?1) AND (?2 IS NULL OR t.name = ?2)
         AND s.bar_close_at >= ?3 {order} LIMIT ?4"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![
            filter.symbol.as_ref().map(Symbol::as_str),
            filter.strategy,
            filter.since.map_or(i64::MIN, Timestamp::ms),
            filter.limit.map_or(-1, i64::from),
        ],
        from_row,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<SignalRow> {
    let has_entry = row.get::<_, Option<String>>("entry")?.is_some();
    let conditions: String = row.get("conditions")?;
    Ok(SignalRow {
        strategy: row.get("strategy")?,
        symbol: column::parsed(row, "symbol")?,
        timeframe: column::parsed(row, "timeframe")?,
        market: row.get("market")?,
        bar_close_at: column::timestamp(row, "bar_close_at")?,
        price: column::parsed(row, "price")?,
        entry: has_entry.then(|| column::word(row, "entry", PositionSide::from_word)).transpose()?,
        exit_long: row.get("exit_long")?,
        exit_short: row.get("exit_short")?,
        confidence: Confidence::new(row.get("confidence")?),
        reason: row.get("reason")?,
        conditions: serde_json::from_str(&conditions)
            .map_err(|error| column::mismatch(row, "conditions", error))?,
        expires_at: column::timestamp(row, "expires_at")?,
        strategy_id: row.get("strategy_id")?,
    })
}

fn decision_from_row(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    Ok(DecisionRow {
        at: column::timestamp(row, "at")?,
        action: row.get("action")?,
        code: row.get("code")?,
        detail: row.get("detail")?,
        bar_close_at: column::timestamp(row, "bar_close_at")?,
        order: column::parsed_opt(row, "client_order_id")?,
    })
}

//! What the daemon keeps of the market: last prices, signals, trading rules; and the row of its run.
//!
//! Written with the next group, never waited for: after a crash it is computed again.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, column};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::Price;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::signal::Signal;

/// How a market is written: the exchange's word, or nothing for a tape.
pub fn market_word(market: Option<ExchangeKind>) -> &'static str {
    market.map_or("", ExchangeKind::as_str)
}

/// The last price of a symbol, and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPrice {
    pub symbol: Symbol,
    pub price: Price,
    pub at: Timestamp,
}

pub fn write_prices(
    conn: &Connection,
    market: Option<ExchangeKind>,
    prices: &[SeenPrice],
) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(
        "INSERT INTO prices (market, symbol, price, at) VALUES (?4, ?1, ?2, ?3)
         ON CONFLICT (market, symbol) DO UPDATE SET price = excluded.price, at = excluded.at",
    )?;
    for SeenPrice { symbol, price, at } in prices {
        statement.execute(params![symbol.as_str(), price.to_string(), at.ms(), market_word(market)])?;
    }
    Ok(())
}

/// Keeps signals; of those that nobody could act on, only the latest of each key.
pub fn write_signals(
    conn: &Connection,
    market: Option<ExchangeKind>,
    signals: &[Signal],
) -> Result<(), StoreError> {
    for signal in signals {
        let key = &signal.key;
        let conditions = serde_json::to_string(&signal.conditions)
            .map_err(|error| StoreError::Other { detail: format!("signal conditions: {error}") })?;
        conn.prepare_cached(
            "INSERT OR REPLACE INTO signals (strategy_id, symbol, timeframe, bar_close_at, price, entry, exit_long,
                 exit_short, confidence, reason, conditions, expires_at, market)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            key.strategy.get(),
            key.symbol.as_str(),
            key.timeframe.as_str(),
            signal.bar_close_at.ms(),
            signal.price.to_string(),
            signal.entry.map(PositionSide::as_str),
            signal.exit_long,
            signal.exit_short,
            signal.confidence.get(),
            signal.reason,
            conditions,
            signal.expires_at.ms(),
            market_word(market),
        ])?;
        conn.prepare_cached(
            "DELETE FROM signals WHERE strategy_id = ?1 AND symbol = ?2 AND timeframe = ?3 AND bar_close_at < ?4
                 AND market = ?5 AND entry IS NULL AND exit_long = 0 AND exit_short = 0",
        )?
        .execute(params![
            key.strategy.get(),
            key.symbol.as_str(),
            key.timeframe.as_str(),
            signal.bar_close_at.ms(),
            market_word(market),
        ])?;
    }
    Ok(())
}

/// Keeps the newest rows of the bounded tables.
pub fn prune(conn: &Connection, decisions: u64, signals: u64) -> Result<(), StoreError> {
    let rows = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "DELETE FROM decisions WHERE at < (SELECT at FROM decisions ORDER BY at DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([rows(decisions)])?;
    conn.prepare_cached(
        "DELETE FROM signals WHERE bar_close_at <
             (SELECT bar_close_at FROM signals ORDER BY bar_close_at DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([rows(signals)])?;
    Ok(())
}

/// The trading rules under which the fleet trades in one market.
pub fn instruments(
    conn: &Connection,
    market: Option<ExchangeKind>,
) -> Result<BTreeMap<Symbol, Instrument>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM instruments WHERE market = ?1")?;
    let rows = statement
        .query_map([market_word(market)], |row| Ok((column::parsed(row, "symbol")?, instrument(row)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The trading rules of one symbol, if the daemon has kept them.
pub fn instrument_of(
    conn: &Connection,
    market: Option<ExchangeKind>,
    symbol: &Symbol,
) -> Result<Option<Instrument>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM instruments WHERE market = ?1 AND symbol = ?2")?;
    Ok(statement.query_row(params![market_word(market), symbol.as_str()], instrument).optional()?)
}

/// The last price of a symbol, and its time in the market.
pub fn last_price(
    conn: &Connection,
    market: Option<ExchangeKind>,
    symbol: &Symbol,
) -> Result<Option<(Price, Timestamp)>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT price, at FROM prices WHERE market = ?1 AND symbol = ?2")?;
    let row = statement.query_row(params![market_word(market), symbol.as_str()], |row| {
        Ok((column::parsed(row, "price")?, column::timestamp(row, "at")?))
    });
    Ok(row.optional()?)
}

fn instrument(row: &Row<'_>) -> rusqlite::Result<Instrument> {
    Ok(Instrument {
        symbol: column::parsed(row, "symbol")?,
        tick: column::parsed(row, "tick")?,
        step: column::parsed(row, "step")?,
        min_qty: column::parsed(row, "min_qty")?,
        min_notional: column::parsed(row, "min_notional")?,
    })
}

/// Keeps the rules that an exchange has told, so that what is asked without a daemon can be judged by them.
pub fn keep_instruments(
    conn: &Connection,
    market: ExchangeKind,
    told: &BTreeMap<Symbol, Instrument>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = instruments(conn, Some(market))?;
    let new = told.values().filter(|rules| known.get(&rules.symbol) != Some(rules));
    new.into_iter().try_for_each(|rules| write_instrument(conn, Some(market), rules, now))
}

pub fn write_instrument(
    conn: &Connection,
    market: Option<ExchangeKind>,
    instrument: &Instrument,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO instruments (symbol, tick, step, min_qty, min_notional, updated_at, market)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        instrument.symbol.as_str(),
        instrument.tick.to_string(),
        instrument.step.to_string(),
        instrument.min_qty.to_string(),
        instrument.min_notional.to_string(),
        now.ms(),
        market_word(market),
    ])?;
    Ok(())
}

/// One run of the daemon, as its counters stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunRow {
    /// The lease's epoch.
    pub epoch: u64,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub source: String,
    pub accounts: usize,
    pub bots: usize,
    pub cycles: u64,
    pub last_cycle_at: Option<Timestamp>,
    pub signal_keys: usize,
    pub signals_computed: u64,
    pub turns: u64,
    pub commits: u64,
    pub end_reason: Option<String>,
}

pub fn write_run(conn: &Connection, run: &RunRow) -> Result<(), StoreError> {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let size = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "INSERT OR REPLACE INTO daemon_runs (epoch, started_at, ended_at, source, accounts, bots, cycles,
             last_cycle_at, signal_keys, signals_computed, turns, commits, end_reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        count(run.epoch),
        run.started_at.ms(),
        run.ended_at.map(Timestamp::ms),
        run.source,
        size(run.accounts),
        size(run.bots),
        count(run.cycles),
        run.last_cycle_at.map(Timestamp::ms),
        size(run.signal_keys),
        count(run.signals_computed),
        count(run.turns),
        count(run.commits),
        run.end_reason,
    ])?;
    Ok(())
}

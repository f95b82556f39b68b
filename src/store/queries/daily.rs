//! Results per UTC day, by the time of each fill: the days sum to the net realized profit of `pnl`.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::filter::{Conditions, Filter};
use super::pnl::{self, Purse};
use super::tally::{BookKind, quote_at, win_rate};
use crate::domain::money::{Pct, Quote};
use crate::domain::time::{Timeframe, Timestamp};
use crate::store::StoreError;

/// One UTC day of one quote asset and book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DayPnl {
    /// Midnight at which it begins.
    pub day: Timestamp,
    pub quote_asset: String,
    pub book: &'static str,
    pub fills: u64,
    /// Trades closed on this day, and those of them with a profit after fees over their whole life.
    pub closed_trades: u64,
    pub wins: u64,
    pub win_rate_pct: Option<Pct>,
    /// Realized on this day, before fees.
    pub gross_pnl: Quote,
    /// Paid on this day.
    pub fees: Quote,
    pub net_pnl: Quote,
    /// Sum of net_pnl from the first day shown to this one.
    pub cumulative_pnl: Quote,
}

type Days = BTreeMap<(Timestamp, String, BookKind), DayPnl>;

/// Days on which something happened, oldest first. `limit`: calendar days back from the last fill.
pub fn daily(conn: &Connection, filter: &Filter) -> Result<Vec<DayPnl>, StoreError> {
    let purses = pnl::purses(conn, filter.account)?;
    let Some(since) = first_day(conn, filter)? else { return Ok(Vec::new()) };
    let mut days = Days::new();
    visit(conn, filter, "fills", ("at", "fee"), since, |row| {
        if let Some(day) = day_of(row, &purses, &mut days)? {
            day.fills += 1;
            day.gross_pnl += quote_at(row, 3)?;
            day.fees += quote_at(row, 4)?;
        }
        Ok(())
    })?;
    visit(conn, filter, "bot_positions", ("closed_at", "fees"), since, |row| {
        if let Some(day) = day_of(row, &purses, &mut days)? {
            day.closed_trades += 1;
            day.wins += u64::from(quote_at(row, 3)? > quote_at(row, 4)?);
        }
        Ok(())
    })?;
    Ok(summed(days))
}

fn summed(days: Days) -> Vec<DayPnl> {
    let mut cumulative: BTreeMap<(String, BookKind), Quote> = BTreeMap::new();
    days.into_iter()
        .map(|((_, asset, book), mut day)| {
            day.net_pnl = day.gross_pnl - day.fees;
            day.win_rate_pct = win_rate(day.wins, day.closed_trades);
            let sum = cumulative.entry((asset, book)).or_default();
            *sum += day.net_pnl;
            day.cumulative_pnl = *sum;
            day
        })
        .collect()
}

/// Calls `each` for the rows of `table` from `since` on: account, dry run, time, profit, fee.
fn visit(
    conn: &Connection,
    filter: &Filter,
    table: &str,
    (time, fee): (&str, &str),
    since: Timestamp,
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let mut conditions: Conditions = filter.conditions("f");
    conditions.and(&format!("f.{time} >= ?"), since.ms());
    let sql = format!(
        "SELECT f.account_id, f.dry_run, f.{time}, f.realized_pnl, f.{fee} FROM {table} f{}",
        conditions.sql()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(conditions.params()))?;
    while let Some(row) = rows.next()? {
        each(row)?;
    }
    Ok(())
}

/// The day a row belongs to; `None` for rows of removed accounts.
fn day_of<'a>(
    row: &Row<'_>,
    purses: &BTreeMap<u32, Purse>,
    days: &'a mut Days,
) -> rusqlite::Result<Option<&'a mut DayPnl>> {
    let Some(purse) = purses.get(&row.get(0)?) else { return Ok(None) };
    let book = BookKind::of(purse.is_paper_account() || row.get(1)?);
    let start = Timeframe::D1.bar_start(Timestamp::from_ms(row.get(2)?));
    let asset = purse.quote_asset(book);
    let day = days.entry((start, asset.clone(), book)).or_insert_with(|| DayPnl {
        day: start,
        quote_asset: asset,
        book: book.as_str(),
        ..DayPnl::default()
    });
    Ok(Some(day))
}

/// The first day to show; `None` when there is no fill at all.
fn first_day(conn: &Connection, filter: &Filter) -> Result<Option<Timestamp>, StoreError> {
    let conditions = filter.conditions("f");
    let sql = format!("SELECT f.at FROM fills f{} ORDER BY f.at DESC LIMIT 1", conditions.sql());
    let last: Option<i64> = conn
        .prepare_cached(&sql)?
        .query_row(rusqlite::params_from_iter(conditions.params()), |row| row.get(0))
        .optional()?;
    let since = filter.since.map_or(i64::MIN, Timestamp::ms);
    Ok(last.map(|last| {
        let limited = filter.limit.map_or(i64::MIN, |days| {
            let back = Timeframe::D1.duration().times(i64::from(days) - 1);
            Timeframe::D1.bar_start(Timestamp::from_ms(last)).minus(back).ms()
        });
        Timestamp::from_ms(since.max(limited))
    }))
}

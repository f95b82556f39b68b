//! Results per UTC day, by the time of each fill: the days sum to the net realized profit of `pnl`.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};
use rust_decimal::Decimal;
use serde::Serialize;

use super::fills;
use super::filter::{Conditions, Filter};
use super::pnl::{self, Purse};
use super::tally::{BookKind, decimal_at, win_rate};
use crate::domain::fee::{FeeSum, FeeSums};
use crate::domain::money::{Pct, Quote};
use crate::domain::time::{Timeframe, Timestamp};
use crate::store::StoreError;

/// One UTC day of one quote asset and book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DayPnl {
    /// Midnight at which it begins.
    pub day: Timestamp,
    pub quote_asset: String,
    pub book: BookKind,
    pub fills: u64,
    /// Trades closed on this day, and those of them with a profit after fees over their whole life.
    pub closed_trades: u64,
    pub wins: u64,
    pub win_rate_pct: Option<Pct>,
    /// Realized on this day, before fees.
    pub gross_pnl: Quote,
    /// Paid on this day, in quote currency as far as it is known.
    pub fees: Quote,
    /// The same by the asset they were paid in; what no price was known for is in no other figure.
    pub fees_by_asset: Vec<FeeSum>,
    pub net_pnl: Quote,
    /// Sum of net_pnl from the first day shown to this one.
    pub cumulative_pnl: Quote,
}

/// By day, quote asset and book.
type Days<'a> = BTreeMap<(Timestamp, &'a str, BookKind), DaySum>;

/// A day on its way into a row. Sums stay unnormalised until the end: there are very many fills.
#[derive(Default)]
struct DaySum {
    fills: u64,
    closed_trades: u64,
    wins: u64,
    gross: Decimal,
    fees: Decimal,
    in_kind: FeeSums,
}

/// Days on which something happened, oldest first. `limit`: calendar days back from the last fill.
pub fn daily(conn: &Connection, filter: &Filter) -> Result<Vec<DayPnl>, StoreError> {
    let purses = pnl::purses(conn, filter.account)?;
    let Some(since) = first_day(conn, filter)? else { return Ok(Vec::new()) };
    let mut days = Days::new();
    visit(conn, filter, "fills", ("at", "fee"), since, |row| {
        if let Some(day) = day_of(row, &purses, &mut days)? {
            day.fills += 1;
            day.gross += decimal_at(row, 3)?;
            day.fees += decimal_at(row, 4)?;
        }
        Ok(())
    })?;
    correct_in_kind(conn, filter, &purses, since, &mut days)?;
    visit(conn, filter, "bot_positions", ("closed_at", "fees"), since, |row| {
        if let Some(day) = day_of(row, &purses, &mut days)? {
            day.closed_trades += 1;
            day.wins += u64::from(decimal_at(row, 3)? > decimal_at(row, 4)?);
        }
        Ok(())
    })?;
    Ok(summed(days))
}

fn summed(days: Days<'_>) -> Vec<DayPnl> {
    let mut cumulative: BTreeMap<(&str, BookKind), Quote> = BTreeMap::new();
    let row = |((day, asset, book), sum): ((Timestamp, _, BookKind), DaySum)| {
        let (gross_pnl, fees) = (Quote::new(sum.gross.normalize()), Quote::new(sum.fees.normalize()));
        let mut by_asset = sum.in_kind;
        by_asset.add_cash(asset, fees - by_asset.value());
        let cumulative_pnl = cumulative.entry((asset, book)).or_default();
        *cumulative_pnl += gross_pnl - fees;
        DayPnl {
            day,
            quote_asset: asset.to_owned(),
            book,
            fills: sum.fills,
            closed_trades: sum.closed_trades,
            wins: sum.wins,
            win_rate_pct: win_rate(sum.wins, sum.closed_trades),
            gross_pnl,
            fees,
            fees_by_asset: by_asset.into_list(),
            net_pnl: gross_pnl - fees,
            cumulative_pnl: *cumulative_pnl,
        }
    };
    days.into_iter().map(row).collect()
}

/// A fee in kind was summed as if it were quote currency: takes it out, and what it was worth in.
fn correct_in_kind<'p>(
    conn: &Connection,
    filter: &Filter,
    purses: &'p BTreeMap<u32, Purse>,
    since: Timestamp,
    days: &mut Days<'p>,
) -> Result<(), StoreError> {
    let mut conditions: Conditions = filter.conditions("f");
    conditions.and_plain("f.fee_in_kind = 1");
    conditions.and("f.at >= ?", since.ms());
    let sql = format!(
        "SELECT f.account_id, f.dry_run, f.at, f.fee, f.fee_asset, f.fee_price, f.fee_in_kind
         FROM fills f INDEXED BY fills_fee_in_kind{}",
        conditions.sql()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(conditions.params()))?;
    while let Some(row) = rows.next()? {
        if let Some(day) = day_of(row, purses, days)? {
            let fee = fills::fee(row)?;
            day.fees += fee.known_value().decimal() - fee.amount();
            day.in_kind.add(&fee);
        }
    }
    Ok(())
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
fn day_of<'d, 'p>(
    row: &Row<'_>,
    purses: &'p BTreeMap<u32, Purse>,
    days: &'d mut Days<'p>,
) -> rusqlite::Result<Option<&'d mut DaySum>> {
    let Some(purse) = purses.get(&row.get(0)?) else { return Ok(None) };
    let book = BookKind::of(purse.is_paper_account() || row.get(1)?);
    let start = Timeframe::D1.bar_start(Timestamp::from_ms(row.get(2)?));
    Ok(Some(days.entry((start, purse.quote_asset(book), book)).or_default()))
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

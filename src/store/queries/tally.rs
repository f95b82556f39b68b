//! Sums over positions, by account, bot and book.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};
use rust_decimal::Decimal;
use serde::Serialize;

use super::Filter;
use crate::domain::money::{Pct, Price, Quote};
use crate::store::holdings::IS_OPEN;
use crate::store::journal::position_row;
use crate::store::{StoreError, column};

/// Where orders went: to the embedded exchange (a paper account, or a dry run), or to the real one. Never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BookKind {
    Paper,
    Real,
}

impl BookKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Real => "real",
        }
    }

    pub(super) const fn of(is_paper: bool) -> Self {
        if is_paper { Self::Paper } else { Self::Real }
    }
}

/// Results in quote currency. Losses are negative; fees are positive when paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub closed_trades: u64,
    /// Closed with a profit after fees.
    pub wins: u64,
    /// wins / closed trades, rounded to 2 decimals; `None` without closed trades.
    pub win_rate_pct: Option<Pct>,
    pub open_positions: u64,
    /// Open positions with a stop at the exchange.
    pub protected_positions: u64,
    /// Realized, before fees; of open positions too, for what was closed of them.
    pub gross_pnl: Quote,
    /// Of open positions too.
    pub fees: Quote,
    /// gross_pnl - fees.
    pub net_pnl: Quote,
    /// Of open positions at the last known prices.
    pub unrealized_pnl: Quote,
}

impl Tally {
    fn add_realized(&mut self, gross: Quote, fees: Quote) {
        self.gross_pnl += gross;
        self.fees += fees;
        self.net_pnl = self.gross_pnl - self.fees;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.closed_trades += other.closed_trades;
        self.wins += other.wins;
        self.open_positions += other.open_positions;
        self.protected_positions += other.protected_positions;
        self.unrealized_pnl += other.unrealized_pnl;
        self.add_realized(other.gross_pnl, other.fees);
        self.rate();
    }

    /// Works out the win rate once all is counted.
    pub(super) fn rate(&mut self) {
        self.win_rate_pct = win_rate(self.wins, self.closed_trades);
    }
}

/// wins / trades in %, rounded to 2 decimals.
pub(super) fn win_rate(wins: u64, trades: u64) -> Option<Pct> {
    let rate = Decimal::from(wins).checked_div(Decimal::from(trades))? * Decimal::ONE_HUNDRED;
    Pct::try_new(rate.round_dp(2)).ok()
}

/// Account, bot (`None` once released), book.
pub(super) type TallyKey = (u32, Option<u32>, BookKind);

/// The sums over all positions that the filter matches; `since` is about the time they were closed.
pub(super) fn tallies(
    conn: &Connection,
    papers: &BTreeMap<u32, bool>,
    filter: &Filter,
) -> Result<BTreeMap<TallyKey, Tally>, StoreError> {
    let mut tallies = BTreeMap::new();
    add_closed(conn, papers, filter, &mut tallies)?;
    add_unclosed(conn, papers, filter, &mut tallies)?;
    for tally in tallies.values_mut() {
        tally.rate();
    }
    Ok(tallies)
}

fn add_closed(
    conn: &Connection,
    papers: &BTreeMap<u32, bool>,
    filter: &Filter,
    tallies: &mut BTreeMap<TallyKey, Tally>,
) -> Result<(), StoreError> {
    let mut conditions = filter.conditions("p");
    match filter.since {
        Some(since) => conditions.and("p.closed_at >= ?", since.ms()),
        None => conditions.and_plain("p.closed_at IS NOT NULL"),
    }
    // In the order of the index on results, so that each bot's trades come in one run.
    let sql = format!(
        "SELECT p.account_id, p.bot_id, p.dry_run, p.realized_pnl, p.fees FROM bot_positions p{}
         ORDER BY p.account_id, p.bot_id, p.dry_run",
        conditions.sql()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(conditions.params()))?;
    let mut run: Option<(TallyKey, ClosedSum)> = None;
    while let Some(row) = rows.next()? {
        let key = key(row, papers)?;
        match &mut run {
            Some((current, sum)) if *current == key => sum.add(row)?,
            Some(_) | None => {
                let mut sum = ClosedSum::default();
                sum.add(row)?;
                if let Some((done, sum)) = run.replace((key, sum)) {
                    sum.close(tallies.entry(done).or_default());
                }
            }
        }
    }
    if let Some((done, sum)) = run {
        sum.close(tallies.entry(done).or_default());
    }
    Ok(())
}

/// Closed trades on their way into a tally. Sums stay unnormalised until the end: there are very many.
#[derive(Default)]
struct ClosedSum {
    trades: u64,
    wins: u64,
    gross: Decimal,
    fees: Decimal,
}

impl ClosedSum {
    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let (gross, fees) = (decimal_at(row, 3)?, decimal_at(row, 4)?);
        self.trades += 1;
        self.wins += u64::from(gross > fees);
        self.gross += gross;
        self.fees += fees;
        Ok(())
    }

    fn close(self, tally: &mut Tally) {
        tally.closed_trades += self.trades;
        tally.wins += self.wins;
        tally.add_realized(Quote::new(self.gross.normalize()), Quote::new(self.fees.normalize()));
    }
}

/// What was realized of positions that nobody has closed counts for ever: also of one that was released, once the
/// exchange holds nothing of it any more.
fn add_unclosed(
    conn: &Connection,
    papers: &BTreeMap<u32, bool>,
    filter: &Filter,
    tallies: &mut BTreeMap<TallyKey, Tally>,
) -> Result<(), StoreError> {
    let mut conditions = filter.conditions("p");
    conditions.and_plain("p.closed_at IS NULL");
    let sql = format!(
        "SELECT p.account_id, p.bot_id, p.dry_run, p.*, m.price AS mark_price, {IS_OPEN} AS is_open
         FROM bot_positions p LEFT JOIN account_state s ON s.account_id = p.account_id
         LEFT JOIN prices m ON m.market = coalesce(s.market, '') AND m.symbol = p.symbol{}",
        conditions.sql()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(conditions.params()))?;
    while let Some(row) = rows.next()? {
        let stored = position_row::read(row)?;
        let position = stored.position;
        let mark: Option<Price> = column::parsed_opt(row, "mark_price")?;
        let tally = tallies.entry(key(row, papers)?).or_default();
        tally.add_realized(position.realized_pnl, position.fees);
        if !row.get("is_open")? {
            continue;
        }
        tally.open_positions += 1;
        tally.protected_positions += u64::from(stored.is_protected);
        tally.unrealized_pnl += mark.map_or(Quote::ZERO, |price| position.unrealized_pnl(price));
    }
    Ok(())
}

/// From the first three columns: account, bot, dry run.
pub(super) fn key(row: &Row<'_>, papers: &BTreeMap<u32, bool>) -> rusqlite::Result<TallyKey> {
    let account: u32 = row.get(0)?;
    let is_paper = papers.get(&account).copied().unwrap_or(false) || row.get(2)?;
    Ok((account, row.get(1)?, BookKind::of(is_paper)))
}

/// A decimal, read without a copy of its text.
pub(super) fn decimal_at(row: &Row<'_>, index: usize) -> rusqlite::Result<Decimal> {
    let text = row.get_ref(index)?.as_str()?;
    match Decimal::from_str_exact(text) {
        Ok(value) => Ok(value),
        Err(error) => Err(column::mismatch(row, row.as_ref().column_name(index)?, error)),
    }
}

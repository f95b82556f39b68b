//! How the fleet is: the daemon, every account, and the sums.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::Filter;
use super::pnl::{self, Purse};
use super::tally::{BookKind, Tally, TallyKey, tallies};
use crate::domain::ids::AccountId;
use crate::domain::money::{Pct, Quote};
use crate::domain::time::Timestamp;
use crate::store::backup_log::{self, BackupState};
use crate::store::journal::order_row::IS_WORKING;
use crate::store::rate_limits::{self, BanRow, HeadroomRow};
use crate::store::{StoreError, column, lease};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetStatus {
    /// The present daemon or the last one; `None` when none has ever run.
    pub daemon: Option<DaemonStatus>,
    /// Ordered by name.
    pub accounts: Vec<AccountStatus>,
    pub totals: FleetTotals,
    /// What is used of the exchanges' limits; of those of accounts the one with the least left.
    pub limits: Vec<HeadroomRow>,
    /// Exchanges that take nothing from one of our addresses for a while.
    pub bans: Vec<BanRow>,
    /// `None` before the first attempt.
    pub backup: Option<BackupState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaemonStatus {
    /// Whether it is alive now.
    pub live: bool,
    pub pid: u32,
    pub host: String,
    pub version: String,
    pub source: String,
    pub since: Timestamp,
    pub heartbeat_at: Timestamp,
    /// When it ended in order.
    pub released_at: Option<Timestamp>,
    /// Where it answers `/health`, `/ready` and `/metrics`.
    pub http_address: Option<String>,
    #[serde(flatten)]
    pub run: RunCounters,
}

/// What the run's counters said when they were last written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunCounters {
    pub cycles: u64,
    /// In the market's time.
    pub last_cycle_at: Option<Timestamp>,
    /// Distinct (strategy, symbol, timeframe).
    pub signal_keys: u64,
    pub signals_computed: u64,
    pub turns: u64,
    pub commits: u64,
    pub end_reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountStatus {
    pub account: String,
    pub exchange: String,
    /// paper, dry_run or live.
    pub mode: &'static str,
    pub active: bool,
    pub halted: bool,
    pub halted_at: Option<Timestamp>,
    pub halt_reason: Option<String>,
    pub quarantined: bool,
    pub quarantined_at: Option<Timestamp>,
    pub quarantine_reason: Option<String>,
    /// closed, open, half_open.
    pub breaker: String,
    pub last_error: Option<String>,
    pub last_error_at: Option<Timestamp>,
    pub last_cycle_at: Option<Timestamp>,
    pub quote_asset: String,
    pub wallet: Option<Quote>,
    pub equity: Option<Quote>,
    /// Of the active bots, in % of the equity.
    pub allocation_pct: Pct,
    pub bots_active: u64,
    pub bots_running: u64,
    /// Orders whose fate is not known yet.
    pub unknown_orders: u64,
    /// On the book in use.
    #[serde(flatten)]
    pub tally: Tally,
    /// Active bots, ordered by name.
    pub bots: Vec<BotStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BotStatus {
    pub bot: String,
    pub strategy: Option<String>,
    /// A symbol, or `*`.
    pub symbol: String,
    pub running: bool,
    pub allocation_pct: Pct,
    pub last_trade_at: Option<Timestamp>,
    pub last_error: Option<String>,
    #[serde(flatten)]
    pub tally: Tally,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FleetTotals {
    pub accounts: u64,
    pub active: u64,
    pub halted: u64,
    pub quarantined: u64,
    pub breakers_open: u64,
    pub bots_active: u64,
    pub bots_running: u64,
    pub open_positions: u64,
    pub protected_positions: u64,
    pub unknown_orders: u64,
    pub closed_trades: u64,
    /// Ordered by (quote asset, book).
    pub by_asset: Vec<AssetTotal>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssetTotal {
    pub quote_asset: String,
    pub book: BookKind,
    pub accounts: u64,
    pub equity: Quote,
    pub net_pnl: Quote,
    pub unrealized_pnl: Quote,
}

/// The status of all accounts, or of one.
pub fn status(conn: &Connection, account: Option<AccountId>) -> Result<FleetStatus, StoreError> {
    let purses = pnl::purses(conn, account)?;
    let papers = purses.iter().map(|(id, purse)| (*id, purse.is_paper_account())).collect();
    let filter = Filter { account, ..Filter::default() };
    let sums = Sums {
        tallies: tallies(conn, &papers, &filter)?,
        funding: pnl::funding(conn)?,
        unknown: unknown_orders(conn)?,
    };
    let mut bots = bots(conn, account)?;
    let mut accounts = Vec::new();
    for (id, is_active, state) in states(conn, account)? {
        if let Some(purse) = purses.get(&id) {
            accounts.push(sums.account(id, purse, is_active, state, bots.remove(&id).unwrap_or_default()));
        }
    }
    accounts.sort_by(|a, b| a.account.cmp(&b.account));
    let daemon = daemon(conn)?;
    let at = daemon.as_ref().and_then(|daemon| daemon.run.last_cycle_at).unwrap_or_default();
    Ok(FleetStatus {
        daemon,
        totals: totals(&accounts),
        accounts,
        limits: rate_limits::read_headroom(conn)?,
        bans: rate_limits::read_bans(conn, at)?,
        backup: backup_log::state(conn)?,
    })
}

/// The daemon that has the lease, or had it last.
pub fn daemon(conn: &Connection) -> Result<Option<DaemonStatus>, StoreError> {
    let Some(lease) = lease::current(conn)? else { return Ok(None) };
    let run = conn
        .prepare_cached("SELECT * FROM daemon_runs WHERE epoch = ?1")?
        .query_row([i64::try_from(lease.epoch).unwrap_or(i64::MAX)], run_from_row)
        .optional()?;
    Ok(Some(DaemonStatus {
        live: lease.is_live(),
        pid: lease.owner.pid,
        host: lease.owner.host,
        version: lease.owner.version,
        source: lease.owner.source,
        since: lease.acquired_at,
        heartbeat_at: lease.heartbeat_at,
        released_at: lease.released_at,
        http_address: lease.http_address,
        run: run.unwrap_or_default(),
    }))
}

fn run_from_row(row: &Row<'_>) -> rusqlite::Result<RunCounters> {
    let count =
        |column: &str| Ok::<_, rusqlite::Error>(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0));
    Ok(RunCounters {
        cycles: count("cycles")?,
        last_cycle_at: column::timestamp_opt(row, "last_cycle_at")?,
        signal_keys: count("signal_keys")?,
        signals_computed: count("signals_computed")?,
        turns: count("turns")?,
        commits: count("commits")?,
        end_reason: row.get("end_reason")?,
    })
}

struct Sums {
    tallies: BTreeMap<TallyKey, Tally>,
    funding: BTreeMap<(u32, BookKind), Quote>,
    unknown: BTreeMap<u32, u32>,
}

impl Sums {
    fn account(
        &self,
        id: u32,
        purse: &Purse,
        is_active: bool,
        state: State,
        own: Vec<(u32, BotStatus)>,
    ) -> AccountStatus {
        let mut tally = Tally::default();
        for (key, part) in
            self.tallies.range((id, None, BookKind::Paper)..).take_while(|(key, _)| key.0 == id)
        {
            if key.2 == purse.book {
                tally.add(part);
            }
        }
        let bots: Vec<BotStatus> = own
            .into_iter()
            .map(|(bot, status)| {
                let tally = self.tallies.get(&(id, Some(bot), purse.book)).copied().unwrap_or_default();
                BotStatus { tally, ..status }
            })
            .collect();
        let funding = self.funding.get(&(id, purse.book)).copied().unwrap_or_default();
        AccountStatus {
            account: purse.account.clone(),
            exchange: purse.exchange.clone(),
            mode: mode(purse),
            active: is_active,
            halted: state.halted_at.is_some(),
            halted_at: state.halted_at,
            halt_reason: state.halt_reason,
            quarantined: state.quarantined_at.is_some(),
            quarantined_at: state.quarantined_at,
            quarantine_reason: state.quarantine_reason,
            breaker: state.breaker,
            last_error: state.last_error,
            last_error_at: state.last_error_at,
            last_cycle_at: state.last_cycle_at,
            quote_asset: purse.quote_asset(purse.book).to_owned(),
            wallet: purse.wallet,
            equity: purse.equity(purse.book, &tally, funding),
            allocation_pct: bots.iter().map(|bot| bot.allocation_pct).fold(Pct::ZERO, |sum, pct| sum + pct),
            bots_active: count(&bots, |_| true),
            bots_running: count(&bots, |bot| bot.running),
            unknown_orders: self.unknown.get(&id).copied().map_or(0, u64::from),
            tally,
            bots,
        }
    }
}

fn mode(purse: &Purse) -> &'static str {
    match purse.book {
        BookKind::Paper if purse.is_paper_account() => "paper",
        BookKind::Paper => "dry_run",
        BookKind::Real => "live",
    }
}

fn count<T>(items: &[T], counts: impl Fn(&T) -> bool) -> u64 {
    u64::try_from(items.iter().filter(|item| counts(item)).count()).unwrap_or(u64::MAX)
}

fn totals(accounts: &[AccountStatus]) -> FleetTotals {
    let sum = |figure: fn(&AccountStatus) -> u64| accounts.iter().map(figure).sum();
    let mut by_asset: BTreeMap<(&str, BookKind), AssetTotal> = BTreeMap::new();
    for account in accounts {
        let book = if account.mode == "live" { BookKind::Real } else { BookKind::Paper };
        let total = by_asset.entry((&account.quote_asset, book)).or_insert_with(|| AssetTotal {
            quote_asset: account.quote_asset.clone(),
            book,
            accounts: 0,
            equity: Quote::ZERO,
            net_pnl: Quote::ZERO,
            unrealized_pnl: Quote::ZERO,
        });
        total.accounts += 1;
        total.equity += account.equity.unwrap_or_default();
        total.net_pnl += account.tally.net_pnl;
        total.unrealized_pnl += account.tally.unrealized_pnl;
    }
    FleetTotals {
        accounts: count(accounts, |_| true),
        active: count(accounts, |account| account.active),
        halted: count(accounts, |account| account.halted),
        quarantined: count(accounts, |account| account.quarantined),
        breakers_open: count(accounts, |account| account.breaker != "closed"),
        bots_active: sum(|account| account.bots_active),
        bots_running: sum(|account| account.bots_running),
        open_positions: sum(|account| account.tally.open_positions),
        protected_positions: sum(|account| account.tally.protected_positions),
        unknown_orders: sum(|account| account.unknown_orders),
        closed_trades: sum(|account| account.tally.closed_trades),
        by_asset: by_asset.into_values().collect(),
    }
}

/// What `account_state` says; an account that never ran has none.
struct State {
    halted_at: Option<Timestamp>,
    halt_reason: Option<String>,
    quarantined_at: Option<Timestamp>,
    quarantine_reason: Option<String>,
    breaker: String,
    last_error: Option<String>,
    last_error_at: Option<Timestamp>,
    last_cycle_at: Option<Timestamp>,
}

fn states(conn: &Connection, account: Option<AccountId>) -> Result<Vec<(u32, bool, State)>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT a.id, a.is_active, s.halted_at, s.halt_reason, s.quarantined_at, s.quarantine_reason,
                coalesce(s.breaker, 'closed') AS breaker, s.last_error, s.last_error_at, s.last_cycle_at
         FROM accounts a LEFT JOIN account_state s ON s.account_id = a.id
         WHERE a.removed_at IS NULL AND (?1 IS NULL OR a.id = ?1)",
    )?;
    let rows = statement.query_map(params![account.map(AccountId::get)], |row| {
        let state = State {
            halted_at: column::timestamp_opt(row, "halted_at")?,
            halt_reason: row.get("halt_reason")?,
            quarantined_at: column::timestamp_opt(row, "quarantined_at")?,
            quarantine_reason: row.get("quarantine_reason")?,
            breaker: row.get("breaker")?,
            last_error: row.get("last_error")?,
            last_error_at: column::timestamp_opt(row, "last_error_at")?,
            last_cycle_at: column::timestamp_opt(row, "last_cycle_at")?,
        };
        Ok((row.get("id")?, row.get("is_active")?, state))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Active bots by account, each account's ordered by name.
fn bots(
    conn: &Connection,
    account: Option<AccountId>,
) -> Result<BTreeMap<u32, Vec<(u32, BotStatus)>>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT b.*, s.name AS strategy FROM bot_instances b LEFT JOIN strategies s ON s.id = b.strategy_id
         WHERE b.is_active = 1 AND (?1 IS NULL OR b.account_id = ?1) ORDER BY b.account_id, b.name",
    )?;
    let mut rows = statement.query(params![account.map(AccountId::get)])?;
    let mut bots: BTreeMap<u32, Vec<(u32, BotStatus)>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let status = BotStatus {
            bot: row.get("name")?,
            strategy: row.get("strategy")?,
            symbol: row.get("symbol")?,
            running: row.get("is_running")?,
            allocation_pct: column::parsed(row, "allocation_percent")?,
            last_trade_at: column::timestamp_opt(row, "last_trade_at")?,
            last_error: row.get("last_error")?,
            tally: Tally::default(),
        };
        bots.entry(row.get("account_id")?).or_default().push((row.get("id")?, status));
    }
    Ok(bots)
}

fn unknown_orders(conn: &Connection) -> Result<BTreeMap<u32, u32>, StoreError> {
    // Names the condition of the index on working orders, so that it is used.
    let mut statement = conn.prepare_cached(&format!(
        "SELECT account_id, count(*) FROM orders WHERE {IS_WORKING} AND status = 'unknown' GROUP BY account_id"
    ))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

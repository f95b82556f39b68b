//! Who takes part: the accounts and bots of the database, as configurations of machines, paper books and the signal
//! board.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::Value;

use super::follows::Follows;
use super::pace::{Configuration, MarketId};
use crate::config::Config;
use crate::domain::ids::{AccountId, BotId, StrategyId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::config::{AccountConfig, BotConfig, Halt, Venue};
use crate::engine::grid::plan::Terms;
use crate::engine::grid::state::GridSetup;
use crate::engine::settings::{AccountSettings, PaperSettings, PolicyLimits, SymbolScope};
use crate::exchange::capabilities::{Capabilities, Market};
use crate::exchange::faults::PaperFaults;
use crate::exchange::paper;
use crate::matching::config::BookConfig;
use crate::store::accounts::AccountRow;
use crate::store::bots::BotRow;
use crate::store::grid_configs::GridRow;
use crate::store::latches::AccountHealth;
use crate::store::strategies::StrategyRow;
use crate::store::{StoreError, accounts, bots, grid_configs, holdings, journal, latches, strategies};
use crate::strategy::{ExitPlan, StrategyKind, StrategyParams, StrategySpec};

/// What the roster is read with.
#[derive(Debug, Clone)]
pub struct RosterTerms {
    pub limits: PolicyLimits,
    pub equity_interval: DurationMs,
    pub close_if_unprotected: bool,
    pub stage: Stage,
    /// Trading rules by market.
    pub instruments: BTreeMap<MarketId, Arc<BTreeMap<Symbol, Instrument>>>,
}

impl RosterTerms {
    pub fn new(config: &Config, stage: Stage) -> Self {
        Self {
            limits: config.limits,
            equity_interval: config.engine.equity_interval,
            close_if_unprotected: config.engine.close_if_unprotected,
            stage,
            instruments: BTreeMap::new(),
        }
    }

    /// Takes over what a configuration says that was read again.
    pub fn take_over(&mut self, config: &Config) {
        let instruments = std::mem::take(&mut self.instruments);
        *self = Self { instruments, ..Self::new(config, self.stage) };
    }
}

/// What the fleet trades on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A tape or the synthetic market, the same for everybody; every account is on paper.
    Replay,
    /// The exchanges. Accounts of the exchange `paper` trade at the prices of this one.
    Live { paper_market: ExchangeKind },
}

impl Stage {
    /// Whose prices an account of `exchange` trades at.
    pub const fn market_of(self, exchange: ExchangeKind) -> MarketId {
        match (self, exchange) {
            (Self::Replay, _) => None,
            (Self::Live { paper_market }, ExchangeKind::Paper) => Some(paper_market),
            (Self::Live { .. }, exchange) => Some(exchange),
        }
    }
}

/// One account that takes part.
#[derive(Debug, Clone)]
pub struct Entrant {
    pub id: AccountId,
    pub name: String,
    pub exchange: ExchangeKind,
    pub market: MarketId,
    /// How it trades with money; `None`: on paper. (Without keys it cannot leave dry run.)
    pub access: Option<Access>,
    pub configuration: Configuration,
    pub last_cycle_at: Option<Timestamp>,
}

/// What it takes to reach an account at its exchange. The keys are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub exchange: ExchangeKind,
    pub api_key: String,
    pub api_secret: String,
    pub passphrase: Option<String>,
    pub proxy: Option<String>,
    pub bind_address: Option<String>,
    /// The account these keys must belong to.
    pub pinned_uid: Option<String>,
    pub withdraw_key_allowed: bool,
    /// `None`: not asked since the keys changed.
    pub position_mode: Option<PositionMode>,
}

impl Access {
    /// `None` for an account without keys.
    pub fn of(account: &AccountRow) -> Option<Self> {
        Some(Self {
            exchange: account.exchange,
            api_key: account.api_key.clone()?,
            api_secret: account.api_secret.clone()?,
            passphrase: account.passphrase.clone(),
            proxy: account.proxy.clone(),
            bind_address: account.bind_address.clone(),
            pinned_uid: account.exchange_uid.clone(),
            withdraw_key_allowed: account.withdraw_key_allowed,
            position_mode: account.position_mode,
        })
    }

    /// Whether the other leads to the same account in the same way: what the exchange says of it may have been learnt
    /// meanwhile, but not be another thing.
    pub fn is_same_way(&self, other: &Self) -> bool {
        let learnt = |access: &Self| Self { pinned_uid: None, position_mode: None, ..access.clone() };
        let modes = self.position_mode.zip(other.position_mode);
        learnt(self) == learnt(other) && modes.is_none_or(|(before, now)| before == now)
    }
}

/// Everybody who takes part, as the database says now.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// Active accounts that are not quarantined.
    pub entrants: BTreeMap<AccountId, Entrant>,
    /// Accounts that trade with money, and so take no part in a replay.
    pub left_out: Vec<String>,
    /// By strategy id, those that somebody follows.
    pub specs: BTreeMap<StrategyId, StrategySpec>,
    /// Accounts that are to trade on paper, and first leave the exchange at which they trade with money.
    pub leaving: BTreeSet<AccountId>,
    pub follows: Follows,
}

/// What is known of accounts and bots beside their rows.
struct Facts {
    /// The symbols in which bots hold something or have orders.
    engaged: BTreeMap<BotId, BTreeSet<Symbol>>,
    /// Accounts of which something is left where they trade with money.
    at_stake: BTreeSet<AccountId>,
    grids: BTreeMap<BotId, GridRow>,
}

impl Facts {
    fn read(conn: &Connection) -> Result<Self, StoreError> {
        Ok(Self {
            engaged: journal::engagements(conn)?,
            at_stake: journal::at_stake(conn)?,
            grids: grid_configs::all(conn)?,
        })
    }

    /// Whether the account trades with money, or still has to leave where it did.
    fn trades_with_money(&self, account: &AccountRow) -> bool {
        let is_left_behind = || self.at_stake.contains(&account.id) && Access::of(account).is_some();
        trades_with_money(account) || (account.exchange != ExchangeKind::Paper && is_left_behind())
    }
}

impl Roster {
    pub fn read(conn: &Connection, terms: &RosterTerms) -> Result<Self, StoreError> {
        let rows: BTreeMap<StrategyId, StrategyRow> =
            strategies::list(conn)?.into_iter().map(|row| (row.id, row)).collect();
        let specs = rows.iter().map(|(id, row)| Ok((*id, spec(row)?))).collect::<Result<_, StoreError>>()?;
        let mut by_account: BTreeMap<AccountId, Vec<BotRow>> = BTreeMap::new();
        let facts = Facts::read(conn)?;
        for bot in present_bots(conn, &facts)? {
            by_account.entry(bot.account_id).or_default().push(bot);
        }
        let latches = latches::read_all(conn)?;
        let mut closing = holdings::close_requests(conn)?;
        let mut released = holdings::released(conn)?;
        let mut roster = Self { specs, ..Self::default() };
        for account in accounts::list(conn)?.into_iter().filter(|account| account.is_active) {
            let health = latches.get(&account.id).cloned().unwrap_or_default();
            if health.quarantined_at.is_some() {
                continue;
            }
            if terms.stage == Stage::Replay && trades_with_money(&account) {
                roster.left_out.push(account.name);
                continue;
            }
            let bots = by_account.remove(&account.id).unwrap_or_default();
            roster.admit(&account, &bots, health, &facts, terms);
            if let Some(entrant) = roster.entrants.get_mut(&account.id) {
                let config = &mut entrant.configuration.account;
                config.close_symbols = closing.remove(&account.id).unwrap_or_default();
                config.released = released.remove(&account.id).unwrap_or_default();
            }
        }
        let followed = roster.follows.strategies();
        roster.specs.retain(|id, _| followed.contains(id));
        Ok(roster)
    }

    /// One account that is in no database, on paper, with these bots and what they follow.
    pub fn solitary(
        id: AccountId,
        configuration: Configuration,
        specs: BTreeMap<StrategyId, StrategySpec>,
    ) -> Self {
        let bots = || configuration.account.bots.values().filter(|bot| bot.is_running);
        let grid_symbols = bots()
            .filter(|bot| bot.grid.is_some())
            .filter_map(|bot| match &bot.settings.symbol {
                SymbolScope::One(symbol) => Some(symbol.clone()),
                SymbolScope::Universe => None,
            })
            .collect();
        let wishes = bots()
            .filter_map(|bot| Some((bot.strategy?, bot.settings.symbol.clone())))
            .collect::<BTreeSet<_>>();
        let entrant = Entrant {
            id,
            name: "backtest".to_owned(),
            exchange: ExchangeKind::Paper,
            market: None,
            access: None,
            configuration,
            last_cycle_at: None,
        };
        Self {
            entrants: BTreeMap::from([(id, entrant)]),
            specs,
            follows: Follows::of(None, wishes, grid_symbols),
            ..Self::default()
        }
    }

    fn admit(
        &mut self,
        account: &AccountRow,
        bots: &[BotRow],
        health: AccountHealth,
        facts: &Facts,
        terms: &RosterTerms,
    ) {
        let market = terms.stage.market_of(account.exchange);
        self.follows.note(market, bots, &facts.engaged, &facts.grids);
        let is_live = terms.stage != Stage::Replay;
        let has_money = if is_live { facts.trades_with_money(account) } else { trades_with_money(account) };
        let is_leaving = has_money && account.settings.dry_run;
        if is_leaving {
            self.leaving.insert(account.id);
        }
        let is_dry_run = if is_leaving { false } else { account.settings.dry_run };
        let settings = AccountSettings { dry_run: is_dry_run, ..account.settings.clone() };
        let fees = Terms::of_account(account.exchange, !has_money, &account.paper_settings);
        let setup = |row: GridRow| {
            Arc::new(GridSetup { config: row.config, terms: fees, repair_asked_at: row.repair_asked_at })
        };
        let configured = |bot: &BotRow| {
            let config = self.bot_config(bot, facts.grids.get(&bot.id).cloned().map(setup));
            BotConfig { is_running: config.is_running && !is_leaving, ..config }
        };
        let bots = bots.iter().map(|bot| (bot.id, Arc::new(configured(bot)))).collect::<BTreeMap<_, _>>();
        let halt = health
            .halted_at
            .map(|_| Halt { reason: health.halt_reason.unwrap_or_default(), flatten: health.halt_flatten });
        let configuration = Configuration {
            account: AccountConfig {
                settings,
                limits: terms.limits,
                bots,
                instruments: terms.instruments.get(&market).map(Arc::clone).unwrap_or_default(),
                halt,
                close_symbols: BTreeMap::new(),
                released: BTreeSet::new(),
                venue: venue(
                    account.exchange == ExchangeKind::Upbit,
                    &paper::capabilities(&book_config(&account.paper_settings)),
                ),
                close_if_unprotected: terms.close_if_unprotected,
                equity_interval: terms.equity_interval,
            },
            paper: account.paper_settings.clone(),
        };
        let entrant = Entrant {
            id: account.id,
            name: account.name.clone(),
            exchange: account.exchange,
            market,
            access: if has_money { Access::of(account) } else { None },
            configuration,
            last_cycle_at: health.last_cycle_at,
        };
        self.entrants.insert(account.id, entrant);
    }

    fn bot_config(&self, bot: &BotRow, grid: Option<Arc<GridSetup>>) -> BotConfig {
        let spec = bot.strategy_id.and_then(|id| self.specs.get(&id));
        BotConfig {
            id: bot.id,
            name: bot.name.clone(),
            strategy: bot.strategy_id,
            exit_plan: spec.map_or(ExitPlan::NONE, |spec| spec.params.exit_plan()),
            grid,
            settings: bot.settings.clone(),
            is_running: bot.is_running,
            // What is left of a bot that was removed, nobody would look after.
            close_requested: bot.close_requested || !bot.is_active,
        }
    }

    /// Markets that somebody trades in.
    pub fn markets(&self) -> BTreeSet<MarketId> {
        self.entrants.values().map(|entrant| entrant.market).collect()
    }

    pub fn running_bots(&self) -> usize {
        let running = |entrant: &Entrant| {
            entrant.configuration.account.bots.values().filter(|bot| bot.is_running).count()
        };
        self.entrants.values().map(running).sum()
    }
}

/// The active bots, and those that were removed and are not done yet.
fn present_bots(conn: &Connection, facts: &Facts) -> Result<Vec<BotRow>, StoreError> {
    let mut present = bots::list(conn, None)?;
    let active: BTreeSet<BotId> = present.iter().map(|bot| bot.id).collect();
    for id in facts.engaged.keys().filter(|id| !active.contains(id)) {
        present.push(bots::get(conn, *id)?);
    }
    Ok(present)
}

fn trades_with_money(account: &AccountRow) -> bool {
    account.exchange != ExchangeKind::Paper && !account.settings.dry_run
}

/// The strategy's parameters as they are computed with.
fn spec(row: &StrategyRow) -> Result<StrategySpec, StoreError> {
    let damaged = |detail: String| StoreError::corrupt(format!("strategy {}: {detail}", row.name));
    let kind: StrategyKind = row.kind.parse().map_err(|_| damaged(format!("unknown kind `{}`", row.kind)))?;
    let params = StrategyParams::from_json(kind, &Value::Object(row.params.clone()))
        .map_err(|error| damaged(error.to_string()))?;
    Ok(StrategySpec { params, timeframe: row.timeframe })
}

/// What the machine must know of its exchange. Every account trades on its paper book; the machine of a spot exchange's
/// account uses neither shorts nor leverage there.
pub fn venue(is_spot: bool, capabilities: &Capabilities) -> Venue {
    Venue {
        spot: is_spot || capabilities.market == Market::Spot,
        hedge: capabilities.hedge_mode,
        conditional_orders: capabilities.conditional_orders,
        // Over a wire it would carry the time it was first signed with, and be refused for that, or for its id: what
        // did not arrive there is decided anew.
        resend_is_safe: capabilities.resend_is_safe() && capabilities.consistent_snapshots,
        consistent_snapshots: capabilities.consistent_snapshots,
        may_hold_external: capabilities.may_hold_external,
        horizon: capabilities.horizon(Timestamp::default()).since(Timestamp::default()),
    }
}

pub fn book_config(paper: &PaperSettings) -> BookConfig {
    BookConfig {
        quote_asset: paper.quote_asset.clone(),
        initial_balance: paper.initial_balance,
        maker_fee_pct: paper.maker_fee_pct,
        taker_fee_pct: paper.taker_fee_pct,
        slippage_pct: paper.slippage_pct,
        participation_pct: paper.participation_pct,
        position_mode: paper.position_mode,
    }
}

pub(super) fn faults(paper: &PaperSettings) -> PaperFaults {
    PaperFaults {
        latency_ms: paper.fault_latency_ms,
        failure_pct: paper.fault_failure_pct,
        lost_answer_pct: paper.fault_lost_answer_pct,
        hang: paper.fault_hang,
        panic: paper.fault_panic,
    }
}

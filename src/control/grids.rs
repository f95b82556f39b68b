//! Grids: what an operator asks of one, judged by what is known of its market and account.
//!
//! What is not known yet, because no daemon has looked after the market or the account, is judged by the daemon when
//! the grid starts; [`GridOutlook::waits`] names it.

use rusqlite::Connection;

use super::ControlError;
use super::grid_edit::{self, GridEdit, Replaced};
use super::turn::{Diff, Turn};
use crate::domain::ids::BotId;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::{Leverage, Pct, Price, Qty, Quote};
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::grid::plan::{Plan, Surroundings, Terms};
use crate::engine::grid::waiting::Waiting;
use crate::engine::grid::{Direction, GridConfig};
use crate::engine::settings::{BotSettings, GridDraft, PolicyLimits, SymbolScope};
use crate::store::accounts::AccountRow;
use crate::store::bots::BotRow;
use crate::store::queries::grid;
use crate::store::{StoreError, bots, grid_configs, latches, market_log};

/// A price of an exchange that is older says nothing of the present. (A tape's market stands still between runs.)
const PRICE_AGE_MAX: DurationMs = DurationMs::from_ms(24 * 60 * 60 * 1000);

/// Settings of bots that follow signals; a grid has no use for them.
const NOT_OF_GRIDS: [&str; 5] =
    ["strategy", "max_leverage", "max_positions", "stop_loss_percent", "take_profit_percent"];

/// What a grid comes to, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridOutlook {
    /// `ACCOUNT/BOT`.
    pub bot: String,
    pub symbol: Symbol,
    pub config: GridConfig,
    /// Not rounded while the market's rules are unknown.
    pub plan: Plan,
    /// `None` while no daemon has looked after the market.
    pub instrument: Option<Instrument>,
    /// The last price that is known, and its time.
    pub price: Option<(Price, Timestamp)>,
    /// The bot's share of the account's equity; `None` while that is unknown.
    pub capital: Option<Quote>,
    /// What can only be checked when it starts.
    pub waits: Vec<String>,
    /// What a running grid waits for before it begins.
    pub waiting: Option<Waiting>,
    /// What an edit does to the ladder that is there.
    pub edit: Option<GridEdit>,
}

/// What is known of where a grid would trade.
#[derive(Debug, Clone)]
struct Ground {
    instrument: Option<Instrument>,
    price: Option<(Price, Timestamp)>,
    equity: Option<Quote>,
    terms: Terms,
    max_leverage: Leverage,
    /// What the account's other grids want of the symbol.
    others: Vec<(String, Direction)>,
    /// `None` where only the exchange knows: it was not asked yet.
    position_mode: Option<PositionMode>,
}

impl Ground {
    fn of(
        conn: &Connection,
        (account, bot): (&AccountRow, &str),
        symbol: &Symbol,
        limits: PolicyLimits,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let on_paper = account.exchange == ExchangeKind::Paper || account.settings.dry_run;
        let health = latches::health(conn, account.id)?;
        let told = health.equity.as_deref().and_then(|equity| equity.parse().ok());
        let opening = Some(account.paper_settings.initial_balance).filter(|_| on_paper);
        let mut ground = Self {
            instrument: None,
            price: None,
            equity: told.or(opening),
            terms: Terms::of_account(account.exchange, on_paper, &account.paper_settings),
            max_leverage: account.settings.leverage.min(limits.max_leverage),
            others: other_grids(conn, account, bot, symbol)?,
            position_mode: if on_paper {
                Some(account.paper_settings.position_mode)
            } else {
                account.position_mode
            },
        };
        let markets = match health.last_cycle_at {
            Some(_) => vec![health.market],
            None => likely_markets(account.exchange),
        };
        for market in markets {
            let Some(instrument) = market_log::instrument_of(conn, market, symbol)? else { continue };
            ground.instrument = Some(instrument);
            ground.price = market_log::last_price(conn, market, symbol)?
                .filter(|(_, at)| market.is_none() || now.since(*at) <= PRICE_AGE_MAX);
            break;
        }
        Ok(ground)
    }

    /// The market's rules, or such as forbid nothing.
    fn rules(&self, symbol: &Symbol) -> Instrument {
        self.instrument.clone().unwrap_or_else(|| Instrument {
            symbol: symbol.clone(),
            tick: Price::SMALLEST,
            step: Qty::SMALLEST,
            min_qty: Qty::ZERO,
            min_notional: Quote::ZERO,
        })
    }

    /// The grid's plan, or everything that is wrong with it. Of a grid that is there, only what is `new` about its range
    /// and its money is judged by the present price and equity.
    fn outlook(
        self,
        (account, bot): (&AccountRow, &str),
        settings: &BotSettings,
        symbol: Symbol,
        config: GridConfig,
        before: Option<(&GridConfig, Pct)>,
    ) -> Result<GridOutlook, ControlError> {
        let allocation = settings.allocation_percent;
        let rules = self.rules(&symbol);
        let range = |config: &GridConfig| (config.lower, config.upper, config.trigger);
        let is_moved = before.is_none_or(|(old, _)| range(old) != range(&config));
        let is_dearer =
            before.is_none_or(|(old, share)| config.investment > old.investment || allocation < share);
        let surroundings = Surroundings {
            price: self.price.map(|(price, _)| price).filter(|_| is_moved),
            equity: self.equity.map(|equity| (equity, allocation)).filter(|_| is_dearer),
            max_leverage: Some(self.max_leverage),
        };
        let mut refusals = surroundings.refusals(&config);
        let label = format!("{}/{bot}", account.name);
        let plan = match Plan::of(&config, &rules, self.terms) {
            Ok(plan) if refusals.is_empty() => plan,
            Ok(_) => return Err(ControlError::GridRefused { bot: label, refusals }),
            Err(wrong) => {
                refusals.splice(0..0, wrong);
                return Err(ControlError::GridRefused { bot: label, refusals });
            }
        };
        let waits = self.waits(&symbol, &config);
        Ok(GridOutlook {
            bot: label,
            symbol,
            config,
            plan,
            instrument: self.instrument,
            price: self.price,
            capital: self.equity.map(|equity| equity.part(allocation)),
            waits,
            waiting: None,
            edit: None,
        })
    }

    fn waits(&self, symbol: &Symbol, config: &GridConfig) -> Vec<String> {
        let mut waits = Vec::new();
        if self.instrument.is_none() {
            waits.push(format!("tick, step and smallest order of {symbol}: no daemon has traded there yet"));
        }
        if self.price.is_none() && config.trigger.is_none() {
            waits.push(format!(
                "the price of {symbol}, which is not known yet: outside {} to {} the grid waits for it to come in",
                config.lower, config.upper
            ));
        }
        if self.equity.is_none() {
            waits.push(
                "that the investment is within the bot's capital: the equity is not known yet".to_owned(),
            );
        }
        waits.extend(self.netted(symbol, config.direction));
        waits
    }

    /// Where both sides are netted, the first of two grids that may hold opposite sides keeps the other from opening.
    fn netted(&self, symbol: &Symbol, direction: Direction) -> Option<String> {
        let is_against = |other: Direction| other != direction || direction == Direction::Neutral;
        let against = self.others.iter().filter(|(_, other)| is_against(*other));
        let against: Vec<String> = against.map(|(name, other)| format!("`{name}` ({other})")).collect();
        if against.is_empty() || self.position_mode == Some(PositionMode::Hedge) {
            return None;
        }
        let mode = match self.position_mode {
            Some(_) => "the account is in one-way mode",
            None => "where the account is in one-way mode",
        };
        Some(format!(
            "that nothing of {symbol} is held on the other side by {}: {mode}, only one side opens at a time",
            against.join(", ")
        ))
    }
}

/// The other grids of an account on a symbol, by name.
fn other_grids(
    conn: &Connection,
    account: &AccountRow,
    bot: &str,
    symbol: &Symbol,
) -> Result<Vec<(String, Direction)>, StoreError> {
    let mut others = Vec::new();
    for row in bots::list(conn, Some(account.id))? {
        if row.name == bot || row.settings.symbol != SymbolScope::One(symbol.clone()) {
            continue;
        }
        let grid = grid_configs::find(conn, row.id)?;
        others.extend(grid.map(|grid| (row.name, grid.config.direction)));
    }
    Ok(others)
}

/// Where an account that has not traded yet will: at its exchange; on paper, where there is something to trade.
fn likely_markets(exchange: ExchangeKind) -> Vec<Option<ExchangeKind>> {
    match exchange {
        ExchangeKind::Paper => {
            [None].into_iter().chain(ExchangeKind::ALL.iter().copied().map(Some)).collect()
        }
        ExchangeKind::Binance | ExchangeKind::Bitget | ExchangeKind::Upbit => vec![Some(exchange)],
    }
}

/// The one symbol a grid trades.
pub fn symbol_of(settings: &BotSettings) -> Result<Symbol, ControlError> {
    match &settings.symbol {
        SymbolScope::One(symbol) => Ok(symbol.clone()),
        SymbolScope::Universe => Err(ControlError::BadValue {
            key: "symbol",
            value: "*".to_owned(),
            allowed: "one symbol for a grid, such as BTCUSDT or KRW-BTC",
        }),
    }
}

/// Refuses a key that belongs to the other kind of bots.
pub fn check_key(key: &str, is_grid: bool) -> Result<(), ControlError> {
    let is_of_grids = GridDraft::KEYS.iter().any(|spec| spec.key == key);
    match (is_grid, is_of_grids) {
        (false, true) => Err(ControlError::OtherType { key: key.to_owned(), owner: "grid", bot: "ai_trend" }),
        (true, false) if NOT_OF_GRIDS.contains(&key) => {
            Err(ControlError::OtherType { key: key.to_owned(), owner: "ai_trend", bot: "grid" })
        }
        (true, _) | (false, false) => Ok(()),
    }
}

/// A new grid, judged.
pub(super) fn judge(
    turn: &Turn<'_>,
    account: &AccountRow,
    bot: &str,
    settings: &mut BotSettings,
    draft: &GridDraft,
) -> Result<GridOutlook, ControlError> {
    let config = finished(draft)?;
    let symbol = symbol_of(settings)?;
    // What other code asks the bot's leverage of is the grid's.
    settings.max_leverage = config.leverage;
    let ground = Ground::of(turn.conn, (account, bot), &symbol, turn.by.limits, turn.by.now)?;
    ground.outlook((account, bot), settings, symbol, config, None)
}

/// What is known now of a grid that is there. `Err` holds what forbids it to go on as it is.
pub fn outlook(
    conn: &Connection,
    account: &AccountRow,
    bot: &BotRow,
    limits: PolicyLimits,
    now: Timestamp,
) -> Result<Option<GridOutlook>, ControlError> {
    let Some(row) = grid_configs::find(conn, bot.id)? else { return Ok(None) };
    let symbol = symbol_of(&bot.settings)?;
    let ground = Ground::of(conn, (account, &bot.name), &symbol, limits, now)?;
    let (config, share) = (row.config.clone(), bot.settings.allocation_percent);
    let judged =
        ground.outlook((account, &bot.name), &bot.settings, symbol, config, Some((&row.config, share)));
    let mut outlook = judged?;
    let state = grid::state(conn, bot.id)?;
    let price = outlook.price.filter(|_| bot.is_running && !state.is_started);
    outlook.waiting = price.and_then(|(price, _)| Waiting::of(&row.config, &state, price));
    Ok(Some(outlook))
}

/// Refuses to start what could not be planned; what else forbids it, the daemon knows better.
pub(super) fn check_start(turn: &Turn<'_>, account: &AccountRow, bot: &BotRow) -> Result<(), ControlError> {
    if bot.is_running {
        return Ok(());
    }
    outlook(turn.conn, account, bot, turn.by.limits, turn.by.now).map(|_| ())
}

/// Refuses to lower an account's leverage below what its running grids are planned with: the daemon would place orders of
/// plans that are none any more.
pub(super) fn check_leverage(
    turn: &Turn<'_>,
    before: &AccountRow,
    after: &AccountRow,
) -> Result<(), ControlError> {
    let leverage = after.settings.leverage;
    if leverage >= before.settings.leverage {
        return Ok(());
    }
    let mut grids = Vec::new();
    for bot in bots::list(turn.conn, Some(after.id))?.into_iter().filter(|bot| bot.is_running) {
        let planned = grid_configs::find(turn.conn, bot.id)?.map(|row| row.config.leverage);
        grids.extend(planned.filter(|planned| *planned > leverage).map(|planned| (bot.name, planned)));
    }
    if grids.is_empty() {
        return Ok(());
    }
    Err(ControlError::BelowGrids { account: after.name.clone(), leverage, grids })
}

/// A grid's new wishes, judged against what is there; `None` when nothing about its trading changes.
pub(super) fn judge_edit(
    turn: &Turn<'_>,
    (account, before): (&AccountRow, &BotRow),
    settings: &mut BotSettings,
    (old, new): (&GridDraft, &GridDraft),
) -> Result<Option<GridOutlook>, ControlError> {
    let is_same_place = before.settings.symbol == settings.symbol;
    let is_same_share = before.settings.allocation_percent == settings.allocation_percent;
    if new == old && is_same_place && is_same_share {
        return Ok(None);
    }
    let (old, new) = (finished(old)?, finished(new)?);
    let symbol = symbol_of(settings)?;
    let old_symbol = symbol_of(&before.settings)?;
    let owner = (account, before.name.as_str());
    let there = Ground::of(turn.conn, owner, &old_symbol, turn.by.limits, turn.by.now)?;
    let old_plan = Plan::of(&old, &there.rules(&old_symbol), there.terms).ok();
    settings.max_leverage = new.leverage;
    let ground = Ground::of(turn.conn, owner, &symbol, turn.by.limits, turn.by.now)?;
    let stays = is_same_place.then_some((&old, before.settings.allocation_percent));
    let mut outlook = ground.outlook(owner, settings, symbol, new, stays)?;
    let replaced = Replaced { bot: before, config: &old, plan: old_plan.as_ref(), is_same_place };
    outlook.edit = Some(grid_edit::of(turn.conn, replaced, &outlook)?);
    Ok(Some(outlook))
}

fn finished(draft: &GridDraft) -> Result<GridConfig, ControlError> {
    draft.finish().map_err(|missing| ControlError::GridIncomplete { missing: missing.join(", ") })
}

/// The settings of a bot's grid; `None` for a bot that is no grid.
pub(super) fn draft_of(conn: &Connection, bot: BotId) -> Result<Option<GridDraft>, StoreError> {
    Ok(grid_configs::find(conn, bot)?.map(|row| GridDraft::from(&row.config)))
}

/// Writes what was judged, and hands it to whoever tells of it.
pub(super) fn put(turn: &mut Turn<'_>, bot: BotId, outlook: GridOutlook) -> Result<(), ControlError> {
    grid_configs::put(turn.conn, bot, &outlook.config, outlook.plan.per_grid_amount)?;
    turn.grids.push(outlook);
    Ok(())
}

/// The grid's settings as values of a change; of a new one, those that say something.
pub(super) fn compare(diff: &mut Diff, before: Option<&GridDraft>, after: &GridDraft) {
    for spec in GridDraft::KEYS {
        let old = before.and_then(|draft| draft.get(spec.key));
        let new = after.get(spec.key).filter(|value| before.is_some() || (value != "none" && value != "off"));
        diff.compare(spec.key, old, new);
    }
}

/// Asks the daemon, or the next one, to compare a grid with its exchange and mend it. Asked already and not followed
/// yet, nothing changes.
pub(super) fn repair(turn: &Turn<'_>, account: &AccountRow, bot: &BotRow) -> Result<Diff, ControlError> {
    let Some(row) = grid_configs::find(turn.conn, bot.id)? else {
        return Err(ControlError::NotAGrid { account: account.name.clone(), bot: bot.name.clone() });
    };
    let mut diff = Diff::default();
    let is_followed = grid::state(turn.conn, bot.id)?
        .repair
        .is_some_and(|repair| Some(repair.asked_at) == row.repair_asked_at && repair.done_at.is_some());
    if row.repair_asked_at.is_some() && !is_followed {
        return Ok(diff);
    }
    grid_configs::ask_repair(turn.conn, bot.id, turn.by.now)?;
    let asked = grid_configs::find(turn.conn, bot.id)?.and_then(|row| row.repair_asked_at);
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    diff.compare("repair_asked_at", text(row.repair_asked_at), text(asked));
    Ok(diff)
}

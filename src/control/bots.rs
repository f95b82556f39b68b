//! Adding, changing, starting, stopping and removing bots.

use super::account_values::is_spot;
use super::command::NewBotSpec;
use super::turn::{Diff, Subject, Turn};
use super::{Assignment, BotSelection, ControlError, PositionsChoice, Selection, candles, grids, names};
use crate::domain::ids::StrategyId;
use crate::domain::kind::{BotType, ExchangeKind};
use crate::domain::money::Leverage;
use crate::domain::spelling;
use crate::engine::settings::{BotSettings, GridDraft, SettingError, SettingKey, SymbolScope};
use crate::store::accounts::{self, AccountRow};
use crate::store::bots::{self, BotRow, NewBot};
use crate::store::{StoreError, holdings, strategies};

const DEFAULT_STRATEGY: &str = "ema_cross";

fn subject<'a>(action: &'static str, account: &'a AccountRow, bot: &str) -> Subject<'a> {
    Subject { action, account: Some(&account.name), name: format!("bot {}/{bot}", account.name) }
}

/// A bot's values while they are being put together.
struct Draft {
    settings: BotSettings,
    strategy: Option<StrategyId>,
    /// `Some` for a grid.
    grid: Option<GridDraft>,
}

pub(super) fn add(turn: &mut Turn<'_>, new: &NewBotSpec) -> Result<(), ControlError> {
    names::BOT.check(&new.name)?;
    let account = accounts::find(turn.conn, &new.account)?;
    turn.touch(account.id);
    let is_grid = new.bot_type == BotType::Grid;
    if new.strategy.is_some() {
        grids::check_key("strategy", is_grid)?;
    }
    let strategy = if is_grid {
        None
    } else {
        Some(strategies::find(turn.conn, new.strategy.as_deref().unwrap_or(DEFAULT_STRATEGY))?.id)
    };
    let settings = defaults_for(account.exchange);
    let mut draft = Draft { settings, strategy, grid: is_grid.then(GridDraft::default) };
    for assignment in &new.values {
        assign(turn, &account, &mut draft, assignment)?;
    }
    insert(turn, &account, (&new.name, new.bot_type), draft, new.start)
}

pub(super) fn clone(turn: &mut Turn<'_>, from: &str, name: &str, to: &Selection) -> Result<(), ControlError> {
    let source = accounts::find(turn.conn, from)?;
    let bot = bots::find(turn.conn, source.id, name)?;
    let grid = grids::draft_of(turn.conn, bot.id)?;
    for account in turn.select(to)? {
        if account.id == source.id {
            continue;
        }
        let mut settings = bot.settings.clone();
        if is_spot(account.exchange) {
            settings.max_leverage = Leverage::ONE;
        }
        let draft = Draft { settings, strategy: bot.strategy_id, grid: grid.clone() };
        insert(turn, &account, (&bot.name, bot.bot_type), draft, false)?;
    }
    Ok(())
}

fn insert(
    turn: &mut Turn<'_>,
    account: &AccountRow,
    (name, bot_type): (&str, BotType),
    mut draft: Draft,
    start: bool,
) -> Result<(), ControlError> {
    check_symbol(account.exchange, &draft.settings.symbol)?;
    candles::check(turn, account, name, draft.strategy)?;
    let outlook = match &draft.grid {
        Some(grid) => Some(grids::judge(turn, account, name, &mut draft.settings, grid)?),
        None => None,
    };
    let new = NewBot {
        account_id: account.id,
        strategy_id: draft.strategy,
        name: name.to_owned(),
        bot_type,
        settings: draft.settings,
    };
    let id = bots::insert(turn.conn, &new, turn.by.now).map_err(ControlError::from_limits)?;
    let mut added = Diff::default();
    added.compare("strategy", None, strategy_name(turn, new.strategy_id)?);
    for spec in
        BotSettings::KEYS.iter().filter(|spec| grids::check_key(spec.key, bot_type == BotType::Grid).is_ok())
    {
        added.compare(spec.key, None, new.settings.get(spec.key).filter(|value| !value.is_empty()));
    }
    if let (Some(grid), Some(outlook)) = (&draft.grid, outlook) {
        added.compare("type", None, Some(bot_type.to_string()));
        grids::compare(&mut added, None, grid);
        grids::put(turn, id, outlook)?;
    }
    if start {
        bots::set_running(turn.conn, id, true, turn.by.now)?;
        added.compare("running", None, Some("on".to_owned()));
    }
    turn.record(subject("add_bot", account, name), added)
}

pub(super) fn set(
    turn: &mut Turn<'_>,
    selection: &BotSelection,
    values: &[Assignment],
) -> Result<(), ControlError> {
    if values.is_empty() {
        return Err(ControlError::NothingToSet);
    }
    for (account, before) in select(turn, selection)? {
        let old = grids::draft_of(turn.conn, before.id)?;
        let mut draft =
            Draft { settings: before.settings.clone(), strategy: before.strategy_id, grid: old.clone() };
        for assignment in values {
            assign(turn, &account, &mut draft, assignment)?;
        }
        check_symbol(account.exchange, &draft.settings.symbol)?;
        if draft.strategy != before.strategy_id {
            candles::check(turn, &account, &before.name, draft.strategy)?;
        }
        let mut row = BotRow { settings: draft.settings, strategy_id: draft.strategy, ..before.clone() };
        let outlook = match (&old, &draft.grid) {
            (Some(old), Some(new)) => {
                grids::judge_edit(turn, (&account, &before), &mut row.settings, (old, new))?
            }
            (None, _) | (_, None) => None,
        };
        bots::update(turn.conn, &row, turn.by.now).map_err(ControlError::from_limits)?;
        let mut changed = Diff::default();
        changed.compare(
            "strategy",
            strategy_name(turn, before.strategy_id)?,
            strategy_name(turn, row.strategy_id)?,
        );
        for spec in BotSettings::KEYS {
            changed.compare(spec.key, before.settings.get(spec.key), row.settings.get(spec.key));
        }
        if let Some(grid) = &draft.grid {
            grids::compare(&mut changed, old.as_ref(), grid);
        }
        if let Some(outlook) = outlook {
            grids::put(turn, before.id, outlook)?;
        }
        turn.record(subject("set_bot", &account, &row.name), changed)?;
    }
    Ok(())
}

/// Asks for grids to be compared with their exchange and mended. Of several bots, those that are none are passed over.
pub(super) fn repair(turn: &mut Turn<'_>, selection: &BotSelection) -> Result<(), ControlError> {
    for (account, bot) in select(turn, selection)? {
        if bot.bot_type == BotType::Grid || selection.name.is_some() {
            let asked = grids::repair(turn, &account, &bot)?;
            turn.record(subject("repair_grid", &account, &bot.name), asked)?;
        }
    }
    Ok(())
}

pub(super) fn start(turn: &mut Turn<'_>, selection: &BotSelection) -> Result<(), ControlError> {
    for (account, bot) in select(turn, selection)? {
        grids::check_start(turn, &account, &bot)?;
        candles::check(turn, &account, &bot.name, bot.strategy_id)?;
        bots::set_running(turn.conn, bot.id, true, turn.by.now)?;
        bots::set_close_requested(turn.conn, bot.id, false, turn.by.now)?;
        let mut changed = Diff::flag("running", bot.is_running, true);
        changed.compare("close_requested", bot.close_requested.then(|| "on".to_owned()), None);
        turn.record(subject("start_bot", &account, &bot.name), changed)?;
    }
    Ok(())
}

pub(super) fn stop(turn: &mut Turn<'_>, selection: &BotSelection, close: bool) -> Result<(), ControlError> {
    for (account, bot) in select(turn, selection)? {
        bots::set_running(turn.conn, bot.id, false, turn.by.now)?;
        let mut changed = Diff::flag("running", bot.is_running, false);
        if close && !bot.close_requested && holdings::is_engaged(turn.conn, bot.id)? {
            bots::set_close_requested(turn.conn, bot.id, true, turn.by.now)?;
            changed.compare("close_requested", None, Some("on".to_owned()));
        }
        turn.record(subject("stop_bot", &account, &bot.name), changed)?;
    }
    Ok(())
}

pub(super) fn remove(
    turn: &mut Turn<'_>,
    selection: &BotSelection,
    positions: Option<PositionsChoice>,
) -> Result<(), ControlError> {
    for (account, bot) in select(turn, selection)? {
        let open = holdings::open_of_bot(turn.conn, bot.id)?;
        let mut removed = Diff::default();
        removed.compare("allocation_percent", bot.settings.get("allocation_percent"), None);
        match (open, positions) {
            (0, _) => {}
            (_, None) => {
                return Err(ControlError::BotHoldsPositions { account: account.name, bot: bot.name, open });
            }
            (_, Some(PositionsChoice::Close)) => {
                bots::set_close_requested(turn.conn, bot.id, true, turn.by.now)?;
                removed.compare("close_requested", None, Some("on".to_owned()));
            }
            (_, Some(PositionsChoice::Release)) => {
                let released = holdings::release(turn.conn, bot.id)?;
                removed.compare("released_positions", None, Some(released.join(",")));
            }
        }
        bots::remove(turn.conn, bot.id, turn.by.now)?;
        turn.record(subject("remove_bot", &account, &bot.name), removed)?;
    }
    Ok(())
}

/// The bots that are meant, with their accounts; none is an error. In a bulk selection an account that lacks the
/// name is passed over.
fn select(turn: &mut Turn<'_>, selection: &BotSelection) -> Result<Vec<(AccountRow, BotRow)>, ControlError> {
    let mut found = Vec::new();
    for account in turn.select(&selection.accounts)? {
        match &selection.name {
            None => {
                let all = bots::list(turn.conn, Some(account.id))?;
                found.extend(all.into_iter().map(|bot| (account.clone(), bot)));
            }
            Some(name) => match bots::find(turn.conn, account.id, name) {
                Ok(bot) => found.push((account, bot)),
                Err(StoreError::NotFound { .. }) => {}
                Err(other) => return Err(other.into()),
            },
        }
    }
    if found.is_empty() {
        return Err(ControlError::NoBot { name: selection.name.clone() });
    }
    Ok(found)
}

/// Sets one key of a bot in memory: a setting, its strategy, or a value of its grid.
fn assign(
    turn: &Turn<'_>,
    account: &AccountRow,
    draft: &mut Draft,
    assignment: &Assignment,
) -> Result<(), ControlError> {
    let Assignment { key, value } = assignment;
    grids::check_key(key, draft.grid.is_some())?;
    if key == "strategy" {
        draft.strategy = Some(strategies::find(turn.conn, value.trim())?.id);
        return Ok(());
    }
    if let Some(grid) = &mut draft.grid
        && GridDraft::KEYS.iter().any(|spec| spec.key == key)
    {
        return Ok(grid.set(key, value, turn.by.limits)?);
    }
    if !BotSettings::KEYS.iter().any(|spec| spec.key == key) {
        let of_grids = if draft.grid.is_some() { GridDraft::KEYS } else { &[] };
        let known = BotSettings::KEYS.iter().chain(of_grids).map(|spec: &SettingKey| spec.key);
        let hint = spelling::hint_or_all(key, known.chain(["strategy"]));
        return Err(SettingError::UnknownKey { group: "bot", key: key.clone(), hint }.into());
    }
    draft.settings.set(key, value, turn.by.limits)?;
    if key == "max_leverage" && is_spot(account.exchange) && draft.settings.max_leverage > Leverage::ONE {
        return Err(ControlError::SpotOnly {
            exchange: account.exchange,
            key: key.clone(),
            value: value.clone(),
            why: "nothing is borrowed there: leverage is 1",
        });
    }
    Ok(())
}

fn defaults_for(exchange: ExchangeKind) -> BotSettings {
    let mut settings = BotSettings::default();
    match exchange {
        ExchangeKind::Upbit => {
            settings.max_leverage = Leverage::ONE;
            settings.symbol = SymbolScope::parse("KRW-BTC").unwrap_or(SymbolScope::Universe);
        }
        ExchangeKind::Binance | ExchangeKind::Bitget | ExchangeKind::Paper => {}
    }
    settings
}

fn check_symbol(exchange: ExchangeKind, scope: &SymbolScope) -> Result<(), ControlError> {
    let SymbolScope::One(symbol) = scope else { return Ok(()) };
    let is_krw = symbol.as_str().starts_with("KRW-");
    let (is_own, example) = match exchange {
        ExchangeKind::Upbit => (is_krw, "KRW-BTC"),
        ExchangeKind::Binance | ExchangeKind::Bitget => (!is_krw, "BTCUSDT"),
        ExchangeKind::Paper => (true, "BTCUSDT"),
    };
    if is_own {
        return Ok(());
    }
    Err(ControlError::ForeignSymbol { exchange, symbol: symbol.to_string(), example })
}

fn strategy_name(turn: &Turn<'_>, id: Option<StrategyId>) -> Result<Option<String>, ControlError> {
    Ok(match id {
        Some(id) => Some(strategies::get(turn.conn, id)?.name),
        None => None,
    })
}

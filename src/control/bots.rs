//! Adding, changing, starting, stopping and removing bots.

use super::account_values::is_spot;
use super::command::NewBotSpec;
use super::turn::{Diff, Subject, Turn};
use super::{Assignment, BotSelection, ControlError, PositionsChoice, Selection, names};
use crate::domain::ids::StrategyId;
use crate::domain::kind::{BotType, ExchangeKind};
use crate::domain::money::Leverage;
use crate::domain::spelling;
use crate::engine::settings::{BotSettings, SettingError, SettingKey, SymbolScope};
use crate::store::accounts::{self, AccountRow};
use crate::store::bots::{self, BotRow, NewBot};
use crate::store::{StoreError, holdings, strategies};

const DEFAULT_STRATEGY: &str = "ema_cross";

fn subject<'a>(action: &'static str, account: &'a AccountRow, bot: &str) -> Subject<'a> {
    Subject { action, account: Some(&account.name), name: format!("bot {}/{bot}", account.name) }
}

pub(super) fn add(turn: &mut Turn<'_>, new: &NewBotSpec) -> Result<(), ControlError> {
    names::BOT.check(&new.name)?;
    let account = accounts::find(turn.conn, &new.account)?;
    turn.touch(account.id);
    let strategy = strategies::find(turn.conn, new.strategy.as_deref().unwrap_or(DEFAULT_STRATEGY))?;
    let mut settings = defaults_for(account.exchange);
    let mut strategy_id = Some(strategy.id);
    for assignment in &new.values {
        assign(turn, &account, (&mut settings, &mut strategy_id), assignment)?;
    }
    check_symbol(account.exchange, &settings.symbol)?;
    insert(
        turn,
        &account,
        &NewBot {
            account_id: account.id,
            strategy_id,
            name: new.name.clone(),
            bot_type: BotType::AiTrend,
            settings,
        },
        new.start,
    )
}

pub(super) fn clone(turn: &mut Turn<'_>, from: &str, name: &str, to: &Selection) -> Result<(), ControlError> {
    let source = accounts::find(turn.conn, from)?;
    let bot = bots::find(turn.conn, source.id, name)?;
    for account in turn.select(to)? {
        if account.id == source.id {
            continue;
        }
        let mut settings = bot.settings.clone();
        if is_spot(account.exchange) {
            settings.max_leverage = Leverage::ONE;
        }
        check_symbol(account.exchange, &settings.symbol)?;
        insert(
            turn,
            &account,
            &NewBot {
                account_id: account.id,
                strategy_id: bot.strategy_id,
                name: bot.name.clone(),
                bot_type: bot.bot_type,
                settings,
            },
            false,
        )?;
    }
    Ok(())
}

fn insert(turn: &mut Turn<'_>, account: &AccountRow, new: &NewBot, start: bool) -> Result<(), ControlError> {
    let id = bots::insert(turn.conn, new, turn.by.now).map_err(ControlError::from_limits)?;
    let mut added = Diff::default();
    added.compare("strategy", None, strategy_name(turn, new.strategy_id)?);
    for spec in BotSettings::KEYS {
        added.compare(spec.key, None, new.settings.get(spec.key).filter(|value| !value.is_empty()));
    }
    if start {
        bots::set_running(turn.conn, id, true, turn.by.now)?;
        added.compare("running", None, Some("on".to_owned()));
    }
    turn.record(subject("add_bot", account, &new.name), added)
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
        let mut row = before.clone();
        for assignment in values {
            assign(turn, &account, (&mut row.settings, &mut row.strategy_id), assignment)?;
        }
        check_symbol(account.exchange, &row.settings.symbol)?;
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
        turn.record(subject("set_bot", &account, &row.name), changed)?;
    }
    Ok(())
}

pub(super) fn start(turn: &mut Turn<'_>, selection: &BotSelection) -> Result<(), ControlError> {
    for (account, bot) in select(turn, selection)? {
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
        if close && !bot.close_requested && holdings::open_of_bot(turn.conn, bot.id)? > 0 {
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

/// Sets one key of a bot in memory: a setting, or its strategy.
fn assign(
    turn: &Turn<'_>,
    account: &AccountRow,
    (settings, strategy): (&mut BotSettings, &mut Option<StrategyId>),
    assignment: &Assignment,
) -> Result<(), ControlError> {
    let Assignment { key, value } = assignment;
    if key == "strategy" {
        *strategy = Some(strategies::find(turn.conn, value.trim())?.id);
        return Ok(());
    }
    if !BotSettings::KEYS.iter().any(|spec| spec.key == key) {
        let known = BotSettings::KEYS.iter().map(|spec: &SettingKey| spec.key).chain(["strategy"]);
        let hint = spelling::hint(key, known);
        return Err(SettingError::UnknownKey { group: "bot", key: key.clone(), hint }.into());
    }
    settings.set(key, value, turn.by.limits)?;
    if key == "max_leverage" && is_spot(account.exchange) && settings.max_leverage > Leverage::ONE {
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

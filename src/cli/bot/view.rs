//! What `bot list`, `bot show` and `bot stats` print.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::effective::{Effective, Strategies, effective, table};
use super::plan;
use super::select::WhichArgs;
use crate::cli::output::Tone;
use crate::cli::{CliError, Context, figures};
use crate::control::grids::{self, GridOutlook};
use crate::control::{BotSelection, ControlError, Selection};
use crate::domain::ids::AccountId;
use crate::engine::settings::BotSettings;
use crate::store::accounts::{self, AccountRow};
use crate::store::bots::{self, BotRow};
use crate::store::queries::grid;
use crate::store::{Store, holdings};

/// A bot with its account and effective values.
pub(super) struct Found {
    pub(super) account: AccountRow,
    pub(super) bot: BotRow,
    effective: Effective,
}

pub(super) fn find(
    selection: &BotSelection,
    store: &Store,
    context: &Context,
) -> Result<Vec<Found>, CliError> {
    let conn = store.conn();
    let limits = context.config()?.limits;
    let accounts = match &selection.accounts {
        Selection::Named(names) => {
            names.iter().map(|name| accounts::find(conn, name)).collect::<Result<_, _>>()?
        }
        Selection::Tagged(tag) => accounts::tagged(conn, tag)?,
        Selection::All => accounts::list(conn)?,
    };
    let strategies = Strategies::read(conn)?;
    let mut by_account: BTreeMap<AccountId, Vec<BotRow>> = BTreeMap::new();
    for bot in bots::list(conn, None)? {
        by_account.entry(bot.account_id).or_default().push(bot);
    }
    let mut found = Vec::new();
    for account in accounts {
        for bot in by_account.remove(&account.id).unwrap_or_default() {
            if selection.name.as_ref().is_none_or(|name| *name == bot.name) {
                let effective = effective(&strategies, &account, &bot, limits);
                found.push(Found { account: account.clone(), bot, effective });
            }
        }
    }
    match &selection.name {
        Some(name) if found.is_empty() => Err(CliError::not_found("bot", name)),
        Some(_) | None => Ok(found),
    }
}

fn with_account(found: &Found, mut document: Value) -> Value {
    if let Some(map) = document.as_object_mut() {
        map.insert("account".to_owned(), Value::from(found.account.name.as_str()));
    }
    document
}

pub(super) fn list(which: &WhichArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let found = find(&which.viewed(context)?, &store, context)?;
    if context.out.is_json() {
        let bots: Vec<_> =
            found.iter().map(|one| with_account(one, one.effective.to_json(&one.bot))).collect();
        return context.out.json(&json!({ "bots": bots }));
    }
    if found.is_empty() {
        context.out.note("no bots yet: tradefleet bot add NAME --account ACCOUNT");
        return Ok(());
    }
    let rows = found.iter().map(|one| (Some(one.account.name.as_str()), &one.bot, &one.effective));
    context.out.table(&table(context.out, rows))
}

pub(super) fn show(which: &WhichArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let found = find(&which.bots("show", context)?, &store, context)?;
    let mut documents = Vec::new();
    for one in &found {
        let open = holdings::open_of_bot(store.conn(), one.bot.id)?;
        if context.out.is_json() {
            let mut document = with_account(one, one.effective.to_json(&one.bot));
            if let Some(map) = document.as_object_mut() {
                let set = BotSettings::KEYS.iter().filter_map(|spec| {
                    Some((spec.key.to_owned(), Value::from(one.bot.settings.get(spec.key)?)))
                });
                map.insert("settings".to_owned(), Value::Object(set.collect()));
                map.insert("open_positions".to_owned(), Value::from(open));
                map.insert("last_started_at".to_owned(), json!(one.bot.last_started_at));
                map.insert("last_stopped_at".to_owned(), json!(one.bot.last_stopped_at));
                if let Some(grid) = grid_json(one, &store, context)? {
                    map.insert("grid".to_owned(), grid);
                }
            }
            documents.push(document);
        } else {
            print(one, open, &store, context)?;
        }
    }
    match documents.as_slice() {
        _ if !context.out.is_json() => Ok(()),
        [only] => context.out.json(only),
        many => context.out.json(&json!({ "bots": many })),
    }
}

/// What a grid comes to now, or why it is refused; `None` for other bots.
fn outlook(
    one: &Found,
    store: &Store,
    context: &Context,
) -> Result<Option<Result<GridOutlook, String>>, CliError> {
    let limits = context.config()?.limits;
    match grids::outlook(store.conn(), &one.account, &one.bot, limits, context.now()) {
        Ok(outlook) => Ok(outlook.map(Ok)),
        Err(refused @ ControlError::GridRefused { .. }) => Ok(Some(Err(refused.to_string()))),
        Err(other) => Err(other.into()),
    }
}

fn grid_json(one: &Found, store: &Store, context: &Context) -> Result<Option<Value>, CliError> {
    Ok(outlook(one, store, context)?.map(|outlook| match outlook {
        Ok(outlook) => plan::to_json(&outlook),
        Err(refused) => json!({ "refused": refused }),
    }))
}

/// What `bot show` says of a grid in place of a strategy and its exits.
fn grid_lines(outlook: &Result<GridOutlook, String>) -> Vec<(&'static str, String)> {
    match outlook {
        Ok(outlook) => {
            let mut lines = vec![("grid", plan::headline(outlook))];
            lines.extend(outlook.waiting.map(|waiting| ("not begun", waiting.to_string())));
            lines.extend(plan::lines(outlook));
            lines
        }
        Err(refused) => vec![("refused", refused.clone())],
    }
}

fn print(one: &Found, open: u32, store: &Store, context: &Context) -> Result<(), CliError> {
    let (out, bot) = (&context.out, &one.bot);
    let title = format!("{}/{}", one.account.name, bot.name);
    let state = if bot.is_running { "running" } else { "stopped" };
    out.line(format!("{}  {state}", out.paint(Tone::Strong, &title)))?;
    let strategy = one.effective.strategy.clone().unwrap_or_else(|| "(none)".to_owned());
    let at = |at: Option<crate::domain::time::Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
    let mut lines = vec![
        ("symbol", bot.settings.symbol.to_string()),
        ("allocation", format!("{} % of the account's equity", bot.settings.allocation_percent)),
    ];
    if let Some(outlook) = outlook(one, store, context)? {
        lines.extend(grid_lines(&outlook));
    } else {
        lines.insert(0, ("strategy", strategy));
        lines.extend(one.effective.lines());
        lines.push((
            "positions",
            format!(
                "{open} open, at most {} (account: {})",
                bot.settings.max_positions, one.account.settings.max_positions
            ),
        ));
    }
    lines
        .push(("trades", format!("{}, {} won, PnL {}", bot.total_trades, bot.winning_trades, bot.total_pnl)));
    lines.push(("started", at(bot.last_started_at)));
    lines.push(("stopped", at(bot.last_stopped_at)));
    lines.push(("last trade", at(bot.last_trade_at)));
    if bot.close_requested {
        lines.push(("closing", "what it holds is being closed".to_owned()));
    }
    lines.extend(bot.last_error.clone().map(|error| ("last error", error)));
    if !bot.settings.description.is_empty() {
        lines.push(("note", bot.settings.description.clone()));
    }
    for (label, value) in lines {
        out.line(format!("  {label:<12}{value}"))?;
    }
    Ok(())
}

pub(super) fn stats(which: &WhichArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let found = find(&which.viewed(context)?, &store, context)?;
    let win_rate = |bot: &BotRow| {
        (bot.total_trades > 0).then(|| {
            (Decimal::from(bot.winning_trades) * Decimal::ONE_HUNDRED / Decimal::from(bot.total_trades))
                .round_dp(2)
        })
    };
    if context.out.is_json() {
        let bots: Vec<_> = found
            .iter()
            .map(|one| {
                Ok(json!({
                    "account": one.account.name, "name": one.bot.name, "total_trades": one.bot.total_trades,
                    "winning_trades": one.bot.winning_trades, "win_rate_pct": win_rate(&one.bot),
                    "total_pnl": one.bot.total_pnl, "last_trade_at": one.bot.last_trade_at,
                    "grid": grid::figures(store.conn(), one.bot.id)?,
                }))
            })
            .collect::<Result<_, CliError>>()?;
        return context.out.json(&json!({ "bots": bots }));
    }
    let mut table =
        context.out.new_table(&["BOT", "TRADES", "WON", "WIN RATE", "PNL", "LAST TRADE"], &[1, 2, 3, 4]);
    for one in &found {
        table.add_row([
            format!("{}/{}", one.account.name, one.bot.name),
            one.bot.total_trades.to_string(),
            one.bot.winning_trades.to_string(),
            win_rate(&one.bot).map_or_else(|| "-".to_owned(), |rate| format!("{rate} %")),
            one.bot.total_pnl.to_string(),
            one.bot.last_trade_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
        ]);
    }
    context.out.table(&table)?;
    grid_stats(&found, &store, context)
}

fn grid_stats(found: &[Found], store: &Store, context: &Context) -> Result<(), CliError> {
    let out = context.out;
    let columns = ["GRID", "INVESTED", "CYCLES", "PROFIT", "OF INVESTED", "A DAY", "UNREALIZED", "FEES"];
    let mut table = out.new_table(&columns, &[1, 2, 3, 4, 5, 6, 7]);
    for one in found {
        let Some(grid) = grid::figures(store.conn(), one.bot.id)? else { continue };
        table.add_row([
            format!("{}/{}", one.account.name, one.bot.name),
            grid.investment.to_string(),
            grid.cycles.to_string(),
            figures::profit(out, grid.realized_profit),
            figures::share(grid.profit_pct),
            figures::or_dash(grid.profit_per_day),
            figures::profit_opt(out, grid.unrealized_profit),
            grid.fees.to_string(),
        ]);
    }
    if table.is_empty() { Ok(()) } else { out.table(&table) }
}

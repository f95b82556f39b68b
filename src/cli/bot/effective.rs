//! The values a bot really trades with, and who set each.

use std::collections::BTreeMap;

use comfy_table::Table;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::output::{Output, Tone};
use crate::control::strategy_params;
use crate::domain::ids::StrategyId;
use crate::domain::kind::{BotType, ExchangeKind};
use crate::domain::money::{Leverage, Pct};
use crate::domain::side::PositionSide;
use crate::engine::config::{BotConfig, Sourced};
use crate::engine::settings::PolicyLimits;
use crate::store::accounts::AccountRow;
use crate::store::bots::BotRow;
use crate::store::strategies;
use crate::strategy::ExitPlan;

/// Effective values of one bot.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Effective {
    pub(in crate::cli) strategy: Option<String>,
    leverage: Sourced<Leverage>,
    /// Long, short.
    take_profit: [Sourced<Pct>; 2],
    stop_loss: [Sourced<Pct>; 2],
    pub(in crate::cli) exit_plan: ExitPlan,
}

/// Every strategy's name and exits, read once however many bots follow it.
pub(in crate::cli) struct Strategies(BTreeMap<StrategyId, (String, ExitPlan)>);

impl Strategies {
    pub(in crate::cli) fn read(conn: &Connection) -> Result<Self, CliError> {
        let mut by_id = BTreeMap::new();
        for row in strategies::list(conn)? {
            let exit_plan = strategy_params(&row)?.exit_plan();
            by_id.insert(row.id, (row.name, exit_plan));
        }
        Ok(Self(by_id))
    }
}

pub(in crate::cli) fn effective(
    strategies: &Strategies,
    account: &AccountRow,
    bot: &BotRow,
    limits: PolicyLimits,
) -> Effective {
    let strategy = bot.strategy_id.and_then(|id| strategies.0.get(&id));
    let exit_plan = strategy.map_or(ExitPlan::NONE, |(_, exit_plan)| *exit_plan);
    let config = BotConfig {
        id: bot.id,
        name: bot.name.clone(),
        strategy: bot.strategy_id,
        exit_plan,
        grid: None,
        settings: bot.settings.clone(),
        is_running: bot.is_running,
        close_requested: bot.close_requested,
    };
    let is_spot = account.exchange == ExchangeKind::Upbit;
    let sides = [PositionSide::Long, PositionSide::Short];
    Effective {
        strategy: strategy.map(|(name, _)| name.clone()),
        leverage: config.leverage(&account.settings, limits, is_spot),
        take_profit: sides.map(|side| config.take_profit_pct(&account.settings, side)),
        stop_loss: sides.map(|side| config.stop_loss_pct(&account.settings, side)),
        exit_plan,
    }
}

fn sourced<T: std::fmt::Display>(value: &Sourced<T>) -> Value {
    json!({ "value": value.value.to_string(), "source": value.source.as_str() })
}

/// `3 % (account)`, or both sides where they differ.
fn percent([long, short]: &[Sourced<Pct>; 2]) -> String {
    if long == short {
        return format!("{} % ({})", long.value, long.source.as_str());
    }
    format!("{} % / {} % ({})", long.value, short.value, long.source.as_str())
}

impl Effective {
    pub(in crate::cli) fn to_json(&self, bot: &BotRow) -> Value {
        let is_grid = bot.bot_type == BotType::Grid;
        // A grid closes by its lines and its stops.
        let exits = |sides: &[Sourced<Pct>; 2]| sides.map(|side| (!is_grid).then(|| sourced(&side)));
        let [long_tp, short_tp] = exits(&self.take_profit);
        let [long_sl, short_sl] = exits(&self.stop_loss);
        json!({
            "name": bot.name, "id": bot.id, "strategy": self.strategy, "type": bot.bot_type,
            "symbol": bot.settings.symbol, "allocation_percent": bot.settings.allocation_percent,
            "running": bot.is_running, "close_requested": bot.close_requested,
            "leverage": sourced(&self.leverage),
            "long_take_profit_pct": long_tp, "short_take_profit_pct": short_tp,
            "long_stop_loss_pct": long_sl, "short_stop_loss_pct": short_sl,
            "total_trades": bot.total_trades, "winning_trades": bot.winning_trades,
            "total_pnl": bot.total_pnl, "last_trade_at": bot.last_trade_at, "last_error": bot.last_error,
        })
    }

    /// Label and value, for `bot show`.
    pub(in crate::cli) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("leverage", format!("{} ({})", self.leverage.value, self.leverage.source.as_str())),
            ("take profit", percent(&self.take_profit)),
            ("stop loss", percent(&self.stop_loss)),
        ];
        if let (Some(from), Some(by)) = (self.exit_plan.trail_activation_pct, self.exit_plan.trail_pct) {
            lines.push(("trailing", format!("{by} % below the peak once +{from} % was reached (strategy)")));
        }
        if self.exit_plan.min_hold_bars > 0 {
            lines.push((
                "holding",
                format!("at least {} bars but for the stop loss (strategy)", self.exit_plan.min_hold_bars),
            ));
        }
        lines
    }
}

/// Bots with their effective values; the account's name first where one is given.
pub(in crate::cli) fn table<'a>(
    out: Output,
    rows: impl Iterator<Item = (Option<&'a str>, &'a BotRow, &'a Effective)>,
) -> Table {
    let columns = [
        "BOT",
        "STRATEGY",
        "SYMBOL",
        "STATE",
        "ALLOCATION",
        "LEVERAGE",
        "TAKE PROFIT",
        "STOP LOSS",
        "TRADES",
        "PNL",
    ];
    let mut table = out.new_table(&columns, &[4, 8, 9]);
    for (account, bot, effective) in rows {
        let is_grid = bot.bot_type == BotType::Grid;
        let none = || "(none)".to_owned();
        let state = match (bot.is_running, bot.close_requested) {
            (_, true) => out.paint(Tone::Warning, "closing"),
            (true, false) => out.paint(Tone::Good, "running"),
            (false, false) => out.paint(Tone::Faint, "stopped"),
        };
        table.add_row([
            account.map_or_else(|| bot.name.clone(), |account| format!("{account}/{}", bot.name)),
            if is_grid { "grid".to_owned() } else { effective.strategy.clone().unwrap_or_else(none) },
            bot.settings.symbol.to_string(),
            state,
            format!("{} %", bot.settings.allocation_percent),
            format!("{} ({})", effective.leverage.value, effective.leverage.source.as_str()),
            if is_grid { "-".to_owned() } else { percent(&effective.take_profit) },
            if is_grid { "-".to_owned() } else { percent(&effective.stop_loss) },
            bot.total_trades.to_string(),
            bot.total_pnl.to_string(),
        ]);
    }
    table
}

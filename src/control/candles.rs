//! Whether the exchange of a bot has the candles that its strategy reads.

use super::ControlError;
use super::turn::Turn;
use crate::domain::ids::StrategyId;
use crate::engine::settings::SettingError;
use crate::store::accounts::{self, AccountRow};
use crate::store::bots;
use crate::store::strategies::{self, StrategyRow};

/// Refuses a bot that would wait for its first signal for ever. A grid has no strategy, and reads none.
pub(super) fn check(
    turn: &Turn<'_>,
    account: &AccountRow,
    bot: &str,
    strategy: Option<StrategyId>,
) -> Result<(), ControlError> {
    match strategy {
        Some(id) => check_strategy(account, bot, &strategies::get(turn.conn, id)?),
        None => Ok(()),
    }
}

/// [`check`] for every bot that uses a strategy.
pub(super) fn check_users(turn: &Turn<'_>, strategy: &StrategyRow) -> Result<(), ControlError> {
    for bot in bots::list(turn.conn, None)?.iter().filter(|bot| bot.strategy_id == Some(strategy.id)) {
        check_strategy(&accounts::get(turn.conn, bot.account_id)?, &bot.name, strategy)?;
    }
    Ok(())
}

fn check_strategy(account: &AccountRow, bot: &str, strategy: &StrategyRow) -> Result<(), ControlError> {
    let (exchange, offered) = (account.exchange, account.exchange.timeframes());
    // Without one of its own it reads the feed's, which every exchange has.
    let Some(timeframe) = strategy.timeframe.filter(|timeframe| !offered.contains(timeframe)) else {
        return Ok(());
    };
    let offered: Vec<_> = offered.iter().map(|timeframe| timeframe.as_str()).collect();
    let allowed = format!(
        "bot `{}/{bot}` reads candles of strategy `{}` from {exchange}, which has {}",
        account.name,
        strategy.name,
        offered.join(" ")
    );
    Err(SettingError::BadValue { key: "timeframe", value: timeframe.to_string(), allowed }.into())
}

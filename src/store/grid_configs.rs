//! What operators want of their grids. How a grid stands is in [`super::grids`].

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params};

use super::{StoreError, column};
use crate::domain::ids::BotId;
use crate::domain::money::{Leverage, Price, Quote};
use crate::domain::time::Timestamp;
use crate::engine::grid::{Direction, GridConfig, GridMode};

/// The wish, and whether a person wants it looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridRow {
    pub config: GridConfig,
    /// When a repair was last asked for.
    pub repair_asked_at: Option<Timestamp>,
}

/// Writes the grid of a bot, a new one or in place of the one it has; what it has traded stays.
pub fn put(
    conn: &Connection,
    bot: BotId,
    config: &GridConfig,
    per_grid_amount: Quote,
) -> Result<(), StoreError> {
    let text = |value: &dyn ToString| value.to_string();
    let price = |value: Option<Price>| value.map(|price| price.to_string());
    let mut statement = conn.prepare_cached(
        "INSERT INTO grid_bot_configs (bot_id, lower_price, upper_price, grid_count, grid_mode, total_investment,
             per_grid_amount, direction, trigger_price, stop_upper, stop_lower, buy_in, close_on_stop, leverage,
             exchange_stop)
         VALUES (:bot, :lower, :upper, :count, :mode, :investment, :share, :direction, :trigger, :stop_upper,
             :stop_lower, :buy_in, :close_on_stop, :leverage, :exchange_stop)
         ON CONFLICT (bot_id) DO UPDATE SET lower_price = excluded.lower_price, upper_price = excluded.upper_price,
             grid_count = excluded.grid_count, grid_mode = excluded.grid_mode,
             total_investment = excluded.total_investment, per_grid_amount = excluded.per_grid_amount,
             direction = excluded.direction, trigger_price = excluded.trigger_price,
             stop_upper = excluded.stop_upper, stop_lower = excluded.stop_lower, buy_in = excluded.buy_in,
             close_on_stop = excluded.close_on_stop, leverage = excluded.leverage,
             exchange_stop = excluded.exchange_stop",
    )?;
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":bot": bot.get(),
        ":lower": text(&config.lower),
        ":upper": text(&config.upper),
        ":count": config.count,
        ":mode": config.mode.as_str(),
        ":investment": text(&config.investment),
        ":share": text(&per_grid_amount),
        ":direction": config.direction.as_str(),
        ":trigger": price(config.trigger),
        ":stop_upper": price(config.stop_upper),
        ":stop_lower": price(config.stop_lower),
        ":buy_in": config.buy_in,
        ":close_on_stop": config.close_on_stop,
        ":leverage": config.leverage.get(),
        ":exchange_stop": config.exchange_stop,
    };
    statement.execute(values)?;
    Ok(())
}

/// `None` for a bot that is no grid.
pub fn find(conn: &Connection, bot: BotId) -> Result<Option<GridRow>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM grid_bot_configs WHERE bot_id = ?1")?;
    Ok(statement.query_row([bot.get()], from_row).optional()?)
}

/// Every grid of an active bot.
pub fn all(conn: &Connection) -> Result<BTreeMap<BotId, GridRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT g.* FROM grid_bot_configs g JOIN bot_instances b ON b.id = g.bot_id WHERE b.is_active = 1",
    )?;
    let rows = statement.query_map([], |row| Ok((BotId::new(row.get("bot_id")?), from_row(row)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Asks for the grid to be compared with the exchange and mended.
pub fn ask_repair(conn: &Connection, bot: BotId, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE grid_bot_configs SET repair_asked_at = max(coalesce(repair_asked_at, 0) + 1, ?2) WHERE bot_id = ?1",
    )?
    .execute((bot.get(), now.ms()))?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<GridRow> {
    let leverage: u8 = row.get("leverage")?;
    Ok(GridRow {
        config: GridConfig {
            lower: column::parsed(row, "lower_price")?,
            upper: column::parsed(row, "upper_price")?,
            count: row.get("grid_count")?,
            mode: column::word(row, "grid_mode", GridMode::from_word)?,
            investment: column::parsed(row, "total_investment")?,
            direction: column::word(row, "direction", Direction::from_word)?,
            trigger: column::parsed_opt(row, "trigger_price")?,
            stop_upper: column::parsed_opt(row, "stop_upper")?,
            stop_lower: column::parsed_opt(row, "stop_lower")?,
            buy_in: row.get("buy_in")?,
            close_on_stop: row.get("close_on_stop")?,
            leverage: Leverage::try_new(leverage)
                .map_err(|error| column::mismatch(row, "leverage", error))?,
            exchange_stop: row.get("exchange_stop")?,
        },
        repair_asked_at: column::timestamp_opt(row, "repair_asked_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind::{BotType, ExchangeKind};
    use crate::engine::grid::fixtures::plain;
    use crate::engine::settings::BotSettings;
    use crate::store::accounts;
    use crate::store::bots::{self, NewBot};
    use crate::store::scratch::Scratch;

    #[test]
    fn a_grid_is_read_as_it_was_written_and_replaced_whole() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let conn = store.conn();
        let account_id = accounts::insert(conn, "ana", ExchangeKind::Paper, Timestamp::from_ms(1)).unwrap();
        let bot = NewBot {
            account_id,
            strategy_id: None,
            name: "ladder".to_owned(),
            bot_type: BotType::Grid,
            settings: BotSettings::default(),
        };
        let bot = bots::insert(conn, &bot, Timestamp::from_ms(1)).unwrap();
        assert_eq!(find(conn, bot).unwrap(), None);
        let config = GridConfig {
            mode: GridMode::Geometric,
            direction: Direction::Neutral,
            trigger: "1".parse().ok(),
            stop_upper: "3".parse().ok(),
            buy_in: true,
            close_on_stop: true,
            leverage: Leverage::try_new(4).unwrap(),
            exchange_stop: true,
            ..plain(("0.00001", "2.5"), 7, "1000.25")
        };
        put(conn, bot, &config, "142".parse().unwrap()).unwrap();
        assert_eq!(find(conn, bot).unwrap(), Some(GridRow { config: config.clone(), repair_asked_at: None }));
        let config = GridConfig { trigger: None, buy_in: false, count: 8, ..config };
        put(conn, bot, &config, "125".parse().unwrap()).unwrap();
        for _ in 0..2 {
            ask_repair(conn, bot, Timestamp::from_ms(5)).unwrap();
        }
        let row = GridRow { config, repair_asked_at: Some(Timestamp::from_ms(6)) };
        assert_eq!(all(conn).unwrap(), BTreeMap::from([(bot, row)]));
        bots::remove(conn, bot, Timestamp::from_ms(2)).unwrap();
        assert!(all(conn).unwrap().is_empty());
    }
}

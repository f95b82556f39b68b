//! What is stored of grids beside the history of their lines' fills, and that history beside the account's fills.
//!
//! The account's fills are played again in the order they were booked: what a line opened is paired with what it closed
//! by the arithmetic that wrote the history ([`Lots`]), so a row that was changed is named by its own trade. Only how
//! one trade was spread over several lines (a buy-in) is taken from the history.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

use super::findings::Findings;
use super::{BotRow, GRIDS};
use crate::domain::fill::Fill;
use crate::domain::ids::ClientOrderId;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::Purpose;
use crate::domain::side::{PositionSide, Side};
use crate::engine::grid::lots::Lots;
use crate::store::queries::fills::{booking_order, fill};
use crate::store::{StoreError, column};

/// A row of `grid_fills`.
struct LineRow {
    line: u16,
    order: ClientOrderId,
    side: Side,
    price: Price,
    qty: Qty,
    fee: Quote,
    profit: Option<Quote>,
}

impl LineRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            line: row.get("grid_index")?,
            order: column::parsed(row, "client_order_id")?,
            side: column::word(row, "side", Side::from_word)?,
            price: column::parsed(row, "price")?,
            qty: column::parsed(row, "qty")?,
            fee: column::parsed(row, "fee")?,
            profit: column::parsed_opt(row, "profit")?,
        })
    }
}

/// The history by trade and order: a trade that opened several lines has a row for each.
type History = BTreeMap<(String, ClientOrderId), Vec<LineRow>>;

fn history(conn: &Connection, bot: u32) -> Result<History, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM grid_fills WHERE grid_config_id = ?1 ORDER BY id")?;
    let mut rows = statement.query([bot])?;
    let mut history = History::new();
    while let Some(row) = rows.next()? {
        let of_line = LineRow::read(row)?;
        history.entry((row.get("trade_id")?, of_line.order.clone())).or_default().push(of_line);
    }
    Ok(history)
}

/// A fill of a position of the bot.
struct BotFill {
    fill: Fill,
    number: i64,
    dry_run: bool,
}

/// In the order they were booked; those without a number were booked first, in the order of the exchange.
fn fills(conn: &Connection, bot: u32) -> Result<Vec<BotFill>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM fills WHERE bot_id = ?1 AND position_id IS NOT NULL")?;
    let rows = statement.query_map([bot], |row| {
        Ok(BotFill { fill: fill(row)?, number: row.get("number")?, dry_run: row.get("dry_run")? })
    })?;
    let mut fills: Vec<BotFill> = rows.collect::<Result<_, _>>()?;
    fills.sort_by_cached_key(|it| (it.number, booking_order(it.fill.at, &it.fill.trade_id)));
    Ok(fills)
}

/// What follows from a grid's fills.
#[derive(Default)]
struct Replay {
    lots: Lots,
    /// Of all lines of a side, by the fills alone.
    held: BTreeMap<PositionSide, Qty>,
    dry_run: Option<bool>,
    buys: u32,
    sells: u32,
    profit: Quote,
    lines: BTreeMap<u16, Quote>,
}

impl Replay {
    /// The position after the fill. Paper and real trading share no holding.
    fn hold(&mut self, BotFill { fill, dry_run, .. }: &BotFill) {
        if self.dry_run.replace(*dry_run).is_some_and(|before| before != *dry_run) {
            self.lots = Lots::default();
            self.held.clear();
        }
        let held = self.held.entry(fill.position_side).or_default();
        *held = if fill.side == fill.position_side.entry_side() {
            held.plus(fill.qty)
        } else {
            held.minus(fill.qty.min(*held))
        };
    }

    /// What something else than a line's order has closed is gone from the lines too.
    fn trim(&mut self, side: PositionSide) {
        self.lots.trim(side, self.held.get(&side).copied().unwrap_or_default());
    }

    /// What the fill, or its part in `row`, did on its line.
    fn apply(&mut self, fill: &Fill, purpose: Purpose, line: u16, row: &LineRow) -> Option<Quote> {
        match fill.side {
            Side::Buy => self.buys += 1,
            Side::Sell => self.sells += 1,
        }
        let done = if purpose == Purpose::GridExit {
            self.lots.exit(line, fill)
        } else if purpose == Purpose::GridEntry {
            self.lots.enter(line, fill)
        } else {
            self.lots.open((fill.position_side, line), fill.price, row.qty, row.fee)
        };
        let profit = done.profit.unwrap_or_default();
        self.profit += profit;
        *self.lines.entry(line).or_default() += profit;
        done.profit
    }
}

impl Findings<'_> {
    /// Compares counters and profits with the fills, and the history with the fills; returns how many grids there are.
    pub(super) fn grids(&mut self, conn: &Connection, bots: &[BotRow]) -> Result<u64, StoreError> {
        let mut count = 0;
        for bot in bots {
            let mut statement = conn.prepare_cached("SELECT * FROM grid_bot_configs WHERE bot_id = ?1")?;
            let mut rows = statement.query([bot.id])?;
            let Some(row) = rows.next()? else { continue };
            count += 1;
            let replay = self.grid_fills(conn, bot)?;
            let subject = format!("grid {}", bot.name);
            let stored: (u32, u32) = (row.get("filled_buy_count")?, row.get("filled_sell_count")?);
            self.compare(GRIDS, &subject, "filled_buy_count", &stored.0, &replay.buys);
            self.compare(GRIDS, &subject, "filled_sell_count", &stored.1, &replay.sells);
            let profit: Quote = column::parsed(row, "realized_profit")?;
            self.compare(GRIDS, &subject, "realized_profit", &profit, &replay.profit);
            self.grid_lines(conn, bot, &replay)?;
        }
        Ok(count)
    }

    /// Each fill of a line's order is in the history, whole, with what it earned; and nothing else is.
    fn grid_fills(&mut self, conn: &Connection, bot: &BotRow) -> Result<Replay, StoreError> {
        let mut history = history(conn, bot.id)?;
        let mut replay = Replay::default();
        for booked in fills(conn, bot.id)? {
            replay.hold(&booked);
            let key = booked.fill.client_order_id.key();
            match key.and_then(|key| Some((key.purpose, key.line()?))) {
                Some((purpose, line)) => {
                    let trade = (booked.fill.trade_id.0.clone(), booked.fill.client_order_id.clone());
                    let rows = history.remove(&trade).unwrap_or_default();
                    self.line_fill(&bot.name, &booked.fill, (purpose, line), &rows, &mut replay);
                }
                None => replay.trim(booked.fill.position_side),
            }
        }
        for (trade, _) in history.into_keys() {
            self.add(
                GRIDS,
                &format!("fill {trade} of grid {}", bot.name),
                "fills",
                "a line's fill",
                "no fill",
            );
        }
        Ok(replay)
    }

    fn line_fill(
        &mut self,
        bot: &str,
        fill: &Fill,
        (purpose, first): (Purpose, u16),
        rows: &[LineRow],
        replay: &mut Replay,
    ) {
        let subject = format!("fill {} of grid {bot}", fill.trade_id);
        let qty = rows.iter().fold(Qty::ZERO, |sum, row| sum.plus(row.qty));
        let fee: Quote = rows.iter().map(|row| row.fee).sum();
        self.compare(GRIDS, &subject, "qty", &qty, &fill.qty);
        self.compare(GRIDS, &subject, "fee", &fee, &fill.fee.known_value());
        for row in rows {
            let line = if purpose == Purpose::GridBuyIn { row.line } else { first };
            self.compare(GRIDS, &subject, "grid_index", &row.line, &line);
            self.compare(GRIDS, &subject, "client_order_id", &row.order, &fill.client_order_id);
            self.compare(GRIDS, &subject, "side", &row.side, &fill.side);
            self.compare(GRIDS, &subject, "price", &row.price, &fill.price);
            let profit = replay.apply(fill, purpose, line, row);
            let word = |profit: Option<Quote>| {
                profit.map_or_else(|| "none".to_owned(), |it| it.decimal().normalize().to_string())
            };
            self.compare(GRIDS, &subject, "profit", &word(row.profit), &word(profit));
        }
    }

    fn grid_lines(&mut self, conn: &Connection, bot: &BotRow, replay: &Replay) -> Result<(), StoreError> {
        let mut statement =
            conn.prepare_cached("SELECT grid_index, profit FROM grid_orders WHERE grid_config_id = ?1")?;
        let mut rows = statement.query([bot.id])?;
        while let Some(row) = rows.next()? {
            let line: u16 = row.get("grid_index")?;
            let recomputed = replay.lines.get(&line).copied().unwrap_or_default();
            let subject = format!("grid {} line {line}", bot.name);
            self.compare(GRIDS, &subject, "profit", &column::parsed::<Quote>(row, "profit")?, &recomputed);
        }
        Ok(())
    }
}

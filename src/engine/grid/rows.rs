//! A grid as people see it: the state of each line, derived from its lot and its orders, and the history of its fills.

use std::fmt;

use serde::Serialize;

use crate::domain::ids::{BotId, ClientOrderId, TradeId};
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::Order;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::domain::words::words;
use crate::engine::machine::AccountMachine;
use crate::engine::turn::Record;

use super::ladder::rungs;
use super::lots::Lot;
use super::plan;

/// How far a line has come. A short line goes through the same words from the other end: sold first, bought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineStatus {
    Pending,
    BuyPlaced,
    BuyFilled,
    SellPlaced,
    SellFilled,
}

words!(LineStatus {
    Pending => "pending",
    BuyPlaced => "buy_placed",
    BuyFilled => "buy_filled",
    SellPlaced => "sell_placed",
    SellFilled => "sell_filled",
});

/// One line as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridLineRow {
    pub line: u16,
    pub price: Price,
    pub status: LineStatus,
    /// The orders of the line that work.
    pub buy: Option<ClientOrderId>,
    pub sell: Option<ClientOrderId>,
}

impl GridLineRow {
    /// A line at `price` whose orders open with a purchase when it is long.
    pub(in crate::engine) fn of(
        (line, price): (u16, Price),
        side: PositionSide,
        lot: Lot,
        (entry, exit): (Option<&Order>, Option<&Order>),
    ) -> Self {
        use LineStatus::{BuyFilled, BuyPlaced, Pending, SellFilled, SellPlaced};
        let is_long = side == PositionSide::Long;
        let status = match (is_long, exit.is_some(), entry.is_some(), lot.qty.is_zero()) {
            (true, true, _, _) | (false, false, true, _) => SellPlaced,
            (true, false, true, _) | (false, true, _, _) => BuyPlaced,
            (true, false, false, false) => BuyFilled,
            (false, false, false, false) => SellFilled,
            (_, false, false, true) => Pending,
        };
        let id = |order: Option<&Order>| order.map(|order| order.client_order_id.clone());
        let (buy, sell) = if is_long { (id(entry), id(exit)) } else { (id(exit), id(entry)) };
        Self { line, price, status, buy, sell }
    }
}

/// Lines that have changed, and the counts of the whole grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridLines {
    pub bot: BotId,
    pub current_price: Option<Price>,
    pub active_buys: u32,
    pub active_sells: u32,
    /// How many lines the grid has; rows beyond are none of its lines any more.
    pub count: u16,
    pub changed: Vec<GridLineRow>,
}

/// What a fill, or its part, did on one line. A trade that opens several lines at once has a part for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridFill {
    pub bot: BotId,
    pub line: u16,
    pub trade_id: TradeId,
    pub client_order_id: ClientOrderId,
    pub side: Side,
    pub price: Price,
    pub qty: Qty,
    pub fee: Quote,
    /// Of what was closed, after the fees of both sides, in quote currency; `None` for what was opened.
    pub profit: Option<Quote>,
    pub at: Timestamp,
    pub dry_run: bool,
}

impl AccountMachine {
    /// Adds to the turn how the lines stand of every grid that the turn has touched.
    pub(in crate::engine) fn note_lines(&mut self) {
        if self.durable.grids.is_empty() && self.grid_memory.is_empty() {
            return;
        }
        let bot_of = |record: &Record| {
            if let Record::OrderIntended(order) | Record::OrderChanged { order, .. } = record {
                order.bot
            } else if let Record::GridFill(fill) = record {
                Some(fill.bot)
            } else {
                None
            }
        };
        let mut touched: Vec<BotId> = self.turn.records.iter().filter_map(bot_of).collect();
        touched.extend(
            self.grid_memory.iter().filter(|(_, memory)| memory.rows.is_empty()).map(|(bot, _)| *bot),
        );
        touched.sort_unstable();
        touched.dedup();
        for bot in touched {
            if let Some(lines) = self.lines_of(bot) {
                self.turn.records.push(Record::GridLines(lines));
            }
        }
    }

    /// The lines that stand otherwise than last recorded.
    fn lines_of(&mut self, bot: BotId) -> Option<GridLines> {
        let key = self.grid_key(bot)?;
        let setup = self.bot(bot)?.grid.clone()?;
        let lines = match self.plan_of(bot) {
            Some(plan) => plan.lines.clone(),
            // What rests of it changes all the same.
            None => plan::lines(&setup.config, &self.instrument(&key.1)?),
        };
        let state = self.durable.grids.get(&bot);
        let rungs = rungs(&lines, setup.config.direction, state.and_then(|state| state.anchor));
        let working = self.line_orders(bot, &key.1);
        let rows: Vec<GridLineRow> = lines
            .iter()
            .map(|line| {
                let rung = rungs.iter().find(|rung| rung.line == line.index);
                let side = rung.map_or(PositionSide::Long, |rung| rung.side);
                let lot = state.map(|state| state.lots.get(side, line.index)).unwrap_or_default();
                let order = |is_exit| working.get(&(line.index, is_exit)).copied();
                GridLineRow::of((line.index, line.price), side, lot, (order(false), order(true)))
            })
            .collect();
        let count = |has: fn(&GridLineRow) -> bool| {
            u32::try_from(rows.iter().filter(|row| has(row)).count()).unwrap_or(u32::MAX)
        };
        let mut lines = GridLines {
            bot,
            current_price: self.prices.get(&key.1).copied(),
            active_buys: count(|row| row.buy.is_some()),
            active_sells: count(|row| row.sell.is_some()),
            count: u16::try_from(rows.len()).unwrap_or(u16::MAX),
            changed: Vec::new(),
        };
        let known = &mut self.grid_memory.entry(bot).or_default().rows;
        let before = known.len();
        known.retain(|line, _| usize::from(*line) < rows.len());
        let has_lost_lines = known.len() < before;
        for row in rows {
            if known.get(&row.line) != Some(&row) {
                known.insert(row.line, row.clone());
                lines.changed.push(row);
            }
        }
        (has_lost_lines || !lines.changed.is_empty()).then_some(lines)
    }
}

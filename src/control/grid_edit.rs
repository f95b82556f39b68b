//! What an edit does to a ladder that is there, before it is done.
//!
//! As the daemon does it with the next cycle: an order stays where the line of its number keeps its price and, for an
//! entry, its quantity; any other is cancelled, and what the new ladder lacks is placed. What a line holds stays with
//! the line's number, and is closed where that line now closes. An edit that leaves a holding without a line, or
//! that turns it round, is refused.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use rust_decimal::Decimal;

use super::ControlError;
use super::grids::GridOutlook;
use crate::domain::money::{Price, Qty};
use crate::domain::side::{PositionSide, Side};
use crate::engine::grid::difference::Difference;
use crate::engine::grid::plan::{Line, Plan};
use crate::engine::grid::{Direction, GridConfig};
use crate::store::bots::BotRow;
use crate::store::holdings;
use crate::store::queries::grid::{self, RestingOrder};

/// One ladder in place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridEdit {
    pub difference: Difference,
    /// What rests now and would not any more.
    pub cancelled: Vec<RestingOrder>,
    /// What would be placed at the last price, while the grid runs.
    pub placed: Vec<PlacedOrder>,
    /// What lines hold, and where they close it now and then.
    pub moved_exits: Vec<MovedExit>,
}

/// An order that the new ladder would have placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedOrder {
    pub line: u16,
    pub side: Side,
    pub price: Price,
    pub qty: Qty,
}

/// A holding that would be closed elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovedExit {
    pub line: u16,
    pub qty: Qty,
    /// `None` when the old ladder cannot be planned any more.
    pub from: Option<Price>,
    pub to: Price,
}

/// The grid that is edited.
#[derive(Clone, Copy)]
pub(super) struct Replaced<'a> {
    pub(super) bot: &'a BotRow,
    pub(super) config: &'a GridConfig,
    pub(super) plan: Option<&'a Plan>,
    /// It stays in its symbol.
    pub(super) is_same_place: bool,
}

pub(super) fn of(conn: &Connection, old: Replaced<'_>, new: &GridOutlook) -> Result<GridEdit, ControlError> {
    let held = grid::held(conn, old.bot.id)?;
    let is_open = holdings::open_of_bot(conn, old.bot.id)? > 0;
    let refuse = |why: String| ControlError::GridHolds { bot: new.bot.clone(), why };
    if is_open {
        if !old.is_same_place {
            return Err(refuse(format!("it holds a position in {}", old.bot.settings.symbol)));
        }
        if old.config.direction != new.config.direction {
            return Err(refuse(format!("it holds a position as a {} grid", old.config.direction)));
        }
        if old.config.leverage != new.config.leverage {
            return Err(refuse(format!("its position was opened with leverage {}", old.config.leverage)));
        }
    }
    let old_lines: &[Line] = old.plan.map_or(&[], |plan| &plan.lines);
    let mut moved_exits = Vec::new();
    for (line, net) in &held {
        let side = side_of(*net);
        let qty = Qty::try_new(net.abs()).unwrap_or_default();
        let Some((_, to)) = ends(&new.plan.lines, *line, side) else {
            return Err(refuse(format!("line {line} holds {qty}, and the new ladder has no such line")));
        };
        let from = ends(old_lines, *line, side).map(|(_, from)| from);
        if from != Some(to) {
            moved_exits.push(MovedExit { line: *line, qty, from, to });
        }
    }
    let (kept, cancelled): (Vec<_>, Vec<_>) = grid::resting(conn, old.bot.id)?
        .into_iter()
        .partition(|order| old.is_same_place && stays(order, &new.plan));
    let kept_lines: BTreeSet<(u16, bool)> = kept.iter().map(|order| (order.line, order.is_exit)).collect();
    let placed = if old.bot.is_running { placed(new, &held, &kept_lines) } else { Vec::new() };
    let after: &[Line] = &new.plan.lines;
    let difference = if old.is_same_place {
        Difference::between(old_lines, after)
    } else {
        Difference {
            added: after.iter().map(|line| line.price).collect(),
            removed: old_lines.iter().map(|line| line.price).collect(),
            ..Difference::default()
        }
    };
    Ok(GridEdit { difference, cancelled, placed, moved_exits })
}

/// Where the grid of a line opens and closes; `None` when it has no such grid.
fn ends(lines: &[Line], line: u16, side: PositionSide) -> Option<(Price, Price)> {
    let price = |line: Option<u16>| lines.get(usize::from(line?)).map(|line| line.price);
    let exit = match side {
        PositionSide::Long => line.checked_add(1),
        PositionSide::Short => line.checked_sub(1),
    };
    Some((price(Some(line))?, price(exit)?))
}

fn side_of(net: Decimal) -> PositionSide {
    if net.is_sign_negative() { PositionSide::Short } else { PositionSide::Long }
}

fn stays(order: &RestingOrder, plan: &Plan) -> bool {
    let Some((entry, exit)) = ends(&plan.lines, order.line, order.position_side) else { return false };
    if order.is_exit { order.price == exit } else { order.price == entry && order.qty == plan.qty_per_line }
}

/// The orders that the new ladder lacks: exits of what is held, entries where the price has left their line.
fn placed(
    new: &GridOutlook,
    held: &BTreeMap<u16, Decimal>,
    kept: &BTreeSet<(u16, bool)>,
) -> Vec<PlacedOrder> {
    let Some((price, _)) = new.price else { return Vec::new() };
    let lines = &new.plan.lines;
    let mut placed = Vec::new();
    for line in lines {
        let side = match new.config.direction {
            Direction::Long => PositionSide::Long,
            Direction::Neutral if line.price < price => PositionSide::Long,
            Direction::Short | Direction::Neutral => PositionSide::Short,
        };
        let Some((entry, exit)) = ends(lines, line.index, side) else { continue };
        let holding = held.get(&line.index);
        let is_exit = holding.is_some();
        let can_rest = match side {
            PositionSide::Long => entry < price,
            PositionSide::Short => entry > price,
        };
        if kept.contains(&(line.index, is_exit)) || !(is_exit || can_rest) {
            continue;
        }
        let qty = holding.and_then(|net| Qty::try_new(net.abs()).ok()).unwrap_or(new.plan.qty_per_line);
        let (side, price) = if is_exit { (side.exit_side(), exit) } else { (side.entry_side(), entry) };
        placed.push(PlacedOrder { line: line.index, side, price, qty });
    }
    placed
}

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
use crate::engine::grid::ladder::{Rung, rungs};
use crate::engine::grid::plan::{Line, Plan};
use crate::engine::grid::state::GridState;
use crate::engine::grid::waiting::Waiting;
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
    let state = grid::state(conn, old.bot.id)?;
    // A neutral grid that holds nothing begins again where it is moved to.
    let is_moved = !old.is_same_place || range(old.config) != range(&new.config);
    let begins_again = is_moved && held.is_empty() && new.config.direction == Direction::Neutral;
    let price = new.price.map(|(price, _)| price);
    let anchor = if begins_again { price } else { state.anchor.or(price) };
    let old_rungs =
        old.plan.map(|plan| rungs(&plan.lines, old.config.direction, state.anchor)).unwrap_or_default();
    let rungs = rungs(&new.plan.lines, new.config.direction, anchor);
    let mut moved_exits = Vec::new();
    for (line, net) in &held {
        let side = side_of(*net);
        let qty = Qty::try_new(net.abs()).unwrap_or_default();
        let Some(to) = rung(&rungs, *line, side).map(|rung| rung.exit) else {
            return Err(refuse(format!(
                "line {line} holds {qty} {side}, and the new ladder has no such line"
            )));
        };
        let from = rung(&old_rungs, *line, side).map(|rung| rung.exit);
        if from != Some(to) {
            moved_exits.push(MovedExit { line: *line, qty, from, to });
        }
    }
    let stays = |order: &RestingOrder| stays(order, &rungs, new.plan.qty_per_line);
    let (kept, cancelled): (Vec<_>, Vec<_>) = grid::resting(conn, old.bot.id)?
        .into_iter()
        .partition(|order| old.is_same_place && !begins_again && stays(order));
    let placed = match price {
        Some(price) if old.bot.is_running && !waits(new, &state, price) => {
            let kept = kept.iter().map(|order| (order.line, order.is_exit)).collect();
            placed(&rungs, new.plan.qty_per_line, &held, &kept, price)
        }
        Some(_) | None => Vec::new(),
    };
    let old_lines: &[Line] = old.plan.map_or(&[], |plan| &plan.lines);
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

fn range(config: &GridConfig) -> (Price, Price) {
    (config.lower, config.upper)
}

/// Whether the grid has not begun, and would not at `price`.
fn waits(new: &GridOutlook, state: &GridState, price: Price) -> bool {
    !state.is_started && Waiting::of(&new.config, state, price).is_some()
}

/// The grid that a line trades on `side`, if it has one.
fn rung(rungs: &[Rung], line: u16, side: PositionSide) -> Option<&Rung> {
    rungs.iter().find(|rung| rung.line == line && rung.side == side)
}

fn side_of(net: Decimal) -> PositionSide {
    if net.is_sign_negative() { PositionSide::Short } else { PositionSide::Long }
}

fn stays(order: &RestingOrder, rungs: &[Rung], qty: Qty) -> bool {
    rung(rungs, order.line, order.position_side).is_some_and(|rung| {
        if order.is_exit { order.price == rung.exit } else { order.price == rung.entry && order.qty == qty }
    })
}

/// The orders that the new ladder lacks: exits of what is held, entries where the price has left their line. While one
/// side is held, lines of the other open nothing.
fn placed(
    rungs: &[Rung],
    qty_per_line: Qty,
    held: &BTreeMap<u16, Decimal>,
    kept: &BTreeSet<(u16, bool)>,
    price: Price,
) -> Vec<PlacedOrder> {
    let mut placed = Vec::new();
    let opens =
        |rung: &Rung| rung.can_rest(price) && held.values().all(|net| side_of(*net) != rung.side.opposite());
    for rung in rungs {
        let holding = held.get(&rung.line).and_then(|net| Qty::try_new(net.abs()).ok());
        if kept.contains(&(rung.line, holding.is_some())) || (holding.is_none() && !opens(rung)) {
            continue;
        }
        let (side, price) = match holding {
            Some(_) => (rung.side.exit_side(), rung.exit),
            None => (rung.side.entry_side(), rung.entry),
        };
        placed.push(PlacedOrder { line: rung.line, side, price, qty: holding.unwrap_or(qty_per_line) });
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::Side::{Buy, Sell};
    use super::*;

    /// Lines at 90, 95, 100, 105 and 110 of a neutral grid that began at 100: long on 0 and 1, short on 3 and 4.
    #[test]
    fn a_neutral_grid_is_to_open_only_on_the_side_that_it_holds() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        let lines: Vec<Line> = (0..)
            .zip([90, 95, 100, 105, 110])
            .map(|(index, at)| Line { index, price: price(&format!("{at}")) })
            .collect();
        let rungs = rungs(&lines, Direction::Neutral, Some(price("100")));
        let qty: Qty = "2".parse().unwrap();
        let lines_of = |held: &[(u16, &str)], at: &str| {
            let held = held.iter().map(|(line, net)| (*line, net.parse().unwrap())).collect();
            let placed = placed(&rungs, qty, &held, &BTreeSet::new(), price(at));
            placed.iter().map(|order| (order.line, order.side)).collect::<Vec<_>>()
        };
        assert_eq!(lines_of(&[], "100"), [(0, Buy), (1, Buy), (3, Sell), (4, Sell)]);
        assert_eq!(lines_of(&[(1, "2")], "100"), [(0, Buy), (1, Sell)]);
        assert_eq!(lines_of(&[(3, "-2")], "100"), [(3, Buy), (4, Sell)]);
    }
}

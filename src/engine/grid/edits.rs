//! What an edit changes of a grid that is at work: it was moved, or its ladder is another.

use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::domain::order::{Order, Purpose};
use crate::engine::decision::Code;
use crate::engine::machine::{AccountMachine, BotSymbol, HeldKey};
use crate::engine::turn::Record;

use super::ladder::{Rung, rungs};
use super::plan::Plan;
use super::state::{GridSetup, Place};
use super::{Direction, GridConfig};

impl AccountMachine {
    /// A grid that was moved while it holds nothing begins again at its new place, where it began by the price: a
    /// neutral one, whose sides depend on it, and one that the price is outside of. Its lines are taken back first;
    /// false until they are.
    pub(super) fn follow_move(&mut self, key: &BotSymbol, setup: &GridSetup, price: Price) -> bool {
        let config = &setup.config;
        let Some(state) = self.durable.grids.get(&key.0).filter(|state| state.is_started) else {
            return true;
        };
        let place = place_of(config, &key.1);
        if state.place.as_ref() == Some(&place) {
            return true;
        }
        let is_moved = state.place.is_some() && state.lots.is_empty();
        let must_wait = config.trigger.is_none() && config.is_outside(price);
        if is_moved && (must_wait || config.direction == Direction::Neutral) {
            let of_lines = |order: &&Order| order.bot == Some(key.0) && order.purpose.has_line();
            let working: Vec<Order> = self.orders.working().filter(of_lines).cloned().collect();
            if !working.is_empty() {
                for order in &working {
                    self.cancel(order);
                }
                return false;
            }
            let state = self.grid_state(key.0);
            if must_wait {
                state.begin_anew();
                self.turn.records.push(Record::StateChanged);
                return true;
            }
            state.anchor = Some(price);
        }
        self.grid_state(key.0).place = Some(place);
        self.turn.records.push(Record::StateChanged);
        true
    }

    /// The lines of a plan that was edited: what is held stays with its line, or moves to the last one.
    pub(super) fn follow_ladder(&mut self, key: &BotSymbol, setup: &GridSetup, plan: &Plan) {
        let bot = key.0;
        let ladder = ladder_name(setup, &key.1, plan);
        let known = self.durable.grids.get(&bot).and_then(|state| state.ladder.as_ref());
        if known == Some(&ladder) {
            return;
        }
        let anchor = self.durable.grids.get(&bot).and_then(|state| state.anchor);
        let rungs = rungs(&plan.lines, setup.config.direction, anchor);
        let misfits = self.misfits(key, plan, &rungs);
        if misfits.is_empty() {
            // Only now: an order that still rests may close what its line holds.
            let state = self.grid_state(bot);
            state.lots.reseat(&rungs);
            state.ladder = Some(ladder);
            self.turn.records.push(Record::StateChanged);
        } else if self.grid_state(bot).ladder.take().is_some() {
            // Some rest for the one, some for the other: an edit back to the one has to look at them too.
            self.turn.records.push(Record::StateChanged);
        }
        for order in misfits {
            self.cancel(&order);
        }
        self.leave_stranded(key, &rungs);
    }

    /// What is held on a side where the edited ladder has no line: such an edit is refused, but a fill may have come
    /// between. Nothing else would ever close it.
    fn leave_stranded(&mut self, key: &BotSymbol, rungs: &[Rung]) {
        let is_stranded = |held: &HeldKey| !rungs.iter().any(|rung| rung.side == held.side);
        let stranded: Vec<HeldKey> =
            self.held_by(key).map(|(held, _)| held).filter(|held| is_stranded(held)).cloned().collect();
        for held in stranded {
            let detail = format!("no line of its ladder is {} any more", held.side);
            self.leave(&held, Code::Grid, Purpose::Flatten, &detail);
        }
    }

    /// Orders that rest where the plan has no line for them.
    fn misfits(&self, key: &BotSymbol, plan: &Plan, rungs: &[Rung]) -> Vec<Order> {
        let fits = |order: &Order| {
            if order.symbol != key.1 {
                return false;
            }
            let line = order.client_order_id.key().and_then(|key| key.line());
            let rung = rungs.iter().find(|rung| Some(rung.line) == line && rung.side == order.position_side);
            rung.is_some_and(|rung| {
                if order.purpose == Purpose::GridEntry {
                    order.kind.price() == Some(rung.entry) && order.qty == plan.qty_per_line
                } else {
                    order.kind.price() == Some(rung.exit)
                }
            })
        };
        let on_line = |order: &&Order| order.bot == Some(key.0) && order.purpose.is_on_line();
        self.orders.working().filter(on_line).filter(|order| !fits(order)).cloned().collect()
    }
}

pub(super) fn place_of(config: &GridConfig, symbol: &Symbol) -> Place {
    Place { symbol: symbol.clone(), lower: config.lower, upper: config.upper }
}

/// Two plans of one name have the same lines, sides and quantities in the same symbol.
pub(super) fn ladder_name(setup: &GridSetup, symbol: &Symbol, plan: &Plan) -> String {
    let config = &setup.config;
    format!(
        "{symbol} {} {} {} to {} x{} {} by {}",
        config.direction,
        config.mode,
        config.lower,
        config.upper,
        plan.lines.len(),
        plan.qty_per_line,
        plan.tick
    )
}

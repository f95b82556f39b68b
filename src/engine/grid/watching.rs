//! What a grid waits for beside what its orders do: the price at which it begins, its stops, and the prices at which a
//! line turns.

use crate::domain::instrument::Symbol;
use crate::engine::config::BotConfig;
use crate::engine::machine::AccountMachine;
use crate::engine::watch::Watch;

use super::GridConfig;
use super::edits::place_of;
use super::state::{GridSetup, GridState};
use super::waiting::Waiting;

impl AccountMachine {
    /// The prices and moments before which a cycle changes nothing about a grid; `None` for one that is at rest, and for
    /// a bot that is no grid.
    pub(in crate::engine) fn watch_grid(&self, bot: &BotConfig) -> Option<Watch> {
        let setup = bot.grid.as_ref()?;
        let key = self.grid_key(bot.id)?;
        let may_trade = bot.is_running && self.config.halt.is_none() && !self.must_close(bot, &key.1);
        if !may_trade || self.is_closing(&key) {
            return None;
        }
        let mut watch = Watch::new(key.1.clone());
        let plan = self.grid_memory.get(&bot.id).and_then(|memory| memory.plan.as_ref());
        let state = self.durable.grids.get(&bot.id).filter(|state| is_settled(state, setup, &key.1));
        let (Some(plan), Ok(price), Some(state)) = (plan, self.price(&key.1), state) else {
            watch.until(self.now());
            return Some(watch);
        };
        let Ok(plan) = plan else { return None };
        if state.is_started {
            if let Some(instrument) = self.config.instruments.get(&key.1) {
                self.watch_lines(&key, bot, (plan, instrument), price, &mut watch);
            }
            watch_stops(&setup.config, &mut watch);
        } else if let Some(waiting) = Waiting::of(&setup.config, state, price) {
            waiting.watch(&mut watch);
        } else {
            // It could begin, and something else than the price keeps it from that.
            watch.until(self.now());
        }
        Some(watch)
    }
}

/// Whether all that was asked of the grid was followed: its ladder, its place, a repair, and from where its trigger is
/// reached.
fn is_settled(state: &GridState, setup: &GridSetup, symbol: &Symbol) -> bool {
    let is_in_place = !state.is_started || state.place.as_ref() == Some(&place_of(&setup.config, symbol));
    let is_mended = state.has_done_repair(setup.repair_asked_at);
    let knows_its_side = setup.config.trigger.is_none() || state.is_started || state.waits_above.is_some();
    state.ladder.is_some() && is_in_place && is_mended && knows_its_side
}

fn watch_stops(config: &GridConfig, watch: &mut Watch) {
    if let Some(stop) = config.stop_lower {
        watch.at_or_below(stop);
    }
    if let Some(stop) = config.stop_upper {
        watch.at_or_above(stop);
    }
}

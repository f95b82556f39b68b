//! What a grid waits for beside what its orders do: its trigger, its stops, and the prices at which a line turns.

use crate::domain::money::Price;
use crate::engine::config::BotConfig;
use crate::engine::machine::AccountMachine;
use crate::engine::watch::Watch;

use super::state::GridSetup;

impl AccountMachine {
    /// The prices and moments before which a cycle changes nothing about a grid; `None` for one that is at rest, and for
    /// a bot that is no grid.
    pub(in crate::engine) fn watch_grid(&self, bot: &BotConfig) -> Option<Watch> {
        let setup = bot.grid.as_ref()?;
        let key = self.grid_key(bot.id)?;
        let may_trade = bot.is_running && self.config.halt.is_none() && !self.must_close(bot, &key.1);
        if !may_trade || self.is_leaving(&key) {
            return None;
        }
        let mut watch = Watch::new(key.1.clone());
        let plan = self.grid_memory.get(&bot.id).and_then(|memory| memory.plan.as_ref());
        let state = self.durable.grids.get(&bot.id);
        let is_prepared = state.is_some_and(|state| {
            state.ladder.is_some()
                && (setup.repair_asked_at.is_none() || state.repaired == setup.repair_asked_at)
        });
        let (Some(plan), Ok(price), true) = (plan, self.price(&key.1), is_prepared) else {
            watch.until(self.now());
            return Some(watch);
        };
        let Ok(plan) = plan else { return None };
        if state.is_some_and(|state| state.is_started) {
            if let Some(instrument) = self.config.instruments.get(&key.1) {
                self.watch_lines(&key, bot, (plan, instrument), price, &mut watch);
            }
            watch_stops(setup, &mut watch);
        } else {
            self.watch_trigger(setup, state.and_then(|state| state.waits_above), price, &mut watch);
        }
        Some(watch)
    }

    /// A grid that could begin and does not is kept from it by something else than the price.
    fn watch_trigger(&self, setup: &GridSetup, waits_above: Option<bool>, price: Price, watch: &mut Watch) {
        match setup.config.trigger.zip(waits_above) {
            Some((trigger, true)) if price > trigger => watch.at_or_below(trigger),
            Some((trigger, false)) if price < trigger => watch.at_or_above(trigger),
            Some(_) | None => watch.until(self.now()),
        }
    }
}

fn watch_stops(setup: &GridSetup, watch: &mut Watch) {
    if let Some(stop) = setup.config.stop_lower {
        watch.at_or_below(stop);
    }
    if let Some(stop) = setup.config.stop_upper {
        watch.at_or_above(stop);
    }
}

//! Grids for the tests of the machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fixtures::*;
use super::rig::Rig;
use crate::domain::money::{Price, Qty};
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::engine::config::AccountConfig;
use crate::engine::grid::GridConfig;
use crate::engine::grid::fixtures::{plain, terms};
use crate::engine::grid::ladder::{Rung, rungs};
use crate::engine::grid::plan::Plan;
use crate::engine::grid::state::{GridSetup, GridState};
use crate::engine::settings::SymbolScope;
use crate::matching::config::BookConfig;

pub(super) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

/// Lines at 90, 95, 100, 105 and 110, long, 200 USDT at leverage 1: 0.51 BTC a line at fees of 0.02 %.
pub(super) fn grid() -> GridConfig {
    plain(("90", "110"), 5, "200")
}

/// The account whose only bot works `grid` on BTC, with all of its equity.
pub(super) fn grid_account(grid: GridConfig) -> AccountConfig {
    let mut config = account();
    set_bot(&mut config, ONE, &[("allocation_percent", "100"), ("max_leverage", "20")]);
    edit_grid(&mut config, grid);
    config
}

pub(super) fn edit_grid(config: &mut AccountConfig, grid: GridConfig) {
    edit_bot(config, ONE, |bot| {
        bot.strategy = None;
        bot.settings.symbol = SymbolScope::One(symbol(BTC));
        let setup = GridSetup { config: grid, terms: terms(), repair_asked_at: None };
        bot.grid = Some(Arc::new(setup));
    });
}

/// What `bot grid NAME --repair` asks of the daemon.
pub(super) fn ask_repair(config: &mut AccountConfig, at: Timestamp) {
    edit_setup(config, |setup| setup.repair_asked_at = Some(at));
}

pub(super) fn edit_setup(config: &mut AccountConfig, edit: impl FnOnce(&mut GridSetup)) {
    edit_bot(config, ONE, |bot| edit(Arc::make_mut(bot.grid.as_mut().unwrap())));
}

pub(super) fn book_terms(config: &AccountConfig) -> BookConfig {
    use crate::domain::side::PositionMode;
    let mode = if config.venue.hedge { PositionMode::Hedge } else { PositionMode::OneWay };
    BookConfig {
        maker_fee_pct: pct("0.02"),
        taker_fee_pct: pct("0.05"),
        ..crate::matching::fixtures::config(mode)
    }
}

/// A rig that works `grid`, at a price of 100.
pub(super) fn grid_rig(grid: GridConfig) -> Rig {
    rig_of(grid_account(grid))
}

pub(super) fn rig_of(config: AccountConfig) -> Rig {
    let terms = book_terms(&config);
    Rig::on(config, terms)
}

impl Rig {
    pub(super) fn grid_plan(&self) -> Plan {
        let setup = self.config.bots[&ONE].grid.clone().unwrap();
        Plan::of(&setup.config, &self.config.instruments[&symbol(BTC)], setup.terms).unwrap()
    }

    pub(super) fn grid_state(&self) -> GridState {
        self.machine.durable_state().grids.get(&ONE).cloned().unwrap_or_default()
    }

    pub(super) fn rungs(&self) -> Vec<Rung> {
        let direction = self.config.bots[&ONE].grid.as_ref().unwrap().config.direction;
        rungs(&self.grid_plan().lines, direction, self.grid_state().anchor)
    }

    /// What rests in the book on a line: (entries or exits) as `qty @ price`.
    pub(super) fn on_line(&self, line: u16, purpose: Purpose) -> Vec<(Qty, Price)> {
        self.book
            .open_orders()
            .iter()
            .filter(|order| {
                let key = order.client_order_id.key().unwrap();
                key.purpose == purpose && key.line() == Some(line)
            })
            .map(|order| (order.remaining_qty(), order.kind.price().unwrap()))
            .collect()
    }

    /// The whole ladder: `line: b PRICE` for an entry, `line: s PRICE` for an exit.
    pub(super) fn ladder(&self) -> Vec<String> {
        let mut ladder = BTreeMap::new();
        for order in self.book.open_orders() {
            let key = order.client_order_id.key().unwrap();
            let Some(line) = key.line().filter(|_| key.purpose.is_on_line()) else { continue };
            let word = if key.purpose == Purpose::GridEntry { "opens" } else { "closes" };
            let text = format!("{line} {word} at {}", order.kind.price().unwrap());
            let known = ladder.insert((line, word), text);
            assert_eq!(known, None, "two orders of a line");
        }
        ladder.into_values().collect()
    }

    /// No two orders of a line on one side are ever believed to work, or rest.
    pub(super) fn check_one_order_a_line(&self) {
        let mut seen = BTreeMap::new();
        for order in self.book.open_orders() {
            let key = order.client_order_id.key().unwrap();
            if let Some(line) = key.line().filter(|_| key.purpose.is_on_line()) {
                let other = seen.insert((line, order.side), order.client_order_id.clone());
                assert_eq!(other, None, "two orders rest on line {line}: {order:?}");
            }
        }
    }

    /// Lots are what is held.
    pub(super) fn check_lots(&self) {
        let lots = self.grid_state().lots;
        for side in [PositionSide::Long, PositionSide::Short] {
            assert_eq!(lots.total(side), self.held_on(ONE, BTC, side), "{side}");
        }
    }
}

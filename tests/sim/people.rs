//! What people do meanwhile: on the account at the exchange, and to the settings.

use std::sync::Arc;

use tradefleet::domain::external::ExternalCause;
use tradefleet::domain::ids::BotId;
use tradefleet::domain::order::OrderStatus;
use tradefleet::domain::side::{PositionSide, Side};
use tradefleet::engine::config::{BotConfig, Halt};

use crate::desk::Desk;
use crate::faults::{Fault, scaled};
use crate::plan::PERIOD;
use crate::units::Lots;
use crate::venue::Rules;

impl Desk<'_> {
    pub(crate) fn meddle(&mut self) {
        self.trade_by_hand();
        self.cancel_by_hand();
        self.change_settings();
        self.press_buttons();
        let rules: Rules = self.venue.rules;
        let known = self.plan.instruments(rules);
        // The daemon asks for the rules now and then.
        if *self.db.instruments != known && self.now % (20 * PERIOD) < 1_000 {
            self.db.instruments = Arc::new(known);
            self.db_changed = true;
        }
    }

    fn trade_by_hand(&mut self) {
        if let Some(how) = self.dice.hits(Fault::HumanTrades) {
            self.watchman.has_external = true;
            let symbol = usize::try_from(how % 2).unwrap();
            let side = self.lean(symbol, how);
            if how % 3 == 0 {
                self.give_back(symbol);
            } else {
                self.trade(symbol, side.entry_side(), side, scaled(how, 1, 300));
            }
            self.venue.external_orders = how % 4;
        }
        if let Some(how) = self.dice.hits(Fault::HumanNets) {
            let symbol = usize::try_from(how % 2).unwrap();
            let side = self.lean(symbol, how);
            let held = self.venue.held(symbol, side);
            if held > 0 {
                self.watchman.has_external = true;
                self.trade(symbol, side.exit_side(), side, scaled(how, 1, held));
            }
        }
    }

    /// The way a symbol leans; anyhow where it does not.
    fn lean(&self, symbol: usize, how: u32) -> PositionSide {
        let is_short = if self.plan.hedge || self.venue.positions.keys().all(|(of, _)| *of != symbol) {
            how % 5 < 2 && !self.plan.dialect.is_spot()
        } else {
            self.venue.held(symbol, PositionSide::Short) > 0
        };
        if is_short { PositionSide::Short } else { PositionSide::Long }
    }

    fn trade(&mut self, symbol: usize, side: Side, position_side: PositionSide, lots: Lots) {
        let price = self.market.price(symbol, self.now);
        let way = (symbol, side, position_side);
        self.venue.trade(None, way, (price, lots), ExternalCause::Manual, &mut self.dice);
    }

    /// The bots' holdings on one side.
    pub(crate) fn of_bots(&self, symbol: usize, side: PositionSide) -> Lots {
        let of = self.venue.bots.iter().filter(|((_, of, on), _)| *of == symbol && *on == side);
        of.map(|(_, stake)| stake.lots.max(0)).sum()
    }

    /// Everything is put back that somebody else holds, or has taken from the bots.
    pub(crate) fn give_back(&mut self, symbol: usize) {
        let sides = [PositionSide::Long, PositionSide::Short];
        let [long, short] = sides.map(|side| self.venue.held(symbol, side) - self.of_bots(symbol, side));
        let excesses = if self.plan.hedge {
            vec![(sides[0], long), (sides[1], short)]
        } else {
            vec![(sides[0], long - short)]
        };
        for (side, excess) in excesses {
            let way = if excess > 0 { side.exit_side() } else { side.entry_side() };
            if excess != 0 {
                self.trade(symbol, way, side, excess.abs());
            }
        }
    }

    fn cancel_by_hand(&mut self) {
        let Some(how) = self.dice.hits(Fault::HumanCancels) else { return };
        let open: Vec<usize> = (0..self.venue.orders.len())
            .filter(|index| !self.venue.orders[*index].status.is_final())
            .collect();
        if !open.is_empty() {
            let index = open[usize::try_from(how).unwrap() % open.len()];
            self.venue.end(index, OrderStatus::Cancelled, "by hand", &mut self.dice);
        }
    }

    fn change_settings(&mut self) {
        let Some(how) = self.dice.hits(Fault::Settings) else { return };
        let value = |from, to| scaled(how.rotate_left(7), from, to).to_string();
        let (key, value) = match how % 7 {
            0 => ("entry_pct", value(5, 60)),
            1 => ("leverage", value(1, 20)),
            2 => ("max_positions", value(1, 4)),
            3 => ("long_sl_pct", value(1, 4)),
            4 => ("short_tp_pct", value(1, 4)),
            5 => ("dca_enabled", if how % 2 == 0 { "on" } else { "off" }.to_owned()),
            _ => ("long_tp_pct", value(1, 4)),
        };
        let limits = self.db.limits;
        self.db.settings.set(key, &value, limits).unwrap();
        self.db_changed = true;
    }

    fn press_buttons(&mut self) {
        let bots = self.bots();
        let bot_of = |how: u32| bots[usize::try_from(how).unwrap() % bots.len()];
        if let Some(how) = self.dice.hits(Fault::BotStopped) {
            self.edit_bot(bot_of(how), |bot| bot.is_running = !bot.is_running);
        }
        if let Some(how) = self.dice.hits(Fault::BotClosed) {
            self.edit_bot(bot_of(how), |bot| bot.close_requested = true);
        }
        if let Some(how) = self.dice.hits(Fault::SymbolClosed) {
            let symbol = self.venue.dialect.symbols()[usize::try_from(how % 2).unwrap()].clone();
            let now = self.at();
            self.db.close_symbols.insert(symbol, now);
            self.db_changed = true;
        }
        if let Some(how) = self.dice.hits(Fault::Halt) {
            let is_halted = self.db.halt.is_some();
            let halt = Halt { reason: "by a person".to_owned(), flatten: how % 2 == 0 };
            self.db.halt = if is_halted { None } else { Some(halt) };
            self.db_changed = true;
        }
        if self.dice.hits(Fault::EntriesOff).is_some() {
            self.entries_enabled = !self.entries_enabled;
        }
    }

    pub(crate) fn edit_bot(&mut self, bot: BotId, edit: impl FnOnce(&mut BotConfig)) {
        if let Some(config) = self.db.bots.get_mut(&bot) {
            edit(Arc::make_mut(config));
            self.db_changed = true;
        }
    }
}

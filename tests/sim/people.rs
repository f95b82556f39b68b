//! What people do meanwhile: on the account at the exchange, and to the settings.

use std::sync::Arc;

use tradefleet::domain::external::ExternalCause;
use tradefleet::domain::fill::Liquidity;
use tradefleet::domain::ids::BotId;
use tradefleet::domain::order::OrderStatus;
use tradefleet::domain::side::{PositionSide, Side};
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::config::{AccountConfig, BotConfig, Halt};
use tradefleet::engine::settings::SymbolScope;
use tradefleet::engine::turn::Record;

use crate::desk::Desk;
use crate::faults::{Dice, Fault, scaled};
use crate::grids;
use crate::plan::PERIOD;
use crate::units::Lots;

impl Desk<'_> {
    pub(crate) fn meddle(&mut self) {
        self.trade_by_hand();
        self.cancel_by_hand();
        let now = self.at();
        self.db_changed |= change_settings(&mut self.db, &mut self.dice);
        self.db_changed |= edit_grids(&mut self.db, &mut self.dice, now);
        self.db_changed |= press_buttons(&mut self.db, &mut self.dice, now);
        if self.dice.hits(Fault::EntriesOff).is_some() {
            self.entries_enabled = !self.entries_enabled;
        }
        self.learn_rules();
    }

    /// The daemon asks for the trading rules now and then.
    fn learn_rules(&mut self) {
        if self.now % (20 * PERIOD) >= 1_000 {
            return;
        }
        let known = self.plan.instruments(self.venue.rules);
        if *self.db.instruments != known {
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
        self.venue.trade(None, way, (price, lots, Liquidity::Taker), ExternalCause::Manual, &mut self.dice);
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
                self.watchman.has_external = true;
                self.trade(symbol, way, side, excess.abs());
            }
        }
    }

    fn cancel_by_hand(&mut self) {
        let Some(how) = self.dice.hits(Fault::HumanCancels) else { return };
        let open = &self.venue.open;
        if !open.is_empty() {
            let index = open[usize::try_from(how).unwrap() % open.len()];
            self.venue.end(index, OrderStatus::Cancelled, "by hand", &mut self.dice);
        }
    }
}

/// What a turn of the machine changes of the settings.
pub(crate) fn take_over(db: &mut AccountConfig, record: &Record) -> bool {
    let mut edit = |bot: BotId, edit: fn(&mut BotConfig)| {
        let config = db.bots.get_mut(&bot);
        config.map(Arc::make_mut).map(edit).is_some()
    };
    match record {
        Record::BotStopped { bot, .. } => edit(*bot, |config| config.is_running = false),
        Record::BotClosed { bot } => edit(*bot, |config| config.close_requested = false),
        Record::SymbolClosed { symbol, .. } => {
            db.close_symbols.remove(symbol);
            false
        }
        _ => false,
    }
}

/// A person changes what the account is to do; true where something changed.
pub(crate) fn change_settings(db: &mut AccountConfig, dice: &mut Dice) -> bool {
    let Some(how) = dice.hits(Fault::Settings) else { return false };
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
    db.settings.set(key, &value, db.limits).unwrap();
    true
}

/// A person edits the grids, where the market allows it.
pub(crate) fn edit_grids(db: &mut AccountConfig, dice: &mut Dice, now: Timestamp) -> bool {
    let Some(how) = dice.hits(Fault::GridEdited) else { return false };
    let mut is_changed = false;
    for bot in db.bots.values_mut() {
        let (Some(setup), SymbolScope::One(symbol)) = (&bot.grid, &bot.settings.symbol) else { continue };
        if let Some(edited) = grids::edited(setup, how, &db.instruments[symbol], now) {
            Arc::make_mut(bot).grid = Some(Arc::new(edited));
            is_changed = true;
        }
    }
    is_changed
}

/// Bots stopped, started and closed; symbols closed; the halt.
pub(crate) fn press_buttons(db: &mut AccountConfig, dice: &mut Dice, now: Timestamp) -> bool {
    let mut is_changed = false;
    let mut edit_one = |db: &mut AccountConfig, how: u32, edit: fn(&mut BotConfig)| {
        let index = usize::try_from(how).unwrap() % db.bots.len();
        edit(Arc::make_mut(db.bots.values_mut().nth(index).unwrap()));
        is_changed = true;
    };
    if let Some(how) = dice.hits(Fault::BotStopped) {
        edit_one(db, how, |bot| bot.is_running = !bot.is_running);
    }
    if let Some(how) = dice.hits(Fault::BotClosed) {
        edit_one(db, how, |bot| bot.close_requested = true);
    }
    if let Some(how) = dice.hits(Fault::SymbolClosed) {
        let index = usize::try_from(how).unwrap() % db.instruments.len();
        db.close_symbols.insert(db.instruments.keys().nth(index).unwrap().clone(), now);
        is_changed = true;
    }
    if let Some(how) = dice.hits(Fault::Halt) {
        let halt = Halt { reason: "by a person".to_owned(), flatten: how % 2 == 0 };
        db.halt = if db.halt.is_some() { None } else { Some(halt) };
        is_changed = true;
    }
    is_changed
}

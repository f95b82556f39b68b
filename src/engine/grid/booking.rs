//! From fills to lots: which line a fill belongs to, and what it earned there.

use crate::domain::fill::Fill;
use crate::domain::ids::BotId;
use crate::domain::money::Qty;
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide;
use crate::engine::ledger::fill_fields;
use crate::engine::machine::{AccountMachine, BotSymbol, HeldKey};
use crate::engine::turn::{NoticeKind, Record, Severity};

use super::lots::LineFill;
use super::rows::GridFill;

impl AccountMachine {
    /// What a fill that is booked did to the grid behind it, if there is one.
    pub(in crate::engine) fn book_on_lines(&mut self, key: &HeldKey, fill: &Fill, purpose: Purpose) {
        let line = fill.client_order_id.key().and_then(|key| key.line());
        let parts = match (purpose, line) {
            (Purpose::GridEntry, Some(line)) => vec![self.grid_state(key.bot).lots.enter(line, fill)],
            (Purpose::GridExit, Some(line)) => vec![self.grid_state(key.bot).lots.exit(line, fill)],
            (Purpose::GridBuyIn, Some(line)) => self.buy_in_lines(key.bot, line, fill),
            _ => {
                self.trim_lots(&key.bot_symbol());
                return;
            }
        };
        for part in parts {
            self.record_line_fill(key.bot, fill, part);
        }
    }

    /// Spreads a buy-in over its lines, which begin with `first` and lie beyond it.
    fn buy_in_lines(&mut self, bot: BotId, first: u16, fill: &Fill) -> Vec<LineFill> {
        let plan = self.plan_of(bot);
        let last = plan.as_ref().and_then(|plan| plan.lines.last()).map_or(first, |line| line.index);
        let per_line = plan.map_or(fill.qty, |plan| plan.qty_per_line);
        let lots = &mut self.grid_state(bot).lots;
        match fill.position_side {
            PositionSide::Long => lots.spread(first..last.max(first.saturating_add(1)), per_line, fill),
            PositionSide::Short => lots.spread((1..=first.max(1)).rev(), per_line, fill),
        }
    }

    fn record_line_fill(&mut self, bot: BotId, fill: &Fill, part: LineFill) {
        let earned = part.profit.map(|profit| ("profit", profit.to_string()));
        let fields =
            fill_fields(bot, fill).into_iter().chain([("line", part.line.to_string())]).chain(earned);
        self.notify(NoticeKind::GridFill, Severity::Info, || fields);
        self.turn.records.push(Record::GridFill(GridFill {
            bot,
            line: part.line,
            trade_id: fill.trade_id.clone(),
            client_order_id: fill.client_order_id.clone(),
            side: fill.side,
            price: fill.price,
            qty: part.qty,
            fee: part.fee,
            profit: part.profit,
            at: fill.at,
            dry_run: self.config.settings.dry_run,
        }));
    }

    /// Lots never exceed the position: what something else has closed is gone from the lines too.
    pub(in crate::engine) fn trim_lots(&mut self, key: &BotSymbol) {
        for side in [PositionSide::Long, PositionSide::Short] {
            let held = self.held.get(&HeldKey::new(key.clone(), side));
            let qty = held.map_or(Qty::ZERO, |held| held.position().qty);
            if let Some(state) = self.durable.grids.get_mut(&key.0)
                && state.lots.total(side) > qty
            {
                state.lots.trim(side, qty);
                self.turn.records.push(Record::StateChanged);
            }
        }
    }

    /// After everything that the exchange knows was booked: what was closed without us is no line's any more.
    pub(in crate::engine) fn match_lots(&mut self) {
        let keys: Vec<BotSymbol> = self.durable.grids.keys().filter_map(|bot| self.grid_key(*bot)).collect();
        for key in keys {
            self.trim_lots(&key);
        }
    }
}

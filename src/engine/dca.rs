//! Dollar-cost averaging: up to three further orders while the price moves against a position.

use crate::domain::money::Pct;
use crate::domain::order::{OrderKind, Purpose};
use crate::domain::side::PositionSide;

use super::config::BotConfig;
use super::cycle::Cycle;
use super::decision::{Action, Code};
use super::intent::Intent;
use super::machine::{AccountMachine, HeldKey};
use super::turn::Record;

const LEVELS: [Purpose; 3] = [Purpose::Dca1, Purpose::Dca2, Purpose::Dca3];

impl AccountMachine {
    /// Adds to a position once the price has moved `dca_pct` against its last fill.
    pub(super) fn consider_dca(&mut self, key: &HeldKey, bot: &BotConfig, cycle: &Cycle) {
        let settings = &self.config.settings;
        let may_add = settings.dca_enabled
            && bot.is_running
            && self.config.halt.is_none()
            && cycle.entries_enabled
            && !self.durable.blocked.contains_key(&key.symbol);
        let Some(held) = self.held.get(key).filter(|_| may_add) else { return };
        let level = held.row.dca_level;
        let (Some(purpose), Some(size)) = (LEVELS.get(usize::from(level)), settings.dca_size_pct(level))
        else {
            return;
        };
        let position = held.position();
        let Ok(price) = self.price(&key.symbol) else { return };
        let change = Pct::change(position.last_entry_price, price);
        let adverse = match position.side {
            PositionSide::Long => -change,
            PositionSide::Short => change,
        };
        let is_adding = self.orders.of(key.bot, &key.symbol).any(|order| order.purpose.increases());
        if size == Pct::ZERO || adverse < settings.dca_pct || is_adding {
            return;
        }
        // What the exchange did not take is offered again with the next bar, not at every price.
        let bar_start = held.holding.timeframe.bar_start(self.now);
        if self.orders.failed_since((key.bot, &key.symbol), *purpose, bar_start) {
            return;
        }
        let (side, step) = (position.side, self.instrument(&key.symbol).map(|rules| rules.step));
        let qty = position.first_entry_qty.part(size, step.unwrap_or_default());
        // Once filled it binds margin at the position's leverage, so it may not be reserved at a higher one.
        let leverage = self.leverage(bot).min(position.leverage);
        match self.fit(bot, &key.symbol, price, qty, leverage) {
            Ok(sized) => {
                let last = position.last_entry_price;
                self.intend(Intent {
                    bot: key.bot,
                    symbol: key.symbol.clone(),
                    side,
                    purpose: *purpose,
                    kind: OrderKind::Market,
                    qty: sized.qty,
                    leverage: sized.leverage,
                    margin: sized.margin,
                    attempt: 1,
                    line: None,
                    signal_at: None,
                });
                let detail = format!("{adverse} % against the last fill at {last}: adds {}", sized.qty);
                self.decide(key.bot, &key.symbol, (Action::Added, Code::Dca), detail);
            }
            Err((code, detail)) => self.explain_once(key, level, code, &detail),
        }
    }

    /// A refusal is explained once a level, not every cycle the price stays down.
    fn explain_once(&mut self, key: &HeldKey, level: u8, code: Code, detail: &str) {
        let Some(held) = self.held.get_mut(key) else { return };
        if held.holding.dca_explained == Some(level) {
            return;
        }
        held.holding.dca_explained = Some(level);
        self.turn.records.push(Record::StateChanged);
        self.decide(key.bot, &key.symbol, (Action::Skipped, code), format!("DCA {}: {detail}", level + 1));
    }
}

//! Conditional orders: what sets them off, and what becomes of them then.
//!
//! They wait outside the book, as they do at the exchanges: nothing is reserved for them, and whether there is
//! something to reduce is asked when they are set off, not when they are placed.

use super::account::Account;
use super::event::Happening;
use super::order::{Conditional, ConditionalStatus, NewConditional, NewOrder, Origin, Trigger};
use super::refusal::Refusal;
use super::trading::Quoted;
use crate::domain::candle::Candle;
use crate::domain::money::{Price, Qty};
use crate::domain::side::{PositionMode, Side};
use crate::domain::time::Timestamp;

impl Account {
    pub(super) fn place_conditional(
        &mut self,
        new: NewConditional,
        quoted: Quoted<'_>,
    ) -> Result<u64, Refusal> {
        let known = self.conditional_by_client_id(&new.client_id);
        if known.is_some_and(Conditional::is_open) {
            return Err(Refusal::DuplicateClientId(new.client_id));
        }
        let market = quoted.price;
        match new.trigger {
            Trigger::AtOrBelow(trigger) if market <= trigger => {
                return Err(Refusal::WouldTriggerNow { trigger, market });
            }
            Trigger::AtOrAbove(trigger) if market >= trigger => {
                return Err(Refusal::WouldTriggerNow { trigger, market });
            }
            Trigger::AtOrBelow(_) | Trigger::AtOrAbove(_) | Trigger::Trailing { .. } => {}
        }
        let id = self.next.conditional;
        self.next.conditional += 1;
        let client_id = if new.client_id.is_empty() { format!("sim_c{id}") } else { new.client_id };
        let conditional = Conditional {
            id,
            client_id: client_id.clone(),
            symbol: new.symbol,
            side: new.side,
            position_side: new.position_side,
            trigger: new.trigger,
            kind: new.kind,
            qty: new.qty,
            reduce_only: new.reduce_only,
            status: ConditionalStatus::Waiting,
            order_id: None,
            reason: None,
            tags: new.tags,
            created_at: quoted.now,
            updated_at: quoted.now,
            triggered_at: None,
        };
        if self.conditional_by_client_id.insert(client_id, id).is_some() {
            self.duplicate_client_ids += 1;
        }
        self.waiting.insert(id);
        self.emit(quoted.now, Happening::Conditional(conditional.clone()));
        self.conditionals.insert(id, conditional);
        Ok(id)
    }

    pub(super) fn cancel_conditional(&mut self, id: u64, now: Timestamp) -> Result<(), Refusal> {
        if !self.waiting.contains(&id) {
            return Err(Refusal::UnknownOrder);
        }
        self.end_conditional(id, ConditionalStatus::Cancelled, None, now);
        Ok(())
    }

    /// Sets off what the part reaches, stops (whatever loses) as well as profits, each at the price it met.
    pub(super) fn trigger(&mut self, part: &Candle, quoted: Quoted<'_>) {
        let symbol = &quoted.instrument.symbol;
        let mut met: Vec<(u64, Price)> = Vec::new();
        for id in &self.waiting {
            let Some(conditional) = self.conditionals.get_mut(id) else { continue };
            if conditional.symbol == *symbol
                && let Some(price) = reach(&mut conditional.trigger, conditional.side, part)
            {
                met.push((*id, price));
            }
        }
        for (id, price) in met {
            self.set_off(id, Quoted { price, ..quoted });
        }
    }

    fn set_off(&mut self, id: u64, quoted: Quoted<'_>) {
        let Some(conditional) = self.conditionals.get(&id).cloned() else { return };
        let Some(qty) = conditional.qty.or_else(|| self.closing_qty(&conditional)) else {
            let reason = "there is no position to close".to_owned();
            return self.end_conditional(id, ConditionalStatus::Expired, Some(reason), quoted.now);
        };
        let order = NewOrder {
            client_id: String::new(),
            symbol: conditional.symbol,
            side: conditional.side,
            position_side: conditional.position_side,
            kind: conditional.kind,
            qty,
            reduce_only: conditional.reduce_only || conditional.qty.is_none(),
            origin: Origin::Conditional(id),
            tags: conditional.tags,
        };
        self.waiting.remove(&id);
        if let Some(conditional) = self.conditionals.get_mut(&id) {
            conditional.triggered_at = Some(quoted.now);
            conditional.updated_at = quoted.now;
            conditional.status = ConditionalStatus::Triggered;
            conditional.order_id = Some(self.next.order);
            let told = conditional.clone();
            self.emit(quoted.now, Happening::Conditional(told));
        }
        if let Err(refusal) = self.place(order, quoted) {
            if let Some(conditional) = self.conditionals.get_mut(&id) {
                conditional.order_id = None;
            }
            self.end_conditional(id, ConditionalStatus::Rejected, Some(refusal.to_string()), quoted.now);
        }
    }

    /// What there is to close for a conditional order without a quantity.
    fn closing_qty(&self, conditional: &Conditional) -> Option<Qty> {
        let is_hedged = self.position_mode() == PositionMode::Hedge;
        let held = self.positions().iter().find(|held| {
            held.symbol == conditional.symbol
                && held.side.exit_side() == conditional.side
                && (!is_hedged || held.side == conditional.position_side)
        })?;
        Some(held.qty)
    }

    fn end_conditional(
        &mut self,
        id: u64,
        status: ConditionalStatus,
        reason: Option<String>,
        now: Timestamp,
    ) {
        self.waiting.remove(&id);
        if let Some(conditional) = self.conditionals.get_mut(&id) {
            conditional.status = status;
            conditional.reason = reason;
            conditional.updated_at = now;
            let told = conditional.clone();
            self.emit(now, Happening::Conditional(told));
        }
    }
}

/// The price at which the part meets the trigger: its level, or the open when that is beyond it.
fn reach(trigger: &mut Trigger, side: Side, part: &Candle) -> Option<Price> {
    match trigger {
        Trigger::AtOrBelow(level) => (part.low <= *level).then(|| part.open.min(*level)),
        Trigger::AtOrAbove(level) => (part.high >= *level).then(|| part.open.max(*level)),
        Trigger::Trailing { callback, activation, best } => {
            let active = activation.is_none_or(|level| match side {
                Side::Sell => part.high >= level,
                Side::Buy => part.low <= level,
            });
            if best.is_none() && !active {
                return None;
            }
            let extreme = match side {
                Side::Sell => best.map_or(part.high, |best| best.max(part.high)),
                Side::Buy => best.map_or(part.low, |best| best.min(part.low)),
            };
            *best = Some(extreme);
            let distance = match side {
                Side::Sell => -*callback,
                Side::Buy => *callback,
            };
            let level = extreme.moved_by(distance)?;
            match side {
                Side::Sell => (part.close <= level).then(|| level.min(part.open)),
                Side::Buy => (part.close >= level).then(|| level.max(part.open)),
            }
        }
    }
}

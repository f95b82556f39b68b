//! From an account's frames to events, with the memory it takes: which order of the exchange is which of ours.
//!
//! The order that a triggered condition becomes has an id of its own, and its fills may be told before the exchange
//! says whose order it is. Such a fill is held back until the link arrives; if it does not, everything is asked for.

use std::collections::{BTreeMap, VecDeque};

use super::answers::{AlgoState, IdSpace, Unreadable};
use super::convert::{Owner, algo_status, order_status, position_side_of, told};
use super::frames::{AccountFrame, AlgoUpdate, Execution, OrderUpdate};
use super::orders::space_of;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::Side;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::report::{ExchangeEvent, ExternalCause, OrderReport};

/// Orders whose owner is remembered; older ones are asked for again.
const LINKS_MAX: usize = 4_096;
/// Updates that are held back at most.
const HELD_MAX: usize = 256;
/// How long the link to a triggered condition may take.
pub const LINK_DELAY_MAX: DurationMs = DurationMs::from_secs(2);

/// What a frame leads to.
type Events = VecDeque<ExchangeEvent>;

/// An account's frames, made events.
#[derive(Debug, Default)]
pub struct Translator {
    /// Orders in the book that are ours, by the exchange's id.
    links: BTreeMap<(Symbol, String), ClientOrderId>,
    /// Their ids, oldest first.
    link_ages: VecDeque<(Symbol, String)>,
    /// Conditions of ours that rest, as far as we know, and which order they would give.
    conditions: BTreeMap<ClientOrderId, (Symbol, Side)>,
    /// Updates of orders that may be ours, and when they came.
    held: VecDeque<(Timestamp, OrderUpdate)>,
}

impl Translator {
    /// Remembers whose an order in the book is.
    pub fn link(&mut self, symbol: &Symbol, order_id: &str, id: &ClientOrderId) {
        let key = (symbol.clone(), order_id.to_owned());
        if self.links.insert(key.clone(), id.clone()).is_none() {
            self.link_ages.push_back(key);
        }
        if self.link_ages.len() > LINKS_MAX
            && let Some(oldest) = self.link_ages.pop_front()
        {
            self.links.remove(&oldest);
        }
    }

    /// Remembers a condition that rests.
    pub fn rests(&mut self, id: &ClientOrderId, symbol: &Symbol, side: Side) {
        self.conditions.insert(id.clone(), (symbol.clone(), side));
    }

    /// Forgets a condition that does not rest any more.
    pub fn ended(&mut self, id: &ClientOrderId) {
        self.conditions.remove(id);
    }

    /// Conditions of ours that rest on a symbol, as far as it is remembered.
    pub fn conditions_of(&self, symbol: &Symbol) -> impl Iterator<Item = &ClientOrderId> {
        self.conditions.iter().filter(move |(_, (of, _))| of == symbol).map(|(id, _)| id)
    }

    /// Whose an order in the book is, as far as it is remembered.
    pub fn owner(&self, symbol: &Symbol, order_id: &str) -> Option<&ClientOrderId> {
        self.links.get(&(symbol.clone(), order_id.to_owned()))
    }

    /// When the oldest update that is held back must be given up.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.held.front().map(|(since, _)| since.plus(LINK_DELAY_MAX))
    }

    /// Gives up updates that were held back for too long: what they told is asked for.
    pub fn give_up_held(&mut self, now: Timestamp, events: &mut Events) {
        if self.deadline().is_some_and(|deadline| deadline <= now) || self.held.len() > HELD_MAX {
            self.held.clear();
            events.push_back(ExchangeEvent::Resync {
                reason: "fills of an order that may come from a condition of ours".to_owned(),
            });
        }
    }

    /// Takes in a frame that came at `now`.
    pub fn take(
        &mut self,
        frame: AccountFrame,
        now: Timestamp,
        events: &mut Events,
    ) -> Result<(), Unreadable> {
        match frame {
            AccountFrame::Order(update) => self.order(update, now, events),
            AccountFrame::Algo(update) => self.algo(&update, events),
            AccountFrame::Wallet { wallet, by_funding } => {
                events.push_back(ExchangeEvent::Wallet(wallet));
                if by_funding {
                    events.push_back(ExchangeEvent::CashMoved);
                }
                Ok(())
            }
            AccountFrame::Terms { symbol, .. } => {
                events.push_back(ExchangeEvent::TermsChanged { symbol });
                Ok(())
            }
            AccountFrame::KeyExpired => Ok(()),
        }
    }

    fn order(&mut self, update: OrderUpdate, now: Timestamp, events: &mut Events) -> Result<(), Unreadable> {
        let Ok(symbol) = update.symbol.parse::<Symbol>() else { return Ok(()) };
        let owner = match self.owner(&symbol, &update.order_id.0) {
            Some(id) => Owner::Ours(id.clone()),
            None => Owner::of(&update.client_order_id),
        };
        match owner {
            Owner::Ours(id) => {
                self.link(&symbol, &update.order_id.0, &id);
                own_order(&update, symbol, id, events)
            }
            Owner::External(ExternalCause::Manual) if self.may_be_triggered(&symbol, &update) => {
                self.held.push_back((now, update));
                Ok(())
            }
            Owner::External(cause) => {
                if let Some(trade) = update.trade(&symbol)? {
                    events.push_back(ExchangeEvent::ExternalFill(trade.into_external(cause)));
                }
                Ok(())
            }
        }
    }

    /// Whether a stranger's order could be what a condition of ours became.
    fn may_be_triggered(&self, symbol: &Symbol, update: &OrderUpdate) -> bool {
        self.conditions.values().any(|(of, side)| of == symbol && *side == update.side.side())
    }

    fn algo(&mut self, update: &AlgoUpdate, events: &mut Events) -> Result<(), Unreadable> {
        let Ok(symbol) = update.symbol.parse::<Symbol>() else { return Ok(()) };
        let Owner::Ours(id) = Owner::of(&update.client_algo_id) else { return Ok(()) };
        if let Some(order_id) = update.actual_order_id.0.as_deref().filter(|id| *id != "0") {
            self.ended(&id);
            self.link(&symbol, order_id, &id);
            self.release(&symbol, order_id, &id, events)?;
        }
        match update.state {
            AlgoState::New => {
                self.rests(&id, &symbol, update.side.side());
                events.push_back(ExchangeEvent::OrderSeen(condition_seen(update, symbol, id)?));
            }
            AlgoState::Triggering | AlgoState::Triggered => {}
            AlgoState::Finished => {
                self.ended(&id);
                if update.actual_qty.0.zip(update.quantity.0).is_some_and(|(filled, whole)| filled < whole) {
                    events.push_back(condition_ended(update, id)?);
                }
            }
            AlgoState::Canceled | AlgoState::Expired | AlgoState::Rejected | AlgoState::Other => {
                self.ended(&id);
                events.push_back(condition_ended(update, id)?);
            }
        }
        Ok(())
    }

    /// Tells what was held back of an order that is now known to be ours.
    fn release(
        &mut self,
        symbol: &Symbol,
        order_id: &str,
        id: &ClientOrderId,
        events: &mut Events,
    ) -> Result<(), Unreadable> {
        let (known, held): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(_, update)| update.order_id.0 == order_id && update.symbol == symbol.as_str());
        self.held = held;
        for (_, update) in known {
            own_order(&update, symbol.clone(), id.clone(), events)?;
        }
        Ok(())
    }
}

/// An order of ours, or one that a condition of ours became: its fills and its end are told under our id.
fn own_order(
    update: &OrderUpdate,
    symbol: Symbol,
    id: ClientOrderId,
    events: &mut Events,
) -> Result<(), Unreadable> {
    if let Some(trade) = update.trade(&symbol)? {
        events.push_back(ExchangeEvent::Fill(trade.into_fill(id.clone())));
    }
    let status = order_status(update.state)?;
    if status.is_final() && status != OrderStatus::Filled {
        events.push_back(ExchangeEvent::OrderEnded {
            client_order_id: id,
            status,
            reason: end_reason(update),
        });
    } else if update.execution == Execution::New && space_of(&id) == IdSpace::Orders {
        let side = update.side.side();
        events.push_back(ExchangeEvent::OrderSeen(OrderReport {
            exchange_order_id: update.order_id.0.clone(),
            position_side: position_side_of(&id, side, update.position_side),
            symbol,
            side,
            status,
            price: update.price.0.and_then(|price| Price::try_new(price).ok()),
            qty: Qty::try_new(update.qty.0)?,
            filled_qty: Qty::ZERO,
            filled_notional: Quote::ZERO,
            reduce_only: update.reduce_only,
            end_reason: None,
            client_order_id: id,
        }));
    }
    Ok(())
}

fn end_reason(update: &OrderUpdate) -> String {
    match (update.execution, update.expiry.0.as_deref()) {
        (Execution::Canceled, _) => "cancelled".to_owned(),
        (_, Some(number)) if number != "0" => format!("expired, reason {number}"),
        _ => "expired".to_owned(),
    }
}

fn condition_seen(update: &AlgoUpdate, symbol: Symbol, id: ClientOrderId) -> Result<OrderReport, Unreadable> {
    let side = update.side.side();
    Ok(OrderReport {
        exchange_order_id: update.algo_id.0.clone(),
        symbol,
        side,
        position_side: position_side_of(&id, side, update.position_side),
        status: OrderStatus::Open,
        price: Some(Price::try_new(told(update.trigger_price, &id, "trigger")?)?),
        qty: Qty::try_new(told(update.quantity, &id, "quantity")?)?,
        filled_qty: Qty::ZERO,
        filled_notional: Quote::ZERO,
        reduce_only: update.reduce_only,
        end_reason: None,
        client_order_id: id,
    })
}

fn condition_ended(update: &AlgoUpdate, id: ClientOrderId) -> Result<ExchangeEvent, Unreadable> {
    let (status, reason) = algo_status(update.state)?;
    let said = update.reject_reason.as_deref().filter(|text| !text.is_empty());
    let reason = said.or(reason).unwrap_or("cancelled").to_owned();
    Ok(ExchangeEvent::OrderEnded { client_order_id: id, status, reason })
}

#[cfg(test)]
mod tests;

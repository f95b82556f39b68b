//! What others do on the account: reported, and left alone.

use std::collections::BTreeMap;

use crate::domain::external::{ExternalCause, ExternalFill};
use crate::domain::funding::FundingPayment;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::order::{Order, OrderKind, OrderStatus};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;

use super::booked::BookedTrade;
use super::early::{TOLD_WITHIN, is_entering};
use super::event::Liquidation;
use super::machine::{AccountMachine, HeldKey};
use super::turn::{NoticeKind, Record, Severity};

/// A forced close that waits for the fills before it.
#[derive(Debug)]
pub(super) struct PutOff {
    pub(super) fill: ExternalFill,
    since: Timestamp,
}

impl AccountMachine {
    /// A forced close of what our bots hold is booked; everything else is somebody else's trading. It is told once a
    /// symbol until the next snapshot has shown what came of it.
    pub(super) fn hear_external_fill(&mut self, fill: &ExternalFill) {
        let is_forced = fill.cause != ExternalCause::Manual;
        if !(is_forced && self.put_off_forced_close(fill)) {
            self.take_external_fill(fill);
        }
    }

    fn take_external_fill(&mut self, fill: &ExternalFill) {
        let side = fill.reduced_side();
        let is_ours = self.held.keys().any(|key| {
            key.symbol == fill.symbol && key.side == side && !self.held_at(fill.at, key).is_zero()
        });
        if fill.cause != ExternalCause::Manual && is_ours {
            self.book_liquidation(&forced_close(fill, side));
            return;
        }
        let trade = BookedTrade {
            symbol: fill.symbol.clone(),
            trade_id: fill.trade_id.clone(),
            order: None,
            at: fill.at,
            moved: None,
        };
        let is_new = self.heard_external.note(trade, self.durable.retold_since());
        let is_first = is_new && !self.doubted.contains_key(&fill.symbol);
        if is_new {
            self.doubt(&fill.symbol);
        }
        if is_first {
            let fields = [
                ("symbol", fill.symbol.to_string()),
                ("side", fill.side.to_string()),
                ("price", fill.price.to_string()),
                ("qty", fill.qty.to_string()),
                ("cause", fill.cause.to_string()),
            ];
            self.notify(NoticeKind::External, Severity::Info, || fields);
        }
    }

    /// While an order of ours is working on the side that was closed, fills of before it may not be booked yet: they are
    /// asked for first, and the close is booked behind them. Where several bots hold that side, so may another forced close
    /// of before it: which of them it took from decides what is left for this one.
    fn put_off_forced_close(&mut self, fill: &ExternalFill) -> bool {
        let side = fill.reduced_side();
        let is_working =
            self.orders.working().any(|order| order.symbol == fill.symbol && order.position_side == side);
        let holders = self.held.keys().filter(|key| key.symbol == fill.symbol && key.side == side).count();
        let waits = is_working || holders > 1;
        if waits {
            let trade = (fill.symbol.clone(), fill.trade_id.clone());
            // One that was told to be somebody else's, with all fills of before it booked, is not put off again: it comes
            // again with each answer.
            let is_done = self.booked.has_part_of(&trade.0, &trade.1)
                || self.heard_external.has(&trade.0, &trade.1, None);
            if !is_done && !self.put_off.contains_key(&trade) {
                self.put_off.insert(trade, PutOff { fill: fill.clone(), since: self.now });
                self.ask_for_fills();
            }
        }
        waits
    }

    /// The fills that were told by `at` are booked: now the forced closes, the earliest first, but for those whose entry is
    /// still at work, or rests on a line and may have been filled before and not be told yet.
    pub(super) fn book_forced_closes(&mut self, at: Timestamp) {
        let is_early = |put_off: &PutOff| {
            let side = (&put_off.fill.symbol, put_off.fill.reduced_side());
            let may_be_untold = at.since(put_off.since) < TOLD_WITHIN;
            self.orders.working().any(|order| {
                (&order.symbol, order.position_side) == side
                    && (is_entering(order) || (may_be_untold && order.purpose.increases()))
            })
        };
        let put_off = std::mem::take(&mut self.put_off).into_iter();
        let (waiting, mut due): (Vec<_>, Vec<_>) = put_off.partition(|(_, put_off)| is_early(put_off));
        self.put_off.extend(waiting);
        due.sort_by_key(|(_, put_off)| put_off.fill.at);
        for (_, put_off) in due {
            self.take_external_fill(&put_off.fill);
        }
    }

    /// The exchange tells by itself that an order has ended. One that rested, and that nobody here takes back, was ended by
    /// a person, or by the exchange, which does that before it closes by force: what is told of that may be lost.
    pub(super) fn note_ended_by_others(&mut self, id: &ClientOrderId, status: OrderStatus) {
        let has_ended = matches!(status, OrderStatus::Cancelled | OrderStatus::Expired);
        let may_be_ours = !self.orders.is_in_force(id) || self.orders.in_question.contains(id);
        let rested = |order: &&Order| order.status.is_resting() && order.kind != OrderKind::Market;
        let Some(order) = self.orders.get_working(id).filter(rested) else { return };
        if has_ended && !may_be_ours {
            let symbol = order.symbol.clone();
            self.doubt(&symbol);
        }
    }

    pub(super) fn book_funding(&mut self, payment: FundingPayment) {
        if !self.durable.funding.note(&payment) {
            return;
        }
        if let Some(wallet) = self.durable.wallet.as_mut() {
            *wallet += payment.amount;
        }
        self.turn.records.push(Record::Funding(payment));
    }

    /// Everything that was paid well before `at` is booked.
    pub(super) fn note_funding_asked(&mut self, at: Timestamp) {
        self.durable.funding.asked(at);
        self.turn.records.push(Record::StateChanged);
    }

    /// What a person has taken over is not ours any more: the exchange is asked what it holds, so that it is seen as
    /// somebody else's.
    pub(super) fn give_up_released(&mut self) {
        let released = &self.config.released;
        let (gone, kept): (BTreeMap<_, _>, _) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(_, held)| released.contains(&held.position().id));
        self.held = kept;
        for key in gone.into_keys() {
            self.doubt(&key.symbol);
            self.withdraw_protection(&key);
            self.turn.records.push(Record::StateChanged);
        }
    }

    /// Somebody else's holding on one side of a symbol, as last seen.
    pub(super) fn is_held_externally(&self, symbol: &Symbol, side: PositionSide) -> bool {
        self.durable.external.get(symbol).is_some_and(|external| !external.on(side).is_zero())
    }

    /// Whether the exchange holds more on this side of the symbol than this bot's position: reduce-only alone does not
    /// keep two orders of the bot from closing more than it holds.
    pub(super) fn is_shared(&self, key: &HeldKey) -> bool {
        let holds_too =
            |other: &HeldKey| other.bot != key.bot && other.symbol == key.symbol && other.side == key.side;
        self.held.contains_key(key)
            && (self.held.keys().any(holds_too) || self.is_held_externally(&key.symbol, key.side))
    }

    /// Whether the bot holds the other side too where the exchange knows only what is left of both: it would refuse an
    /// order that may only reduce.
    pub(super) fn is_netted(&self, key: &HeldKey) -> bool {
        !self.config.venue.hedge && self.holds_on(&key.bot_symbol(), key.side.opposite())
    }
}

fn forced_close(fill: &ExternalFill, side: PositionSide) -> Liquidation {
    Liquidation {
        trade_id: fill.trade_id.clone(),
        symbol: fill.symbol.clone(),
        side,
        qty: fill.qty,
        price: fill.price,
        fee: fill.fee.clone(),
        at: fill.at,
    }
}

//! The exchange's side of a rig: requests performed on the book, with the answers a test wants.

use super::rig::{Fate, Queries, Rig};
use crate::domain::fee::Fee;
use crate::domain::order::Order;
use crate::engine::event::*;
use crate::engine::turn::Request;
use crate::matching::event::BookEvent;
use crate::matching::order::BookOrder;
use crate::matching::refusal::Refusal;

impl Rig {
    pub(super) fn perform(&mut self, request: &Request) -> Vec<Event<'static>> {
        match request {
            Request::Place(id) => {
                let Some(order) = self.machine.order(id).cloned() else { return Vec::new() };
                let answer = self.place(&order);
                vec![Event::PlaceAnswered { id: id.clone(), sent_at: self.now, answer }]
            }
            Request::Cancel { id, .. } => {
                let answer = if self.cancels_fail {
                    CancelAnswer::Failed { reason: "unavailable".to_owned() }
                } else if self.book.cancel(id).is_ok() {
                    if self.cancels_unanswered {
                        CancelAnswer::Unknown { reason: "no answer".to_owned() }
                    } else {
                        CancelAnswer::Cancelled
                    }
                } else {
                    CancelAnswer::NotWorking
                };
                vec![Event::CancelAnswered { id: id.clone(), answer }]
            }
            Request::Query { id, .. } => {
                let answer = match (self.queries, self.book.order(id)) {
                    (Queries::Failing, _) => QueryAnswer::Failed { reason: "unavailable".to_owned() },
                    (Queries::Truthful, Some(order)) => QueryAnswer::Found(report(order)),
                    (Queries::Truthful, None) | (Queries::NotFound, _) => QueryAnswer::NotFound,
                };
                vec![Event::QueryAnswered { id: id.clone(), asked_at: self.now, answer }]
            }
            Request::SweepFills => {
                let fills = self.missed_fills().into_iter().map(Event::Fill);
                fills.chain([Event::Swept { at: self.now }]).collect()
            }
        }
    }

    fn place(&mut self, order: &Order) -> PlaceAnswer {
        let due = self.fates.iter().position(|(purpose, _)| *purpose == order.purpose);
        let fate = due.and_then(|index| self.fates.remove(index)).map(|(_, fate)| fate);
        let reason = "as the test wants".to_owned();
        match fate {
            Some(Fate::Refused) => return PlaceAnswer::Refused { code: "test".to_owned(), reason },
            Some(Fate::WouldTrigger) => return PlaceAnswer::WouldTrigger { reason },
            Some(Fate::TooLate) => return PlaceAnswer::TooLate,
            Some(Fate::NotSent) => return PlaceAnswer::NotSent { reason },
            Some(Fate::LostOrder) => return PlaceAnswer::Unknown { reason },
            Some(Fate::LostAnswer) | None => {}
        }
        let rules = self.config.instruments[&order.symbol].clone();
        match self.book.place(order, &rules, self.now) {
            Ok(_) if fate == Some(Fate::LostAnswer) => PlaceAnswer::Unknown { reason },
            Ok(accepted) => PlaceAnswer::Accepted { exchange_order_id: accepted.exchange_order_id },
            Err(refusal @ Refusal::WouldCross { .. }) => {
                PlaceAnswer::WouldCross { reason: refusal.to_string() }
            }
            Err(refusal) => {
                PlaceAnswer::Refused { code: refusal.code().to_owned(), reason: refusal.to_string() }
            }
        }
    }
}

pub(super) fn report(order: &BookOrder) -> OrderReport {
    OrderReport {
        client_order_id: order.client_order_id.clone(),
        exchange_order_id: order.exchange_order_id(),
        symbol: order.symbol.clone(),
        status: order.status,
        filled_qty: order.filled_qty,
    }
}

pub(super) fn told(event: BookEvent) -> Option<Event<'static>> {
    Some(match event {
        BookEvent::Fill(fill) => Event::Fill(fill),
        BookEvent::OrderEnded { client_order_id, status, reason } => {
            Event::OrderEnded { id: client_order_id, status, reason: reason.to_string() }
        }
        BookEvent::Balance { .. } => return None,
        BookEvent::Liquidated(gone) => Event::Liquidated(Liquidation {
            trade_id: gone.trade_id,
            fee: Fee::from_cash(gone.fee, gone.symbol.quote_asset()),
            symbol: gone.symbol,
            side: gone.position_side,
            qty: gone.qty,
            price: gone.price,
            at: gone.at,
        }),
    })
}

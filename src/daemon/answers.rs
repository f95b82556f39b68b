//! What the exchange says, in the machine's words.

use crate::engine::event::{
    CancelAnswer, Event, Liquidation, NetPosition, OrderReport, PlaceAnswer, QueryAnswer,
};
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{self, Accepted, ExchangeEvent, PositionReport};

/// Only a definitive refusal, or a request that certainly did not leave, ends an order; all else is unknown.
pub(super) fn place(answer: Result<Accepted, ExchangeError>) -> PlaceAnswer {
    match answer {
        Ok(accepted) => PlaceAnswer::Accepted { exchange_order_id: accepted.exchange_order_id },
        Err(ExchangeError::Refused { code, reason }) => PlaceAnswer::Refused { code, reason },
        Err(error) if error.is_definitive() => PlaceAnswer::NotSent { reason: error.to_string() },
        Err(error) => PlaceAnswer::Unknown { reason: error.to_string() },
    }
}

pub(super) fn cancel(answer: Result<(), ExchangeError>) -> CancelAnswer {
    match answer {
        Ok(()) => CancelAnswer::Cancelled,
        Err(ExchangeError::Refused { .. }) => CancelAnswer::NotWorking,
        Err(error) => CancelAnswer::Failed { reason: error.to_string() },
    }
}

pub(super) fn query(answer: Result<Option<report::OrderReport>, ExchangeError>) -> QueryAnswer {
    match answer {
        Ok(Some(report)) => QueryAnswer::Found(order_report(report)),
        Ok(None) => QueryAnswer::NotFound,
        Err(error) => QueryAnswer::Failed { reason: error.to_string() },
    }
}

pub(super) fn order_report(report: report::OrderReport) -> OrderReport {
    OrderReport {
        client_order_id: report.client_order_id,
        exchange_order_id: report.exchange_order_id,
        status: report.status,
        filled_qty: report.filled_qty,
    }
}

pub(super) fn net_position(report: PositionReport) -> NetPosition {
    NetPosition { symbol: report.symbol, side: report.side, qty: report.qty }
}

/// `None` for what our ledger knows by itself.
pub(super) fn event(event: ExchangeEvent) -> Option<Event<'static>> {
    Some(match event {
        ExchangeEvent::Fill(fill) => Event::Fill(fill),
        ExchangeEvent::OrderEnded { client_order_id, status, reason } => {
            Event::OrderEnded { id: client_order_id, status, reason }
        }
        ExchangeEvent::Wallet(_)
        | ExchangeEvent::ExternalFill(_)
        | ExchangeEvent::OrderSeen(_)
        | ExchangeEvent::TermsChanged { .. }
        | ExchangeEvent::Resync { .. } => return None,
        ExchangeEvent::Liquidated(liquidation) => Event::Liquidated(Liquidation {
            trade_id: liquidation.trade_id,
            symbol: liquidation.symbol,
            side: liquidation.position_side,
            qty: liquidation.qty,
            price: liquidation.price,
            fee: liquidation.fee,
            at: liquidation.at,
        }),
    })
}

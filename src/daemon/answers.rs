//! What the exchange says, in the machine's words.

use std::collections::BTreeMap;

use crate::domain::fee::Fee;
use crate::domain::fill::Fill;
use crate::domain::instrument::Symbol;
use crate::engine::event::{
    CancelAnswer, Event, Liquidation, NetPosition, OrderReport, PlaceAnswer, QueryAnswer,
};
use crate::engine::sweep::FillSweepPlan;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{
    self, Accepted, ExchangeEvent, ExternalFill, ExternalOrder, FillSweep, PositionReport, ReportedFill,
};

/// How exchanges refuse a conditional order whose trigger the price has passed: Binance USDS-M error codes (-2021
/// ORDER_WOULD_IMMEDIATELY_TRIGGER), Bitget error codes (trigger price on the wrong side of the market).
const WOULD_TRIGGER: [&str; 3] = ["-2021", "43008", "45122"];

/// How exchanges refuse a post-only order that would trade at once: Binance USDS-M error codes (-5022
/// GTX_ORDER_REJECT); our own book.
const WOULD_CROSS: [&str; 2] = ["-5022", "would_cross"];
/// Bitget and Upbit have no code of their own for it, but name the rule. Where such an order is taken and then
/// cancelled instead, it ends like any other.
const POST_ONLY: &str = "post_only";

/// Only a definitive refusal, or a request that certainly did not leave, ends an order; all else is unknown.
pub fn place(answer: Result<Accepted, ExchangeError>) -> PlaceAnswer {
    match answer {
        Ok(accepted) => PlaceAnswer::Accepted { exchange_order_id: accepted.exchange_order_id },
        Err(ExchangeError::Refused { code, reason }) if WOULD_TRIGGER.contains(&code.as_str()) => {
            PlaceAnswer::WouldTrigger { reason }
        }
        Err(ExchangeError::Refused { code, reason })
            if WOULD_CROSS.contains(&code.as_str()) || reason.contains(POST_ONLY) =>
        {
            PlaceAnswer::WouldCross { reason }
        }
        Err(ExchangeError::Refused { code, reason }) => PlaceAnswer::Refused { code, reason },
        Err(error) if error.is_definitive() => PlaceAnswer::NotSent { reason: error.to_string() },
        Err(error) => PlaceAnswer::Unknown { reason: error.to_string() },
    }
}

pub fn cancel(answer: Result<(), ExchangeError>) -> CancelAnswer {
    match answer {
        Ok(()) => CancelAnswer::Cancelled,
        Err(ExchangeError::Refused { .. }) => CancelAnswer::NotWorking,
        Err(error) if error.is_definitive() => CancelAnswer::Failed { reason: error.to_string() },
        Err(error) => CancelAnswer::Unknown { reason: error.to_string() },
    }
}

pub fn query(answer: Result<Option<report::OrderReport>, ExchangeError>) -> QueryAnswer {
    match answer {
        Ok(Some(report)) => QueryAnswer::Found(order_report(report)),
        Ok(None) => QueryAnswer::NotFound,
        Err(error) => QueryAnswer::Failed { reason: error.to_string() },
    }
}

pub fn order_report(report: report::OrderReport) -> OrderReport {
    OrderReport {
        client_order_id: report.client_order_id,
        exchange_order_id: report.exchange_order_id,
        symbol: report.symbol,
        status: report.status,
        filled_qty: report.filled_qty,
    }
}

/// The machine's question for fills, in the exchange's words.
pub fn fill_sweep(plan: FillSweepPlan) -> FillSweep {
    FillSweep { since: plan.since, after: plan.after, symbols: plan.symbols, orders: plan.orders }
}

/// How many orders of others rest, by symbol.
pub fn external_orders(orders: &[ExternalOrder]) -> BTreeMap<Symbol, u32> {
    let mut counts = BTreeMap::new();
    for order in orders {
        *counts.entry(order.symbol.clone()).or_default() += 1;
    }
    counts
}

/// Fills of ours and of others, each in the order they happened.
pub fn split_fills(reported: Vec<ReportedFill>) -> (Vec<Fill>, Vec<ExternalFill>) {
    let (mut ours, mut external) = (Vec::new(), Vec::new());
    for fill in reported {
        match fill {
            ReportedFill::Ours(fill) => ours.push(fill),
            ReportedFill::External(fill) => external.push(fill),
        }
    }
    (ours, external)
}

pub fn net_position(report: PositionReport) -> NetPosition {
    NetPosition { symbol: report.symbol, side: report.side, qty: report.qty }
}

/// `None` for what our ledger knows by itself, and for what the executor obeys itself.
pub fn event(event: ExchangeEvent) -> Option<Event<'static>> {
    Some(match event {
        ExchangeEvent::Fill(fill) => Event::Fill(fill),
        ExchangeEvent::OrderEnded { client_order_id, status, reason } => {
            Event::OrderEnded { id: client_order_id, status, reason }
        }
        ExchangeEvent::ExternalFill(fill) => Event::ExternalFill(fill),
        ExchangeEvent::OrderSeen(report) => Event::OrderSeen(order_report(report)),
        ExchangeEvent::Wallet(_)
        | ExchangeEvent::CashMoved
        | ExchangeEvent::TermsChanged { .. }
        | ExchangeEvent::Resync { .. } => return None,
        ExchangeEvent::Liquidated(liquidation) => Event::Liquidated(Liquidation {
            trade_id: liquidation.trade_id,
            fee: Fee::from_cash(liquidation.fee, liquidation.symbol.quote_asset()),
            symbol: liquidation.symbol,
            side: liquidation.position_side,
            qty: liquidation.qty,
            price: liquidation.price,
            at: liquidation.at,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_too_late_for_its_price_is_told_from_other_refusals() {
        let refused = |code: &str| {
            place(Err(ExchangeError::Refused { code: code.to_owned(), reason: "no".to_owned() }))
        };
        for code in WOULD_TRIGGER {
            assert_eq!(refused(code), PlaceAnswer::WouldTrigger { reason: "no".to_owned() });
        }
        for code in WOULD_CROSS {
            assert_eq!(refused(code), PlaceAnswer::WouldCross { reason: "no".to_owned() });
        }
        assert!(matches!(refused("-2022"), PlaceAnswer::Refused { .. }));
    }
}

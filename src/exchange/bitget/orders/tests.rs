//! The bodies of orders.

use super::*;
use crate::domain::side::Side;
use crate::exchange::bitget::testing::{closing, entry};
use crate::matching::fixtures::{limit, stop, take_profit};

fn body(call: &Call) -> Value {
    serde_json::from_str(call.body.as_deref().unwrap()).unwrap()
}

fn modes(position: PositionMode) -> Modes {
    Modes { position, margin: MarginMode::Isolated }
}

#[test]
fn in_hedge_mode_the_side_names_the_position() {
    let flatten = |side| closing(1, side, Purpose::Exit, OrderKind::Market);
    for (order, side, trade_side) in [
        (entry(0, Side::Buy, OrderKind::Market), "buy", "open"),
        (flatten(Side::Sell), "buy", "close"),
        (entry(0, Side::Sell, OrderKind::Market), "sell", "open"),
        (flatten(Side::Buy), "sell", "close"),
    ] {
        let body = body(&place(&order, modes(PositionMode::Hedge)));
        assert_eq!((&body["side"], &body["tradeSide"]), (&side.into(), &trade_side.into()));
        assert!(body.get("reduceOnly").is_none());
    }
}

#[test]
fn in_one_way_mode_reducing_is_said() {
    let order = closing(1, Side::Sell, Purpose::Exit, limit("100.5", TimeInForce::PostOnly));
    let call = place(&order, modes(PositionMode::OneWay));
    let body = body(&call);
    assert_eq!((&body["side"], &body["reduceOnly"]), (&"sell".into(), &"YES".into()));
    assert_eq!(
        (&body["price"], &body["force"], &body["size"]),
        (&"100.5".into(), &"post_only".into(), &"1".into())
    );
    assert_eq!(body["marginMode"], "isolated");
    assert!(body.get("tradeSide").is_none());
    assert_eq!(call.lane, Lane::Protect);
}

#[test]
fn what_waits_for_a_trigger_is_placed_and_cancelled_among_the_plan_orders() {
    for (order, plan_type, mode, hold_side) in [
        (closing(1, Side::Sell, Purpose::StopLoss, stop("90")), "loss_plan", PositionMode::Hedge, "long"),
        (closing(1, Side::Sell, Purpose::StopLoss, stop("90")), "loss_plan", PositionMode::OneWay, "buy"),
        (
            closing(2, Side::Buy, Purpose::TakeProfit, take_profit("90")),
            "profit_plan",
            PositionMode::OneWay,
            "sell",
        ),
    ] {
        assert!(is_plan(&order.client_order_id));
        let call = place(&order, modes(mode));
        assert_eq!((call.endpoint, call.lane), (PLACE_TPSL, Lane::Protect));
        let placed = body(&call);
        assert_eq!((&placed["planType"], &placed["holdSide"]), (&plan_type.into(), &hold_side.into()));
        assert_eq!((&placed["executePrice"], &placed["triggerPrice"]), (&"0".into(), &"90".into()));
        let call = cancel(&order.symbol, &order.client_order_id);
        assert_eq!((call.endpoint, &body(&call)["planType"]), (CANCEL_PLAN, &plan_type.into()));
    }
    let plain = entry(0, Side::Buy, OrderKind::Market);
    assert_eq!(cancel(&plain.symbol, &plain.client_order_id).endpoint, CANCEL);
}

#[test]
fn a_leverage_for_each_side_is_set_only_where_there_are_two() {
    assert_eq!(leverage_sides(PositionMode::Hedge, MarginMode::Isolated).len(), 2);
    assert_eq!(leverage_sides(PositionMode::Hedge, MarginMode::Cross), [None]);
    assert_eq!(leverage_sides(PositionMode::OneWay, MarginMode::Isolated), [None]);
}

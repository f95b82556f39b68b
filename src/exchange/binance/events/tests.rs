use super::super::frames::account_frame;
use super::super::testing::{NOW, id};
use super::*;
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(NOW + ms)
}

fn order_frame(client_id: &str, execution: &str, state: &str, more: &str) -> String {
    format!(
        "{{\"e\":\"ORDER_TRADE_UPDATE\",\"E\":1,\"T\":1,\"o\":{{\"s\":\"BTCUSDT\",\"c\":\"{client_id}\",\
         \"S\":\"SELL\",\"q\":\"0.01\",\"p\":\"0\",\"x\":\"{execution}\",\"X\":\"{state}\",\"i\":77,{more},\
         \"N\":\"USDT\",\"n\":\"0.2\",\"T\":{NOW},\"m\":false,\"R\":true,\"ps\":\"BOTH\"}}}}"
    )
}

const FILL: &str = "\"l\":\"0.01\",\"z\":\"0.01\",\"L\":\"44990\",\"t\":5";
const NO_FILL: &str = "\"l\":\"0\",\"z\":\"0\",\"L\":\"0\",\"t\":0";

fn algo_frame(client_id: &str, state: &str, order_id: &str, filled: &str) -> String {
    format!(
        "{{\"e\":\"ALGO_UPDATE\",\"T\":1,\"E\":1,\"o\":{{\"caid\":\"{client_id}\",\"aid\":9,\"at\":\"CONDITIONAL\",\
         \"o\":\"STOP_MARKET\",\"s\":\"BTCUSDT\",\"S\":\"SELL\",\"ps\":\"BOTH\",\"q\":\"0.01\",\"X\":\"{state}\",\
         \"ai\":\"{order_id}\",\"ap\":\"0\",\"aq\":\"{filled}\",\"tp\":\"45000\",\"R\":true,\"rm\":\"why\"}}}}"
    )
}

/// What the frames lead to, each coming 100 ms after the one before.
fn told(translator: &mut Translator, frames: &[String]) -> Vec<ExchangeEvent> {
    let mut events = Events::new();
    for (frame, number) in frames.iter().zip(0..) {
        let frame = account_frame(frame).unwrap().unwrap();
        translator.take(frame, at(100 * number), &mut events).unwrap();
    }
    events.into()
}

#[test]
fn fills_that_come_before_their_link_are_told_when_it_comes() {
    let stop = id(Purpose::StopLoss, 0);
    let mut translator = Translator::default();
    let frames = [
        algo_frame(stop.as_str(), "NEW", "", "0"),
        order_frame("made-by-the-exchange", "TRADE", "FILLED", FILL),
    ];
    let events = told(&mut translator, &frames);
    assert!(matches!(&events[..], [ExchangeEvent::OrderSeen(report)] if report.client_order_id == stop));
    let events = told(&mut translator, &[algo_frame(stop.as_str(), "TRIGGERED", "77", "0.01")]);
    let [ExchangeEvent::Fill(fill)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&fill.client_order_id, fill.position_side), (&stop, PositionSide::Long));
    assert_eq!(translator.deadline(), None);
}

#[test]
fn a_condition_of_a_stranger_is_let_pass_whatever_it_leaves_out() {
    let frame = "{\"e\":\"ALGO_UPDATE\",\"T\":1,\"E\":1,\"o\":{\"caid\":\"web_1\",\"aid\":9,\"s\":\"BTCUSDT\",\
        \"S\":\"SELL\",\"ps\":\"BOTH\",\"X\":\"NEW\",\"tp\":\"\"}}";
    assert!(told(&mut Translator::default(), &[frame.to_owned()]).is_empty());
}

#[test]
fn fills_whose_link_does_not_come_make_us_ask() {
    let mut translator = Translator::default();
    translator.rests(&id(Purpose::StopLoss, 0), &"BTCUSDT".parse().unwrap(), Side::Sell);
    assert!(told(&mut translator, &[order_frame("stranger", "TRADE", "FILLED", FILL)]).is_empty());
    let mut events = Events::new();
    translator.give_up_held(at(1_999), &mut events);
    assert!(events.is_empty());
    translator.give_up_held(at(2_000), &mut events);
    assert!(matches!(events.pop_front(), Some(ExchangeEvent::Resync { .. })));
}

#[test]
fn strangers_and_the_exchange_itself_are_told_apart() {
    let mut translator = Translator::default();
    let frames = [
        order_frame("web_1", "NEW", "NEW", NO_FILL),
        order_frame("web_1", "TRADE", "FILLED", FILL),
        order_frame("autoclose-1700", "TRADE", "FILLED", FILL),
        order_frame("adl_autoclose", "TRADE", "FILLED", FILL),
    ];
    let events = told(&mut translator, &frames);
    let fill = |event: &ExchangeEvent| {
        let ExchangeEvent::ExternalFill(fill) = event else { panic!("{event:?}") };
        (fill.cause, fill.reduced_side(), fill.trade_id.0.clone())
    };
    let causes = [ExternalCause::Manual, ExternalCause::Liquidation, ExternalCause::Deleveraging];
    let expected = causes.map(|cause| (cause, PositionSide::Long, "5".to_owned()));
    assert_eq!(events.iter().map(fill).collect::<Vec<_>>(), expected);
}

#[test]
fn an_order_of_ours_is_seen_filled_and_ended() {
    let exit = id(Purpose::Exit, 0);
    let mut translator = Translator::default();
    let frames = [
        order_frame(exit.as_str(), "NEW", "NEW", NO_FILL),
        order_frame(exit.as_str(), "TRADE", "PARTIALLY_FILLED", FILL),
        order_frame(exit.as_str(), "EXPIRED", "EXPIRED_IN_MATCH", NO_FILL),
    ];
    let events = told(&mut translator, &frames);
    let [ExchangeEvent::OrderSeen(_), ExchangeEvent::Fill(_), ExchangeEvent::OrderEnded { status, .. }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(*status, OrderStatus::Expired);
}

#[test]
fn a_condition_that_is_rejected_when_triggered_ends_with_the_reason() {
    let stop = id(Purpose::StopLoss, 0);
    let events = told(&mut Translator::default(), &[algo_frame(stop.as_str(), "REJECTED", "", "0")]);
    let ended = ExchangeEvent::OrderEnded {
        client_order_id: stop,
        status: OrderStatus::Expired,
        reason: "why".to_owned(),
    };
    assert_eq!(events, [ended]);
}

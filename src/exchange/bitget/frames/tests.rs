//! Frames of both sockets.

use super::*;

fn series(symbol: &str, timeframe: Timeframe) -> Series {
    (Symbol::try_new(symbol).unwrap(), timeframe)
}

#[test]
fn answers_data_and_pongs_are_told_apart() {
    let reply = |text: &str| match private_frame(text).unwrap() {
        Frame::Reply(reply) => reply,
        other @ (Frame::Data(_) | Frame::Pong) => panic!("{other:?}"),
    };
    assert_eq!(private_frame("pong").unwrap(), Frame::Pong);
    assert_eq!(reply(r#"{"event":"login","code":"0","msg":""}"#), Reply::LoggedIn);
    assert_eq!(reply(r#"{"event":"login","code":0}"#), Reply::LoggedIn);
    assert_eq!(reply(r#"{"event":"subscribe","arg":{"channel":"orders"}}"#), Reply::Subscribed);
    let refused = Reply::Error { code: "30005".to_owned(), reason: "login failed".to_owned() };
    assert_eq!(reply(r#"{"event":"error","code":30005,"msg":"login failed"}"#), refused);
    assert!(private_frame("<html>").is_err());
    assert!(private_frame("{}").is_err());
}

#[test]
fn rows_of_the_private_channels_are_read() {
    let frame = r#"{"action":"snapshot","arg":{"instType":"USDT-FUTURES","channel":"positions","instId":"default"},"data":[],"ts":1}"#;
    assert_eq!(private_frame(frame).unwrap(), Frame::Data(AccountNews::Positions(Vec::new())));
    let frame = r#"{"arg":{"channel":"orders"},"data":[{"clientOId":"a","instId":"BTCUSDT"}]}"#;
    let Frame::Data(AccountNews::Orders(rows)) = private_frame(frame).unwrap() else { panic!("orders") };
    assert_eq!(rows[0].client_oid.as_str(), "a");
    let frame = r#"{"arg":{"channel":"equity"},"data":[{}]}"#;
    assert_eq!(private_frame(frame).unwrap(), Frame::Data(AccountNews::Other));
}

#[test]
fn of_several_candles_all_but_the_last_are_closed() {
    let frame = r#"{"action":"snapshot","arg":{"instType":"USDT-FUTURES","channel":"candle1Dutc","instId":"BTCUSDT"},
        "data":[["1695600000000","2","3","1","2","5","10","10"],["1695686400000","2","3","1","2","5","10","10"]],"ts":1}"#;
    let Frame::Data(events) = market_frame(frame).unwrap() else { panic!("candles") };
    let closed: Vec<bool> = events.iter().map(|MarketEvent::Candle { is_closed, .. }| *is_closed).collect();
    assert_eq!(closed, [true, false]);
    let MarketEvent::Candle { timeframe, candle, .. } = &events[0];
    assert_eq!((*timeframe, candle.open_time.ms()), (Timeframe::D1, 1_695_600_000_000));
}

#[test]
fn subscriptions_fit_a_message() {
    let many = (0..30).map(|n| series(&format!("LONGESTSYMBOL{n}USDT"), Timeframe::H12)).collect();
    let messages = market_subscriptions(&many);
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|message| message.len() < 4_096));
    assert!(messages[0].contains("candle12Hutc"));
    assert!(market_subscriptions(&BTreeSet::from([series("BTCUSDT", Timeframe::H8)])).is_empty());
}

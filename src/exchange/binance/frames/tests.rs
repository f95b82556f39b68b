use super::*;

fn kline(more: &str) -> String {
    format!(
        "{{\"stream\":\"btcusdt@kline_1m\",\"data\":{{\"e\":\"kline\",\"E\":1,\"s\":\"BTCUSDT\"{more},\
         \"k\":{{\"t\":1638747660000,\"T\":1638747719999,\"s\":\"BTCUSDT\",\"i\":\"1m\",\"o\":\"10\",\"c\":\"20\",\
         \"h\":\"25\",\"l\":\"5\",\"v\":\"1000\",\"x\":true}}}}}}"
    )
}

#[test]
fn candles_are_read_from_combined_and_from_bare_frames() {
    let combined = kline("");
    let bare =
        combined.trim_start_matches("{\"stream\":\"btcusdt@kline_1m\",\"data\":").strip_suffix('}').unwrap();
    for text in [combined.as_str(), bare] {
        let MarketFrame::Event(MarketEvent::Candle { symbol, timeframe, candle, is_closed }) =
            market_frame(text).unwrap()
        else {
            panic!("{text}")
        };
        assert_eq!((symbol.as_str(), timeframe, is_closed), ("BTCUSDT", Timeframe::M1, true));
        assert_eq!(candle.close.to_string(), "20");
    }
}

#[test]
fn coin_margined_symbols_and_foreign_frames_mean_nothing() {
    for text in
        [kline(",\"st\":2").as_str(), "{\"e\":\"24hrTicker\",\"s\":\"X\"}", "{\"stream\":\"x\",\"data\":{}}"]
    {
        assert_eq!(market_frame(text), Ok(MarketFrame::Other), "{text}");
    }
    assert!(matches!(market_frame(&kline(",\"st\":1")), Ok(MarketFrame::Event(_))));
}

#[test]
fn a_frame_is_opened_once_however_deep_it_is() {
    let deep = |depth| format!("{}{}{}", "{\"data\":".repeat(depth), kline(""), "}".repeat(depth));
    assert!(matches!(market_frame(&deep(0)), Ok(MarketFrame::Event(_))));
    for depth in [1, 10_000] {
        assert_eq!(market_frame(&deep(depth)), Ok(MarketFrame::Other), "{depth}");
        assert_eq!(account_frame(&deep(depth)), Ok(None), "{depth}");
    }
}

#[test]
fn answers_to_subscriptions_are_told_apart() {
    assert_eq!(market_frame("{\"result\":null,\"id\":1}"), Ok(MarketFrame::Subscribed));
    let refused = market_frame("{\"error\":{\"code\":2,\"msg\":\"Invalid request\"},\"id\":1}");
    assert_eq!(refused, Ok(MarketFrame::Refused("Invalid request".to_owned())));
    assert!(market_frame("<html>").is_err());
}

#[test]
fn an_account_hears_of_its_wallet_its_terms_and_its_key() {
    let read = |text: &str| account_frame(text).unwrap();
    let wallet = "{\"e\":\"ACCOUNT_UPDATE\",\"a\":{\"m\":\"ORDER\",\"B\":[{\"a\":\"BUSD\",\"wb\":\"1\"},\
                  {\"a\":\"USDT\",\"wb\":\"12.50\"}],\"P\":[]}}";
    assert_eq!(
        read(wallet),
        Some(AccountFrame::Wallet { wallet: "12.5".parse().unwrap(), by_funding: false })
    );
    let funding = wallet.replace("ORDER", "FUNDING_FEE");
    assert!(matches!(read(&funding), Some(AccountFrame::Wallet { by_funding: true, .. })));
    let terms = "{\"e\":\"ACCOUNT_CONFIG_UPDATE\",\"ac\":{\"s\":\"BTCUSDT\",\"l\":25}}";
    let symbol = "BTCUSDT".parse().unwrap();
    assert_eq!(read(terms), Some(AccountFrame::Terms { symbol, leverage: 25 }));
    assert_eq!(read("{\"e\":\"ACCOUNT_CONFIG_UPDATE\",\"ai\":{\"j\":true}}"), None);
    assert_eq!(read("{\"e\":\"listenKeyExpired\",\"listenKey\":\"x\"}"), Some(AccountFrame::KeyExpired));
    assert_eq!(read("{\"e\":\"TRADE_LITE\",\"s\":\"BTCUSDT\",\"i\":1}"), None);
}

use super::super::answers::{ExchangeInfoAnswer, OrderAnswer, read};
use super::super::testing::id;
use super::super::trade::Trade;
use super::*;
use crate::domain::order::Purpose;
use crate::exchange::report::ExternalCause;

const INFO: &str = r#"{"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50}],
"symbols":[
{"symbol":"BTCUSDT","status":"TRADING","contractType":"PERPETUAL","quoteAsset":"USDT","filters":[
 {"filterType":"PRICE_FILTER","minPrice":"1","maxPrice":"9","tickSize":"0.10"},
 {"filterType":"LOT_SIZE","minQty":"0.001","maxQty":"1000","stepSize":"0.001"},
 {"filterType":"MARKET_LOT_SIZE","minQty":"0.01","maxQty":"120","stepSize":"0.001"},
 {"filterType":"MIN_NOTIONAL","notional":"100"}]},
{"symbol":"ETHUSDT","status":"SETTLING","contractType":"PERPETUAL","quoteAsset":"USDT","filters":[]},
{"symbol":"BTCUSDT_261225","status":"TRADING","contractType":"CURRENT_QUARTER","quoteAsset":"USDT","filters":[]},
{"symbol":"BTCUSDC","status":"TRADING","contractType":"PERPETUAL","quoteAsset":"USDC","filters":[]},
{"symbol":"币安人生USDT","status":"TRADING","contractType":"PERPETUAL","quoteAsset":"USDT","filters":[]}]}"#;

#[test]
fn only_what_can_be_traded_is_an_instrument_and_the_stricter_lot_counts() {
    let info: ExchangeInfoAnswer = read(INFO).unwrap();
    let instruments: Vec<Instrument> =
        info.symbols.iter().filter_map(|symbol| instrument(symbol).unwrap()).collect();
    let [btc] = &instruments[..] else { panic!("{instruments:?}") };
    assert_eq!((btc.tick.to_string(), btc.min_qty.to_string()), ("0.1".to_owned(), "0.01".to_owned()));
    assert_eq!(btc.min_notional.to_string(), "100");
    let amounts: Vec<u32> = limits(&info.rate_limits).iter().map(|limit| limit.amount).collect();
    assert_eq!(amounts, [2_400, 50, 1_200]);
}

#[test]
fn in_one_way_mode_the_position_follows_from_side_and_purpose() {
    let table = [
        (Purpose::Entry, Side::Buy, PositionSide::Long),
        (Purpose::Dca1, Side::Sell, PositionSide::Short),
        (Purpose::StopLoss, Side::Sell, PositionSide::Long),
        (Purpose::Exit, Side::Buy, PositionSide::Short),
    ];
    for (purpose, side, expected) in table {
        assert_eq!(
            position_side_of(&id(purpose, 0), side, PositionSideWord::Both),
            expected,
            "{purpose} {side}"
        );
    }
    let hedged = position_side_of(&id(Purpose::Entry, 0), Side::Buy, PositionSideWord::Short);
    assert_eq!(hedged, PositionSide::Short);
}

#[test]
fn a_fee_in_another_asset_is_no_cost_in_quote_currency() {
    let trade = r#"{"id":1,"orderId":2,"symbol":"BTCUSDT","side":"SELL","price":"5","qty":"1","commission":"0.3",
        "commissionAsset":"BNB","maker":false,"time":1}"#;
    let trade = || Trade::read(read(trade).unwrap()).unwrap().unwrap();
    let fill = trade().into_fill(id(Purpose::Exit, 0));
    assert_eq!((fill.fee.amount().to_string(), fill.fee.asset()), ("0.3".to_owned(), "BNB"));
    assert_eq!(trade().into_external(ExternalCause::Manual).fee.cash(), Quote::ZERO);
}

#[test]
fn fills_that_no_amount_can_be_worth_are_refused() {
    let order = r#"{"orderId":7,"clientOrderId":"x","symbol":"BTCUSDT","status":"FILLED","side":"BUY","origQty":"1",
        "executedQty":"99999999999999999999","avgPrice":"99999999999999999999"}"#;
    let error = filled_notional(&read::<OrderAnswer>(order).unwrap()).unwrap_err();
    assert_eq!(error.0, "order 7 tells no price of its fills");
}

//! Pages are turned to the end of a period, whatever holes it has.

use rust_decimal::dec;

use super::*;

const fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(minute * 60_000)
}

fn candle(minute: i64) -> Candle {
    let price = Price::try_new(dec!(1)).unwrap();
    Candle::try_new(at(minute), [price; 4], dec!(0)).unwrap()
}

#[test]
fn pages_go_on_behind_their_last_candle_and_over_holes() {
    let query = CandleQuery {
        symbol: Symbol::try_new("BTCUSDT").unwrap(),
        timeframe: Timeframe::M1,
        from: at(0),
        until: at(30).plus(DurationMs::from_secs(30)),
    };
    let mut pages = CandlePages::new(query, 10);
    let mut begun = Vec::new();
    let found = [vec![candle(0), candle(9)], vec![], vec![candle(20), candle(24)], vec![candle(29)]];
    for page in found {
        begun.push(pages.next().unwrap().from);
        pages.turn(&page);
    }
    assert_eq!(begun, [at(0), at(10), at(20), at(25)]);
    assert_eq!(pages.next(), None, "the bar that runs is none");
}

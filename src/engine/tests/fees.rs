//! Fees in another asset than the cash.

use rust_decimal::dec;

use super::fixtures::*;
use super::live::live;
use super::rig::Rig;
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::TradeId;
use crate::domain::instrument::Symbol;
use crate::domain::money::Quote;
use crate::domain::side::PositionSide::Long;
use crate::engine::event::Event;
use crate::engine::turn::BookedFill;

const BNB: &str = "BNBUSDT";

/// The account's entry is told as filled, with a fee of 0.001 BNB.
fn entry_with_bnb_fee(rig: &mut Rig) {
    rig.enter(1, Long);
    let order = rig.intents[0].clone();
    rig.handle(Event::Fill(Fill {
        trade_id: TradeId("1".to_owned()),
        client_order_id: order.client_order_id,
        symbol: order.symbol,
        side: order.side,
        position_side: order.position_side,
        price: "100".parse().unwrap(),
        qty: order.qty,
        fee: Fee::told(dec!(0.001), "BNB".to_owned(), "USDT"),
        liquidity: Liquidity::Taker,
        at: rig.now,
    }));
}

fn booked(rig: &Rig) -> (Option<Quote>, Quote, bool) {
    let BookedFill { fill, .. } = &rig.fills[0];
    let stats =
        rig.others.iter().any(|record| record.contains("BotStats") && record.contains("pnl: Quote(-0.6)"));
    (fill.fee.value(), rig.rows.values().next().unwrap().position.fees, stats)
}

#[test]
fn a_fee_in_bnb_is_valued_beside_and_leaves_the_cash_alone() {
    let mut rig = Rig::new(live());
    rig.prices.insert(symbol(BNB), "600".parse().unwrap());
    rig.look_again(&[]);
    entry_with_bnb_fee(&mut rig);
    assert_eq!(rig.machine.wallet(), Some(quote("1000")));
    assert_eq!(booked(&rig), (Some(quote("0.6")), quote("0.6"), true));
    assert_eq!(rig.fills[0].fill.fee.amount(), dec!(0.001));
}

#[test]
fn the_last_known_price_serves_after_a_restart_and_no_price_is_no_zero() {
    let mut rig = Rig::new(live());
    rig.prices.insert(symbol(BNB), "600".parse().unwrap());
    rig.look_again(&[]);
    rig.prices.remove(&symbol(BNB));
    rig.crash();
    rig.recover();
    rig.look_again(&[]);
    entry_with_bnb_fee(&mut rig);
    assert_eq!(booked(&rig), (Some(quote("0.6")), quote("0.6"), true));

    let mut rig = Rig::new(live());
    entry_with_bnb_fee(&mut rig);
    assert_eq!(booked(&rig), (None, Quote::ZERO, false));
    assert!(rig.fills[0].fill.fee.needs_price(), "it is kept as one that nobody could value");
    assert_eq!(rig.machine.wallet(), Some(quote("1000")));
}

#[test]
fn the_symbol_of_an_asset_is_written_as_the_quote_currency_asks() {
    let pairs = [("BNB", "USDT", "BNBUSDT"), ("BTC", "KRW", "KRW-BTC")];
    for (base, quote_asset, expected) in pairs {
        let symbol = Symbol::of_pair(base, quote_asset).unwrap();
        assert_eq!((symbol.as_str(), symbol.quote_asset()), (expected, quote_asset));
    }
}

//! Answers and frames of Binance.

use std::collections::VecDeque;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use tradefleet::domain::ids::ClientOrderId;
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::exchange::binance::answers::{
    AccountAnswer, AccountConfigAnswer, AlgoAnswer, ApiRestrictionsAnswer, BalanceAnswer, ExchangeInfoAnswer,
    IncomeAnswer, KlineAnswer, ListenKeyAnswer, MultiAssetsAnswer, OrderAnswer, PlacedAlgo, PlacedOrder,
    PositionAnswer, PositionModeAnswer, TickerAnswer, TimeAnswer, TradeAnswer, read,
};
use tradefleet::exchange::binance::events::Translator;
use tradefleet::exchange::binance::frames::{account_frame, market_frame};
use tradefleet::exchange::binance::trade::Trade;
use tradefleet::exchange::binance::{convert, orders};

use super::amounts::IDS;
use super::exact::assert_read_from;
use super::{each, text};

const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);

pub(crate) fn rest(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let plain = [
        seen::<PlacedOrder>(text, drop),
        seen::<PlacedAlgo>(text, drop),
        seen::<AccountConfigAnswer>(text, drop),
        seen::<ApiRestrictionsAnswer>(text, |answer| _ = answer.can_transfer()),
        seen::<Vec<BalanceAnswer>>(text, drop),
        seen::<ListenKeyAnswer>(text, drop),
        seen::<MultiAssetsAnswer>(text, drop),
        seen::<PositionModeAnswer>(text, drop),
        seen::<TimeAnswer>(text, drop),
        orders::read_batch(text).is_ok(),
    ];
    plain.contains(&true) | [orders_of(text), money_of(text), market_of(text)].contains(&true)
}

fn orders_of(text: &str) -> bool {
    let id: ClientOrderId = IDS.lines().next().and_then(|id| id.parse().ok()).unwrap();
    let order = |order: &OrderAnswer| {
        drop(convert::order_report(order, id.clone()));
        drop(convert::external_order(order));
        let _ = convert::Owner::of(&order.client_order_id);
    };
    let algo = |algo: &AlgoAnswer| {
        drop(convert::algo_report(algo, id.clone(), None));
        drop(convert::external_condition(algo));
        let _ = (algo.became(), algo.rests());
    };
    [
        seen::<OrderAnswer>(text, |answer| order(&answer)),
        seen::<Vec<OrderAnswer>>(text, |answers| each(&answers, order)),
        seen::<AlgoAnswer>(text, |answer| algo(&answer)),
        seen::<Vec<AlgoAnswer>>(text, |answers| each(&answers, algo)),
    ]
    .contains(&true)
}

fn money_of(text: &str) -> bool {
    [
        seen::<AccountAnswer>(text, |answer| _ = convert::balance(&answer)),
        seen::<Vec<PositionAnswer>>(text, |answers| {
            each(&answers, convert::position_report);
        }),
        seen::<Vec<TradeAnswer>>(text, |answers| {
            each(answers, Trade::read);
        }),
        seen::<Vec<IncomeAnswer>>(text, |answers| {
            each(&answers, convert::funding_payment);
        }),
    ]
    .contains(&true)
}

fn market_of(text: &str) -> bool {
    [
        seen::<ExchangeInfoAnswer>(text, |answer| {
            each(&answer.symbols, convert::instrument);
            drop(convert::limits(&answer.rate_limits));
        }),
        seen::<TickerAnswer>(text, |answer| drop(convert::ticker(&answer))),
        seen::<Vec<TickerAnswer>>(text, |answers| {
            each(&answers, convert::ticker);
        }),
        seen::<Vec<KlineAnswer>>(text, |answers| {
            each(&answers, |answer| convert::closed_candle(answer, Timeframe::M1, NOW));
        }),
    ]
    .contains(&true)
}

/// Reads an answer, whose numbers must be those of its text, and goes on with it.
fn seen<T: DeserializeOwned + Debug>(text: &str, convert: impl FnOnce(T)) -> bool {
    let Ok(answer) = read::<T>(text) else { return false };
    assert_read_from(&answer, text);
    convert(answer);
    true
}

pub(crate) fn frames(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let market = market_frame(text).inspect(|frame| assert_read_from(frame, text)).is_ok();
    let account = account_frame(text).inspect(|frame| assert_read_from(frame, text));
    let is_account = account.is_ok();
    if let Ok(Some(frame)) = account {
        let (mut translator, mut events) = (Translator::default(), VecDeque::new());
        // Told twice, as after a reconnection.
        for _ in 0..2 {
            drop(translator.take(frame.clone(), NOW, &mut events));
        }
        translator.give_up_held(NOW, &mut events);
        assert_read_from(&events, text);
    }
    market | is_account
}

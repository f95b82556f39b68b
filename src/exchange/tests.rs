//! The paper exchange behind the trait, as the daemon uses it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::capabilities::{Capabilities, ClientIdReuse};
use super::error::ExchangeError;
use super::paper::{Instruments, PaperExchange};
use super::report::{ExchangeEvent, FillSweep, Scope, SymbolTerms};
use super::{BoxFuture, Exchange, Sleep, place_one};
use crate::domain::ids::TradeId;
use crate::domain::kind::MarginMode;
use crate::domain::money::Leverage;
use crate::domain::order::{OrderKind, OrderStatus, TimeInForce};
use crate::domain::side::PositionMode;
use crate::domain::side::Side;
use crate::domain::time::{DurationMs, Timestamp};
use crate::matching::fixtures::{BTC, config, exit, id, instrument, limit, order, step, stop, symbol};

/// A clock that sleeping moves on, at once.
pub(super) struct PausedTime(Arc<Mutex<Timestamp>>);

impl PausedTime {
    pub(super) fn at(ms: i64) -> Arc<Self> {
        Arc::new(Self(Arc::new(Mutex::new(Timestamp::from_ms(ms)))))
    }
}

impl Sleep for PausedTime {
    fn sleep(&self, duration: DurationMs) -> BoxFuture<'static, ()> {
        let now = Arc::clone(&self.0);
        Box::pin(async move {
            let mut now = now.lock().unwrap();
            *now = now.plus(duration);
        })
    }

    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

pub(super) fn instruments() -> Instruments {
    Arc::new(BTreeMap::from([(symbol(BTC), instrument(BTC))]))
}

fn after(trade: &str) -> FillSweep {
    FillSweep { after: Some(TradeId(trade.to_owned())), ..FillSweep::default() }
}

fn paper() -> PaperExchange {
    let mut paper = PaperExchange::new(config(PositionMode::OneWay), instruments(), PausedTime::at(0));
    assert_eq!(paper.next_event(&step(0, ["100"; 4])), None);
    paper
}

#[tokio::test]
async fn an_order_is_placed_filled_and_told_like_at_an_exchange() {
    let mut paper = paper();
    let exchange: &mut dyn Exchange = &mut paper;
    let accepted = place_one(exchange, &order(0, Side::Buy, "2", OrderKind::Market)).await.unwrap();
    assert_eq!(accepted.exchange_order_id, "B1");
    let events: Vec<_> = std::iter::from_fn(|| exchange.next_event(&step(1, ["101"; 4]))).collect();
    assert!(matches!(events.as_slice(), [ExchangeEvent::Fill(_)]), "{events:?}");

    let report = exchange.order_by_client_id(&symbol(BTC), &id(0)).await.unwrap().unwrap();
    assert_eq!((report.status, report.filled_notional.to_string().as_str()), (OrderStatus::Filled, "202"));
    assert_eq!(exchange.order_by_client_id(&symbol(BTC), &id(9)).await, Ok(None));

    let terms = SymbolTerms { leverage: Leverage::try_new(4).unwrap(), margin_mode: MarginMode::Cross };
    exchange.prepare_symbol(&symbol(BTC), terms, super::wire::Lane::Entry).await.unwrap();
    let positions = exchange.positions().await.unwrap();
    assert_eq!(positions[0].entry_price_avg.unwrap().to_string(), "101");
    assert_eq!(positions[0].leverage.unwrap().get(), 4);
    assert_eq!(exchange.balance().await.unwrap().available.to_string(), "949.5");

    place_one(exchange, &exit(1, Side::Sell, "2", stop("90"))).await.unwrap();
    assert_eq!(exchange.open_orders(&Scope::All).await.unwrap().ours[0].client_order_id, id(1));
    exchange.cancel(&symbol(BTC), &id(1)).await.unwrap();
    assert!(exchange.open_orders(&Scope::All).await.unwrap().ours.is_empty());

    assert_eq!(exchange.fills_since(&FillSweep::default()).await.unwrap().len(), 1);
    assert_eq!(exchange.fills_since(&after("P1")).await, Ok(Vec::new()));
}

#[tokio::test]
async fn refusals_are_final_and_named() {
    let mut paper = paper();
    let codes = [
        (order(1, Side::Buy, "0.001", OrderKind::Market), "filter"),
        (order(1, Side::Buy, "1000", OrderKind::Market), "insufficient_margin"),
        (exit(1, Side::Sell, "1", OrderKind::Market), "nothing_to_reduce"),
        (order(1, Side::Buy, "1", limit("101", TimeInForce::PostOnly)), "would_cross"),
    ];
    for (order, expected) in codes {
        let Err(ExchangeError::Refused { code, .. }) = place_one(&mut paper, &order).await else {
            panic!("{expected} was not refused");
        };
        assert_eq!(code, expected);
    }
    let mut elsewhere = order(1, Side::Buy, "1", OrderKind::Market);
    elsewhere.symbol = symbol("XRPUSDT");
    assert_eq!(
        place_one(&mut paper, &elsewhere).await.unwrap_err().to_string(),
        "refused (unknown_symbol): symbol XRPUSDT is not traded here"
    );
    assert_eq!(
        paper.cancel(&symbol(BTC), &id(1)).await.unwrap_err().to_string(),
        format!("refused (not_open): order {} is not open", id(1))
    );
    let foreign = paper.fills_since(&after("17")).await;
    assert!(matches!(foreign, Err(ExchangeError::Refused { .. })));
}

#[test]
fn only_ids_refused_for_ever_make_a_resend_safe() {
    let capabilities = paper().capabilities().clone();
    for (client_id_reuse, safe) in
        [(ClientIdReuse::Forever, true), (ClientIdReuse::OpenOnly, false), (ClientIdReuse::Unknown, false)]
    {
        assert_eq!(Capabilities { client_id_reuse, ..capabilities.clone() }.resend_is_safe(), safe);
    }
    let slack = DurationMs::from_secs(2);
    let slow = Capabilities { visibility_slack: slack, ..capabilities };
    assert_eq!(slow.horizon(Timestamp::from_ms(1)), Timestamp::from_ms(7_001));
}

//! The parts of a line work together.

use super::super::Sleep;
use super::super::egress::Egress;
use super::super::governor::Limit;
use super::super::testing::{LoopbackServer, ManualClock, Reply, patiently};
use super::super::wire::{Bucket, Method};
use super::*;
use crate::domain::kind::ExchangeKind;

const WEIGHT: Bucket = Bucket { scope: LimitScope::Address, name: "weight" };
const ONE: [Charge; 1] = [Charge { bucket: WEIGHT, amount: 1 }];

fn line(url: &str) -> (Line, Arc<ManualClock>) {
    let clock = ManualClock::at(500);
    let sleep: Arc<dyn Sleep> = Arc::clone(&clock) as Arc<dyn Sleep>;
    let limit = Limit { bucket: WEIGHT, amount: 2, window: DurationMs::from_secs(60), reserve_pct: 0 };
    let governor = Governor::new(ExchangeKind::Binance, Egress::Direct.label(), [limit], Arc::clone(&sleep));
    let http = HttpClient::new(&Egress::Direct, url, DurationMs::from_secs(10)).unwrap();
    let line = Line::new(http, governor, Arc::new(ServerClock::new(sleep)), Some(AccountId::new(1)));
    (line, clock)
}

#[tokio::test]
async fn a_call_is_admitted_sent_and_observed() {
    let server = LoopbackServer::start(vec![Reply::text(200, "x-used: 2\r\n", "{}")]).await;
    let (line, clock) = line(&server.url());
    let request =
        HttpRequest { method: Method::Get, target: "/time".to_owned(), headers: Vec::new(), body: None };
    line.admit(Lane::Entry, &ONE, None).await.unwrap();
    let answer = patiently(line.send(&request, Access::Read)).await.unwrap();
    let used = answer.header("x-used").unwrap().parse().unwrap();
    clock.advance(1_000);
    line.observe(&[Usage::Used { bucket: WEIGHT, amount: used }]);
    let turn = Timestamp::from_ms(60_000);
    let full = Err(ExchangeError::Throttled { until: turn });
    assert_eq!(line.admit(Lane::Protect, &ONE, None).await, full, "in 10 s nothing changes");

    let until = Timestamp::from_ms(99_000);
    line.block(LimitScope::Account, until, BlockCause::RetryAfter);
    assert_eq!(line.governor().bans()[0].account, line.account());
    assert_eq!(line.admit(Lane::Protect, &ONE, Some(until)).await, Err(ExchangeError::Throttled { until }));
}

#[tokio::test]
async fn only_unanswered_questions_are_asked_again_and_only_a_few_times() {
    let (line, clock) = line("http://127.0.0.1:9");
    let unanswered = ExchangeError::Unavailable { reason: "no answer in time".to_owned() };
    let refused = ExchangeError::Refused { code: "1".to_owned(), reason: "no".to_owned() };
    let mut tries = Tries::default();
    assert!(!line.asks_again(&mut tries, Access::Write, &unanswered).await, "a write is never sent again");
    assert!(!line.asks_again(&mut tries, Access::Read, &refused).await, "an answer is an answer");
    for pause in [100, 200, 400] {
        let again = line.asks_again(&mut tries, Access::Read, &unanswered);
        let passing = async {
            tokio::task::yield_now().await;
            clock.advance(pause);
        };
        assert!(tokio::join!(again, passing).0);
    }
    assert!(!line.asks_again(&mut tries, Access::Read, &unanswered).await);
}

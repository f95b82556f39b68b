//! Virtual time moves only when everybody is quiet, and a sleeper holds nobody up.

use tokio::task::JoinSet;

use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn account(id: u32) -> AccountId {
    AccountId::new(id)
}

#[tokio::test]
async fn sleepers_are_quiet_and_wake_in_the_order_of_their_deadlines() {
    let pace = Pace::new(at(0));
    let log: Arc<Mutex<Vec<(u32, i64)>>> = Arc::default();
    let mut tasks = JoinSet::new();
    for (id, wait) in [(1, 300), (2, 100), (3, 200)] {
        let (seat, log) = (pace.join(account(id), None), Arc::clone(&log));
        tasks.spawn(async move {
            let clock = seat.clock();
            clock.sleep(DurationMs::from_ms(wait)).await;
            log.lock().unwrap().push((id, clock.now().ms()));
            seat.mail().await.stop
        });
    }
    pace.wait_quiet().await;
    pace.advance(at(250)).await;
    assert_eq!(*log.lock().unwrap(), [(2, 100), (3, 200)]);
    assert_eq!(pace.now(), at(250));
    pace.advance(at(1_000)).await;
    assert_eq!(log.lock().unwrap().last(), Some(&(1, 300)));
    (1..=3).for_each(|id| pace.stop(account(id)));
    while let Some(stopped) = tasks.join_next().await {
        assert!(stopped.unwrap());
    }
}

#[tokio::test]
async fn a_panicking_member_holds_nobody_up() {
    let pace = Pace::new(at(0));
    let seat = pace.join(account(1), None);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let _seat = seat;
        panic!("on purpose");
    });
    pace.wait_quiet().await;
    assert!(tasks.join_next().await.unwrap().unwrap_err().is_panic());
    assert_eq!(pace.busy(), []);
}

#[tokio::test]
async fn the_latest_configuration_wins_and_a_stop_is_not_lost() {
    let pace = Pace::new(at(0));
    let seat = pace.join(account(1), None);
    pace.stop(account(1));
    let mail = seat.mail().await;
    assert!(mail.stop && mail.config.is_none() && mail.cycles.is_empty());
}

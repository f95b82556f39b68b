use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::side::PositionSide;
use crate::signal::testing::{bar, step};
use crate::strategy::StrategySpec;

fn symbol(name: &str) -> Symbol {
    Symbol::try_new(name).unwrap()
}

fn spec(fast: u32) -> StrategySpec {
    let value = json!({"fast": fast, "slow": 8, "trend": 0});
    StrategySpec {
        params: StrategyParams::from_json(StrategyKind::EmaCross, &value).unwrap(),
        timeframe: None,
    }
}

fn plan(entries: &[(u32, u32, &str)]) -> SignalPlan {
    let mut plan = SignalPlan::default();
    for (id, fast, name) in entries {
        plan.add(StrategyId::new(*id), &spec(*fast), &symbol(name), Timeframe::H1);
    }
    plan
}

fn key(id: u32, name: &str) -> SignalKey {
    SignalKey { strategy: StrategyId::new(id), symbol: symbol(name), timeframe: Timeframe::H1 }
}

/// Closes that swing up and down every ten bars.
fn swing(index: i64) -> f64 {
    let phase = index % 20;
    let height = if phase < 10 { phase } else { 20 - phase };
    100.0 + f64::from(i32::try_from(height).unwrap())
}

fn steps(names: &[&str], range: std::ops::Range<i64>) -> Vec<MarketStep> {
    range.map(|index| step(names.iter().map(|name| bar(name, index, swing(index), 10)).collect())).collect()
}

fn run(board: &mut SignalBoard, steps: &[MarketStep]) -> Vec<Arc<Signal>> {
    steps.iter().flat_map(|step| board.on_step(step)).collect()
}

#[test]
fn the_number_of_computations_does_not_depend_on_how_many_follow() {
    let steps = steps(&["BTCUSDT", "ETHUSDT", "XRPUSDT"], 0..50);
    let mut computed = Vec::new();
    for followers in [1, 10, 1_000] {
        let mut wanted = SignalPlan::default();
        for id in 1..=followers {
            for name in ["BTCUSDT", "ETHUSDT"] {
                wanted.add(StrategyId::new(id), &spec(3), &symbol(name), Timeframe::H1);
            }
        }
        let mut board = SignalBoard::new(&wanted);
        let signals = run(&mut board, &steps);
        assert!(!signals.is_empty());
        assert!(signals.iter().all(|signal| signal.key.strategy == StrategyId::new(1)));
        computed.push(board.computed());
    }
    assert_eq!(computed, [100, 100, 100], "two keys, fifty bars");
}

#[test]
fn the_lowest_id_of_equal_parameters_represents_them() {
    let board = SignalBoard::new(&plan(&[(7, 3, "BTCUSDT"), (4, 3, "ETHUSDT"), (5, 4, "BTCUSDT")]));
    let representative = |id: u32| board.representative(StrategyId::new(id)).get();
    assert_eq!([7, 4, 5, 99].map(representative), [4, 4, 5, 99]);
    let keys: Vec<SignalKey> = board.keys().into_iter().map(|(key, ..)| key).collect();
    assert_eq!(keys, [key(4, "BTCUSDT"), key(4, "ETHUSDT"), key(5, "BTCUSDT")]);
}

#[test]
fn a_new_plan_keeps_what_stays_and_names_what_has_to_be_warmed() {
    let history = steps(&["BTCUSDT", "ETHUSDT"], 0..40);
    let future = steps(&["BTCUSDT", "ETHUSDT"], 40..80);
    let mut board = SignalBoard::new(&plan(&[(1, 3, "BTCUSDT"), (2, 3, "BTCUSDT")]));
    run(&mut board, &history);
    // Strategy 1 goes: 2 takes over its state under its own id. ETHUSDT is new.
    let added = board.set_plan(&plan(&[(2, 3, "BTCUSDT"), (2, 3, "ETHUSDT")]));
    assert_eq!(added, [key(2, "ETHUSDT")]);
    assert_eq!(board.explain(&key(2, "ETHUSDT")), None);
    let bars: Vec<Bar> = history.iter().flat_map(|step| step.closed_bars.clone()).collect();
    let before = board.computed();
    board.warm(&key(2, "ETHUSDT"), &bars);
    assert_eq!(board.computed(), before, "history is no computation");

    let mut whole = SignalBoard::new(&plan(&[(2, 3, "BTCUSDT"), (2, 3, "ETHUSDT")]));
    run(&mut whole, &history);
    assert_eq!(run(&mut board, &future), run(&mut whole, &future));
    assert_eq!(board.explain(&key(2, "ETHUSDT")), whole.explain(&key(2, "ETHUSDT")));
    assert_eq!(board.set_plan(&SignalPlan::default()), []);
    assert!(run(&mut board, &future).is_empty());
}

#[test]
fn changed_parameters_start_anew() {
    let mut board = SignalBoard::new(&plan(&[(1, 3, "BTCUSDT")]));
    run(&mut board, &steps(&["BTCUSDT"], 0..40));
    assert_eq!(board.set_plan(&plan(&[(1, 4, "BTCUSDT")])), [key(1, "BTCUSDT")]);
    assert_eq!(board.explain(&key(1, "BTCUSDT")), None);
}

#[test]
fn a_flat_bar_is_explained_on_demand_and_an_actionable_one_at_once() {
    let mut board = SignalBoard::new(&plan(&[(1, 3, "BTCUSDT")]));
    let signals = run(&mut board, &steps(&["BTCUSDT"], 0..60));
    let entry = signals.iter().find(|signal| signal.entry == Some(PositionSide::Long)).unwrap();
    assert!(entry.reason.starts_with("open long: golden cross"), "{}", entry.reason);
    assert!(entry.conditions.iter().all(|condition| condition.passed));
    assert_eq!(entry.expires_at.since(entry.bar_close_at), Timeframe::H1.duration());
    board.on_step(&step(vec![bar("BTCUSDT", 60, 100.0, 10)]));
    let flat = board.explain(&key(1, "BTCUSDT")).unwrap();
    assert!(!flat.is_actionable());
    assert!(flat.reason.starts_with("no entry, lacks"), "{}", flat.reason);
    assert!(flat.conditions[0].detail.contains("ema_3 "), "{:?}", flat.conditions);
    assert_eq!(flat.bar_close_at, bar("BTCUSDT", 60, 100.0, 10).close_time());
}

#[test]
fn an_incomplete_bar_is_explained_but_opens_nothing() {
    let mut steps = steps(&["BTCUSDT"], 0..60);
    let mut board = SignalBoard::new(&plan(&[(1, 3, "BTCUSDT")]));
    let first = run(&mut board, &steps).into_iter().find(|signal| signal.entry.is_some()).unwrap();
    let at = steps.iter().position(|step| step.at == first.bar_close_at).unwrap();
    steps[at].closed_bars[0].complete = false;
    let mut board = SignalBoard::new(&plan(&[(1, 3, "BTCUSDT")]));
    let signals = run(&mut board, &steps[..=at]);
    assert!(signals.iter().all(|signal| signal.entry.is_none()));
    let explained = board.explain(&key(1, "BTCUSDT")).unwrap();
    assert!(
        explained.conditions.iter().any(|condition| condition.name == "complete bar" && !condition.passed)
    );
}

#[test]
fn each_timeframe_is_its_own_key() {
    let mut wanted = plan(&[(1, 3, "BTCUSDT")]);
    let slow = StrategySpec { timeframe: Some(Timeframe::H4), ..spec(3) };
    wanted.add(StrategyId::new(2), &slow, &symbol("BTCUSDT"), Timeframe::H1);
    let mut board = SignalBoard::new(&wanted);
    run(&mut board, &steps(&["BTCUSDT"], 0..5));
    assert_eq!(board.computed(), 5, "no bar of 4 h closed");
    let of_4h = SignalKey { timeframe: Timeframe::H4, ..key(2, "BTCUSDT") };
    assert_eq!(board.explain(&of_4h), None);
    assert!(
        board
            .keys()
            .iter()
            .any(|(key, ..)| key.strategy == StrategyId::new(1) && key.timeframe == Timeframe::H4)
    );
}

proptest! {
    /// Bars that were seen already, in the history or in a repeated step, change nothing.
    #[test]
    fn a_bar_counts_once(split in 0_usize..60, repeat in 0_usize..60) {
        let steps = steps(&["BTCUSDT"], 0..60);
        let wanted = plan(&[(1, 3, "BTCUSDT")]);
        let (mut once, mut twice) = (SignalBoard::new(&wanted), SignalBoard::new(&wanted));
        let expected = run(&mut once, &steps).split_off(0);
        let history: Vec<Bar> = steps[..split].iter().flat_map(|step| step.closed_bars.clone()).collect();
        twice.warm(&key(1, "BTCUSDT"), &history);
        let mut signals = run(&mut twice, &steps);
        signals.extend(run(&mut twice, &steps[repeat..]));
        let later = expected.into_iter().filter(|signal| signal.bar_close_at.ms() > i64::try_from(split).unwrap() * 3_600_000);
        prop_assert_eq!(signals, later.collect::<Vec<_>>());
        prop_assert_eq!(twice.computed(), 60 - u64::try_from(split).unwrap());
        prop_assert_eq!(once.explain(&key(1, "BTCUSDT")), twice.explain(&key(1, "BTCUSDT")));
    }
}

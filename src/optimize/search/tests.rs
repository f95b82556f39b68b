//! Searches over small spaces, checked whole.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::optimize::space::tests::{setup, space};

fn plan(method: Method, trials: Option<usize>, seed: u64) -> Plan {
    Plan { method, trials, seed }
}

/// All trials of a search whose scores are `score`.
fn run(space: &Space, plan: Plan, score: impl Fn(&Point) -> Option<f64>) -> Vec<Point> {
    let mut search = Search::new(space, plan).unwrap();
    let (mut points, mut scores) = (Vec::new(), Vec::new());
    loop {
        let batch = search.next(space, &scores);
        if batch.is_empty() {
            assert_eq!(points.len(), search.planned());
            return points;
        }
        scores.extend(batch.iter().map(&score));
        points.extend(batch);
    }
}

/// Peaks at one combination.
fn hill(point: &Point) -> f64 {
    let away = |index: u32, peak: f64| -(f64::from(index) - peak).powi(2);
    point.0.iter().zip([17.0, 4.0, 11.0]).map(|(index, peak)| away(*index, peak)).sum()
}

proptest! {
    #[test]
    fn a_grid_is_every_combination_once(fast in 1_u32..6, slow in 2_u32..8, more in 1_u32..5) {
        let space = space(&[("fast", &format!("1..{fast}")), ("slow", &format!("2..{}", slow + more)), ("allow_short", "on,off")]);
        let tried = run(&space, plan(Method::Grid, None, 1), |_| None);
        let mut wanted = 0;
        for quick in 1..=fast {
            wanted += (2..=slow + more).filter(|slow| quick < *slow).count() * 2;
        }
        prop_assert_eq!(tried.len(), wanted);
        prop_assert_eq!(tried.iter().collect::<BTreeSet<_>>().len(), wanted);
        let is_in_order = tried.windows(2).all(|pair| pair[0] < pair[1]);
        prop_assert!(is_in_order);
    }

    #[test]
    fn the_same_seed_tries_the_same(seed: u64, smart: bool, trials in 1_usize..120) {
        let space = space(&[("fast", "1..40"), ("slow", "2..60"), ("signal_ttl_bars", "1..5")]);
        let method = if smart { Method::Smart } else { Method::Random };
        let scored = |point: &Point| Some(hill(point));
        let one = run(&space, plan(method, Some(trials), seed), scored);
        prop_assert_eq!(one.len(), trials);
        prop_assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), trials);
        prop_assert!(one.iter().all(|point| space.allows(point)));
        prop_assert_eq!(&one, &run(&space, plan(method, Some(trials), seed), scored));
    }
}

#[test]
fn a_space_is_used_up_and_no_more() {
    let space = space(&[("fast", "1..3"), ("slow", "2..4")]);
    for method in Method::ALL {
        let tried = run(&space, plan(method, Some(500), 7), |_| Some(0.0));
        assert_eq!(tried.len(), 6, "{method}");
    }
}

#[test]
fn a_grid_that_is_too_large_is_refused_with_its_size() {
    let large = space(&[("fast", "1..500"), ("slow", "2..1000")]);
    let error = Search::new(&large, plan(Method::Grid, None, 1)).unwrap_err();
    assert_eq!(error, SearchError::GridTooLarge { combinations: 499_500 });
    assert_eq!(run(&large, plan(Method::Grid, Some(300), 1), |_| None).len(), 300);
    let error = Search::new(&large, plan(Method::Random, Some(0), 1)).unwrap_err();
    assert_eq!(error, SearchError::Trials { trials: 0 });
}

#[test]
fn what_the_strategy_never_allows_is_told() {
    let space =
        Space::parse(&[("fast".into(), "30..32".into()), ("slow".into(), "20,30".into())], &setup()).unwrap();
    let error = Search::new(&space, plan(Method::Grid, None, 1)).unwrap_err().to_string();
    assert!(error.contains("none of the 6 combinations") && error.contains("`fast` is 30"), "{error}");
}

#[test]
fn the_smart_search_finds_the_hill_with_fewer_trials_than_chance() {
    let space = space(&[("fast", "1..40"), ("slow", "41..80"), ("signal_ttl_bars", "1..40")]);
    let best = |method, seed| {
        let tried = run(&space, plan(method, Some(200), seed), |point| Some(hill(point)));
        tried.iter().map(hill).fold(f64::NEG_INFINITY, f64::max)
    };
    let wins = (1..=20).filter(|seed| best(Method::Smart, *seed) > best(Method::Random, *seed)).count();
    assert!(wins >= 16, "{wins} of 20");
}

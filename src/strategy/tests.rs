use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Strategy;
use super::*;
use crate::domain::market::Bar;
use crate::domain::side::PositionSide::{self, Long, Short};
use crate::signal::testing::bar;

fn params(kind: StrategyKind, value: &Value) -> StrategyParams {
    StrategyParams::from_json(kind, value).unwrap()
}

fn bars(closes: &[f64], volumes: &[i64]) -> Vec<Bar> {
    let volumes = volumes.iter().copied().chain(std::iter::repeat(100));
    closes
        .iter()
        .zip(volumes)
        .zip(0..)
        .map(|((close, volume), at)| bar("BTCUSDT", at, *close, volume))
        .collect()
}

fn evaluations(params: &StrategyParams, bars: &[Bar]) -> Vec<Evaluation> {
    let mut strategy = Strategy::new(params);
    bars.iter().map(|bar| strategy.push(bar)).collect()
}

/// Bar and side of every entry.
fn entries(params: &StrategyParams, bars: &[Bar]) -> Vec<(usize, PositionSide)> {
    let evaluations = evaluations(params, bars);
    evaluations.iter().enumerate().filter_map(|(at, evaluation)| Some((at, evaluation.entry?))).collect()
}

/// A quiet series, then a fall, then a rise.
fn valley() -> Vec<f64> {
    let down = (0..40).map(|at| 100.0 - f64::from(at));
    let up = (0..60).map(|at| 61.0 + f64::from(at) * 1.5);
    [100.0; 30].into_iter().chain(down).chain(up).collect()
}

#[test]
fn bad_parameters_are_named_with_what_is_allowed() {
    use StrategyKind::{AiTrend, EmaCross, Macd, Momentum};
    let cases = [
        (EmaCross, json!({"fsat": 5}), "unknown parameter `fsat` of ema_cross; did you mean `fast`?"),
        (EmaCross, json!({"zzz": 5}), "unknown parameter `zzz` of ema_cross, its parameters are fast, slow,"),
        (EmaCross, json!({"fast": 0}), "parameter `fast` is 0, allowed is a whole number from 1 to 500"),
        (EmaCross, json!({"fast": 1.5}), "parameter `fast` is 1.5, allowed is a whole number"),
        (EmaCross, json!({"fast": 30}), "parameter `fast` is 30, allowed is less than `slow` (26)"),
        (EmaCross, json!({"allow_short": 1}), "parameter `allow_short` is 1, allowed is true or false"),
        (EmaCross, json!([1]), "parameters of ema_cross are [1], allowed is a JSON object"),
        (
            Momentum,
            json!({"min_confidence": 1.1}),
            "parameter `min_confidence` is 1.1, allowed is a number from 0",
        ),
        (
            Macd,
            json!({"take_profit_pct": -1}),
            "parameter `take_profit_pct` is -1, allowed is a percentage from 0",
        ),
        (Macd, json!({"take_profit_pct": "x"}), "parameter `take_profit_pct` is \"x\", allowed"),
        (Macd, json!({"rsi_low": 80}), "parameter `rsi_low` is 80, allowed is less than `rsi_high` (70)"),
        (Macd, json!({"fast": null}), "parameter `fast` is null"),
        (
            AiTrend,
            json!({"weight_ema": 0, "weight_macd": 0, "weight_momentum": 0, "weight_rsi": 0, "weight_band": 0}),
            "parameter `weight_ema` is 0, allowed is above 0 for at least one",
        ),
    ];
    for (kind, value, expected) in cases {
        let error = StrategyParams::from_json(kind, &value).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{value}: {error}");
    }
}

#[test]
fn typed_values_are_read_by_the_type_of_their_key() {
    let mut params = StrategyParams::new(StrategyKind::Macd);
    for (key, text) in [("fast", "50"), ("slow", "100"), ("allow_short", "on"), ("take_profit_pct", "2.5")] {
        params.set(key, text).unwrap();
    }
    params.validate().unwrap();
    let json = params.to_json();
    assert_eq!(json["fast"], json!(50));
    assert_eq!(json["allow_short"], json!(true));
    assert_eq!(json["take_profit_pct"], json!(2.5));
    for (key, text) in
        [("fast", "many"), ("volatility_threshold", "NaN"), ("volatility_threshold", "1e999"), ("fats", "1")]
    {
        assert!(params.set(key, text).is_err(), "{key}={text}");
    }
    assert_eq!(params.to_json(), json, "a refused value changes nothing");
}

#[test]
fn every_key_is_described_and_its_default_is_allowed() {
    for kind in StrategyKind::ALL {
        let params = StrategyParams::new(kind);
        params.validate().unwrap();
        assert_eq!(kind.as_str().parse::<StrategyKind>(), Ok(kind));
        let keys = StrategyParams::keys(kind);
        let shown: BTreeMap<&str, &str> = keys.iter().map(|info| (info.key, info.default.as_str())).collect();
        let json = params.to_json();
        assert_eq!(shown.len(), json.as_object().unwrap().len());
        for info in &keys {
            assert_eq!(json[info.key].to_string(), info.default);
            assert!(!info.range.is_empty() && info.description.ends_with('.'), "{info:?}");
        }
    }
}

#[test]
fn equal_parameters_have_one_canonical_text() {
    let one = params(StrategyKind::Macd, &json!({"slow": 30, "take_profit_pct": 5, "rsi_low": 40}));
    let other = params(StrategyKind::Macd, &json!({"rsi_low": 40.0, "slow": 30, "take_profit_pct": "5.00"}));
    assert_eq!(one.canonical(), other.canonical());
    assert_ne!(one.canonical(), StrategyParams::new(StrategyKind::Macd).canonical());
    assert!(one.canonical().starts_with(r#"macd {"allow_short":false,"atr_period":14,"#));
    let typed: MacdParams = serde_json::from_str(&one.to_json().to_string()).unwrap();
    assert_eq!(StrategyParams::Macd(typed), one);
}

#[test]
fn only_macd_brings_its_own_exits() {
    let pct = |text: &str| Some(text.parse().unwrap());
    let plan = ExitPlan {
        take_profit_pct: pct("5"),
        stop_loss_pct: pct("1.5"),
        min_hold_bars: 10,
        trail_activation_pct: pct("8"),
        trail_pct: pct("5"),
    };
    assert_eq!(StrategyParams::new(StrategyKind::Macd).exit_plan(), plan);
    let plain = params(StrategyKind::Macd, &json!({"min_hold_bars": 0, "trail_pct": 0}));
    let expected = ExitPlan { min_hold_bars: 0, trail_activation_pct: None, trail_pct: None, ..plan };
    assert_eq!(plain.exit_plan(), expected);
    for kind in [StrategyKind::EmaCross, StrategyKind::Momentum, StrategyKind::AiTrend] {
        assert_eq!(StrategyParams::new(kind).exit_plan(), ExitPlan::NONE);
    }
}

#[test]
fn ema_cross_follows_the_trend_filter_and_the_sides_it_may_take() {
    let bars = bars(&valley(), &[]);
    let with = |trend: u32, allow_short: bool| {
        let value = json!({"fast": 3, "slow": 8, "trend": trend, "allow_short": allow_short});
        entries(&params(StrategyKind::EmaCross, &value), &bars)
    };
    let plain = with(0, true);
    let [(first, Short), (second, Long)] = plain.as_slice() else { panic!("{plain:?}") };
    assert_eq!(with(0, false), [(*second, Long)]);
    // The slow trend is still above the price where the fast one turns up.
    assert_eq!(with(30, true), [(*first, Short)]);
    // A trend still warming up lets nothing through.
    assert_eq!(with(1000, true), []);
    let evaluated = evaluations(&params(StrategyKind::EmaCross, &json!({"fast": 3, "slow": 8})), &bars);
    assert!(evaluated[*first].exit_long && !evaluated[*first].exit_short);
    assert!(evaluated[*second].exit_short && !evaluated[*second].exit_long);
    let silent = params(StrategyKind::EmaCross, &json!({"fast": 3, "slow": 8, "exit_on_cross": false}));
    assert!(
        evaluations(&silent, &bars).iter().all(|evaluation| !evaluation.exit_long && !evaluation.exit_short)
    );
}

#[test]
fn momentum_needs_the_move_the_volume_and_the_confidence() {
    let closes: Vec<f64> = [100.0; 25].into_iter().chain([103.0, 104.5, 104.5, 99.0]).collect();
    let mut volumes = vec![100; 25];
    volumes.extend([300, 300, 50, 300]);
    let with = |value: &Value| {
        let mut value = value.clone();
        value["period"] = json!(1);
        entries(&params(StrategyKind::Momentum, &value), &bars(&closes, &volumes))
    };
    // +3 %: 0.5 + 0.3 x 0.5 and a surge of volume; +1.5 % is no move; -5.3 % is a full one.
    assert_eq!(with(&json!({})), [(25, Long), (28, Short)]);
    assert_eq!(with(&json!({"allow_short": false})), [(25, Long)]);
    assert_eq!(with(&json!({"min_confidence": 0.9})), [(28, Short)]);
    assert_eq!(with(&json!({"volume_factor": 5})), []);
    assert_eq!(with(&json!({"threshold_pct": 1})), [(25, Long), (26, Long), (28, Short)]);
    let evaluated =
        evaluations(&params(StrategyKind::Momentum, &json!({"period": 1})), &bars(&closes, &volumes));
    assert!(evaluated[28].exit_long);
    assert!(!evaluated[27].exit_long);
}

#[test]
fn macd_asks_for_as_many_conditions_as_the_volatility() {
    // Declining for long, then rising: at the cross the moving averages still point down.
    let closes: Vec<f64> =
        (0..80).map(|at| 200.0 - f64::from(at)).chain((0..10).map(|at| 121.0 + f64::from(at))).collect();
    let bars = bars(&closes, &[]);
    let with = |calm: u32, volatile: u32, threshold: f64| {
        let value = json!({
            "conditions_calm": calm, "conditions_volatile": volatile, "volatility_threshold": threshold,
        });
        entries(&params(StrategyKind::Macd, &value), &bars)
    };
    let plain = with(0, 0, 0.02);
    assert_eq!(plain.len(), 1, "{plain:?}");
    let mut strategy = Strategy::new(&StrategyParams::new(StrategyKind::Macd));
    let conditions = bars[..=plain[0].0].iter().map(|bar| strategy.push(bar)).last().map(|evaluation| {
        let conditions = strategy.conditions(&evaluation);
        let passed = conditions[1..6].iter().filter(|condition| condition.passed).count();
        u32::try_from(passed).unwrap()
    });
    let passed = conditions.unwrap();
    assert!((1..5).contains(&passed), "{passed}");
    for (calm, volatile, threshold, enters) in [
        (passed, 5, 1.0, true),
        (passed + 1, 0, 1.0, false),
        (5, passed, 0.0, true),
        (0, passed + 1, 0.0, false),
    ] {
        assert_eq!(
            with(calm, volatile, threshold).len(),
            usize::from(enters),
            "{calm} {volatile} {threshold}"
        );
    }
}

#[test]
fn macd_shorts_mirror_longs() {
    let plain = json!({"conditions_calm": 0, "conditions_volatile": 0, "allow_short": true});
    let rising: Vec<f64> = valley();
    let mirrored: Vec<f64> = rising.iter().map(|close| 300.0 - close).collect();
    let flip = |(at, side): (usize, PositionSide)| (at, side.opposite());
    let params = params(StrategyKind::Macd, &plain);
    let expected: Vec<_> = entries(&params, &bars(&rising, &[])).into_iter().map(flip).collect();
    assert_eq!(entries(&params, &bars(&mirrored, &[])), expected);
    assert!(expected.iter().any(|(_, side)| *side == Short), "{expected:?}");
}

#[test]
fn ai_trend_commits_to_a_direction_once_and_lets_go_when_it_turns() {
    let params = StrategyParams::new(StrategyKind::AiTrend);
    let evaluated = evaluations(&params, &bars(&valley(), &[]));
    let sides: Vec<PositionSide> = evaluated.iter().filter_map(|evaluation| evaluation.entry).collect();
    assert_eq!(sides, [Short, Long]);
    let exits: Vec<usize> = (0..evaluated.len()).filter(|at| evaluated[*at].exit_short).collect();
    let entry = evaluated.iter().position(|evaluation| evaluation.entry == Some(Long)).unwrap();
    assert_eq!(exits.len(), 1);
    assert!(exits[0] <= entry);
    assert!(evaluated.iter().all(|evaluation| !evaluation.exit_long));
}

#[test]
fn an_incomplete_bar_opens_nothing() {
    for kind in StrategyKind::ALL {
        let params = match kind {
            StrategyKind::EmaCross => params(kind, &json!({"trend": 0})),
            StrategyKind::Macd => params(kind, &json!({"conditions_calm": 0, "conditions_volatile": 0})),
            StrategyKind::Momentum => params(kind, &json!({"volume_factor": 0})),
            StrategyKind::AiTrend => StrategyParams::new(kind),
        };
        let mut bars = bars(&valley(), &[]);
        let (at, side) = entries(&params, &bars)[0];
        bars[at].complete = false;
        assert!(!entries(&params, &bars).contains(&(at, side)), "{kind}");
        if kind == StrategyKind::AiTrend {
            assert_eq!(
                entries(&params, &bars)[0],
                (at + 1, side),
                "a direction not taken is not committed to"
            );
        }
    }
}

#[test]
fn every_condition_has_its_numbers_after_the_warmup() {
    for kind in StrategyKind::ALL {
        let params = StrategyParams::new(kind);
        let warmup = usize::try_from(params.warmup_bars()).unwrap();
        let closes: Vec<f64> =
            (0..warmup).map(|at| 100.0 + f64::from(u8::try_from(at % 9).unwrap())).collect();
        let bars = bars(&closes, &[]);
        let mut strategy = Strategy::new(&params);
        let shown: Vec<String> = bars
            .iter()
            .map(|bar| {
                let evaluation = strategy.push(bar);
                format!("{:?}", strategy.conditions(&evaluation))
            })
            .collect();
        assert!(!shown[warmup - 1].contains("warming up"), "{kind}: {}", shown[warmup - 1]);
        assert!(shown[0].contains("warming up"), "{kind}: {}", shown[0]);
        assert!(params.history_bars() >= params.warmup_bars());
    }
}

proptest! {
    #[test]
    fn parameters_survive_json(
        fast in 1_u32..500,
        above in 1_u32..500,
        threshold in 0.0_f64..1.0,
        hundredths in 0_u32..100_000,
        flag: bool,
    ) {
        let value = json!({
            "fast": fast,
            "slow": fast + above,
            "volatility_threshold": threshold,
            "take_profit_pct": f64::from(hundredths) / 100.0,
            "allow_short": flag,
        });
        let params = params(StrategyKind::Macd, &value);
        let again = StrategyParams::from_json(StrategyKind::Macd, &params.to_json()).unwrap();
        prop_assert_eq!(params.canonical(), again.canonical());
        prop_assert_eq!(params, again);
    }

    #[test]
    fn any_series_gives_bounded_and_repeatable_evaluations(
        moves in prop::collection::vec((-9.0_f64..9.0, 0_i64..1_000), 1..150),
        kind in 0_usize..4,
    ) {
        let mut close = 1_000.0;
        let series: Vec<Bar> = moves.iter().zip(0..).map(|((percent, volume), at)| {
            close *= 1.0 + percent / 100.0;
            bar("BTCUSDT", at, close, *volume)
        }).collect();
        let params = StrategyParams::new(StrategyKind::ALL[kind]);
        let mut strategy = Strategy::new(&params);
        let mut copy = strategy.clone();
        for (at, bar) in series.iter().enumerate() {
            let evaluation = strategy.push(bar);
            prop_assert!((0.0..=1.0).contains(&evaluation.confidence.get()));
            if evaluation.entry.is_some() {
                prop_assert!(evaluation.confidence.get() >= params.min_confidence());
            }
            // A copy taken anywhere goes on like the original.
            if at % 40 == 39 {
                copy = strategy.clone();
            } else {
                prop_assert_eq!(copy.push(bar), evaluation);
            }
        }
    }
}

//! Ranges as they are typed, and how they are refused.

use serde_json::json;

use super::*;
use crate::domain::money::Leverage;
use crate::engine::settings::{GridDraft, PolicyLimits};
use crate::strategy::{StrategyKind, StrategySpec};

/// The plain EMA cross.
pub(crate) fn setup() -> Setup {
    let params = StrategyParams::from_json(StrategyKind::EmaCross, &json!({"trend": 0})).unwrap();
    let limits = PolicyLimits { max_leverage: Leverage::try_new(20).unwrap() };
    let spec = StrategySpec { params, timeframe: None };
    Setup::new(limits, vec![BotSetup::signals("one", spec, BotSettings::default())])
}

pub(crate) fn space(given: &[(&str, &str)]) -> Space {
    let given: Vec<_> = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Space::parse(&given, &setup()).unwrap()
}

fn refusal(name: &str, text: &str) -> String {
    Space::parse(&[(name.to_owned(), text.to_owned())], &setup()).unwrap_err().to_string()
}

#[test]
fn ranges_and_lists_are_read() {
    for (name, text, values) in [
        ("fast", "3..6", &["3", "4", "5", "6"][..]),
        ("fast", "3..8:2", &["3", "5", "7"]),
        ("fast", "4", &["4"]),
        ("min_confidence", "0.4..0.6", &["0.4", "0.5", "0.6"]),
        ("min_confidence", "0.50..0.6:0.05", &["0.5", "0.55", "0.6"]),
        ("allow_short", "on, off", &["on", "off"]),
        ("tp_pct", "1..2:0.5", &["1", "1.5", "2"]),
        ("funding_pct", "-0.01..0.01", &["-0.01", "0", "0.01"]),
        ("bot.take_profit_percent", "2,4", &["2", "4"]),
    ] {
        let space = space(&[(name, text)]);
        assert_eq!(space.dimensions[0].values, values, "{name}={text}");
    }
}

#[test]
fn a_grid_has_no_parameters_to_search() {
    let mut draft = GridDraft::default();
    let limits = setup().limits;
    for (key, value) in [("lower", "90"), ("upper", "110"), ("grids", "5"), ("investment", "100")] {
        draft.set(key, value, limits).unwrap();
    }
    let bot = BotSetup::grid("ladder", draft.finish().unwrap(), BotSettings::default());
    let given = [("leverage".to_owned(), "1,2".to_owned())];
    let refused = Space::parse(&given, &Setup::new(limits, vec![bot])).unwrap_err().to_string();
    assert!(refused.contains("parameters of a strategy, and bot `ladder` works a grid"), "{refused}");
}

#[test]
fn what_cannot_be_searched_is_named() {
    for (name, text, words) in [
        ("fats", "1..3", &["fats", "did you mean `fast`"][..]),
        ("levrage", "1..3", &["levrage", "did you mean `leverage`"]),
        ("fast", "9..3", &["fast=9..3", "lower end"]),
        ("fast", "3..9:0", &["step must be above 0"]),
        ("fast", "3..9:-1", &["step must be above 0"]),
        ("fast", "3..x", &["`x` is not a number"]),
        ("fast", "..", &["`` is not a number"]),
        ("fast", "", &["no values"]),
        ("fast", "3,,4", &["no values"]),
        ("fast", "3,4,3", &["3 is there twice"]),
        ("fast", "0..3", &["`fast` is 0", "from 1 to 500"]),
        ("fast", "3..9:0.5", &["`fast` is 3.5", "a whole number"]),
        ("leverage", "10..30", &["leverage = `21`", "1 to 20"]),
        ("min_confidence", "0..1:0.00001", &["100001 values", "at most 10000"]),
        ("dry_run", "on,off", &["unknown parameter `dry_run`"]),
        ("bot.max_positions", "0..3", &["max_positions = `0`"]),
    ] {
        let refusal = refusal(name, text);
        assert!(words.iter().all(|word| refusal.contains(word)), "{name}={text}: {refusal}");
    }
    let twice = [("fast".to_owned(), "1..3".to_owned()), ("fast".to_owned(), "4".to_owned())];
    assert!(matches!(Space::parse(&twice, &setup()), Err(SpaceError::Twice { .. })));
    assert_eq!(Space::parse(&[], &setup()), Err(SpaceError::NoDimension));
}

#[test]
fn a_combination_sets_what_it_names_and_nothing_else() {
    let space = space(&[("fast", "3..6"), ("leverage", "2,5"), ("bot.take_profit_percent", "4")]);
    assert_eq!(space.combinations(), 8);
    let point = space.point(3);
    let named: Vec<_> =
        space.named(&point).map(|(dimension, value)| (dimension.name.as_str(), value)).collect();
    assert_eq!(named, [("fast", "4"), ("leverage", "5"), ("bot.take_profit_percent", "4")]);
    let values: Vec<String> = named.iter().map(|(_, value)| (*value).to_owned()).collect();
    assert_eq!(space.find(&values), Some(point.clone()));
    let found = space.setup(&setup(), &point).unwrap();
    let mut wanted = setup();
    wanted.set("leverage", "5").unwrap();
    wanted.bots[0].spec_mut().unwrap().params.set("fast", "4").unwrap();
    wanted.bots[0].settings.take_profit_percent = Some("4".parse().unwrap());
    assert_eq!(found, wanted);
}

//! Adding, changing and removing strategies.

use serde_json::{Map, Value};

use super::command::NewStrategy;
use super::turn::{Diff, Subject, Turn};
use super::{Assignment, ControlError, candles, names};
use crate::domain::time::Timeframe;
use crate::store::strategies::{self, StrategyRow};
use crate::store::{StoreError, accounts, bots};
use crate::strategy::{StrategyKind, StrategyParams};

fn subject(action: &'static str, name: &str) -> Subject<'static> {
    Subject { action, account: None, name: format!("strategy {name}") }
}

pub(super) fn add(turn: &mut Turn<'_>, new: &NewStrategy) -> Result<(), ControlError> {
    names::STRATEGY.check(&new.name)?;
    let id = strategies::insert(turn.conn, &new.name, new.kind.as_str(), turn.by.now)?;
    let mut row = strategies::get(turn.conn, id)?;
    row.timeframe = new.timeframe;
    let mut added = Diff::added("kind", new.kind.as_str());
    write(turn, row, &new.values, &mut added)?;
    added.compare("timeframe", None, new.timeframe.map(|timeframe| timeframe.to_string()));
    turn.record(subject("add_strategy", &new.name), added)
}

pub(super) fn set(turn: &mut Turn<'_>, name: &str, values: &[Assignment]) -> Result<(), ControlError> {
    if values.is_empty() {
        return Err(ControlError::NothingToSet);
    }
    let row = strategies::find(turn.conn, name)?;
    let (id, before) = (row.id, row.timeframe);
    let mut changed = Diff::default();
    write(turn, row, values, &mut changed)?;
    let row = strategies::get(turn.conn, id)?;
    if row.timeframe != before {
        candles::check_users(turn, &row)?;
    }
    turn.record(subject("set_strategy", name), changed)
}

pub(super) fn remove(turn: &mut Turn<'_>, name: &str) -> Result<(), ControlError> {
    let row = strategies::find(turn.conn, name)?;
    if row.is_builtin {
        return Err(ControlError::BuiltIn { name: row.name });
    }
    let users: Vec<String> = bots::list(turn.conn, None)?
        .iter()
        .filter(|bot| bot.strategy_id == Some(row.id))
        .map(|bot| Ok(format!("{}/{}", accounts::get(turn.conn, bot.account_id)?.name, bot.name)))
        .collect::<Result<_, StoreError>>()?;
    if !users.is_empty() {
        return Err(ControlError::StrategyInUse { name: row.name, bots: users.join(", ") });
    }
    strategies::remove(turn.conn, &row)?;
    let mut removed = Diff::default();
    removed.compare("kind", Some(row.kind), None);
    turn.record(subject("remove_strategy", name), removed)
}

/// The parameters of a stored strategy.
pub fn strategy_params(row: &StrategyRow) -> Result<StrategyParams, ControlError> {
    let kind: StrategyKind = row
        .kind
        .parse()
        .map_err(|_| StoreError::corrupt(format!("strategy {} is of kind {}", row.name, row.kind)))?;
    Ok(StrategyParams::from_json(kind, &Value::Object(row.params.clone()))?)
}

/// Applies `values` to the row, checks the whole and writes it; `diff` gets what differs.
fn write(
    turn: &Turn<'_>,
    mut row: StrategyRow,
    values: &[Assignment],
    diff: &mut Diff,
) -> Result<(), ControlError> {
    let mut params = strategy_params(&row)?;
    let before = object(params.to_json());
    for Assignment { key, value } in values {
        if key == "timeframe" {
            let timeframe = parse_timeframe(value)?;
            let shown = |timeframe: Option<_>| {
                Some(timeframe.map_or("feed".to_owned(), |timeframe: Timeframe| timeframe.to_string()))
            };
            diff.compare("timeframe", shown(row.timeframe), shown(timeframe));
            row.timeframe = timeframe;
        } else {
            params.set(key, value.trim())?;
        }
    }
    params.validate()?;
    let after = object(params.to_json());
    for (key, value) in &after {
        let was = before.get(key).map(ToString::to_string);
        diff.compare(key, was, Some(value.to_string()));
    }
    let defaults = object(StrategyParams::new(params.kind()).to_json());
    row.params = after.into_iter().filter(|(key, value)| defaults.get(key) != Some(value)).collect();
    Ok(strategies::update(turn.conn, &row, turn.by.now)?)
}

/// `feed` is the feed's own timeframe.
pub(crate) fn parse_timeframe(text: &str) -> Result<Option<Timeframe>, ControlError> {
    match text.trim() {
        "feed" | "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| ControlError::BadValue {
            key: "timeframe",
            value: text.to_owned(),
            allowed: "1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d, or feed",
        }),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

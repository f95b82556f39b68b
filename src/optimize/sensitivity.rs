//! How much each parameter matters, and where it is best: averages over all ranked trials.

use serde::Serialize;

use super::ranking::Judged;
use super::space::Dimension;

/// Rows of one parameter; more values share them.
const GROUPS_MAX: usize = 8;

/// Trials with the same value of a parameter, or with values of the same part of its range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// A value, or `first..last`.
    pub values: String,
    pub trials: usize,
    /// Mean objective in sample and out of sample.
    pub inside: f64,
    pub outside: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sensitivity {
    pub name: String,
    /// Share of the variance of the in-sample objective that lies between the groups (eta squared), 0..1.
    pub influence: f64,
    pub groups: Vec<Group>,
}

/// Of each parameter with more than one value, in order.
pub fn of(dimensions: &[Dimension], judged: &[Judged]) -> Vec<Sensitivity> {
    let ranked: Vec<(&Judged, f64)> =
        judged.iter().filter_map(|judged| Some((judged, judged.inside?))).collect();
    let searched = dimensions.iter().enumerate().filter(|(_, dimension)| dimension.values.len() > 1);
    searched.map(|(place, dimension)| of_one(place, dimension, &ranked)).collect()
}

fn of_one(place: usize, dimension: &Dimension, ranked: &[(&Judged, f64)]) -> Sensitivity {
    let size = dimension.values.len().div_ceil(GROUPS_MAX.min(dimension.values.len()).max(1));
    let mut groups = Vec::new();
    let mut between = 0.0;
    let all: Vec<f64> = ranked.iter().map(|(_, value)| *value).collect();
    let whole = average(&all);
    for values in dimension.values.chunks(size) {
        let is_in = |judged: &Judged| judged.values.get(place).is_some_and(|value| values.contains(value));
        let members: Vec<&(&Judged, f64)> = ranked.iter().filter(|(judged, _)| is_in(judged)).collect();
        if members.is_empty() {
            continue;
        }
        let inside = average(&members.iter().map(|(_, value)| *value).collect::<Vec<_>>());
        let outside: Vec<f64> = members.iter().filter_map(|(judged, _)| judged.outside).collect();
        between += count(members.len()) * (inside - whole).powi(2);
        groups.push(Group {
            values: match values {
                [one] => one.clone(),
                [first, .., last] => format!("{first}..{last}"),
                [] => String::new(),
            },
            trials: members.len(),
            inside,
            outside: (!outside.is_empty()).then(|| average(&outside)),
        });
    }
    let total: f64 = all.iter().map(|value| (value - whole).powi(2)).sum();
    let influence = if total > 0.0 { (between / total).clamp(0.0, 1.0) } else { 0.0 };
    Sensitivity { name: dimension.name.clone(), influence, groups }
}

#[expect(clippy::cast_precision_loss, reason = "counts of trials are far below 2^53")]
fn count(of: usize) -> f64 {
    of as f64
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len()).max(1.0)
}

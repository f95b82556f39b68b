//! What is searched: parameters of the strategy and settings of the account, each with the values it may take.
//!
//! Every value passes the check of its own declaration before anything is tried. What only holds together (`fast` below
//! `slow`) is asked for each combination.

use rust_decimal::Decimal;

use crate::backtest::settings::{SetError, setting_keys};
use crate::backtest::setup::{BotSetup, Setup};
use crate::domain::spelling;
use crate::engine::settings::{BotSettings, SettingError};
use crate::strategy::{ParamError, StrategyParams};

/// Values that one parameter may have.
const VALUES_MAX: usize = 10_000;
/// In front of the settings of the bot itself.
const BOT_PREFIX: &str = "bot.";

/// Why there is nothing to search. Names the parameter, the value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    #[error("unknown parameter `{name}`: neither {kind} nor an account has it{hint}")]
    Unknown { name: String, kind: String, hint: String },
    #[error("parameter `{name}` is given twice")]
    Twice { name: String },
    #[error("parameter `{name}` has no values; write `{name}=5..20`, `{name}=0.5..3:0.5` or `{name}=a,b,c`")]
    Empty { name: String },
    #[error("`{name}={text}`: {problem}")]
    Range { name: String, text: String, problem: String },
    #[error("`{name}={text}`: {count} values, a parameter has at most {VALUES_MAX}")]
    TooMany { name: String, text: String, count: String },
    #[error("`{name}={text}`: {value} is there twice")]
    Repeated { name: String, text: String, value: String },
    #[error(transparent)]
    Param(#[from] ParamError),
    #[error(transparent)]
    Setting(#[from] SetError),
    #[error("nothing is searched")]
    NoDimension,
    #[error("a search is of one bot, this account has {bots}")]
    Bots { bots: usize },
    #[error("a search is of the parameters of a strategy, and bot `{bot}` works a grid")]
    Grid { bot: String },
}

/// Whose parameter it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Strategy,
    Account,
    Bot,
}

/// One parameter and what is tried of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    pub name: String,
    owner: Owner,
    /// At least one.
    pub values: Vec<String>,
    /// Neighbouring values are alike: it was given as a range.
    pub is_ordered: bool,
}

impl Dimension {
    /// Whether its values are kept with a strategy; otherwise they belong to the account or the bot.
    pub fn is_of_strategy(&self) -> bool {
        self.owner == Owner::Strategy
    }

    pub fn len(&self) -> u32 {
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// One combination: of each dimension, which of its values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point(pub Vec<u32>);

/// All combinations of the dimensions' values, as far as the strategy allows them.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    pub dimensions: Vec<Dimension>,
    /// The strategy with what is not searched.
    base: StrategyParams,
}

impl Space {
    /// Reads `name=lo..hi[:step]` and `name=a,b,c`, already split at the first `=`, for the one bot of `setup`.
    pub fn parse(given: &[(String, String)], setup: &Setup) -> Result<Self, SpaceError> {
        let [bot] = setup.bots.as_slice() else { return Err(SpaceError::Bots { bots: setup.bots.len() }) };
        let spec = bot.spec().ok_or_else(|| SpaceError::Grid { bot: bot.name.clone() })?;
        let mut space = Self { dimensions: Vec::new(), base: spec.params.clone() };
        for (name, text) in given {
            if space.dimensions.iter().any(|known| known.name == *name) {
                return Err(SpaceError::Twice { name: name.clone() });
            }
            let owner = owner(name, &space.base)?;
            let (values, is_ordered) = values(name, text)?;
            let dimension = Dimension { name: name.clone(), owner, values, is_ordered };
            for value in &dimension.values {
                set(&mut setup.clone(), &dimension, value)?;
            }
            space.dimensions.push(dimension);
        }
        if space.dimensions.is_empty() { Err(SpaceError::NoDimension) } else { Ok(space) }
    }

    /// All combinations, also those that are not allowed.
    pub fn combinations(&self) -> u128 {
        self.dimensions.iter().fold(1, |count, dimension| count.saturating_mul(dimension.len().into()))
    }

    /// The combination with this number: the last dimension changes fastest.
    pub fn point(&self, number: u128) -> Point {
        let mut rest = number;
        let mut indices: Vec<u32> = self
            .dimensions
            .iter()
            .rev()
            .map(|dimension| {
                let count = u128::from(dimension.len().max(1));
                let index = u32::try_from(rest % count).unwrap_or(0);
                rest /= count;
                index
            })
            .collect();
        indices.reverse();
        Point(indices)
    }

    /// Whether the strategy accepts the values together.
    pub fn allows(&self, point: &Point) -> bool {
        self.params(point).is_ok()
    }

    /// Names and values of a combination.
    pub fn named<'a>(&'a self, point: &'a Point) -> impl Iterator<Item = (&'a Dimension, &'a str)> {
        self.dimensions.iter().zip(&point.0).filter_map(|(dimension, index)| {
            let value = dimension.values.get(usize::try_from(*index).ok()?)?;
            Some((dimension, value.as_str()))
        })
    }

    /// The combination whose values are `values`, in order.
    pub fn find(&self, values: &[String]) -> Option<Point> {
        if values.len() != self.dimensions.len() {
            return None;
        }
        let indices = self.dimensions.iter().zip(values).map(|(dimension, value)| {
            let index = dimension.values.iter().position(|known| known == value)?;
            u32::try_from(index).ok()
        });
        indices.collect::<Option<Vec<u32>>>().map(Point)
    }

    /// The strategy's parameters of a combination.
    pub fn params(&self, point: &Point) -> Result<StrategyParams, ParamError> {
        let mut params = self.base.clone();
        for (dimension, value) in self.named(point).filter(|(dimension, _)| dimension.is_of_strategy()) {
            params.set(&dimension.name, value)?;
        }
        params.validate()?;
        Ok(params)
    }

    /// `base` with the values of a combination.
    pub fn setup(&self, base: &Setup, point: &Point) -> Result<Setup, SpaceError> {
        let mut setup = base.clone();
        for (dimension, value) in self.named(point).filter(|(dimension, _)| !dimension.is_of_strategy()) {
            set(&mut setup, dimension, value)?;
        }
        let params = self.params(point)?;
        for spec in setup.bots.iter_mut().filter_map(BotSetup::spec_mut) {
            spec.params = params.clone();
        }
        Ok(setup)
    }
}

fn owner(name: &str, base: &StrategyParams) -> Result<Owner, SpaceError> {
    let own = StrategyParams::keys(base.kind());
    if own.iter().any(|known| known.key == name) {
        return Ok(Owner::Strategy);
    }
    if setting_keys().any(|known| known == name) {
        return Ok(Owner::Account);
    }
    let bot_keys = || BotSettings::KEYS.iter().map(|known| format!("{BOT_PREFIX}{}", known.key));
    if bot_keys().any(|known| known == name) {
        return Ok(Owner::Bot);
    }
    let known: Vec<String> = own
        .iter()
        .map(|known| known.key.to_owned())
        .chain(setting_keys().map(str::to_owned))
        .chain(bot_keys())
        .collect();
    let hint = spelling::hint(name, known.iter().map(String::as_str));
    Err(SpaceError::Unknown { name: name.to_owned(), kind: base.kind().to_string(), hint })
}

fn set(setup: &mut Setup, dimension: &Dimension, value: &str) -> Result<(), SpaceError> {
    let limits = setup.limits;
    match dimension.owner {
        Owner::Account => Ok(setup.set(&dimension.name, value)?),
        Owner::Strategy => {
            let mut specs = setup.bots.iter_mut().filter_map(BotSetup::spec_mut);
            specs.try_for_each(|spec| Ok(spec.params.set(&dimension.name, value)?))
        }
        Owner::Bot => {
            let key = dimension.name.trim_start_matches(BOT_PREFIX);
            let mut set = |error: SettingError| SpaceError::from(SetError::from(error));
            setup.bots.iter_mut().try_for_each(|bot| bot.settings.set(key, value, limits).map_err(&mut set))
        }
    }
}

/// The values, and whether they are a range.
fn values(name: &str, text: &str) -> Result<(Vec<String>, bool), SpaceError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(SpaceError::Empty { name: name.to_owned() });
    }
    if text.contains("..") {
        return Ok((range(name, text)?, true));
    }
    let values: Vec<String> = text.split(',').map(|value| value.trim().to_owned()).collect();
    if values.iter().any(String::is_empty) {
        return Err(SpaceError::Empty { name: name.to_owned() });
    }
    if values.len() > VALUES_MAX {
        let count = values.len().to_string();
        return Err(SpaceError::TooMany { name: name.to_owned(), text: shortened(text), count });
    }
    let mut sorted: Vec<&String> = values.iter().collect();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[_]>::first) {
        let value = (*twice).clone();
        return Err(SpaceError::Repeated { name: name.to_owned(), text: shortened(text), value });
    }
    Ok((values, false))
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// `lo..hi` with a step of one unit of the last decimal written, or `lo..hi:step`.
fn range(name: &str, text: &str) -> Result<Vec<String>, SpaceError> {
    let refused = |problem: &str| SpaceError::Range {
        name: name.to_owned(),
        text: shortened(text),
        problem: problem.to_owned(),
    };
    let number = |part: &str| {
        let parsed = part.trim().parse::<Decimal>();
        parsed.map_err(|_| refused(&format!("`{}` is not a number", shortened(part))))
    };
    let (ends, step) = text.split_once(':').map_or((text, None), |(ends, step)| (ends, Some(step)));
    let (low, high) = ends.split_once("..").ok_or_else(|| refused("a range is lo..hi or lo..hi:step"))?;
    let (low, high) = (number(low)?, number(high)?);
    let step = match step {
        Some(step) => number(step)?,
        None => Decimal::new(1, low.scale().max(high.scale())),
    };
    if low > high {
        return Err(refused("the first number is the lower end, the second the upper one"));
    }
    if step <= Decimal::ZERO {
        return Err(refused("the step must be above 0"));
    }
    let values = (high - low).checked_div(step).map(|steps| steps.floor() + Decimal::ONE);
    let count = values.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= VALUES_MAX);
    let Some(count) = count else {
        let count = values.map_or("countless".to_owned(), |count| count.to_string());
        return Err(SpaceError::TooMany { name: name.to_owned(), text: shortened(text), count });
    };
    let value = |index: usize| (low + step * Decimal::from(index)).normalize().to_string();
    Ok((0..count).map(value).collect())
}

#[cfg(test)]
pub(crate) mod tests;

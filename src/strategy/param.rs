//! One strategy parameter: its type, its range, and how it is read and shown.
//!
//! The `strategy_params!` macro makes a struct, its defaults, its JSON form and its documentation from one table, so a key,
//! its range and its description cannot drift apart. Every way in (JSON, key=value, serde) goes through the same check.

use serde_json::Value;

use crate::domain::money::Pct;

/// What is wrong with a parameter. Names the key, the value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    #[error("unknown parameter `{key}` of {kind}{}, its parameters are {known}", did_you_mean(suggestion.as_deref()))]
    UnknownKey { kind: &'static str, key: String, suggestion: Option<String>, known: String },
    #[error("parameter `{key}` is {value}, allowed is {allowed}")]
    NotAllowed { key: &'static str, value: String, allowed: String },
    #[error("parameter `{key}` is {value}, allowed is less than `{other}` ({other_value})")]
    NotBelow { key: &'static str, value: String, other: &'static str, other_value: String },
    #[error("parameters of {kind} are {value}, allowed is a JSON object")]
    NotAnObject { kind: &'static str, value: String },
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

impl ParamError {
    /// `key` is none of `known`: suggests the nearest one, if it is near enough to be a slip of the hand.
    pub(super) fn unknown(kind: &'static str, key: &str, known: &[&'static str]) -> Self {
        let nearest = known
            .iter()
            .map(|candidate| (strsim::jaro_winkler(key, candidate), *candidate))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        Self::UnknownKey {
            kind,
            key: key.to_owned(),
            suggestion: nearest.filter(|(likeness, _)| *likeness >= 0.8).map(|(_, key)| key.to_owned()),
            known: known.join(", "),
        }
    }

    /// Checks an order between two parameters of one struct.
    pub(super) fn check_below(
        (key, value): (&'static str, f64),
        (other, other_value): (&'static str, f64),
    ) -> Result<(), Self> {
        if value < other_value {
            return Ok(());
        }
        Err(Self::NotBelow { key, value: value.to_string(), other, other_value: other_value.to_string() })
    }
}

/// One parameter, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamInfo {
    pub key: &'static str,
    pub default: String,
    /// What is allowed: `a whole number from 1 to 500`.
    pub range: String,
    /// What it does, with its unit.
    pub description: &'static str,
}

/// Both ends belong to it; flags ignore it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds(pub(super) f64, pub(super) f64);

/// Flags have no bounds.
pub(super) const ANY: Bounds = Bounds(0.0, 1.0);

/// A type that a parameter may have.
pub(super) trait ParamType: Sized {
    fn from_json(value: &Value) -> Option<Self>;
    fn to_json(&self) -> Value;
    fn is_within(&self, bounds: Bounds) -> bool;
    fn allowed(bounds: Bounds) -> String;
}

impl ParamType for u32 {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }

    fn is_within(&self, Bounds(least, most): Bounds) -> bool {
        (least..=most).contains(&f64::from(*self))
    }

    fn allowed(Bounds(least, most): Bounds) -> String {
        format!("a whole number from {least} to {most}")
    }
}

impl ParamType for f64 {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_f64()
    }

    fn to_json(&self) -> Value {
        // Adding 0 turns -0, which is equal to 0 but written differently, into 0.
        Value::from(*self + 0.0)
    }

    fn is_within(&self, Bounds(least, most): Bounds) -> bool {
        (least..=most).contains(self)
    }

    fn allowed(Bounds(least, most): Bounds) -> String {
        format!("a number from {least} to {most}")
    }
}

impl ParamType for bool {
    fn from_json(value: &Value) -> Option<Self> {
        match value.as_str() {
            Some("on") => Some(true),
            Some("off") => Some(false),
            Some(_) | None => value.as_bool(),
        }
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }

    fn is_within(&self, _: Bounds) -> bool {
        true
    }

    fn allowed(_: Bounds) -> String {
        "true or false".to_owned()
    }
}

impl ParamType for Pct {
    /// A number or its text. Six decimals are far fewer than an `f64` keeps, so the number's text is what was written.
    fn from_json(value: &Value) -> Option<Self> {
        match value.as_f64() {
            Some(number) => number.to_string().parse().ok(),
            None => value.as_str()?.parse().ok(),
        }
    }

    fn to_json(&self) -> Value {
        self.to_string().parse::<f64>().map_or(Value::Null, |number| Value::from(number + 0.0))
    }

    fn is_within(&self, bounds: Bounds) -> bool {
        self.to_json().as_f64().is_some_and(|number| number.is_within(bounds))
    }

    fn allowed(Bounds(least, most): Bounds) -> String {
        format!("a percentage from {least} to {most} with at most 6 decimals")
    }
}

/// Reads one value and checks its range.
pub(super) fn read<T: ParamType>(key: &'static str, value: &Value, bounds: Bounds) -> Result<T, ParamError> {
    T::from_json(value).filter(|parsed| parsed.is_within(bounds)).ok_or_else(|| ParamError::NotAllowed {
        key,
        value: value.to_string(),
        allowed: T::allowed(bounds),
    })
}

/// Checks the range of a value that is already there.
pub(super) fn check<T: ParamType>(key: &'static str, value: &T, bounds: Bounds) -> Result<(), ParamError> {
    if value.is_within(bounds) {
        return Ok(());
    }
    Err(ParamError::NotAllowed { key, value: value.to_json().to_string(), allowed: T::allowed(bounds) })
}

/// What a value typed as `key=value` is in JSON: a number or a flag where it reads as one, text otherwise.
pub(super) fn typed(text: &str) -> Value {
    match text.parse::<Value>() {
        Ok(value) if value.is_number() || value.is_boolean() => value,
        Ok(_) | Err(_) => Value::from(text),
    }
}

/// Makes a parameter struct from a table of `key: type = default, bounds, "description";`.
macro_rules! strategy_params {
    ($(#[$doc:meta])* $name:ident of $kind:literal {
        $($key:ident: $type:ty = $default:expr, $bounds:expr, $description:literal;)*
    }) => {
        $(#[$doc])*
        ///
        /// Absent keys take their default, unknown ones are refused.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "serde_json::Value", into = "serde_json::Value")]
        pub struct $name {
            $(#[doc = $description] pub $key: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $name {
            const KEYS: &[&str] = &[$(stringify!($key),)*];

            /// Sets one parameter after checking its own range; [`Self::validate`] checks what spans several.
            pub fn assign(&mut self, key: &str, value: &serde_json::Value) -> Result<(), super::param::ParamError> {
                match key {
                    $(stringify!($key) => self.$key = super::param::read(stringify!($key), value, $bounds)?,)*
                    _ => return Err(super::param::ParamError::unknown($kind, key, Self::KEYS)),
                }
                Ok(())
            }

            /// Checks every range and what spans several parameters.
            pub fn validate(&self) -> Result<(), super::param::ParamError> {
                $(super::param::check(stringify!($key), &self.$key, $bounds)?;)*
                self.validate_together()
            }

            /// Every parameter, keys sorted.
            pub fn to_json(&self) -> serde_json::Value {
                let mut fields = std::collections::BTreeMap::new();
                $(fields.insert(stringify!($key).to_owned(), super::param::ParamType::to_json(&self.$key));)*
                serde_json::Value::Object(fields.into_iter().collect())
            }

            /// Every parameter with its default, range and meaning.
            pub fn keys() -> Vec<super::param::ParamInfo> {
                let default = Self::default();
                vec![$(super::param::ParamInfo {
                    key: stringify!($key),
                    default: super::param::ParamType::to_json(&default.$key).to_string(),
                    range: <$type as super::param::ParamType>::allowed($bounds),
                    description: $description.trim_ascii(),
                },)*]
            }
        }

        impl TryFrom<serde_json::Value> for $name {
            type Error = super::param::ParamError;

            fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
                let serde_json::Value::Object(fields) = &value else {
                    return Err(super::param::ParamError::NotAnObject { kind: $kind, value: value.to_string() });
                };
                let mut params = Self::default();
                for (key, value) in fields {
                    params.assign(key, value)?;
                }
                params.validate()?;
                Ok(params)
            }
        }

        impl From<$name> for serde_json::Value {
            fn from(params: $name) -> Self {
                params.to_json()
            }
        }
    };
}

pub(super) use strategy_params;

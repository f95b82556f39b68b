//! The configuration file: what is common to all accounts of a fleet.
//!
//! Every key is optional and has one row in [`KEYS`], from which parsing, `config show` and the file that `init` writes
//! all follow. A configuration that exists is valid; all errors of a file are reported at once, with their lines.

pub mod document;
pub mod reference;

mod alerts;
mod backup;
mod keys;
mod live;
mod reload;
mod telegram;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::time::{DurationMs, Timeframe};
use crate::engine::settings::PolicyLimits;
use crate::signal::gates::GateConfig;
use crate::signal::universe::UniverseConfig;

pub use alerts::{AlertsConfig, MailTls};
pub use backup::BackupConfig;
use document::{Entry, Node, Problem, Problems, Value, table_of, unknown_key};
pub use keys::{ConfigKey, KEYS};
pub use live::{ExchangeUrls, LiveConfig};
pub use reload::Reloaded;
pub use telegram::TelegramConfig;
pub use watch::{HttpConfig, WatchConfig};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// error, warn, info, debug or trace.
    pub level: String,
    pub format: LogFormat,
    /// Log files go here as well; `None`: only to stderr.
    pub dir: Option<PathBuf>,
    /// Files that are kept.
    pub keep_files: u16,
    /// A file that has grown beyond this is followed by another, bytes.
    pub max_file_bytes: u64,
    /// Accounts whose lines are logged in more detail than the others', each with its level.
    pub accounts: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// False: no account opens anything; what is open stays managed.
    pub enabled: bool,
    pub equity_interval: DurationMs,
    /// Whether a position whose stop cannot be placed at the exchange is closed after a minute.
    pub close_if_unprotected: bool,
}

/// What replaces the exchange's own rules of one symbol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstrumentOverride {
    pub tick: Option<Price>,
    pub step: Option<Qty>,
    pub min_qty: Option<Qty>,
    pub min_notional: Option<Quote>,
}

/// How many rows of the bounded tables are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionConfig {
    pub decisions: u64,
    pub signals: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub log: LogConfig,
    pub limits: PolicyLimits,
    pub engine: EngineConfig,
    /// Timeframe of strategies that name none; `None`: the feed's finest.
    pub timeframe: Option<Timeframe>,
    pub universe: UniverseConfig,
    pub gates: GateConfig,
    pub instruments: BTreeMap<Symbol, InstrumentOverride>,
    pub retention: RetentionConfig,
    pub live: LiveConfig,
    pub telegram: TelegramConfig,
    pub alerts: AlertsConfig,
    pub http: HttpConfig,
    pub watch: WatchConfig,
    pub backup: BackupConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log: LogConfig {
                level: "info".to_owned(),
                format: LogFormat::Human,
                dir: None,
                keep_files: 14,
                max_file_bytes: 100 << 20,
                accounts: BTreeMap::new(),
            },
            limits: PolicyLimits { max_leverage: Leverage::try_new(20).unwrap_or(Leverage::ONE) },
            engine: EngineConfig {
                enabled: true,
                equity_interval: DurationMs::from_secs(3_600),
                close_if_unprotected: true,
            },
            timeframe: None,
            universe: UniverseConfig::default(),
            gates: GateConfig::default(),
            instruments: BTreeMap::new(),
            retention: RetentionConfig { decisions: 200_000, signals: 50_000 },
            live: LiveConfig::default(),
            telegram: TelegramConfig::default(),
            alerts: AlertsConfig::default(),
            http: HttpConfig::default(),
            watch: WatchConfig::default(),
            backup: BackupConfig::default(),
        }
    }
}

/// A configuration and which of its keys the file sets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadedConfig {
    pub config: Config,
    pub from_file: BTreeSet<String>,
    /// There is a file; without one these are the defaults.
    pub has_file: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{} cannot be read: {detail}", path.display())]
    Unreadable { path: PathBuf, detail: String },
    #[error("{} is gone", path.display())]
    Gone { path: PathBuf },
    #[error("{} has {} {}:{}", path.display(), problems.len(), noun(problems.len()), listed(problems))]
    Invalid { path: PathBuf, problems: Vec<Problem> },
}

/// The line of a key of a section; 1 when it is not there.
fn line_of(sections: &[Entry], section: &str, key: &str) -> usize {
    let section = sections.iter().find(|entry| entry.key == section);
    let Some(Value::Table(entries)) = section.map(|entry| &entry.node.value) else { return 1 };
    entries.iter().find(|entry| entry.key == key).map_or(1, |entry| entry.line)
}

const fn noun(count: usize) -> &'static str {
    if count == 1 { "error" } else { "errors" }
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    format!("\n  {}", lines.join("\n  "))
}

impl LoadedConfig {
    /// Reads a file; an absent one gives the defaults.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(ConfigError::Unreadable { path: path.to_owned(), detail: error.to_string() });
            }
        };
        let invalid = |problems| ConfigError::Invalid { path: path.to_owned(), problems };
        Ok(Self { has_file: true, ..Self::parse(&text).map_err(invalid)? })
    }

    /// Reads a file that was there before: an absent one is a mishap, and no wish for the defaults.
    pub fn load_again(path: &Path) -> Result<Self, ConfigError> {
        let loaded = Self::load(path)?;
        if loaded.has_file { Ok(loaded) } else { Err(ConfigError::Gone { path: path.to_owned() }) }
    }

    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let sections = document::parse(text)?;
        let mut loaded = Self::default();
        let mut problems = Problems::default();
        for section in &sections {
            loaded.read_section(section, &mut problems);
        }
        loaded.check_together(&sections, &mut problems);
        problems.into_result(loaded)
    }

    fn read_section(&mut self, section: &Entry, problems: &mut Problems) {
        if section.key == "instruments" {
            for symbol in table_of("instruments", &section.node, problems).unwrap_or_default() {
                self.read_instrument(symbol, problems);
            }
            return;
        }
        let known = keys::sections();
        if !known.contains(&section.key.as_str()) {
            let what = "the configuration";
            problems.add(section.line, unknown_key(&section.key, what, known.iter().copied()));
            return;
        }
        for entry in table_of(&section.key, &section.node, problems).unwrap_or_default() {
            let full = format!("{}.{}", section.key, entry.key);
            if let Some(spec) = KEYS.iter().find(|spec| spec.key == full) {
                self.read_key(spec, &entry.node, problems);
            } else {
                let what = format!("section [{}]", section.key);
                problems.add(entry.line, unknown_key(&entry.key, &what, keys::names_in(&section.key)));
            }
        }
    }

    fn read_key(&mut self, spec: &'static ConfigKey, node: &Node, problems: &mut Problems) {
        let values: Option<Vec<&str>> = match &node.value {
            Value::Text(text) | Value::Plain(text) => Some(vec![text.as_str()]),
            Value::List(items) if spec.is_list => items.iter().map(Node::scalar).collect(),
            Value::List(_) | Value::Table(_) => None,
        };
        let done = values.as_deref().is_some_and(|values| self.config.set(spec.key, values).is_some());
        if done {
            self.from_file.insert(spec.key.to_owned());
        } else {
            let shown = match &values {
                Some(values) => format!("`{}`", values.join(", ")),
                None => node.kind().to_owned(),
            };
            problems.add(node.line, format!("{} = {shown} is not allowed: {}", spec.key, spec.allowed));
        }
    }

    fn read_instrument(&mut self, entry: &Entry, problems: &mut Problems) {
        let symbol = match Symbol::try_new(&entry.key) {
            Ok(symbol) => symbol,
            Err(error) => return problems.add(entry.line, error),
        };
        let what = format!("section [instruments.{symbol}]");
        let mut over = InstrumentOverride::default();
        for field in table_of(&entry.key, &entry.node, problems).unwrap_or_default() {
            let text = field.node.scalar().unwrap_or_default();
            let outcome = match field.key.as_str() {
                "tick" => text.parse().map(|tick| over.tick = Some(tick)),
                "step" => text.parse().map(|step| over.step = Some(step)),
                "min_qty" => text.parse().map(|qty| over.min_qty = Some(qty)),
                "min_notional" => text.parse().map(|notional| over.min_notional = Some(notional)),
                other => {
                    let known = ["tick", "step", "min_qty", "min_notional"];
                    problems.add(field.line, unknown_key(other, &what, known));
                    continue;
                }
            };
            match outcome {
                Ok(()) => drop(self.from_file.insert(format!("instruments.{symbol}.{}", field.key))),
                Err(error) => {
                    problems.add(field.line, format!("instruments.{symbol}.{}: {error}", field.key));
                }
            }
        }
        if over.step.is_some_and(Qty::is_zero) {
            problems.add(entry.line, format!("instruments.{symbol}.step must be above 0"));
        }
        if over.min_notional.is_some_and(|notional| notional < Quote::ZERO) {
            problems.add(entry.line, format!("instruments.{symbol}.min_notional must not be negative"));
        }
        self.config.instruments.insert(symbol, over);
    }

    fn check_together(&self, sections: &[Entry], problems: &mut Problems) {
        let line = sections.iter().find(|section| section.key == "gates").map_or(1, |section| section.line);
        if let Err(error) = self.config.gates.validate() {
            problems.add(line, error);
        }
        if let Some(problem) = self.config.alerts.problem() {
            let alerts = sections.iter().find(|section| section.key == "alerts");
            problems.add(alerts.map_or(1, |section| section.line), problem);
        }
        if let Some(refusal) = self.config.http.refusal() {
            problems.add(line_of(sections, "http", "listen"), refusal);
        }
    }

    /// Every effective value: key, value as the file would write it, whether the file sets it.
    pub fn rows(&self) -> Vec<(String, String, bool)> {
        let mut rows: Vec<_> = KEYS
            .iter()
            .map(|spec| {
                let value = self.config.get(spec.key).unwrap_or_default();
                (spec.key.to_owned(), value, self.from_file.contains(spec.key))
            })
            .collect();
        for (symbol, over) in &self.config.instruments {
            let fields = [
                ("tick", over.tick.map(|value| value.to_string())),
                ("step", over.step.map(|value| value.to_string())),
                ("min_qty", over.min_qty.map(|value| value.to_string())),
                ("min_notional", over.min_notional.map(|value| value.to_string())),
            ];
            for (field, value) in fields {
                if let Some(value) = value {
                    rows.push((format!("instruments.{symbol}.{field}"), format!("\"{value}\""), true));
                }
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests;

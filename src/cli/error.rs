//! Errors as a person or a script meets them: a message, a hint what to do next, a stable word and exit code.

use std::fmt;
use std::io;

use serde_json::json;

use crate::config::ConfigError;
use crate::control::ControlError;
use crate::market::candle_export::ExportError;
use crate::market::candle_file::CandleFileError;
use crate::market::candle_store::CandleStoreError;
use crate::market::part_file::PartFileError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Exit codes; `docs/cli.md` promises them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Unexpected failure.
    Failure,
    /// Usage or bad input.
    Usage,
    NotFound,
    /// A limit, a state, or a confirmation that was not given.
    Refused,
    Database,
    Vault,
    DaemonRunning,
    /// No daemon where one is needed, or no answer in time.
    NoDaemon,
    /// An exchange that does not answer.
    NoExchange,
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Failure => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Database => 5,
            Self::Vault => 6,
            Self::DaemonRunning => 7,
            Self::NoDaemon => 8,
            Self::NoExchange => 9,
        }
    }

    /// The stable word of `--json` errors that name no finer one.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Usage => "bad_input",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Database => "database",
            Self::Vault => "vault",
            Self::DaemonRunning => "daemon_running",
            Self::NoDaemon => "no_daemon",
            Self::NoExchange => "no_exchange",
        }
    }
}

/// Why a command ended without doing what it was asked.
#[derive(Debug, Clone)]
pub struct CliError {
    pub exit: Exit,
    /// A stable word for scripts.
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
    /// The reader of stdout went away: nothing to report, and not a failure.
    pub is_closed_pipe: bool,
}

impl CliError {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, code: exit.word(), message: message.into(), hint: None, is_closed_pipe: false }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(Exit::NotFound, format!("there is no {what} `{name}`"))
    }

    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What failed on a file.
    pub fn file(path: &std::path::Path, error: &io::Error) -> Self {
        Self::new(Exit::Failure, format!("{}: {error}", path.display()))
    }

    /// What cannot be read of a file that the command line names.
    pub fn input(path: &std::path::Path, error: &io::Error) -> Self {
        Self::usage(format!("{}: {error}", path.display()))
    }

    /// The form of `--json`.
    pub fn to_json(&self) -> serde_json::Value {
        json!({ "error": {
            "code": self.code,
            "exit_code": self.exit.code(),
            "message": self.message,
            "hint": self.hint,
        }})
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let (exit, code) = match &error {
            StoreError::NotFound { .. } => (Exit::NotFound, "not_found"),
            StoreError::Exists { .. } => (Exit::Refused, "exists"),
            StoreError::BotLimit { .. } => (Exit::Refused, "bot_limit"),
            StoreError::AllocationLimit { .. } => (Exit::Refused, "allocation_limit"),
            StoreError::Conflict { .. } => (Exit::Refused, "refused"),
            StoreError::DaemonRunning { .. } => (Exit::DaemonRunning, "daemon_running"),
            StoreError::NoDatabase { .. } => (Exit::Database, "no_database"),
            StoreError::NewerSchema { .. } | StoreError::NotMigrated { .. } => (Exit::Database, "schema"),
            StoreError::Permissions { .. } => (Exit::Database, "permissions"),
            StoreError::DiskFull => (Exit::Database, "disk_full"),
            StoreError::Busy => (Exit::Database, "busy"),
            StoreError::Corrupt { .. } => (Exit::Database, "corrupt"),
            StoreError::ReadOnly { .. } => (Exit::Database, "read_only"),
            StoreError::NotADatabase { .. }
            | StoreError::MigrationFailed { .. }
            | StoreError::LeaseLost { .. }
            | StoreError::WriterStopped
            | StoreError::File { .. }
            | StoreError::Other { .. } => (Exit::Database, "database"),
        };
        Self { code, hint: error.hint(), ..Self::new(exit, error.to_string()) }
    }
}

impl From<VaultError> for CliError {
    fn from(error: VaultError) -> Self {
        Self { hint: error.hint(), ..Self::new(Exit::Vault, error.to_string()) }
    }
}

impl From<PartFileError> for CliError {
    fn from(error: PartFileError) -> Self {
        let exit = match &error {
            PartFileError::InUse { .. } => Exit::Refused,
            PartFileError::File { .. } => Exit::Failure,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
            .hint("nothing was done; `tradefleet config check` says when the file is right")
    }
}

impl From<ControlError> for CliError {
    fn from(error: ControlError) -> Self {
        let (exit, code) = match &error {
            ControlError::Store(error) => return error.clone().into(),
            ControlError::Vault(error) => return error.clone().into(),
            ControlError::Setting(_)
            | ControlError::Param(_)
            | ControlError::BadName { .. }
            | ControlError::BadValue { .. }
            | ControlError::UnknownAccountKey { .. }
            | ControlError::UnknownNoticeKey { .. }
            | ControlError::KeysMissing { .. }
            | ControlError::TokenMissing { .. }
            | ControlError::KeysUnused { .. }
            | ControlError::ForeignSymbol { .. }
            | ControlError::Import { .. }
            | ControlError::GridIncomplete { .. }
            | ControlError::OtherType { .. }
            | ControlError::NotAGrid { .. }
            | ControlError::NothingToSet => (Exit::Usage, "bad_input"),
            ControlError::GridRefused { .. } => (Exit::Usage, "grid_refused"),
            ControlError::BelowGrids { .. } => (Exit::Refused, "grid_refused"),
            ControlError::GridHolds { .. } => (Exit::Refused, "open_positions"),
            ControlError::NothingSelected { .. }
            | ControlError::NoBot { .. }
            | ControlError::NoTelegram { .. }
            | ControlError::NothingOpen { .. } => (Exit::NotFound, "not_found"),
            ControlError::ChatTaken { .. } => (Exit::Refused, "exists"),
            ControlError::Allocation { .. } => (Exit::Refused, "allocation_limit"),
            ControlError::SwitchWithPositions { .. } | ControlError::BotHoldsPositions { .. } => {
                (Exit::Refused, "open_positions")
            }
            ControlError::Unconfirmed { .. } => (Exit::Refused, "needs_confirmation"),
            ControlError::SpotOnly { .. } => (Exit::Refused, "spot_exchange"),
            ControlError::AccountBusy { .. } => (Exit::Refused, "account_busy"),
            ControlError::ChangedMeanwhile { .. } => (Exit::Refused, "refused"),
            ControlError::BuiltIn { .. } => (Exit::Refused, "built_in"),
            ControlError::StrategyInUse { .. } => (Exit::Refused, "in_use"),
        };
        Self { code, hint: error.hint(), ..Self::new(exit, error.to_string()) }
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        Self::new(Exit::Failure, format!("the answer could not be written as JSON: {error}"))
    }
}

impl From<CandleFileError> for CliError {
    fn from(error: CandleFileError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<CandleStoreError> for CliError {
    fn from(error: CandleStoreError) -> Self {
        let (exit, hint) = match &error {
            CandleStoreError::NotFound { .. } => (
                Exit::NotFound,
                Some("`data list` shows what is stored; `data download` and `data import` add to it"),
            ),
            CandleStoreError::Ambiguous { .. } => (Exit::Usage, Some("write EXCHANGE/SYMBOL:TIMEFRAME")),
            CandleStoreError::Conflict { .. } => (
                Exit::Refused,
                Some("`--on-conflict keep` leaves what is stored, `--on-conflict replace` takes the new"),
            ),
            CandleStoreError::Columns { .. } => (Exit::Usage, None),
            CandleStoreError::File(_) | CandleStoreError::Folder { .. } => (Exit::Failure, None),
        };
        Self { hint: hint.map(str::to_owned), ..Self::new(exit, error.to_string()) }
    }
}

impl From<ExportError> for CliError {
    fn from(error: ExportError) -> Self {
        let exit = match &error {
            ExportError::File { .. } => Exit::Failure,
            ExportError::Ending { .. } => Exit::Usage,
        };
        Self::new(exit, error.to_string())
    }
}

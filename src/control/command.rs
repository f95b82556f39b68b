//! The one list of what can be changed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::kind::{BotType, ExchangeKind};
use crate::domain::side::PositionMode;
use crate::domain::time::{Timeframe, Timestamp};
use crate::strategy::StrategyKind;

/// `key=value`, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub key: String,
    pub value: String,
}

impl Assignment {
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// Which accounts. One that selects nothing is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    Named(Vec<String>),
    Tagged(String),
    All,
}

impl Selection {
    pub fn one(name: impl Into<String>) -> Self {
        Self::Named(vec![name.into()])
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(names) => f.write_str(&names.join(", ")),
            Self::Tagged(tag) => write!(f, "tag {tag}"),
            Self::All => f.write_str("all accounts"),
        }
    }
}

/// Which bots: those of one name, or all, of the selected accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotSelection {
    pub accounts: Selection,
    /// `None` = all bots.
    pub name: Option<String>,
}

/// What happens to the open positions of a bot that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionsChoice {
    /// The daemon closes them.
    Close,
    /// They become the operator's own.
    Release,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAccount {
    pub name: String,
    pub exchange: ExchangeKind,
    /// Keys as for [`Command::SetAccounts`].
    pub values: Vec<Assignment>,
    pub tags: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewBotSpec {
    pub account: String,
    pub name: String,
    pub bot_type: BotType,
    /// A strategy's name; grids follow none.
    pub strategy: Option<String>,
    /// Keys of the bot's settings, and those of a grid.
    pub values: Vec<Assignment>,
    pub start: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewStrategy {
    pub name: String,
    pub kind: StrategyKind,
    pub timeframe: Option<Timeframe>,
    pub values: Vec<Assignment>,
}

/// What the exchange said of an account whose key may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub account: String,
    /// When the row had last changed that the exchange was asked with.
    pub as_of: Timestamp,
    pub uid: Option<String>,
    pub position_mode: Option<PositionMode>,
    /// A person accepts that this key can move money.
    pub allow_withdraw_key: bool,
}

/// What is set of an account's chat; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelegramValues {
    pub chat_id: Option<i64>,
    /// Who may give commands there. Nobody named: the person of the private chat.
    pub users: Option<Vec<i64>>,
    /// `en`, `ko`, or `default` for the configuration's.
    pub language: Option<String>,
    /// Kinds of notices, `daily_hour`, `time_zone`: as in [`Command::SetNotices`].
    #[serde(default)]
    pub notices: Vec<Assignment>,
}

/// Everything that the CLI and chats can change. Holds no secret, so it can be stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Its keys, if the exchange needs them, come beside the command.
    AddAccount(NewAccount),
    /// Keys of the account's settings, of its paper terms (`paper.` may stand before them), `proxy`, `bind_address`.
    SetAccounts {
        accounts: Selection,
        values: Vec<Assignment>,
    },
    /// Replaces the exchange keys by those beside the command.
    ReplaceKeys {
        account: String,
    },
    /// Keeps what the exchanges said of accounts.
    VerifyAccounts {
        verified: Vec<Verified>,
    },
    TagAccounts {
        accounts: Selection,
        add: Vec<String>,
        remove: Vec<String>,
    },
    ActivateAccounts {
        accounts: Selection,
    },
    /// The daemon lets go of the account; what is open stays as it is at the exchange.
    DeactivateAccounts {
        accounts: Selection,
    },
    /// Refused with open positions or running bots unless `force`.
    RemoveAccount {
        account: String,
        force: bool,
    },
    /// Its token comes beside the command; without one the account keeps the token it has.
    SetTelegram {
        account: String,
        values: TelegramValues,
    },
    RemoveTelegram {
        account: String,
    },
    /// Kinds of notices with `on`, `silent` or `off`; `daily_hour` and `time_zone` of the summary.
    SetNotices {
        accounts: Selection,
        values: Vec<Assignment>,
    },
    AddBot(NewBotSpec),
    /// Copies a bot, stopped, to other accounts.
    CloneBot {
        account: String,
        name: String,
        to: Selection,
    },
    /// Keys of the bot's settings, `strategy`, and those of a grid.
    SetBots {
        bots: BotSelection,
        values: Vec<Assignment>,
    },
    StartBots {
        bots: BotSelection,
    },
    StopBots {
        bots: BotSelection,
        close: bool,
    },
    /// A bot with open positions needs a choice.
    RemoveBots {
        bots: BotSelection,
        positions: Option<PositionsChoice>,
    },
    /// The daemon compares the ladders with the exchange and the ledger, and mends them.
    RepairGrids {
        bots: BotSelection,
    },
    AddStrategy(NewStrategy),
    /// Parameters of the strategy's kind, and `timeframe` (`feed` for the feed's own).
    SetStrategy {
        name: String,
        values: Vec<Assignment>,
    },
    RemoveStrategy {
        name: String,
    },
    /// The daemon closes what bots of the account hold in the symbol, also without auto_exit.
    ClosePositions {
        account: String,
        symbol: String,
    },
    Halt {
        accounts: Selection,
        flatten: bool,
        reason: String,
    },
    /// Ends a quarantine, or else the halt.
    Resume {
        accounts: Selection,
    },
    /// Accounts that were added together from a file.
    Import {
        accounts: Vec<String>,
    },
}

impl Command {
    /// Whether it only takes risk away. That goes by no limit, and must be possible whatever else is wrong.
    pub const fn only_calms(&self) -> bool {
        matches!(
            self,
            Self::Halt { .. }
                | Self::StopBots { .. }
                | Self::ClosePositions { .. }
                | Self::DeactivateAccounts { .. }
        )
    }

    /// The stable word of the `commands` table and the audit log.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AddAccount(_) => "add_account",
            Self::SetAccounts { .. } => "set_accounts",
            Self::ReplaceKeys { .. } => "replace_keys",
            Self::VerifyAccounts { .. } => "verify_accounts",
            Self::TagAccounts { .. } => "tag_accounts",
            Self::ActivateAccounts { .. } => "activate_accounts",
            Self::DeactivateAccounts { .. } => "deactivate_accounts",
            Self::RemoveAccount { .. } => "remove_account",
            Self::SetTelegram { .. } => "set_telegram",
            Self::RemoveTelegram { .. } => "remove_telegram",
            Self::SetNotices { .. } => "set_notices",
            Self::AddBot(_) => "add_bot",
            Self::CloneBot { .. } => "clone_bot",
            Self::SetBots { .. } => "set_bots",
            Self::StartBots { .. } => "start_bots",
            Self::StopBots { .. } => "stop_bots",
            Self::RemoveBots { .. } => "remove_bots",
            Self::RepairGrids { .. } => "repair_grids",
            Self::AddStrategy(_) => "add_strategy",
            Self::SetStrategy { .. } => "set_strategy",
            Self::RemoveStrategy { .. } => "remove_strategy",
            Self::ClosePositions { .. } => "close_positions",
            Self::Halt { .. } => "halt",
            Self::Resume { .. } => "resume",
            Self::Import { .. } => "import",
        }
    }
}

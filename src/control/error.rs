//! Why a change was refused. Nothing of it was done.

use crate::config::document::Problem;
use crate::domain::kind::ExchangeKind;
use crate::domain::money::Leverage;
use crate::engine::grid::refusal::{PlanRefusal, reasons};
use crate::engine::settings::SettingError;
use crate::store::StoreError;
use crate::strategy::ParamError;
use crate::vault::VaultError;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ControlError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    Param(#[from] ParamError),
    #[error("{}", allocation_text(*requested, *free))]
    Allocation { requested: rust_decimal::Decimal, free: rust_decimal::Decimal },
    #[error("{what} `{name}` is not allowed: {allowed}")]
    BadName { what: &'static str, name: String, allowed: &'static str },
    #[error("{key} = `{value}` is not allowed: {allowed}")]
    BadValue { key: &'static str, value: String, allowed: &'static str },
    #[error("unknown account setting `{key}`{hint}")]
    UnknownAccountKey { key: String, hint: String },
    #[error("{exchange} needs {fields}")]
    KeysMissing { exchange: ExchangeKind, fields: &'static str },
    #[error("account `{account}` has no Telegram bot yet: its token is missing")]
    TokenMissing { account: String },
    #[error("{exchange} takes no {fields}")]
    KeysUnused { exchange: ExchangeKind, fields: &'static str },
    #[error("account `{account}` has {open} open positions: dry_run cannot be switched while it holds them")]
    SwitchWithPositions { account: String, open: u32 },
    #[error("account `{account}` is about to leave dry run")]
    Unconfirmed { account: String },
    #[error("{key} = `{value}` makes no sense on {exchange}: it is a spot exchange, {why}")]
    SpotOnly { exchange: ExchangeKind, key: String, value: String, why: &'static str },
    #[error("symbol `{symbol}` does not belong to {exchange}: its symbols look like {example}")]
    ForeignSymbol { exchange: ExchangeKind, symbol: String, example: &'static str },
    #[error("no account {selection}")]
    NothingSelected { selection: String },
    #[error("none of the selected accounts has a bot{}", of_name(name.as_deref()))]
    NoBot { name: Option<String> },
    #[error("bot `{bot}` of account `{account}` has {open} open positions: say what happens to them")]
    BotHoldsPositions { account: String, bot: String, open: u32 },
    #[error("account `{account}` has {open} open positions and {running} running bots")]
    AccountBusy { account: String, open: u32, running: usize },
    #[error("account `{account}` was changed while its exchange was asked: nothing is kept")]
    ChangedMeanwhile { account: String },
    #[error("unknown notice setting `{key}`{hint}")]
    UnknownNoticeKey { key: String, hint: String },
    #[error("account `{account}` has no Telegram bot")]
    NoTelegram { account: String },
    #[error("chat {chat_id} steers account `{other}` already, with the same bot")]
    ChatTaken { chat_id: i64, other: String },
    #[error("no bot of account `{account}` holds `{symbol}`{}", held(open))]
    NothingOpen { account: String, symbol: String, open: Vec<String> },
    #[error("strategy `{name}` is built in and cannot be removed")]
    BuiltIn { name: String },
    #[error("strategy `{name}` is used by {bots}")]
    StrategyInUse { name: String, bots: String },
    #[error("a grid needs {missing}")]
    GridIncomplete { missing: String },
    #[error("grid `{bot}` is refused:{}", reasons(refusals))]
    GridRefused { bot: String, refusals: Vec<PlanRefusal> },
    #[error("grid `{bot}` cannot be changed so: {why}")]
    GridHolds { bot: String, why: String },
    #[error("account `{account}` cannot go down to leverage = {leverage}: {}", planned_with(grids))]
    BelowGrids { account: String, leverage: Leverage, grids: Vec<(String, Leverage)> },
    #[error("`{key}` is a setting of {owner} bots, and this is a bot of type {bot}")]
    OtherType { key: String, owner: &'static str, bot: &'static str },
    #[error("bot `{bot}` of account `{account}` is no grid")]
    NotAGrid { account: String, bot: String },
    #[error("nothing was given to set")]
    NothingToSet,
    #[error("the file has {} error(s):{}", problems.len(), listed(problems))]
    Import { problems: Vec<Problem> },
}

fn allocation_text(requested: rust_decimal::Decimal, free: rust_decimal::Decimal) -> String {
    let used = rust_decimal::Decimal::ONE_HUNDRED - free;
    let (used, free) = (used.normalize(), free.normalize());
    format!("an allocation of {requested} % is too much: {used} % is allocated, {free} % is free")
}

fn held(open: &[String]) -> String {
    if open.is_empty() { "; nothing is open".to_owned() } else { format!("; open are {}", open.join(", ")) }
}

fn planned_with(grids: &[(String, Leverage)]) -> String {
    let grid =
        |(name, leverage): &(String, Leverage)| format!("running grid `{name}` needs leverage = {leverage}");
    grids.iter().map(grid).collect::<Vec<_>>().join(", ")
}

fn of_name(name: Option<&str>) -> String {
    name.map(|name| format!(" `{name}`")).unwrap_or_default()
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    format!("\n  {}", lines.join("\n  "))
}

impl ControlError {
    /// The store's error, with a limit's arithmetic in the operator's words.
    pub(super) fn from_limits(error: StoreError) -> Self {
        if let StoreError::AllocationLimit { requested, free } = error {
            return Self::Allocation { requested, free };
        }
        Self::Store(error)
    }

    /// What the operator can do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Store(error) => return error.hint(),
            Self::Vault(error) => return error.hint(),
            Self::Allocation { free, .. } => {
                format!("allocate at most {} %, or lower another bot's allocation first", free.normalize())
            }
            Self::TokenMissing { .. } => "give it by --token-env NAME or --token-file PATH".to_owned(),
            Self::KeysMissing { .. } => {
                "give each by --api-key-env NAME or --api-key-file PATH, and so on, or enter it when asked"
                    .to_owned()
            }
            Self::SwitchWithPositions { account, .. } => format!(
                "close them first (`tradefleet halt {account} --flatten`, `bot stop NAME --close`), or remove \
                 their bots with `--positions release` and close them yourself"
            ),
            Self::Unconfirmed { .. } => "repeat with --yes if that is what you want".to_owned(),
            Self::BotHoldsPositions { .. } => {
                "`--positions close` lets the daemon close them, `--positions release` leaves them to you"
                    .to_owned()
            }
            Self::AccountBusy { .. } => {
                "stop its bots and close its positions first, or use --force: open positions are then yours"
                    .to_owned()
            }
            Self::StrategyInUse { .. } => {
                "give those bots another with `tradefleet bot set NAME strategy=OTHER`, or remove them"
                    .to_owned()
            }
            Self::ChangedMeanwhile { .. } => "verify it again".to_owned(),
            Self::NoTelegram { .. } => {
                "give it one: tradefleet telegram set ACCOUNT --chat ID --token-env NAME".to_owned()
            }
            Self::ChatTaken { .. } => {
                "one chat with one bot steers one account: give this one another chat, or another bot"
                    .to_owned()
            }
            Self::GridIncomplete { .. } => {
                "e.g. --lower 50000 --upper 60000 --grids 20 --investment 1000".to_owned()
            }
            Self::GridHolds { .. } => {
                "let it sell first, or stop it with `bot stop NAME --close` and change it when it is flat"
                    .to_owned()
            }
            Self::BelowGrids { leverage, .. } => format!(
                "lower theirs first with `bot set NAME --leverage {leverage}`, which a grid takes while it holds nothing, or \
                 stop them with `bot stop NAME`"
            ),
            Self::OtherType { owner: "grid", .. } => "a grid is added by `bot add --type grid`".to_owned(),
            Self::NothingToSet => "give key=value, e.g. leverage=5".to_owned(),
            Self::Setting(_)
            | Self::Param(_)
            | Self::BadName { .. }
            | Self::BadValue { .. }
            | Self::UnknownAccountKey { .. }
            | Self::UnknownNoticeKey { .. }
            | Self::KeysUnused { .. }
            | Self::SpotOnly { .. }
            | Self::ForeignSymbol { .. }
            | Self::NothingSelected { .. }
            | Self::NoBot { .. }
            | Self::NothingOpen { .. }
            | Self::BuiltIn { .. }
            | Self::GridRefused { .. }
            | Self::OtherType { .. }
            | Self::NotAGrid { .. }
            | Self::Import { .. } => return None,
        };
        Some(hint)
    }
}

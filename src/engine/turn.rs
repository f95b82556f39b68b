//! What a machine answers: first what must become durable, then what to ask of the exchange.
//!
//! A turn is atomic. Its records are committed in one transaction; only then are its requests performed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::fill::Fill;
use crate::domain::funding::FundingPayment;
use crate::domain::ids::{BotId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Quote};
use crate::domain::order::{Order, OrderStatus};
use crate::domain::position::Position;
use crate::domain::time::Timestamp;
use crate::domain::words::words;

use super::decision::Decision;
use super::grid::rows::{GridFill, GridLines};

/// The effects of one event.
#[derive(Debug, Default)]
pub struct Turn {
    pub records: Vec<Record>,
    pub requests: Vec<Request>,
}

impl Turn {
    /// Nothing to keep and nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.requests.is_empty()
    }

    /// Whether the records must be durable before anything else happens. Explanations, equity and what a replay of
    /// the same prices brings back need not be: nothing was asked of the exchange, and nothing came from it.
    pub fn must_commit(&self) -> bool {
        let may_wait = |record: &Record| {
            matches!(
                record,
                Record::Decision(_) | Record::Equity { .. } | Record::GridLines(_) | Record::StateChanged
            )
        };
        !self.requests.is_empty() || !self.records.iter().all(may_wait)
    }
}

/// One row to write.
#[derive(Debug)]
pub enum Record {
    /// A new order, durable before it is sent.
    OrderIntended(Order),
    /// A step in an order's life.
    OrderChanged {
        order: Order,
        /// When it happened, which may be long before the turn's records are written.
        at: Timestamp,
        detail: String,
    },
    Fill(BookedFill),
    Funding(FundingPayment),
    CashAdjustment(CashAdjustment),
    Position(PositionRow),
    /// A fill's effect on its bot's statistics, booked with the fill.
    BotStats(BotStats),
    /// A bot could not do what it should.
    BotError {
        bot: BotId,
        error: String,
    },
    /// The machine stopped the bot itself.
    BotStopped {
        bot: BotId,
        reason: String,
    },
    /// What a person asked to be closed is flat.
    BotClosed {
        bot: BotId,
    },
    /// All of the symbol that a person asked to be closed is flat.
    SymbolClosed {
        symbol: Symbol,
        asked_at: Timestamp,
    },
    Equity {
        at: Timestamp,
        wallet: Quote,
        unrealized: Quote,
    },
    Decision(Decision),
    /// A fill's effect on its grid's lines, booked with the fill.
    GridFill(GridFill),
    /// How the lines of a grid stand now.
    GridLines(GridLines),
    Notice(Notice),
    /// The state itself changed, nothing else did.
    StateChanged,
}

impl Record {
    /// The step that the order has just taken; none is before it was decided, or what follows the sending before that.
    pub(in crate::engine) fn step(order: &Order, now: Timestamp, detail: String) -> Self {
        let times = &order.times;
        let at = match (order.status, times.sent_at) {
            (OrderStatus::Sent, Some(sent_at)) => sent_at,
            (_, sent_at) => sent_at.map_or(now, |sent_at| sent_at.max(now)),
        };
        Self::OrderChanged { order: order.clone(), at: at.max(times.decided_at), detail }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedFill {
    pub fill: Fill,
    pub bot: Option<BotId>,
    pub position: Option<ClientOrderId>,
    /// Before fees; zero for fills that add.
    pub realized_pnl: Quote,
    pub dry_run: bool,
    /// Counts the fills of the account in the order they were booked: they may be told in another than they happened.
    pub number: u64,
}

/// Cash that came or went without a fill or funding of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CashAdjustment {
    pub kind: CashAdjustmentKind,
    /// Came when positive, in quote currency.
    pub amount: Quote,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CashAdjustmentKind {
    /// What the account had when it first traded.
    Opening,
    /// A deposit, a withdrawal, somebody else's trading, a fee in another asset.
    TransferOrExternal,
}

words!(CashAdjustmentKind { Opening => "opening", TransferOrExternal => "transfer_or_external" });

/// A position with what belongs to its row beside the arithmetic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionRow {
    pub position: Position,
    pub dca_level: u8,
    pub stop_loss: Option<Price>,
    pub take_profit: Option<Price>,
    pub is_protected: bool,
    pub exit_reason: Option<String>,
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BotStats {
    pub bot: BotId,
    /// Realized profit of the fill less its fee.
    pub pnl: Quote,
    /// `Some(won)` when the fill closed a position.
    pub closed: Option<bool>,
    pub at: Timestamp,
}

/// One thing to ask of the exchange, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Place(ClientOrderId),
    Cancel {
        symbol: Symbol,
        id: ClientOrderId,
    },
    Query {
        symbol: Symbol,
        id: ClientOrderId,
    },
    /// Fills may have been missed: ask for them ([`super::machine::AccountMachine::fill_sweep`]).
    SweepFills,
}

/// Kinds of notices; each can be switched per account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    Entry,
    Exit,
    Dca,
    /// A grid's line opened or closed.
    GridFill,
    /// A grid waits for the price to come into its range.
    GridWaits,
    ExitReported,
    Error,
    Halt,
    Liquidation,
    OutOfSync,
    Unprotected,
    /// Somebody else traded on the account.
    External,
    /// Something about the account is wrong, or is not any more.
    Alert,
    /// The account's day, summed up.
    DailySummary,
}

words!(NoticeKind {
    Entry => "entry",
    Exit => "exit",
    Dca => "dca",
    GridFill => "grid_fill",
    GridWaits => "grid_waits",
    ExitReported => "exit_reported",
    Error => "error",
    Halt => "halt",
    Liquidation => "liquidation",
    OutOfSync => "out_of_sync",
    Unprotected => "unprotected",
    External => "external",
    Alert => "alert",
    DailySummary => "daily_summary",
});

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

words!(Severity { Info => "info", Warning => "warning", Critical => "critical" });

/// Something a person wants to know. Names and numbers only; the text is made in the reader's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub kind: NoticeKind,
    pub severity: Severity,
    pub fields: BTreeMap<&'static str, String>,
}

//! What came of playing a market for an account, and why it can not be played.

use super::ledger::Ledger;
use super::market::MarketError;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Qty, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::engine::grid::refusal::{PlanRefusal, reasons};

#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    #[error(transparent)]
    Market(#[from] MarketError),
    #[error("{0}")]
    Unmet(String),
    #[error("grid `{bot}` is refused:{}", reasons(refusals))]
    GridRefused { bot: String, refusals: Vec<PlanRefusal> },
    #[error("no bar from {from} to {to}: the candles are of {first} to {last}")]
    NothingInSpan { from: Timestamp, to: Timestamp, first: Timestamp, last: Timestamp },
    #[error("the end {to} is not after the start {from}")]
    EndBeforeStart { from: Timestamp, to: Timestamp },
}

/// What the account held and had from a step on, until the next such entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub at: Timestamp,
    /// Cash, in quote currency.
    pub wallet: Quote,
    pub held: Vec<HeldPart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPart {
    pub symbol: Symbol,
    pub side: PositionSide,
    pub qty: Qty,
    /// Entry notional.
    pub cost: Quote,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    pub ledger: Ledger,
    /// Where the account stood, whenever that changed.
    pub standings: Vec<Standing>,
    /// Steps that were traded: the first, and behind the last.
    pub span: (usize, usize),
    /// Steps that were taken one by one.
    pub stepped: usize,
}

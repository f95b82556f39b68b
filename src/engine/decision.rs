//! Why an account did, or did not: kept for `signal explain`, `order trace` and chat.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{BotId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::time::Timestamp;
use crate::domain::words::words;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Entered,
    Skipped,
    Added,
    Exited,
    /// An exit that auto_exit = off keeps from being executed.
    Reported,
}

words!(Action {
    Entered => "entered",
    Skipped => "skipped",
    Added => "added",
    Exited => "exited",
    Reported => "reported",
});

/// Why, as a stable word for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    Signal,
    Halted,
    EngineOff,
    GateClosed,
    Stale,
    PositionOpen,
    OrderPending,
    Cooldown,
    MaxPositionsAccount,
    MaxPositionsBot,
    CapitalExhausted,
    BelowMinimum,
    NoPrice,
    NoBalance,
    NoShortsOnSpot,
    WouldNet,
    SymbolBlocked,
    Dca,
    TakeProfit,
    StopLoss,
    Trailing,
    StrategyExit,
    Requested,
    /// No stop loss could be placed for it.
    Unprotected,
    Liquidated,
    /// A grid's line traded, or the grid began to.
    Grid,
    /// A grid waits for its trigger price.
    GridTrigger,
    /// A grid waits for the price to come into its range.
    GridRange,
    /// The price is beyond a grid's stop.
    GridStop,
}

words!(Code {
    Signal => "signal",
    Halted => "halted",
    EngineOff => "engine_off",
    GateClosed => "gate_closed",
    Stale => "stale",
    PositionOpen => "position_open",
    OrderPending => "order_pending",
    Cooldown => "cooldown",
    MaxPositionsAccount => "max_positions_account",
    MaxPositionsBot => "max_positions_bot",
    CapitalExhausted => "capital_exhausted",
    BelowMinimum => "below_minimum",
    NoPrice => "no_price",
    NoBalance => "no_balance",
    NoShortsOnSpot => "no_shorts_on_spot",
    WouldNet => "would_net",
    SymbolBlocked => "symbol_blocked",
    Dca => "dca",
    TakeProfit => "take_profit",
    StopLoss => "stop_loss",
    Trailing => "trailing",
    StrategyExit => "strategy_exit",
    Requested => "requested",
    Unprotected => "unprotected",
    Liquidated => "liquidated",
    Grid => "grid",
    GridTrigger => "grid_trigger",
    GridRange => "grid_range",
    GridStop => "grid_stop",
});

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub at: Timestamp,
    pub bot: BotId,
    pub symbol: Symbol,
    pub action: Action,
    pub code: Code,
    /// The numbers it was decided on, for people.
    pub detail: String,
    /// The bar whose signal it is about; `at` where there is none.
    pub bar_close_at: Timestamp,
    pub client_order_id: Option<ClientOrderId>,
}

//! Grid bots: orders that rest on a ladder of price lines, and earn what lies between two of them.
//!
//! [`plan`] is the arithmetic: which lines, how much on each, what a round trip earns, and every reason why a grid
//! is refused; [`difference`] compares two ladders. [`lots`] pairs what lines open with what they close. The rest is a
//! chapter of the account machine: `steering` begins and stops a grid, `edits` follows what is changed of one at work,
//! `lines` gives its lines the orders they lack, `booking` takes in fills.
//!
//! # Words
//!
//! A grid of N **lines** has N - 1 **grids**, the spaces between neighbouring lines. Each grid trades one and the same
//! quantity of base currency over and over: a *long* grid buys it on its lower line and sells it on its upper one, a
//! *short* grid sells it on its upper line and buys it back on its lower one. A *neutral* grid is long below the
//! price at which it started and short above it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::money::{Leverage, Price, Quote};
use crate::domain::words::words;

pub mod difference;
pub mod flow;
pub mod ladder;
pub mod lots;
pub mod plan;
pub mod refusal;
pub mod repair;
pub mod rows;
pub mod state;
pub mod waiting;

mod booking;
mod edits;
#[cfg(test)]
pub(crate) mod fixtures;
mod lines;
mod spacing;
mod steering;
mod watching;

/// How the lines are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GridMode {
    /// Equal steps.
    Arithmetic,
    /// Equal ratios.
    Geometric,
}

words!(GridMode { Arithmetic => "arithmetic", Geometric => "geometric" });

/// What a grid holds between its trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Buys first: each grid holds what it bought until it sells one line up.
    Long,
    /// Sells first: the mirror image. Futures only.
    Short,
    /// Long below the price at which it started, short above it. Futures only.
    Neutral,
}

words!(Direction { Long => "long", Short => "short", Neutral => "neutral" });

/// What an operator wants of a grid; [`plan::Plan::of`] says whether that is possible, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridConfig {
    pub lower: Price,
    pub upper: Price,
    /// Lines, both bounds included: [`plan::LINES_MIN`]..=[`plan::LINES_MAX`].
    #[serde(rename = "grids")]
    pub count: u16,
    pub mode: GridMode,
    /// The operator's own money in the grid, in quote currency: margin and entry fees of all its lines at once.
    pub investment: Quote,
    pub direction: Direction,
    /// Nothing is placed until the price has reached this; `None` = at once.
    pub trigger: Option<Price>,
    /// The grid stops when the price reaches this, above the range.
    pub stop_upper: Option<Price>,
    /// The grid stops when the price reaches this, below the range.
    pub stop_lower: Option<Price>,
    /// Buys at the start what the lines above the price would sell (for a short grid: sells what those below would buy).
    pub buy_in: bool,
    /// A stop closes what the grid holds; else it is left to the operator.
    pub close_on_stop: bool,
    /// 1 on spot.
    pub leverage: Leverage,
    /// The stop of the whole holding also rests at the exchange, for the time when nobody watches. Futures only.
    pub exchange_stop: bool,
}

impl GridConfig {
    /// Whether `price` is below the lowest or above the highest line.
    pub fn is_outside(&self, price: Price) -> bool {
        price < self.lower || price > self.upper
    }
}

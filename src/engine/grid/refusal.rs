//! Why a grid is refused, each with its arithmetic.

use crate::domain::money::{Leverage, Pct, Price, Qty, Quote};

use super::Direction;
use super::plan::{LINES_MAX, LINES_MIN};

/// One reason. A grid may have several; [`super::plan::Plan::of`] gives all of them at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanRefusal {
    #[error("lower = {lower} must be below upper = {upper}")]
    BoundsReversed { lower: Price, upper: Price },
    #[error("grids = {count} is not allowed: {LINES_MIN} to {LINES_MAX} lines")]
    Count { count: u16 },
    #[error("investment = {investment} must be above 0")]
    NothingInvested { investment: Quote },
    #[error("these bounds and lines cannot be computed exactly: lower {lower}, upper {upper}")]
    BeyondDecimals { lower: Price, upper: Price },
    #[error(
        "lines {low_line} and {high_line} would both lie at {price}: the tick is {tick}, and {count} lines from {lower} to \
         {upper} leave less than that between them; {}",
        or_fewer(*fits)
    )]
    LinesCollapse {
        low_line: u16,
        high_line: u16,
        price: Price,
        tick: Price,
        count: u16,
        lower: Price,
        upper: Price,
        /// The most lines of these bounds that stay apart, if any do.
        fits: Option<u16>,
    },
    #[error(
        "the spacing does not pay the fees: between lines at {low} and {high} a round trip of 1 earns {earned} and costs \
         {maker_fee_pct} % of {low} and of {high} = {fees}, so {net} is left; {}",
        or_fewer(*fits)
    )]
    SpacingBelowFees {
        low: Price,
        high: Price,
        earned: Quote,
        maker_fee_pct: Pct,
        fees: Quote,
        net: Quote,
        /// The most lines of these bounds that all earn something, if any do.
        fits: Option<u16>,
    },
    #[error(
        "investment = {investment} gives {qty} a line, below the smallest quantity {min_qty}; at least {needed} is needed \
         for {count} lines"
    )]
    BelowMinQty { investment: Quote, qty: Qty, min_qty: Qty, needed: Quote, count: u16 },
    #[error(
        "investment = {investment} gives {qty} a line, at {price} an order of {notional}, below the smallest order \
         {min_notional}; at least {needed} is needed for {count} lines"
    )]
    BelowMinNotional {
        investment: Quote,
        qty: Qty,
        price: Price,
        notional: Quote,
        min_notional: Quote,
        needed: Quote,
        count: u16,
    },
    #[error("trigger = {trigger} must be inside the range, {lower} to {upper}")]
    TriggerOutside { trigger: Price, lower: Price, upper: Price },
    #[error("stop_upper = {stop} must be above upper = {upper}")]
    StopUpperInside { stop: Price, upper: Price },
    #[error("stop_lower = {stop} must be below lower = {lower}")]
    StopLowerInside { stop: Price, lower: Price },
    #[error("close_on_stop needs a stop: give stop_lower or stop_upper")]
    NothingToCloseOn,
    #[error("exchange_stop needs the stop on the losing side of a {direction} grid: give {needed}")]
    NoStopToRest { direction: Direction, needed: &'static str },
    #[error("exchange_stop is not possible on a spot exchange: it keeps no stop orders for us")]
    ExchangeStopOnSpot,
    #[error("direction = {direction} is not possible on a spot exchange: what is not held cannot be sold")]
    NotLongOnSpot { direction: Direction },
    #[error(
        "leverage = {leverage} is not possible on a spot exchange: nothing is borrowed there, leverage is 1"
    )]
    LeverageOnSpot { leverage: Leverage },
    #[error("leverage = {leverage} is above the {allowed} that this bot may use")]
    LeverageAbove { leverage: Leverage, allowed: Leverage },
    #[error(
        "buy_in makes no sense for a neutral grid: it starts with nothing, and is long below and short above that price"
    )]
    BuyInNeutral,
    #[error(
        "investment = {investment} is above the bot's capital: {allocation_percent} % of the equity {equity} = {capital}"
    )]
    AboveCapital { investment: Quote, allocation_percent: Pct, equity: Quote, capital: Quote },
    #[error(
        "the price {price} is outside the range, {lower} to {upper}, and no trigger is set: the grid would have nothing to \
         trade; move the range, or give a trigger inside it"
    )]
    PriceOutside { price: Price, lower: Price, upper: Price },
}

/// All reasons, each on a line of its own behind what they are about.
pub fn reasons(refusals: &[PlanRefusal]) -> String {
    let lines: Vec<String> = refusals.iter().map(|refusal| format!("\n  {refusal}")).collect();
    lines.concat()
}

fn or_fewer(fits: Option<u16>) -> String {
    match fits {
        Some(fits) => format!("at most {fits} lines fit, or widen the range"),
        None => "not even 2 lines fit: widen the range".to_owned(),
    }
}

impl PlanRefusal {
    /// The setting that is most to blame, as it is called on the command line and in files.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::BoundsReversed { .. } | Self::BeyondDecimals { .. } | Self::PriceOutside { .. } => "lower",
            Self::Count { .. } | Self::LinesCollapse { .. } | Self::SpacingBelowFees { .. } => "grids",
            Self::NothingInvested { .. }
            | Self::BelowMinQty { .. }
            | Self::BelowMinNotional { .. }
            | Self::AboveCapital { .. } => "investment",
            Self::TriggerOutside { .. } => "trigger",
            Self::StopUpperInside { .. } => "stop_upper",
            Self::StopLowerInside { .. } => "stop_lower",
            Self::NothingToCloseOn => "close_on_stop",
            Self::NoStopToRest { .. } | Self::ExchangeStopOnSpot => "exchange_stop",
            Self::NotLongOnSpot { .. } => "direction",
            Self::LeverageOnSpot { .. } | Self::LeverageAbove { .. } => "leverage",
            Self::BuyInNeutral => "buy_in",
        }
    }
}

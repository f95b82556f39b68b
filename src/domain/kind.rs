//! The closed sets that accounts and bots belong to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::time::Timeframe;
use super::words::words;

/// Where an account trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeKind {
    /// USDⓈ-M futures.
    Binance,
    /// USDT futures.
    Bitget,
    /// Spot in KRW.
    Upbit,
    /// The embedded exchange.
    Paper,
}

impl ExchangeKind {
    /// The currency of its cash; of paper accounts unless they say otherwise.
    pub const fn quote_asset(self) -> &'static str {
        match self {
            Self::Upbit => "KRW",
            Self::Binance | Self::Bitget | Self::Paper => "USDT",
        }
    }

    /// Lengths of candles that can be asked for there, shortest first. The embedded exchange plays whatever market it is
    /// given: what it lacks is known at run time only.
    pub const fn timeframes(self) -> &'static [Timeframe] {
        match self {
            Self::Binance | Self::Paper => &Timeframe::ALL,
            Self::Bitget => &[
                Timeframe::M1,
                Timeframe::M5,
                Timeframe::M15,
                Timeframe::M30,
                Timeframe::H1,
                Timeframe::H4,
                Timeframe::H6,
                Timeframe::H12,
                Timeframe::D1,
            ],
            Self::Upbit => &[
                Timeframe::M1,
                Timeframe::M3,
                Timeframe::M5,
                Timeframe::M15,
                Timeframe::M30,
                Timeframe::H1,
                Timeframe::H4,
                Timeframe::D1,
            ],
        }
    }
}

words!(ExchangeKind { Binance => "binance", Bitget => "bitget", Upbit => "upbit", Paper => "paper" });

/// How a bot trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotType {
    /// By the signals of its strategy.
    AiTrend,
    /// By resting orders on a grid of prices.
    Grid,
}

words!(BotType { AiTrend => "ai_trend", Grid => "grid" });

/// How margin is shared between the positions of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarginMode {
    Cross,
    Isolated,
}

words!(MarginMode { Cross => "cross", Isolated => "isolated" });

//! The closed sets that accounts and bots belong to.

use std::fmt;

use serde::{Deserialize, Serialize};

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

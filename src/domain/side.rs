//! Which way an order goes (`Side`) and which way a position leans (`PositionSide`).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::words::words;

/// Direction of an order or a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Buy,
    Sell,
}

words!(Side { Buy => "buy", Sell => "sell" });

impl Side {
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// Direction of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionSide {
    Long,
    Short,
}

words!(PositionSide { Long => "long", Short => "short" });

impl PositionSide {
    /// What a fill on this side opens where nothing is held.
    #[must_use]
    pub const fn opened_by(side: Side) -> Self {
        match side {
            Side::Buy => Self::Long,
            Side::Sell => Self::Short,
        }
    }

    /// The order side that opens or increases such a position.
    pub const fn entry_side(self) -> Side {
        match self {
            Self::Long => Side::Buy,
            Self::Short => Side::Sell,
        }
    }

    /// The order side that reduces or closes such a position.
    pub const fn exit_side(self) -> Side {
        self.entry_side().opposite()
    }

    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Long => Self::Short,
            Self::Short => Self::Long,
        }
    }
}

/// Whether an exchange keeps one net position a symbol, or a long and a short one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionMode {
    Hedge,
    OneWay,
}

words!(PositionMode { Hedge => "hedge", OneWay => "one_way" });

//! Identifiers. Each is its own type, so that a bot's id is never passed where an account's is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::client_order_id::{BadClientOrderId, ClientOrderId, OrderKey};
use super::time::Timestamp;

/// A row id of one table: positive, 31 bits, so that it fits a client order id.
macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u32);

        impl $name {
            pub const fn new(value: u32) -> Self {
                Self(value)
            }

            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

row_id!(
    /// An account: one set of exchange keys, one executor.
    AccountId
);
row_id!(
    /// A bot instance of an account.
    BotId
);
row_id!(
    /// A named parameter set of a strategy.
    StrategyId
);

/// A cycle is named by its own time, so that a replay names it the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CycleId(i64);

impl CycleId {
    /// The cycle at `at`.
    pub const fn at(at: Timestamp) -> Self {
        Self(at.ms())
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for CycleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The exchange's own id of one fill; unique per account and symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TradeId(pub String);

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

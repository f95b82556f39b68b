//! What happens to an account, in no exchange's words: the dialects tell it to the account's sockets.

use super::fee_wallet::FeeWallet;
use super::funding::FundingRecord;
use super::order::{Conditional, FillRecord, OrderRecord};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Quote};
use crate::domain::time::Timestamp;
use crate::matching::net_position::NetPosition;

/// The place of an account in its exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountIndex(pub usize);

/// What happened to an order.
#[derive(Debug, Clone)]
pub enum OrderChange {
    Accepted,
    Amended,
    Filled(FillRecord),
    /// The account asked for it, or it was liquidated.
    Cancelled,
    /// It could not rest, or had nothing left to reduce.
    Expired,
}

#[derive(Debug, Clone)]
pub enum Happening {
    Order {
        order: OrderRecord,
        change: OrderChange,
    },
    Conditional(Conditional),
    /// Wallet and position after a fill.
    Holdings(Holdings),
    Funding {
        /// After it.
        wallet: Quote,
        record: FundingRecord,
    },
    Leverage {
        symbol: Symbol,
        leverage: Leverage,
    },
}

/// An account's money, and its position in the symbol that moved it.
#[derive(Debug, Clone)]
pub struct Holdings {
    pub wallet: Quote,
    /// What is left for fees in another asset.
    pub fee_wallet: Option<FeeWallet>,
    pub symbol: Symbol,
    /// Both sides in hedge mode; empty once closed.
    pub positions: Vec<NetPosition>,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct AccountEvent {
    pub account: AccountIndex,
    pub at: Timestamp,
    pub happening: Happening,
}

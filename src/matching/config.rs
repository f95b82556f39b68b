//! The terms under which a book trades: its money, its fees, how kind its market is.

use serde::{Deserialize, Serialize};

use crate::domain::money::{Pct, Quote};
use crate::domain::side::PositionMode;

/// The fixed terms of one book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookConfig {
    /// The asset of the wallet and of all fees, such as `USDT`.
    pub quote_asset: String,
    pub initial_balance: Quote,
    /// % of the notional; a rebate when negative.
    pub maker_fee_pct: Pct,
    /// % of the notional.
    pub taker_fee_pct: Pct,
    /// % by which market and triggered orders fill worse than the price they met.
    pub slippage_pct: Pct,
    /// The largest part of a bar's volume, in %, that the account's orders in a symbol may take of that bar
    /// together; `None` = no limit, orders fill whole.
    pub participation_pct: Option<Pct>,
    pub position_mode: PositionMode,
}

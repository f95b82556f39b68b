//! What an account holds of one symbol on one side, whoever of its bots bought it: the exchange's view.
//!
//! The arithmetic is that of [`crate::domain::position`]: cost is the exact sum of price x quantity, so realized
//! profit is, to the last digit, what the fills sum to.

use serde::{Deserialize, Serialize};

use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::side::PositionSide;

/// An open position; one whose quantity is zero is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetPosition {
    pub symbol: Symbol,
    pub side: PositionSide,
    pub qty: Qty,
    /// Entry notional of the open quantity.
    pub cost: Quote,
    /// That of the order that last added to it.
    pub leverage: Leverage,
}

impl NetPosition {
    /// Average entry price, rounded to 12 decimals.
    pub fn entry_price_avg(&self) -> Option<Price> {
        self.cost.average_price(self.qty)
    }

    /// Profit or loss of the open quantity at `price`, before fees, in quote currency.
    pub fn unrealized_pnl(&self, price: Price) -> Quote {
        self.profit(price.notional(self.qty), self.cost)
    }

    pub(super) fn increase(&mut self, price: Price, qty: Qty, leverage: Leverage) {
        self.qty = self.qty.plus(qty);
        self.cost += price.notional(qty);
        self.leverage = leverage;
    }

    /// Closes `qty`, which is at most what is open; returns the profit or loss of it, before fees.
    pub(super) fn reduce(&mut self, price: Price, qty: Qty) -> Quote {
        let cost = self.cost.share(qty, self.qty);
        self.qty = self.qty.minus(qty);
        self.cost -= cost;
        self.profit(price.notional(qty), cost)
    }

    fn profit(&self, worth: Quote, cost: Quote) -> Quote {
        match self.side {
            PositionSide::Long => worth - cost,
            PositionSide::Short => cost - worth,
        }
    }
}

//! A grid as people see it: the state of each line, derived from its lot and its orders, and the history of its fills.

use std::fmt;

use serde::Serialize;

use crate::domain::ids::{BotId, ClientOrderId, TradeId};
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::Order;
use crate::domain::side::Side;
use crate::domain::time::Timestamp;
use crate::domain::words::words;

use super::lots::Lot;

/// How far a line has come. A short line goes through the same words from the other end: sold first, bought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineStatus {
    Pending,
    BuyPlaced,
    BuyFilled,
    SellPlaced,
    SellFilled,
}

words!(LineStatus {
    Pending => "pending",
    BuyPlaced => "buy_placed",
    BuyFilled => "buy_filled",
    SellPlaced => "sell_placed",
    SellFilled => "sell_filled",
});

/// One line as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridLineRow {
    pub line: u16,
    pub price: Price,
    pub status: LineStatus,
    /// The orders of the line that work.
    pub buy: Option<ClientOrderId>,
    pub sell: Option<ClientOrderId>,
}

impl GridLineRow {
    /// A line at `price` whose orders open with a purchase when it is long.
    pub(in crate::engine) fn of(
        line: u16,
        price: Price,
        is_long: bool,
        lot: Lot,
        (entry, exit): (Option<&Order>, Option<&Order>),
    ) -> Self {
        use LineStatus::{BuyFilled, BuyPlaced, Pending, SellFilled, SellPlaced};
        let status = match (is_long, exit.is_some(), entry.is_some(), lot.qty.is_zero()) {
            (true, true, _, _) | (false, false, true, _) => SellPlaced,
            (true, false, true, _) | (false, true, _, _) => BuyPlaced,
            (true, false, false, false) => BuyFilled,
            (false, false, false, false) => SellFilled,
            (_, false, false, true) => Pending,
        };
        let id = |order: Option<&Order>| order.map(|order| order.client_order_id.clone());
        let (buy, sell) = if is_long { (id(entry), id(exit)) } else { (id(exit), id(entry)) };
        Self { line, price, status, buy, sell }
    }
}

/// Lines that have changed, and the counts of the whole grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridLines {
    pub bot: BotId,
    pub current_price: Option<Price>,
    pub active_buys: u32,
    pub active_sells: u32,
    /// How many lines the grid has; rows beyond are none of its lines any more.
    pub count: u16,
    pub changed: Vec<GridLineRow>,
}

/// What a fill, or its part, did on one line. A trade that opens several lines at once has a part for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridFill {
    pub bot: BotId,
    pub line: u16,
    pub trade_id: TradeId,
    pub client_order_id: ClientOrderId,
    pub side: Side,
    pub price: Price,
    pub qty: Qty,
    pub fee: Quote,
    /// Of what was closed, after the fees of both sides, in quote currency; `None` for what was opened.
    pub profit: Option<Quote>,
    pub at: Timestamp,
    pub dry_run: bool,
}

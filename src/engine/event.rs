//! What an account machine is told.

use std::collections::BTreeMap;

use crate::domain::external::ExternalFill;
use crate::domain::fee::Fee;
use crate::domain::fill::Fill;
use crate::domain::funding::FundingPayment;
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::scope::Scope;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;

use super::config::AccountConfig;
use super::cycle::Cycle;

/// One thing that happened. Events of one account arrive in order and are handled one at a time.
#[derive(Debug)]
pub enum Event<'a> {
    /// The first event after a start: nothing is acted on before what was in flight is known.
    Recover,
    /// What the exchange holds, for comparison with what we believe.
    Snapshot(Snapshot),
    /// The cash that the exchange says there is, asked for behind a snapshot taken at `at`. Opens our ledger of a new
    /// account; from then on its cash follows from what is booked.
    Wallet {
        at: Timestamp,
        wallet: Quote,
    },
    /// A sweep that began at `at` has told all it found.
    Swept {
        at: Timestamp,
    },
    Cycle(&'a Cycle),
    Configure(AccountConfig),
    Fill(Fill),
    ExternalFill(ExternalFill),
    Funding(FundingPayment),
    /// A question for funding that was asked at `at` has told all it found.
    FundingAsked {
        at: Timestamp,
    },
    /// An order as the exchange tells of it by itself.
    OrderSeen(OrderReport),
    OrderEnded {
        id: ClientOrderId,
        status: OrderStatus,
        reason: String,
    },
    Liquidated(Liquidation),
    PlaceAnswered {
        id: ClientOrderId,
        sent_at: Timestamp,
        answer: PlaceAnswer,
    },
    CancelAnswered {
        id: ClientOrderId,
        answer: CancelAnswer,
    },
    QueryAnswered {
        id: ClientOrderId,
        /// An answer may be long under way: it says nothing of what came to the exchange after this.
        asked_at: Timestamp,
        answer: QueryAnswer,
    },
}

/// What became of a request to place an order, by what must be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceAnswer {
    Accepted {
        exchange_order_id: String,
    },
    /// A definitive no: the order does not exist.
    Refused {
        code: String,
        reason: String,
    },
    /// A definitive no to a conditional order: the price has passed its trigger already.
    WouldTrigger {
        reason: String,
    },
    /// A definitive no to a post-only order: it would have traded at once.
    WouldCross {
        reason: String,
    },
    /// The request certainly never left; the order does not exist.
    NotSent {
        reason: String,
    },
    /// As [`PlaceAnswer::NotSent`], because it was decided too long ago to be sent: to be decided anew.
    TooLate,
    /// It may or may not exist: ask.
    Unknown {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelAnswer {
    Cancelled,
    /// The exchange has no such working order: it has ended; ask how.
    NotWorking,
    /// It was certainly not done.
    Failed {
        reason: String,
    },
    /// It may or may not have been done: ask.
    Unknown {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryAnswer {
    Found(OrderReport),
    NotFound,
    Failed { reason: String },
}

/// An order as the exchange describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderReport {
    pub client_order_id: ClientOrderId,
    pub exchange_order_id: String,
    pub symbol: Symbol,
    pub status: OrderStatus,
    pub filled_qty: Qty,
}

/// A net position as the exchange holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetPosition {
    pub symbol: Symbol,
    pub side: PositionSide,
    pub qty: Qty,
}

/// The exchange's side of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// When the first of its questions was asked.
    pub taken_at: Timestamp,
    /// Whose open orders were asked for. Positions and fills are always all that may concern us.
    pub covers: Scope,
    pub open_orders: Vec<OrderReport>,
    /// How many orders rest that are not ours.
    pub external_orders: BTreeMap<Symbol, u32>,
    pub positions: Vec<NetPosition>,
    /// Fills since the last sweep, oldest first; booked ones among them are ignored.
    pub fills: Vec<Fill>,
    pub external_fills: Vec<ExternalFill>,
}

/// The exchange closed a net position by force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liquidation {
    pub trade_id: TradeId,
    pub symbol: Symbol,
    pub side: PositionSide,
    pub qty: Qty,
    pub price: Price,
    pub fee: Fee,
    pub at: Timestamp,
}

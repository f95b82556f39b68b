//! What exchanges report: orders, positions, balances, and events as they happen; and what is asked for them.

use std::collections::{BTreeMap, BTreeSet};

pub use crate::domain::external::{ExternalCause, ExternalFill};
use crate::domain::fill::Fill;
pub use crate::domain::funding::FundingPayment;
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::kind::MarginMode;
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::order::OrderStatus;
pub use crate::domain::scope::Scope;
use crate::domain::side::{PositionMode, PositionSide, Side};
use crate::domain::time::{DurationMs, Timestamp};
use crate::matching::event::Liquidation;

/// The exchange took an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub exchange_order_id: String,
}

/// An order as the exchange sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderReport {
    pub client_order_id: ClientOrderId,
    pub exchange_order_id: String,
    pub symbol: Symbol,
    pub side: Side,
    pub position_side: PositionSide,
    pub status: OrderStatus,
    /// The limit price, or the trigger of a conditional order.
    pub price: Option<Price>,
    pub qty: Qty,
    pub filled_qty: Qty,
    /// Sum of price x quantity of its fills, in quote currency.
    pub filled_notional: Quote,
    pub reduce_only: bool,
    /// Why it ended unfilled, if it did and the exchange says so.
    pub end_reason: Option<String>,
}

/// An order that is not ours: a person's, another program's, or one the exchange made. It is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalOrder {
    pub exchange_order_id: String,
    pub symbol: Symbol,
    pub side: Side,
    pub qty: Qty,
    pub price: Option<Price>,
}

/// Orders that rest at the exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenOrders {
    pub ours: Vec<OrderReport>,
    pub external: Vec<ExternalOrder>,
}

/// Which fills are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FillSweep {
    /// Everything from here on is wanted, by our clock: each exchange is asked by its own.
    pub since: Timestamp,
    /// The last fill that was booked, for an exchange that tells fills in one order and forgets none.
    pub after: Option<TradeId>,
    /// Symbols on which we may have fills.
    pub symbols: BTreeSet<Symbol>,
    /// What the exchange calls our orders (for conditional orders: the condition), where known. Its ids need not differ
    /// between symbols, nor between orders and conditions.
    pub orders: BTreeMap<(Symbol, ClientOrderId), String>,
}

/// A fill, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedFill {
    Ours(Fill),
    External(ExternalFill),
}

/// A position as the exchange sees it; only open ones are reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionReport {
    pub symbol: Symbol,
    pub side: PositionSide,
    pub qty: Qty,
    pub entry_price_avg: Option<Price>,
    /// `None` where the exchange does not tell it with positions.
    pub leverage: Option<Leverage>,
}

/// The account's money, in quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    pub wallet: Quote,
    /// Profit or loss of the open positions.
    pub unrealized: Quote,
    /// What is left for new orders.
    pub available: Quote,
}

/// What a symbol is traded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolTerms {
    pub leverage: Leverage,
    pub margin_mode: MarginMode,
}

/// Who an account is and what its key may do. `None`: the exchange does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountProfile {
    /// The exchange's own id of the account.
    pub uid: Option<String>,
    pub can_trade: Option<bool>,
    pub can_withdraw: Option<bool>,
    pub can_transfer: Option<bool>,
    /// The key works only from addresses that were named.
    pub ip_restricted: Option<bool>,
    pub key_expires_at: Option<Timestamp>,
    /// `None` on a spot exchange.
    pub position_mode: Option<PositionMode>,
    /// Everything else a person should know, such as multi-assets mode.
    pub remarks: Vec<String>,
    pub balance: Balance,
    /// The exchange's clock minus ours.
    pub clock_offset: DurationMs,
}

/// Something that happened at the exchange, not in answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeEvent {
    Fill(Fill),
    ExternalFill(ExternalFill),
    /// An order as it stands now. Its fills are told apart.
    OrderSeen(OrderReport),
    /// An order ended with a part of it unfilled. A filled order is told by its fills alone.
    OrderEnded {
        client_order_id: ClientOrderId,
        status: OrderStatus,
        reason: String,
    },
    /// The wallet after something changed it.
    Wallet(Quote),
    /// Cash came or went without a fill: perhaps funding.
    CashMoved,
    /// A position was closed by force.
    Liquidated(Liquidation),
    /// Leverage or margin mode of a symbol was changed, perhaps by somebody else.
    TermsChanged {
        symbol: Symbol,
    },
    /// The stream was interrupted, or may have missed something: ask for everything.
    Resync {
        reason: String,
    },
}

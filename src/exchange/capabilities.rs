//! What an exchange can do, as data.

use crate::domain::time::{DurationMs, Timestamp};

/// The differences between exchanges that the daemon acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    pub market: Market,
    /// The asset of balances, margins and profits, such as `USDT`.
    pub quote_asset: String,
    /// A long and a short beside each other in one symbol.
    pub hedge_mode: bool,
    pub reduce_only: bool,
    /// Stop and take-profit orders rest at the exchange.
    pub conditional_orders: bool,
    /// Orders a request can carry; 1 where there is no batch.
    pub batch_size_max: u8,
    /// Characters of a client order id.
    pub client_id_len_max: u8,
    pub client_id_reuse: ClientIdReuse,
    /// An order that was decided longer ago is not sent any more: with the receive window it bounds until when an
    /// order may still come into being. Long for an exchange without wire.
    pub send_deadline: DurationMs,
    /// How long after the time it was decided at (and is signed with, where the exchange takes a timestamp) an order
    /// may still be executed: the exchange's receive window, or where there is none our own send deadline and the
    /// time a sent request may be under way.
    pub receive_window: DurationMs,
    /// How long after its execution an order may still be missing from the answers to queries.
    pub visibility_slack: DurationMs,
    /// Positions, orders and fills are told as of one moment. Where they are not, a difference between them and our
    /// books counts only when it is seen twice.
    pub consistent_snapshots: bool,
    /// The account holds a position that nobody opened by an order of ours, and it is none of our business.
    pub may_hold_external: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Market {
    Spot,
    Futures,
}

/// For how long an exchange refuses a client order id that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientIdReuse {
    /// Only while the order is open: the id of a filled order is free, and sending it again is a second order.
    OpenOnly,
    Forever,
    /// It is not documented.
    Unknown,
}

impl Capabilities {
    /// Whether sending the same order again can do no harm. Only an id that is refused for ever makes it so.
    pub const fn resend_is_safe(&self) -> bool {
        match self.client_id_reuse {
            ClientIdReuse::Forever => true,
            ClientIdReuse::OpenOnly | ClientIdReuse::Unknown => false,
        }
    }

    /// From when on "not found" is the truth about an order that was signed at `signed_at`.
    pub const fn horizon(&self, signed_at: Timestamp) -> Timestamp {
        signed_at.plus(self.receive_window).plus(self.visibility_slack)
    }
}

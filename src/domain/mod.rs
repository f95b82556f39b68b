//! The words of the trade, as types.
//!
//! Everything here is a value: no I/O, no clock, no randomness. A value that exists is valid: a [`money::Price`] is
//! positive, a [`order::OrderStatus`] only moves forward, a [`ids::ClientOrderId`] can be read back.

pub mod calendar;
pub mod candle;
pub mod external;
pub mod fee;
pub mod figures;
pub mod fill;
pub mod funding;
pub mod ids;
pub mod instrument;
pub mod kind;
pub mod krw_steps;
pub mod market;
pub mod money;
pub mod order;
pub mod position;
pub mod scope;
pub mod secret;
pub mod side;
pub mod spelling;
pub mod time;

pub(crate) mod words;

pub mod client_order_id;

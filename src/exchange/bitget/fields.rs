//! Reads the fields of answers: money as exact decimals, times, words.

use std::str::FromStr;

use super::wire::Text;
use crate::domain::instrument::Symbol;
use crate::domain::order::OrderStatus;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::exchange::error::ExchangeError;
use crate::exchange::json;
use crate::exchange::socket::BadFrame;

/// A field that does not hold what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is `{value}`, which is not {expected}")]
pub struct BadField {
    field: &'static str,
    value: String,
    expected: &'static str,
}

impl BadField {
    pub(super) fn new(field: &'static str, value: &Text, expected: &'static str) -> Self {
        Self { field, value: value.to_string(), expected }
    }
}

impl From<BadField> for ExchangeError {
    fn from(error: BadField) -> Self {
        Self::Malformed { reason: error.to_string() }
    }
}

impl From<BadField> for BadFrame {
    fn from(error: BadField) -> Self {
        Self { reason: error.to_string() }
    }
}

/// A number of any of the money types.
pub(super) fn number<T: FromStr>(field: &'static str, text: &Text) -> Result<T, BadField> {
    let plain = json::decimal(text.as_str()).ok().and_then(|value| value.to_string().parse().ok());
    plain.ok_or_else(|| BadField::new(field, text, "a decimal number that can be kept exactly"))
}

/// A number that may be missing.
pub(super) fn some_number<T: FromStr>(field: &'static str, text: &Text) -> Result<Option<T>, BadField> {
    if text.is_empty() { Ok(None) } else { number(field, text).map(Some) }
}

/// A number that may be missing and is nothing when it is.
pub(super) fn number_or_zero<T: FromStr + Default>(field: &'static str, text: &Text) -> Result<T, BadField> {
    some_number(field, text).map(Option::unwrap_or_default)
}

/// A price; where there is none the field is empty or zero.
pub(super) fn some_price<T: FromStr>(field: &'static str, text: &Text) -> Result<Option<T>, BadField> {
    if text.as_str().chars().all(|c| matches!(c, '0' | '.')) {
        Ok(None)
    } else {
        number(field, text).map(Some)
    }
}

/// Milliseconds since 1970.
pub(super) fn time(field: &'static str, text: &Text) -> Result<Timestamp, BadField> {
    let ms = text.as_str().parse().map_err(|_| BadField::new(field, text, "a time in milliseconds"))?;
    Ok(Timestamp::from_ms(ms))
}

/// The symbol of a row, which the stream calls otherwise; `None` for one that this program cannot name: those are traded
/// by nobody here. A few answers write it in lower case.
pub(super) fn symbol(rest: &Text, stream: &Text) -> Option<Symbol> {
    Symbol::try_new(&symbol_text(rest, stream).as_str().to_ascii_uppercase()).ok()
}

/// The same of an order, which always has one if it is ours.
pub(super) fn order_symbol(rest: &Text, stream: &Text, is_ours: bool) -> Result<Option<Symbol>, BadField> {
    match symbol(rest, stream) {
        None if is_ours => Err(BadField::new("symbol", symbol_text(rest, stream), "a symbol")),
        named => Ok(named),
    }
}

const fn symbol_text<'a>(rest: &'a Text, stream: &'a Text) -> &'a Text {
    if rest.is_empty() { stream } else { rest }
}

pub(super) fn side(text: &Text) -> Result<Side, BadField> {
    let word = text.as_str().to_ascii_lowercase();
    Side::from_word(&word).ok_or_else(|| BadField::new("side", text, "buy or sell"))
}

/// `None` for `net`, the one position of one-way mode.
pub(super) fn position_side(text: &Text) -> Option<PositionSide> {
    PositionSide::from_word(&text.as_str().to_ascii_lowercase())
}

/// The status of an order; that of a plan order only as far as it has not been triggered.
pub(super) fn order_status(text: &Text) -> Result<OrderStatus, BadField> {
    match text.as_str() {
        "live" | "new" | "init" | "not_trigger" | "executing" => Ok(OrderStatus::Open),
        "partially_filled" => Ok(OrderStatus::PartiallyFilled),
        "filled" => Ok(OrderStatus::Filled),
        // REST writes it with one `l`, plan orders with two.
        "canceled" | "cancelled" => Ok(OrderStatus::Cancelled),
        "fail_execute" | "fail_trigger" => Ok(OrderStatus::Expired),
        _ => Err(BadField::new("status", text, "the status of an order")),
    }
}

//! What a grid holds, line by line: a lot is what its line has opened and not closed again. Closing it pairs the two,
//! which is the grid's profit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::fill::Fill;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::side::PositionSide;

/// What one line holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    #[serde(rename = "q")]
    pub qty: Qty,
    /// Price x quantity of what is held, in quote currency.
    #[serde(rename = "c")]
    pub cost: Quote,
    /// Fees of opening it, by their value in quote currency.
    #[serde(rename = "f")]
    pub fees: Quote,
}

/// What a fill, or its part, did on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineFill {
    pub line: u16,
    pub qty: Qty,
    pub fee: Quote,
    /// Of what was closed, after the fees of both sides, in quote currency; `None` for what was opened.
    pub profit: Option<Quote>,
}

/// The lots of a grid by line; lines that hold nothing are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lots(BTreeMap<u16, Lot>);

impl Lots {
    /// Nothing where the line holds nothing.
    pub fn get(&self, line: u16) -> Lot {
        self.0.get(&line).copied().unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u16, Lot)> {
        self.0.iter().map(|(line, lot)| (*line, *lot))
    }

    /// What all lines hold together.
    pub fn total(&self) -> Qty {
        self.0.values().fold(Qty::ZERO, |sum, lot| sum.plus(lot.qty))
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// A line's order has opened.
    pub fn enter(&mut self, line: u16, fill: &Fill) -> LineFill {
        self.open(line, fill.price, fill.qty, fill.fee.known_value())
    }

    /// Opened for several lines at once: each gets what it lacks of `per_line`, in this order; the last one the rest.
    pub fn spread(
        &mut self,
        lines: impl IntoIterator<Item = u16>,
        per_line: Qty,
        fill: &Fill,
    ) -> Vec<LineFill> {
        let (mut qty_left, mut fee_left) = (fill.qty, fill.fee.known_value());
        let mut lines = lines.into_iter().peekable();
        let mut parts = Vec::new();
        while let Some(line) = lines.next()
            && !qty_left.is_zero()
        {
            let is_last = lines.peek().is_none();
            let lacking = per_line.minus(self.get(line).qty);
            let part = if is_last { qty_left } else { lacking.min(qty_left) };
            if part.is_zero() {
                continue;
            }
            let fee = fee_left.share(part, qty_left);
            parts.push(self.open(line, fill.price, part, fee));
            fee_left -= fee;
            qty_left = qty_left.minus(part);
        }
        parts
    }

    /// A line has opened `qty` more.
    pub fn open(&mut self, line: u16, price: Price, qty: Qty, fee: Quote) -> LineFill {
        let lot = self.0.entry(line).or_default();
        lot.qty = lot.qty.plus(qty);
        lot.cost += price.notional(qty);
        lot.fees += fee;
        LineFill { line, qty, fee, profit: None }
    }

    /// A line's order has closed: pairs it with what the line holds. What was opened is taken in the share that is
    /// closed, the last of it whole, so that the profits of a lot sum up exactly.
    pub fn exit(&mut self, line: u16, fill: &Fill) -> LineFill {
        let lot = self.take(line, fill.qty);
        let closed = fill.price.notional(fill.qty.min(lot.qty));
        let gross = match fill.position_side {
            PositionSide::Long => closed - lot.cost,
            PositionSide::Short => lot.cost - closed,
        };
        LineFill {
            line,
            qty: fill.qty,
            fee: fill.fee.known_value(),
            profit: Some(gross - lot.fees - fill.fee.known_value()),
        }
    }

    fn take(&mut self, line: u16, qty: Qty) -> Lot {
        let Some(lot) = self.0.get_mut(&line) else { return Lot::default() };
        let qty = qty.min(lot.qty);
        let taken = Lot { qty, cost: lot.cost.share(qty, lot.qty), fees: lot.fees.share(qty, lot.qty) };
        lot.qty = lot.qty.minus(qty);
        lot.cost -= taken.cost;
        lot.fees -= taken.fees;
        if lot.qty.is_zero() {
            self.0.remove(&line);
        }
        taken
    }

    /// Something else than the lines' orders has closed, and only this is left: the highest lines lose theirs first.
    pub fn trim(&mut self, left: Qty) {
        while self.total() > left {
            let excess = self.total().minus(left);
            let Some(line) = self.0.keys().next_back().copied() else { return };
            self.take(line, excess);
        }
    }

    /// Puts what is held by lines that do not exist any more on the last one that does.
    pub fn reseat(&mut self, lines: impl Iterator<Item = u16> + Clone) {
        let Some(last) = lines.clone().last() else { return };
        let known: Vec<u16> = lines.collect();
        for line in self.0.keys().copied().filter(|line| !known.contains(line)).collect::<Vec<_>>() {
            let Some(lot) = self.0.remove(&line) else { continue };
            let seat = self.0.entry(last).or_default();
            seat.qty = seat.qty.plus(lot.qty);
            seat.cost += lot.cost;
            seat.fees += lot.fees;
        }
    }
}

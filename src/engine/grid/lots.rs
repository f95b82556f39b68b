//! What a grid holds, line by line: a lot is what its line has opened and not closed again. Closing it pairs the two,
//! which is the grid's profit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::fill::Fill;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::side::PositionSide;

use super::ladder::Rung;

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

impl Lot {
    fn add(&mut self, other: Self) {
        self.qty = self.qty.plus(other.qty);
        self.cost += other.cost;
        self.fees += other.fees;
    }
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

/// The lots of a grid by side and line; lines that hold nothing are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lots(BTreeMap<PositionSide, BTreeMap<u16, Lot>>);

impl Lots {
    /// Nothing where the line holds nothing.
    pub fn get(&self, side: PositionSide, line: u16) -> Lot {
        self.0.get(&side).and_then(|lots| lots.get(&line)).copied().unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What holds something: side, line and lot.
    pub fn iter(&self) -> impl Iterator<Item = (PositionSide, u16, Lot)> {
        self.0.iter().flat_map(|(side, lots)| lots.iter().map(|(line, lot)| (*side, *line, *lot)))
    }

    /// What all lines of a side hold together.
    pub fn total(&self, side: PositionSide) -> Qty {
        self.0.get(&side).into_iter().flatten().fold(Qty::ZERO, |sum, (_, lot)| sum.plus(lot.qty))
    }

    pub fn clear(&mut self, side: PositionSide) {
        self.0.remove(&side);
    }

    /// A line's order has opened.
    pub fn enter(&mut self, line: u16, fill: &Fill) -> LineFill {
        self.open((fill.position_side, line), fill.price, fill.qty, fill.fee.known_value())
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
            let lacking = per_line.minus(self.get(fill.position_side, line).qty);
            let part = if is_last { qty_left } else { lacking.min(qty_left) };
            if part.is_zero() {
                continue;
            }
            let fee = fee_left.share(part, qty_left);
            parts.push(self.open((fill.position_side, line), fill.price, part, fee));
            fee_left -= fee;
            qty_left = qty_left.minus(part);
        }
        parts
    }

    /// A line has opened `qty` more.
    pub fn open(
        &mut self,
        (side, line): (PositionSide, u16),
        price: Price,
        qty: Qty,
        fee: Quote,
    ) -> LineFill {
        let lot = self.0.entry(side).or_default().entry(line).or_default();
        lot.qty = lot.qty.plus(qty);
        lot.cost += price.notional(qty);
        lot.fees += fee;
        LineFill { line, qty, fee, profit: None }
    }

    /// A line's order has closed: pairs it with what the line holds. What was opened is taken in the share that is
    /// closed, the last of it whole, so that the profits of a lot sum up exactly.
    ///
    /// What it has closed beyond that is another line's: something else had closed, and this line was thought to have lost
    /// what in truth the other had. Left there, it would be sold once more.
    pub fn exit(&mut self, line: u16, fill: &Fill) -> LineFill {
        let mut lot = self.take(fill.position_side, line, fill.qty);
        lot.add(self.take_highest(fill.position_side, fill.qty.minus(lot.qty)));
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

    fn take(&mut self, side: PositionSide, line: u16, qty: Qty) -> Lot {
        let Some(lots) = self.0.get_mut(&side) else { return Lot::default() };
        let Some(lot) = lots.get_mut(&line) else { return Lot::default() };
        let qty = qty.min(lot.qty);
        let taken = Lot { qty, cost: lot.cost.share(qty, lot.qty), fees: lot.fees.share(qty, lot.qty) };
        lot.qty = lot.qty.minus(qty);
        lot.cost -= taken.cost;
        lot.fees -= taken.fees;
        if lot.qty.is_zero() {
            lots.remove(&line);
        }
        if lots.is_empty() {
            self.0.remove(&side);
        }
        taken
    }

    /// Something else than the lines' orders has closed on this side, and only this is left: the highest lines lose
    /// theirs first.
    pub fn trim(&mut self, side: PositionSide, left: Qty) {
        self.take_highest(side, self.total(side).minus(left));
    }

    /// Takes as much, if there is, the highest lines first.
    fn take_highest(&mut self, side: PositionSide, qty: Qty) -> Lot {
        let mut taken = Lot::default();
        while taken.qty < qty
            && let Some(line) = self.0.get(&side).and_then(|lots| lots.keys().next_back().copied())
        {
            taken.add(self.take(side, line, qty.minus(taken.qty)));
        }
        taken
    }

    /// Puts what is held by lines that do not exist any more on the last one of their side that does.
    pub fn reseat(&mut self, rungs: &[Rung]) {
        for (side, lots) in &mut self.0 {
            let known: Vec<u16> =
                rungs.iter().filter(|rung| rung.side == *side).map(|rung| rung.line).collect();
            let Some(last) = known.last() else { continue };
            for (_, lot) in lots.extract_if(.., |line, _| !known.contains(line)).collect::<Vec<_>>() {
                lots.entry(*last).or_default().add(lot);
            }
        }
    }
}

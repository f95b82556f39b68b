//! What a grid should come to, by models that know nothing of the machine: one follows a path of prices, one follows
//! the book's fills whatever the exchange did to the orders.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};

use super::fixtures::*;
use super::rig::Rig;
use crate::domain::money::Price;
use crate::domain::order::Purpose;
use crate::domain::side::{PositionSide, Side};
use crate::engine::grid::{Direction, GridConfig};

const MAKER: Decimal = dec!(0.0002);
const TAKER: Decimal = dec!(0.0005);
const TICK: Decimal = dec!(0.1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Where its trigger was first seen from, once it was.
    Waits(Option<bool>),
    Works,
    /// Whether what it holds is on its way out.
    Stopped(bool),
}

/// The space between two lines.
#[derive(Debug, Clone)]
struct Cell {
    line: u16,
    /// 1 for long, -1 for short.
    sign: Decimal,
    entry: Decimal,
    exit: Decimal,
    /// The money that opening it moved, with the fee, while it holds.
    held: Option<Decimal>,
    opens: bool,
    /// Where its exit rests.
    closes: Option<Decimal>,
}

impl Cell {
    /// Whether `price` is beyond `other` on the side where the cell wins.
    fn is_beyond(&self, price: Decimal, other: Decimal) -> bool {
        (price - other) * self.sign > Decimal::ZERO
    }
}

/// A grid on a path of single prices, at each of which the market trades whatever it meets. Whatever the path, this is
/// all that can happen to it.
pub(super) struct PathModel {
    grid: GridConfig,
    lines: Vec<Decimal>,
    qty: Decimal,
    phase: Phase,
    cells: Vec<Cell>,
    /// Cells that one order at the market opens with the next trade.
    buying_in: Vec<usize>,
    pub(super) profit: Decimal,
}

impl PathModel {
    pub(super) fn new(rig: &Rig, at: Decimal) -> Self {
        let plan = rig.grid_plan();
        let mut model = Self {
            grid: rig.config.bots[&ONE].grid.as_ref().unwrap().config.clone(),
            lines: plan.lines.iter().map(|line| line.price.decimal()).collect(),
            qty: plan.qty_per_line.decimal(),
            phase: Phase::Waits(None),
            cells: Vec::new(),
            buying_in: Vec::new(),
            profit: Decimal::ZERO,
        };
        model.look(at);
        model
    }

    /// The market trades at one price: what rests there or beyond fills at it; then the grid looks at its lines.
    pub(super) fn trade(&mut self, at: Decimal) {
        let (qty, notional) = (self.qty, at * self.qty);
        for cell in &mut self.cells {
            if cell.opens && !cell.is_beyond(at, cell.entry) {
                cell.held = Some(-cell.sign * notional - notional * MAKER);
                cell.opens = false;
            } else if cell.closes.is_some_and(|exit| !cell.is_beyond(exit, at)) {
                self.profit += cell.held.take().unwrap() + cell.sign * at * qty - notional * MAKER;
                cell.closes = None;
            }
        }
        for index in std::mem::take(&mut self.buying_in) {
            let cell = &mut self.cells[index];
            cell.held = Some(-cell.sign * notional - notional * TAKER);
        }
        if self.phase == Phase::Stopped(true) {
            self.phase = Phase::Stopped(false);
            // Closed all at once: what might come next is another beginning.
            self.cells.clear();
        }
        self.look(at);
    }

    fn look(&mut self, at: Decimal) {
        let phase = self.phase;
        match phase {
            Phase::Waits(_) if self.may_begin(at) => self.begin(at),
            Phase::Works if self.is_beyond_stop(at) => {
                let holds = self.cells.iter().any(|cell| cell.held.is_some());
                self.phase = Phase::Stopped(holds && self.grid.close_on_stop);
                for cell in &mut self.cells {
                    (cell.opens, cell.closes) = (false, None);
                }
            }
            Phase::Works => self.arm(at),
            Phase::Waits(_) | Phase::Stopped(_) => {}
        }
    }

    fn is_beyond_stop(&self, at: Decimal) -> bool {
        self.grid.stop_lower.is_some_and(|stop| at <= stop.decimal())
            || self.grid.stop_upper.is_some_and(|stop| at >= stop.decimal())
    }

    fn may_begin(&mut self, at: Decimal) -> bool {
        let (lower, upper) = (self.grid.lower.decimal(), self.grid.upper.decimal());
        let is_there = match (self.grid.trigger.map(Price::decimal), &mut self.phase) {
            (Some(trigger), Phase::Waits(from_above)) => {
                let from_above = *from_above.get_or_insert(at > trigger);
                if from_above { at <= trigger } else { at >= trigger }
            }
            _ => (lower..=upper).contains(&at),
        };
        is_there && !self.is_beyond_stop(at)
    }

    fn begin(&mut self, at: Decimal) {
        self.phase = Phase::Works;
        let pairs = (0_u16..).zip(self.lines.windows(2));
        self.cells = pairs
            .map(|(line, pair)| {
                let is_long = match self.grid.direction {
                    Direction::Long => true,
                    Direction::Short => false,
                    Direction::Neutral => pair[0] < at,
                };
                let (line, sign, entry, exit) = if is_long {
                    (line, Decimal::ONE, pair[0], pair[1])
                } else {
                    (line + 1, -Decimal::ONE, pair[1], pair[0])
                };
                Cell { line, sign, entry, exit, held: None, opens: false, closes: None }
            })
            .collect();
        if self.grid.buy_in {
            let beyond = |cell: &Cell| !cell.is_beyond(at, cell.entry);
            self.buying_in = (0..self.cells.len()).filter(|index| beyond(&self.cells[*index])).collect();
        }
        self.arm(at);
    }

    /// What holds is offered; what does not opens where the market is beyond its line, unless the other side holds.
    fn arm(&mut self, at: Decimal) {
        let held_sign = self.cells.iter().find(|cell| cell.held.is_some()).map(|cell| cell.sign);
        for (index, cell) in self.cells.iter_mut().enumerate() {
            if self.buying_in.contains(&index) {
                continue;
            }
            if cell.held.is_some() {
                // Where the market has passed its line, an exit rests a tick beyond the market: it never takes.
                let passed = !cell.is_beyond(cell.exit, at);
                let place = if passed { at + cell.sign * TICK } else { cell.exit };
                cell.closes.get_or_insert(place);
            } else {
                let is_against = held_sign.is_some_and(|sign| sign != cell.sign);
                cell.opens = !is_against && (cell.opens || cell.is_beyond(at, cell.entry));
            }
        }
    }

    /// The grid that was played is what this one says: what each line holds, what rests there, what was earned.
    pub(super) fn check(&self, rig: &Rig) {
        let state = rig.grid_state();
        assert_eq!(state.is_started, !self.cells.is_empty(), "{:?}", self.phase);
        for Cell { line, sign, held, opens, closes, .. } in &self.cells {
            let lot = if held.is_some() { self.qty } else { Decimal::ZERO };
            let side = if sign.is_sign_positive() { PositionSide::Long } else { PositionSide::Short };
            assert_eq!(state.lots.get(side, *line).qty.decimal(), lot, "line {line}");
            let resting = |purpose| {
                rig.on_line(*line, purpose).iter().map(|(_, price)| price.decimal()).collect::<Vec<_>>()
            };
            assert_eq!(resting(Purpose::GridEntry).len(), usize::from(*opens), "line {line}");
            assert_eq!(resting(Purpose::GridExit), closes.iter().copied().collect::<Vec<_>>(), "line {line}");
        }
        let rests = self.cells.iter().filter(|cell| cell.opens || cell.closes.is_some()).count();
        assert_eq!(rig.ladder().len(), rests);
        assert_eq!(booked_profit(rig, &|_| true), self.profit.normalize());
    }
}

/// What the fills of the book say, line by line: what is held, and the money that was moved, with the fees.
#[derive(Default)]
pub(super) struct FillModel {
    pub(super) lines: BTreeMap<u16, (Decimal, Decimal)>,
}

impl FillModel {
    /// Each fill of a line's order is in the grid's history once and whole; how a buy-in was spread is taken from there.
    pub(super) fn of(rig: &Rig) -> Self {
        let mut history: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for part in &rig.grid_fills {
            history.entry(part.trade_id.clone()).or_default().push(part);
        }
        let mut model = Self::default();
        for fill in &rig.executed {
            let key = fill.client_order_id.key().unwrap();
            let Some(line) = key.line() else { continue };
            let parts = history.remove(&fill.trade_id).unwrap_or_default();
            let qty: Decimal = parts.iter().map(|part| part.qty.decimal()).sum();
            let fee: Decimal = parts.iter().map(|part| part.fee.decimal()).sum();
            assert_eq!((qty, fee), (fill.qty.decimal(), fill.fee.known_value().decimal()), "{fill:?}");
            for part in parts {
                assert!(key.purpose == Purpose::GridBuyIn || part.line == line, "{fill:?} {part:?}");
                assert_eq!((part.side, part.price), (fill.side, fill.price), "{fill:?}");
                assert_eq!(part.profit.is_some(), key.purpose == Purpose::GridExit, "{fill:?}");
                let bought = if part.side == Side::Buy { part.qty.decimal() } else { -part.qty.decimal() };
                let sum = model.lines.entry(part.line).or_default();
                sum.0 += bought;
                sum.1 -= bought * part.price.decimal() + part.fee.decimal();
            }
        }
        assert!(history.is_empty(), "the history has what the book never filled: {history:?}");
        model
    }
}

pub(super) fn booked_profit(rig: &Rig, lines: &dyn Fn(u16) -> bool) -> Decimal {
    let parts = rig.grid_fills.iter().filter(|part| lines(part.line));
    parts
        .filter_map(|part| part.profit)
        .map(crate::domain::money::Quote::decimal)
        .sum::<Decimal>()
        .normalize()
}

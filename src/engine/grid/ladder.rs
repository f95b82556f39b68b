//! Which line opens where, on which side, and closes where.

use rust_decimal::Decimal;

use crate::domain::instrument::Instrument;
use crate::domain::money::{Price, Qty};
use crate::domain::side::PositionSide;

use super::Direction;
use super::plan::Line;

/// A refused post-only order moves so many ticks at most.
const TICKS_MAX: u8 = 20;

/// One line as it is traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    pub line: u16,
    pub side: PositionSide,
    /// Where it opens.
    pub entry: Price,
    /// Where it closes: one line further on.
    pub exit: Price,
}

/// Those of a plan's lines that open something, from the lowest. A neutral grid is long on the lines below `anchor`, the
/// price it began at, and short on those above; the line right above it opens nothing.
pub fn rungs(lines: &[Line], direction: Direction, anchor: Option<Price>) -> Vec<Rung> {
    let spaces = lines.iter().zip(lines.iter().skip(1));
    let rung = |(low, high): (&Line, &Line)| {
        let is_long = match direction {
            Direction::Long => true,
            Direction::Short => false,
            Direction::Neutral => anchor.is_none_or(|anchor| low.price < anchor),
        };
        if is_long {
            Rung { line: low.index, side: PositionSide::Long, entry: low.price, exit: high.price }
        } else {
            Rung { line: high.index, side: PositionSide::Short, entry: high.price, exit: low.price }
        }
    };
    spaces.map(rung).collect()
}

impl Rung {
    /// Whether an entry may rest at its line while the market is at `price`.
    pub fn can_rest(&self, price: Price) -> bool {
        is_beyond(price, self.entry, self.side)
    }

    /// Half way from the entry to the exit; `None` where no price has so many decimals.
    pub fn middle(&self) -> Option<Price> {
        Price::try_new(self.exact_middle()).ok()
    }

    fn exact_middle(&self) -> Decimal {
        (self.entry.decimal() + self.exit.decimal()) / Decimal::TWO
    }

    /// Whether the price is nearer to the exit than to the entry.
    pub fn is_past_middle(&self, price: Price) -> bool {
        match self.side {
            PositionSide::Long => price.decimal() >= self.exact_middle(),
            PositionSide::Short => price.decimal() <= self.exact_middle(),
        }
    }

    /// Where the entry goes: on its line. Refused there more than once since it would have crossed, it goes further
    /// back tick by tick.
    pub fn entry_price(&self, tick: Price, refusals: u8) -> Price {
        let ticks = refusals.saturating_sub(1).min(TICKS_MAX);
        by_ticks(self.entry, tick, ticks, self.side == PositionSide::Short)
    }

    /// Where the exit goes: on its line. Refused there since it would have crossed, it goes a tick beyond the market
    /// where that has passed the line, and further tick by tick.
    pub fn exit_price(&self, instrument: &Instrument, tick: Price, market: Price, refusals: u8) -> Price {
        let up = self.side == PositionSide::Long;
        let is_passed = !is_beyond(self.exit, market, self.side);
        let base = match (is_passed && refusals > 0, self.side) {
            (false, _) => self.exit,
            (true, PositionSide::Long) => by_ticks(instrument.ceil_price(market), tick, 1, up),
            (true, PositionSide::Short) => by_ticks(instrument.floor_price(market), tick, 1, up),
        };
        let price = by_ticks(base, tick, refusals.saturating_sub(1).min(TICKS_MAX), up);
        // A border from which on ticks are coarser may lie between.
        if up { instrument.ceil_price(price) } else { instrument.floor_price(price) }
    }
}

/// Whether `price` is beyond `other` on the side where a position on `side` wins.
fn is_beyond(price: Price, other: Price, side: PositionSide) -> bool {
    match side {
        PositionSide::Long => price > other,
        PositionSide::Short => price < other,
    }
}

fn by_ticks(price: Price, tick: Price, count: u8, up: bool) -> Price {
    let distance = tick.decimal() * Decimal::from(count);
    let moved = if up { price.decimal() + distance } else { price.decimal() - distance };
    Price::try_new(moved).unwrap_or(price)
}

/// Whether a lot is enough for an order. On futures an order that only reduces needs no more than the smallest
/// quantity; on a spot exchange a sale must be worth the smallest order too.
pub fn is_sellable(qty: Qty, exit: Price, instrument: &Instrument, spot: bool) -> bool {
    instrument.check_qty(qty).is_ok() && (!spot || instrument.check_notional(exit, qty).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::instrument::Symbol;

    /// In the KRW market a price from 100 on keeps to whole KRW, one below it to tenths.
    #[test]
    fn an_exit_beyond_the_market_keeps_to_the_tick_of_its_own_price() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        let instrument = Instrument {
            symbol: Symbol::try_new("KRW-ETH").unwrap(),
            tick: price("0.01"),
            step: "0.001".parse().unwrap(),
            min_qty: "0.001".parse().unwrap(),
            min_notional: "5".parse().unwrap(),
        };
        let rung = Rung { line: 0, side: PositionSide::Long, entry: price("98"), exit: price("99") };
        for (market, exit) in [("98.5", "99"), ("99.25", "101"), ("99.75", "101"), ("100.2", "102")] {
            let exit_price = rung.exit_price(&instrument, price("1"), price(market), 1);
            assert_eq!(exit_price, price(exit), "at {market}");
        }
    }
}

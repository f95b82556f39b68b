//! Prices: a random walk in whole ticks, the same for everybody, made as far as somebody looks.

use std::cell::RefCell;

use rust_decimal::Decimal;
use tradefleet::domain::candle::Candle;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::market::Bar;
use tradefleet::domain::time::{Timeframe, Timestamp};

use crate::faults::{Dice, Fault, scaled};
use crate::pcg::Pcg;
use crate::units::{Ticks, price_of};

/// When every simulation begins: 2026-01-01, in ms.
pub(crate) const EPOCH: i64 = 1_767_225_600_000;
/// What everything costs at first.
pub(crate) const START: Ticks = 10_000;
const LEAST: Ticks = 2_000;
const MOST: Ticks = 60_000;

struct Walk {
    pcg: Pcg,
    dice: Dice,
    prices: Vec<[Ticks; 2]>,
    restless: [i64; 2],
}

pub(crate) struct Market {
    walk: RefCell<Walk>,
    /// From then on nothing moves any more.
    calm_from: i64,
}

impl Market {
    pub(crate) fn new(seed: u64, calm_from: i64, without: &[Fault]) -> Self {
        let mut pcg = Pcg::new(seed, 2);
        let restless = [pcg.within(1, 25), pcg.within(1, 25)];
        let dice = Dice::new(seed, 0, without);
        Self { walk: RefCell::new(Walk { pcg, dice, prices: vec![[START; 2]], restless }), calm_from }
    }

    /// The price of a symbol, by second.
    pub(crate) fn price(&self, symbol: usize, at: i64) -> Ticks {
        let index = usize::try_from((at.min(self.calm_from) - EPOCH).max(0) / 1_000).unwrap();
        let mut walk = self.walk.borrow_mut();
        while walk.prices.len() <= index {
            walk.step();
        }
        walk.prices[index][symbol]
    }

    /// The bar of the minute that ended at `end`.
    pub(crate) fn minute(&self, number: usize, symbol: &Symbol, end: i64) -> Bar {
        let all = (0..=60).map(|second| self.price(number, end - 60_000 + second * 1_000));
        let (low, high) = all.fold((MOST, 0), |(low, high), price| (low.min(price), high.max(price)));
        let prices = [self.price(number, end - 60_000), high, low, self.price(number, end)].map(price_of);
        let opened = Timestamp::from_ms(end - 60_000);
        let candle = Candle::try_new(opened, prices, Decimal::ONE).unwrap();
        Bar { symbol: symbol.clone(), timeframe: Timeframe::M1, candle, complete: true }
    }

    /// A market whose prices are known, second by second, and stay where they end.
    pub(crate) fn of(prices: Vec<[Ticks; 2]>) -> Self {
        let seconds = i64::try_from(prices.len()).unwrap() - 1;
        let market = Self::new(0, EPOCH + seconds * 1_000, Fault::ALL);
        market.walk.borrow_mut().prices = prices;
        market
    }

    pub(crate) fn jumps(&self) -> u64 {
        self.walk.borrow().dice.total()
    }
}

impl Walk {
    fn step(&mut self) {
        let mut now = *self.prices.last().unwrap();
        for (price, restless) in now.iter_mut().zip(self.restless) {
            let jump = self.dice.hits(Fault::PriceJump).map_or(0, |how| scaled(how, -900, 900));
            let moved = *price + self.pcg.within(-restless, restless) + jump;
            *price = moved.clamp(LEAST, MOST);
        }
        self.prices.push(now);
    }
}

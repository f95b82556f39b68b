//! The last known price of each symbol: what margin and unrealized profit are valued at.

use serde::{Deserialize, Serialize};

use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::money::Price;

/// Sorted by symbol. A step usually brings the same symbols as the one before, so that an update is one walk along
/// both lists, and allocates only for a symbol seen for the first time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Prices(Vec<(Symbol, Price)>);

impl Prices {
    pub(super) fn get(&self, symbol: &Symbol) -> Option<Price> {
        let index = self.0.binary_search_by(|(known, _)| known.cmp(symbol)).ok()?;
        self.0.get(index).map(|(_, price)| *price)
    }

    pub(super) fn set(&mut self, symbol: &Symbol, price: Price) {
        self.set_near(0, symbol, price);
    }

    /// Takes one price of each bar of the step.
    pub(super) fn mark(&mut self, step: &MarketStep, pick: impl Fn(&Candle) -> Price) {
        let mut next = 0;
        for bar in &step.price_bars {
            next = self.set_near(next, &bar.symbol, pick(&bar.candle)).saturating_add(1);
        }
    }

    /// Tries the slot `hint` first; returns the slot that was written.
    fn set_near(&mut self, hint: usize, symbol: &Symbol, price: Price) -> usize {
        if let Some((known, slot)) = self.0.get_mut(hint)
            && known == symbol
        {
            *slot = price;
            return hint;
        }
        match self.0.binary_search_by(|(known, _)| known.cmp(symbol)) {
            Ok(index) => {
                if let Some((_, slot)) = self.0.get_mut(index) {
                    *slot = price;
                }
                index
            }
            Err(index) => {
                self.0.insert(index, (symbol.clone(), price));
                index
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{bar, minute, symbol};
    use super::*;

    #[test]
    fn symbols_may_come_and_go() {
        let mut prices = Prices::default();
        for (names, price) in [(&["B1", "D1"][..], "1"), (&["A1", "B1", "C1", "E1"], "2"), (&["D1"], "3")] {
            let price_bars = names.iter().map(|name| bar(name, 1, [price; 4])).collect();
            prices.mark(&MarketStep { at: minute(1), price_bars, closed_bars: Vec::new() }, |candle| {
                candle.close
            });
        }
        prices.set(&symbol("C1"), "4".parse().unwrap());
        let known = ["A1", "B1", "C1", "D1", "E1", "F1"]
            .map(|name| prices.get(&symbol(name)).map_or_else(|| "-".to_owned(), |price| price.to_string()));
        assert_eq!(known, ["2", "2", "4", "3", "2", "-"]);
    }
}

//! What fees in another asset than the cash were worth when they were booked.

use std::borrow::Cow;

use crate::domain::fee::FEE_ASSETS;
use crate::domain::fill::Fill;
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;

use super::machine::AccountMachine;

impl AccountMachine {
    /// The fill with the price of its fee's asset beside the fee, where one is known.
    pub(super) fn with_priced_fee<'a>(&mut self, fill: &'a Fill) -> Cow<'a, Fill> {
        if !fill.fee.needs_price() {
            return Cow::Borrowed(fill);
        }
        let Some(symbol) = Symbol::of_pair(fill.fee.asset(), fill.symbol.quote_asset()) else {
            return Cow::Borrowed(fill);
        };
        match self.fee_price(&symbol) {
            Some(price) => Cow::Owned(Fill { fee: fill.fee.priced(price), ..fill.clone() }),
            None => Cow::Borrowed(fill),
        }
    }

    /// The last price, or the last one before a restart.
    fn fee_price(&mut self, symbol: &Symbol) -> Option<Price> {
        if let Some(price) = self.prices.get(symbol) {
            self.durable.fee_prices.insert(symbol.clone(), *price);
        }
        self.durable.fee_prices.get(symbol).copied()
    }

    /// Fills that happened while we were away are told before any price: the last known ones are kept for them.
    pub(super) fn remember_fee_prices(&mut self) {
        if self.config.venue.consistent_snapshots {
            return;
        }
        for (symbol, price) in &mut self.durable.fee_prices {
            if let Some(now) = self.prices.get(symbol) {
                *price = *now;
            }
        }
        // All symbols of an account are quoted alike.
        let Some(quote_asset) = self.prices.keys().next().map(Symbol::quote_asset) else { return };
        for symbol in FEE_ASSETS.iter().filter_map(|(_, asset)| Symbol::of_pair(asset, quote_asset)) {
            if let Some(price) = self.prices.get(&symbol) {
                self.durable.fee_prices.entry(symbol).or_insert(*price);
            }
        }
    }
}

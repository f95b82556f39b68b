//! What an account has of the asset it pays its fees in: BNB, BGB.

use rust_decimal::Decimal;

use super::accounts_file::FeeAsset;
use crate::domain::fee::Fee;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Quote};

/// Decimals in which exchanges take such fees.
const DECIMALS: u32 = 8;

/// See the module.
#[derive(Debug, Clone)]
pub struct FeeWallet {
    pub asset: String,
    pub balance: Decimal,
    /// The market's symbol of the asset.
    pub(super) symbol: Symbol,
    price: Price,
}

impl FeeWallet {
    /// `None` where the asset and `quote_asset` make no symbol.
    pub(super) fn open(terms: &FeeAsset, quote_asset: &str) -> Option<Self> {
        Some(Self {
            symbol: Symbol::of_pair(&terms.asset, quote_asset)?,
            asset: terms.asset.clone(),
            balance: terms.balance,
            price: terms.price,
        })
    }

    /// The market has another price of the asset.
    pub(super) const fn reprice(&mut self, price: Price) {
        self.price = price;
    }

    /// Takes a fee, told in quote currency; `None` when too little is left for it: then the cash pays.
    pub(super) fn pay(&mut self, fee: Quote, quote_asset: &str) -> Option<Fee> {
        let amount = (fee.decimal() / self.price.decimal()).round_dp(DECIMALS).normalize();
        if self.balance < amount {
            return None;
        }
        self.balance = (self.balance - amount).normalize();
        Some(Fee::told(amount, self.asset.clone(), quote_asset))
    }
}

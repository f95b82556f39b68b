//! What a fill costs, in the asset it is paid in.
//!
//! Most fees come out of the cash, in quote currency. An exchange may take them in an asset of its own instead (BNB,
//! BGB): then the cash stays as it is, and what the fee is worth stands beside it, never in its place.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::kind::ExchangeKind;
use super::money::{Price, Qty, Quote};

/// Assets in which exchanges take fees when an account has them: their own.
pub const FEE_ASSETS: [(ExchangeKind, &str); 2] =
    [(ExchangeKind::Binance, "BNB"), (ExchangeKind::Bitget, "BGB")];

/// The fee of one fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// Paid when positive, received when negative; in `asset`, exact.
    #[serde(rename = "fee")]
    amount: Decimal,
    #[serde(rename = "fee_asset")]
    asset: String,
    #[serde(rename = "fee_paid", default, skip_serializing_if = "Paid::is_from_cash")]
    paid: Paid,
}

/// Where a fee was taken from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paid {
    /// The cash: its asset is the quote currency.
    #[default]
    FromCash,
    /// Another asset, of which one was worth `price` in quote currency; `None` where nobody knew.
    InKind { price: Option<Price> },
}

impl Paid {
    const fn is_from_cash(&self) -> bool {
        matches!(self, Self::FromCash)
    }
}

impl Fee {
    /// Taken from the cash, in quote currency.
    pub fn from_cash(amount: Quote, quote_asset: impl Into<String>) -> Self {
        Self { amount: amount.decimal().normalize(), asset: quote_asset.into(), paid: Paid::FromCash }
    }

    /// As an exchange tells it: from the cash when `asset` is the quote currency, else in kind and not valued yet.
    pub fn told(amount: Decimal, asset: String, quote_asset: &str) -> Self {
        let paid = if asset == quote_asset { Paid::FromCash } else { Paid::InKind { price: None } };
        Self::kept(amount, asset, paid)
    }

    /// As it was kept.
    pub fn kept(amount: Decimal, asset: String, paid: Paid) -> Self {
        Self { amount: amount.normalize(), asset, paid }
    }

    /// In [`Self::asset`].
    pub const fn amount(&self) -> Decimal {
        self.amount
    }

    pub fn asset(&self) -> &str {
        &self.asset
    }

    pub const fn paid(&self) -> Paid {
        self.paid
    }

    /// What it took from the cash, in quote currency.
    pub const fn cash(&self) -> Quote {
        match self.paid {
            Paid::FromCash => Quote::new(self.amount),
            Paid::InKind { .. } => Quote::ZERO,
        }
    }

    /// What it was worth in quote currency when it was booked; `None` where no price of its asset was known.
    pub fn value(&self) -> Option<Quote> {
        match self.paid {
            Paid::FromCash => Some(Quote::new(self.amount)),
            Paid::InKind { .. } if self.amount.is_zero() => Some(Quote::ZERO),
            Paid::InKind { price } => price.map(|price| price.value_of(self.amount)),
        }
    }

    /// As [`Self::value`], for sums: what has no known value is listed apart ([`FeeSums`]).
    pub fn known_value(&self) -> Quote {
        self.value().unwrap_or_default()
    }

    /// Whether it is paid in another asset and its price is still to be found.
    pub fn needs_price(&self) -> bool {
        self.paid == Paid::InKind { price: None } && !self.amount.is_zero()
    }

    /// The same fee, with the price of its asset beside it.
    #[must_use]
    pub fn priced(&self, price: Price) -> Self {
        Self { paid: Paid::InKind { price: Some(price) }, ..self.clone() }
    }

    /// The share `part / whole` of it.
    #[must_use]
    pub fn share(&self, part: Qty, whole: Qty) -> Self {
        Self { amount: Quote::new(self.amount).share(part, whole).decimal(), ..self.clone() }
    }

    /// What is left of it without `part`, which is of the same asset.
    #[must_use]
    pub fn less(&self, part: &Self) -> Self {
        Self { amount: (self.amount - part.amount).normalize(), ..self.clone() }
    }
}

/// What was paid in one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeeSum {
    pub asset: String,
    /// Exact, in the asset; negative when more was received than paid.
    pub amount: Decimal,
    /// In quote currency, of what had a price when it was booked.
    pub value: Quote,
    /// The part of `amount` that had no known price, in the asset: it is in no figure in quote currency.
    pub unvalued: Decimal,
}

/// Fees by asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeeSums(BTreeMap<String, FeeSum>);

impl FeeSums {
    pub fn add(&mut self, fee: &Fee) {
        self.add_amount(&fee.asset, fee.amount, fee.value());
    }

    /// Adds an amount of `asset`, worth `value` in quote currency where that is known.
    pub fn add_amount(&mut self, asset: &str, amount: Decimal, value: Option<Quote>) {
        let unvalued = if value.is_none() { amount } else { Decimal::ZERO };
        self.add_sum(asset, amount, value.unwrap_or_default(), unvalued);
    }

    /// Adds what was paid from the cash.
    pub fn add_cash(&mut self, quote_asset: &str, amount: Quote) {
        if amount != Quote::ZERO {
            self.add_sum(quote_asset, amount.decimal(), amount, Decimal::ZERO);
        }
    }

    pub fn add_all<'a>(&mut self, other: impl IntoIterator<Item = &'a FeeSum>) {
        for sum in other {
            self.add_sum(&sum.asset, sum.amount, sum.value, sum.unvalued);
        }
    }

    fn add_sum(&mut self, asset: &str, amount: Decimal, value: Quote, unvalued: Decimal) {
        let sum = self.0.entry(asset.to_owned()).or_insert_with(|| FeeSum {
            asset: asset.to_owned(),
            amount: Decimal::ZERO,
            value: Quote::ZERO,
            unvalued: Decimal::ZERO,
        });
        sum.amount = (sum.amount + amount).normalize();
        sum.value += value;
        sum.unvalued = (sum.unvalued + unvalued).normalize();
    }

    /// What was paid in `asset`.
    pub fn of(&self, asset: &str) -> Decimal {
        self.0.get(asset).map_or(Decimal::ZERO, |sum| sum.amount)
    }

    /// What all of it was worth, as far as that is known.
    pub fn value(&self) -> Quote {
        self.0.values().map(|sum| sum.value).sum()
    }

    /// Ordered by asset.
    pub fn iter(&self) -> impl Iterator<Item = &FeeSum> {
        self.0.values()
    }

    /// Ordered by asset.
    pub fn into_list(self) -> Vec<FeeSum> {
        self.0.into_values().collect()
    }
}

impl<'a> FromIterator<&'a Fee> for FeeSums {
    fn from_iter<I: IntoIterator<Item = &'a Fee>>(fees: I) -> Self {
        let mut sums = Self::default();
        fees.into_iter().for_each(|fee| sums.add(fee));
        sums
    }
}

impl fmt::Display for Fee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.asset)
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;

    fn quote(text: &str) -> Quote {
        text.parse().unwrap()
    }

    #[test]
    fn a_fee_in_kind_leaves_the_cash_alone_and_is_worth_what_its_asset_was() {
        let fee = Fee::told(dec!(0.00012345), "BNB".to_owned(), "USDT");
        assert_eq!((fee.cash(), fee.value(), fee.needs_price()), (Quote::ZERO, None, true));
        let priced = fee.priced("612.5".parse().unwrap());
        assert_eq!((priced.cash(), priced.value()), (Quote::ZERO, Some(quote("0.075613125"))));
        assert_eq!(priced.amount(), fee.amount(), "the exact fee stays");
        let cash = Fee::told(dec!(0.3), "USDT".to_owned(), "USDT");
        assert_eq!(
            (cash.cash(), cash.value(), cash.needs_price()),
            (quote("0.3"), Some(quote("0.3")), false)
        );
        let nothing = Fee::told(dec!(0), "BNB".to_owned(), "USDT");
        assert_eq!((nothing.value(), nothing.needs_price()), (Some(Quote::ZERO), false));
    }

    #[test]
    fn what_has_no_price_is_summed_apart() {
        let bnb = |amount| Fee::told(amount, "BNB".to_owned(), "USDT");
        let fees = [
            bnb(dec!(0.002)).priced("600".parse().unwrap()),
            bnb(dec!(0.001)),
            Fee::from_cash(quote("0.5"), "USDT"),
        ];
        let sums: FeeSums = fees.iter().collect();
        assert_eq!(sums.value(), quote("1.7"));
        let list = sums.into_list();
        let line = |sum: &FeeSum| format!("{} {} {} {}", sum.asset, sum.amount, sum.value, sum.unvalued);
        assert_eq!(list.iter().map(line).collect::<Vec<_>>(), ["BNB 0.003 1.2 0.001", "USDT 0.5 0.5 0"]);
    }

    #[test]
    fn fills_kept_before_fees_had_assets_of_their_own_are_read() {
        let fee: Fee = serde_json::from_str(r#"{"fee":"0.3","fee_asset":"USDT"}"#).unwrap();
        assert_eq!(fee, Fee::from_cash(quote("0.3"), "USDT"));
        let kind = Fee::told(dec!(0.1), "BNB".to_owned(), "USDT").priced("600".parse().unwrap());
        let text = serde_json::to_string(&kind).unwrap();
        assert_eq!(serde_json::from_str::<Fee>(&text).unwrap(), kind);
    }
}

//! The simulated exchange reckons in integers: prices in 0.01, quantities in 0.001, money in 0.0000000001.

use rust_decimal::Decimal;
use tradefleet::domain::money::{Price, Qty, Quote};

pub(crate) type Ticks = i64;
pub(crate) type Lots = i64;
/// 10^-10 of the quote currency: price x quantity x a fee of 0.00001 is a whole number of them.
pub(crate) type Atoms = i128;

pub(crate) fn price_of(ticks: Ticks) -> Price {
    Price::try_new(Decimal::new(ticks, 2)).unwrap()
}

pub(crate) fn ticks_of(price: Price) -> Ticks {
    whole(price.decimal() * Decimal::ONE_HUNDRED)
}

pub(crate) fn qty_of(lots: Lots) -> Qty {
    Qty::try_new(Decimal::new(lots, 3)).unwrap()
}

pub(crate) fn lots_of(qty: Qty) -> Lots {
    whole(qty.decimal() * Decimal::ONE_THOUSAND)
}

pub(crate) fn quote_of(atoms: Atoms) -> Quote {
    Quote::new(Decimal::from_i128_with_scale(atoms, 10))
}

pub(crate) fn notional(ticks: Ticks, lots: Lots) -> Atoms {
    Atoms::from(ticks) * Atoms::from(lots) * 100_000
}

/// Fees in 0.001 %.
pub(crate) fn fee_of(notional: Atoms, rate: Atoms) -> Atoms {
    notional / 100_000 * rate
}

fn whole(value: Decimal) -> i64 {
    assert!(value.fract().is_zero(), "{value} has more digits than the exchange knows");
    i64::try_from(value.trunc().mantissa() / 10_i128.pow(value.trunc().scale())).unwrap()
}

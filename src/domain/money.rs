//! Prices, quantities, amounts of quote currency and percentages: exact decimals that cannot be mixed up.
//!
//! Bounds: a price is at most 10^12 and has at most 12 decimals, a quantity at most 10^13 with at most 10 decimals.
//! Within these bounds a product fits the 28 digits of [`Decimal`] for every instrument that is traded, so the
//! operators below cannot overflow on checked values.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::DurationMs;

/// A number that is not a price, a quantity, a percentage ... and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{value}` {problem}")]
pub struct MoneyError {
    what: &'static str,
    value: String,
    problem: &'static str,
}

impl MoneyError {
    fn new(what: &'static str, value: impl fmt::Display, problem: &'static str) -> Self {
        Self { what, value: value.to_string(), problem }
    }

    /// Why it is none: "is not a decimal number", say.
    pub const fn problem(&self) -> &'static str {
        self.problem
    }
}

/// Reads plain decimal notation only: no exponent, no NaN, no spaces.
pub fn parse_decimal(what: &'static str, text: &str) -> Result<Decimal, MoneyError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !plain {
        return Err(MoneyError::new(what, text, "is not a decimal number"));
    }
    Decimal::from_str_exact(text)
        .map(|value| value.normalize())
        .map_err(|_| MoneyError::new(what, text, "has more digits than can be kept exactly"))
}

const PRICE_MAX: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0); // 10^12
/// [`PRICE_MAX`] as a whole number.
const PRICE_MAX_NUMBER: i64 = 1_000_000_000_000;
const QTY_MAX: Decimal = Decimal::from_parts(0x4E72_A000, 0x918, 0, false, 0); // 10^13

/// Gives a decimal newtype its text form (display, parsing, serde as exact text).
macro_rules! decimal_text {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_new(parse_decimal($what, text)?)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A price in quote currency for one unit of base currency; always positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(Decimal);

impl Price {
    /// 10^-12, which every price is a multiple of.
    pub const SMALLEST: Self = Self(Decimal::from_parts(1, 0, 0, false, 12));

    pub fn try_new(value: Decimal) -> Result<Self, MoneyError> {
        if value <= Decimal::ZERO {
            return Err(MoneyError::new("price", value, "must be above 0"));
        }
        if value > PRICE_MAX || value.scale() > 12 {
            return Err(MoneyError::new("price", value, "is above 10^12 or has more than 12 decimals"));
        }
        Ok(Self(value.normalize()))
    }

    /// The price `number / 10^scale`; `None` where [`Self::try_new`] refuses it. Candles are read by the million: whole
    /// numbers are brought to their shortest form faster than decimals.
    pub fn of_number(number: i64, scale: u32) -> Option<Self> {
        let (mut number, mut scale) = (number, Some(scale).filter(|scale| *scale <= 12)?);
        while scale > 0 && number % 10 == 0 && number != 0 {
            number /= 10;
            scale -= 1;
        }
        let most = PRICE_MAX_NUMBER.checked_mul(10_i64.checked_pow(scale)?);
        let is_within = number > 0 && most.is_none_or(|most| number <= most);
        is_within.then(|| Self(Decimal::new(number, scale)))
    }

    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// price x quantity, in quote currency, exact.
    pub fn notional(self, qty: Qty) -> Quote {
        Quote((self.0 * qty.0).normalize())
    }

    /// What `amount` of the asset that this is the price of is worth, in quote currency, rounded to 16 decimals.
    pub fn value_of(self, amount: Decimal) -> Quote {
        Quote((self.0 * amount).round_dp(16).normalize())
    }

    /// This price moved by `pct` percent (up when positive), unrounded beyond 12 decimals.
    /// `None` when the result is not a price (a move of -100 % or more).
    pub fn moved_by(self, pct: Pct) -> Option<Self> {
        let moved = self.0 + self.0 * pct.fraction();
        Self::try_new(moved.round_dp(12)).ok()
    }
}

decimal_text!(Price, "price");

/// An amount of base currency (or contracts); never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Qty(Decimal);

impl Qty {
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// 10^-10, which every quantity is a multiple of.
    pub const SMALLEST: Self = Self(Decimal::from_parts(1, 0, 0, false, 10));

    pub fn try_new(value: Decimal) -> Result<Self, MoneyError> {
        if value < Decimal::ZERO {
            return Err(MoneyError::new("quantity", value, "must not be negative"));
        }
        if value > QTY_MAX || value.normalize().scale() > 10 {
            return Err(MoneyError::new("quantity", value, "is above 10^13 or has more than 10 decimals"));
        }
        Ok(Self(value.normalize()))
    }

    pub const fn decimal(self) -> Decimal {
        self.0
    }

    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self((self.0 + other.0).normalize())
    }

    /// `self - other`, or zero when `other` is larger.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self((self.0 - other.0).max(Decimal::ZERO).normalize())
    }

    /// `pct` percent of this quantity, rounded down to a multiple of `step`.
    #[must_use]
    pub fn part(self, pct: Pct, step: Self) -> Self {
        Self(self.0 * pct.fraction()).floor_to(step)
    }

    /// Rounded **down** to a multiple of `step`; unchanged when `step` is zero.
    #[must_use]
    pub fn floor_to(self, step: Self) -> Self {
        if step.is_zero() {
            return self;
        }
        Self(((self.0 / step.0).floor() * step.0).normalize())
    }
}

decimal_text!(Qty, "quantity");

/// An amount of quote currency: margin, notional, fee, profit or loss. May be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quote(Decimal);

impl Quote {
    pub const ZERO: Self = Self(Decimal::ZERO);

    pub const fn new(value: Decimal) -> Self {
        Self(value)
    }

    /// Every decimal is an amount; the signature matches the other newtypes.
    pub fn try_new(value: Decimal) -> Result<Self, MoneyError> {
        Ok(Self(value.normalize()))
    }

    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// `pct` percent of this amount, rounded to 12 decimals toward zero.
    #[must_use]
    pub fn part(self, pct: Pct) -> Self {
        Self((self.0 * pct.fraction()).round_dp_with_strategy(12, RoundingStrategy::ToZero).normalize())
    }

    /// `self x leverage`: the notional a margin carries.
    #[must_use]
    pub fn leveraged(self, leverage: Leverage) -> Self {
        Self((self.0 * Decimal::from(leverage.get())).normalize())
    }

    /// `self / leverage`: the margin a notional binds, rounded up to 12 decimals.
    #[must_use]
    pub fn margin_at(self, leverage: Leverage) -> Self {
        let margin = self.0 / Decimal::from(leverage.get());
        Self(margin.round_dp_with_strategy(12, RoundingStrategy::AwayFromZero).normalize())
    }

    /// How much can be bought with this amount at `price`, rounded down to 10 decimals; zero for amounts <= 0.
    pub fn quantity_at(self, price: Price) -> Qty {
        if self.0 <= Decimal::ZERO {
            return Qty::ZERO;
        }
        let qty = (self.0 / price.0).round_dp_with_strategy(10, RoundingStrategy::ToZero);
        Qty(qty.min(QTY_MAX).normalize())
    }

    /// The share `part / whole` of this amount, rounded to 16 decimals. The whole of it when `part >= whole`,
    /// so that what is taken piece by piece sums up exactly.
    #[must_use]
    pub fn share(self, part: Qty, whole: Qty) -> Self {
        if part >= whole {
            return self;
        }
        Self((self.0 * (part.0 / whole.0)).round_dp(16).normalize())
    }

    /// Average price of this cost over `qty`, rounded to 12 decimals; `None` when there is no such price.
    pub fn average_price(self, qty: Qty) -> Option<Price> {
        if qty.is_zero() {
            return None;
        }
        Price::try_new((self.0 / qty.0).round_dp(12)).ok()
    }
}

decimal_text!(Quote, "amount");

impl Add for Quote {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self((self.0 + other.0).normalize())
    }
}

impl Sub for Quote {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self((self.0 - other.0).normalize())
    }
}

impl Neg for Quote {
    type Output = Self;

    fn neg(self) -> Self {
        Self((-self.0).normalize())
    }
}

impl AddAssign for Quote {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quote {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Quote {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// A percentage: `3.0` means 3 %. May be negative (a move, a loss); its size is at most 10^6 with 6 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pct(Decimal);

impl Pct {
    pub const ZERO: Self = Self(Decimal::ZERO);
    pub const ONE: Self = Self(Decimal::ONE);
    pub const HUNDRED: Self = Self(Decimal::ONE_HUNDRED);

    pub fn try_new(value: Decimal) -> Result<Self, MoneyError> {
        if value.abs() > Decimal::ONE_THOUSAND * Decimal::ONE_THOUSAND || value.normalize().scale() > 6 {
            return Err(MoneyError::new(
                "percentage",
                value,
                "is beyond 1,000,000 or has more than 6 decimals",
            ));
        }
        Ok(Self(value.normalize()))
    }

    pub const fn decimal(self) -> Decimal {
        self.0
    }

    pub fn fraction(self) -> Decimal {
        let mut fraction = self.0;
        match fraction.set_scale(fraction.scale() + 2) {
            Ok(()) => fraction.normalize(),
            // More decimals than a percentage can have.
            Err(_) => self.0 / Decimal::ONE_HUNDRED,
        }
    }

    /// The move from `from` to `to` in percent, rounded to 6 decimals.
    pub fn change(from: Price, to: Price) -> Self {
        let change = (to.0 - from.0) / from.0 * Decimal::ONE_HUNDRED;
        let bound = Decimal::ONE_THOUSAND * Decimal::ONE_THOUSAND;
        Self(change.round_dp(6).clamp(-bound, bound).normalize())
    }
}

impl Add for Pct {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self((self.0 + other.0).normalize())
    }
}

impl Neg for Pct {
    type Output = Self;

    fn neg(self) -> Self {
        Self((-self.0).normalize())
    }
}

decimal_text!(Pct, "percentage");

/// A length of time in hours, 0 to 8,760 (a year), with at most 4 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hours(Decimal);

impl Hours {
    pub fn try_new(value: Decimal) -> Result<Self, MoneyError> {
        if value < Decimal::ZERO || value > Decimal::from(8_760) || value.normalize().scale() > 4 {
            return Err(MoneyError::new("hours", value, "must be 0 to 8760 with at most 4 decimals"));
        }
        Ok(Self(value.normalize()))
    }

    pub fn duration(self) -> DurationMs {
        let ms = (self.0 * Decimal::from(3_600_000)).round();
        DurationMs::from_ms(i64::try_from(ms).unwrap_or(0))
    }
}

decimal_text!(Hours, "hours");

/// Leverage, 1..=100. The policy limit (`limits.max_leverage`) is applied where settings are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Leverage(u8);

impl Leverage {
    pub const ONE: Self = Self(1);
    pub const MAX: u8 = 100;

    pub fn try_new(value: u8) -> Result<Self, MoneyError> {
        if (1..=Self::MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(MoneyError::new("leverage", value, "must be 1 to 100"))
        }
    }

    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Leverage {
    type Error = MoneyError;

    fn try_from(value: u8) -> Result<Self, Self::Error> {
        Self::try_new(value)
    }
}

impl From<Leverage> for u8 {
    fn from(leverage: Leverage) -> Self {
        leverage.0
    }
}

impl fmt::Display for Leverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::dec;

    use super::*;

    #[test]
    fn bounds_are_what_the_module_says() {
        assert_eq!(PRICE_MAX, dec!(1_000_000_000_000));
        assert_eq!(QTY_MAX, dec!(10_000_000_000_000));
    }

    #[test]
    fn only_plain_decimals_are_numbers() {
        for bad in ["NaN", "inf", "1e5", "", " 1", "1 ", "+1", "--1", ".5", "1,5", "0x10"] {
            assert!(bad.parse::<Quote>().is_err(), "{bad:?}");
        }
        assert_eq!("-1.50".parse::<Quote>().unwrap().to_string(), "-1.5");
        assert!("0".parse::<Price>().is_err());
        assert!("-1".parse::<Qty>().is_err());
        assert!("1.00000000000000000000000000000000000001".parse::<Quote>().is_err());
    }

    proptest! {
        #[test]
        fn a_number_is_the_price_of_its_decimal(
            number in prop_oneof![any::<i64>(), -9_i64..1_000_000, (0_i64..1_000_000).prop_map(|number| number * 1_000_000_000_000)],
            scale in 0_u32..=15,
        ) {
            prop_assert_eq!(Price::of_number(number, scale), Price::try_new(Decimal::new(number, scale)).ok());
            let found = Price::of_number(number, scale).map(|price| price.decimal().scale());
            prop_assert_eq!(found, Price::try_new(Decimal::new(number, scale)).ok().map(|price| price.decimal().scale()));
        }

        #[test]
        fn rounding_down_never_exceeds(units in 0_i64..1_000_000_000, scale in 0_u32..8, step in 1_i64..1_000) {
            let qty = Qty::try_new(Decimal::new(units, scale)).unwrap();
            let step = Qty::try_new(Decimal::new(step, scale.min(4))).unwrap();
            let floored = qty.floor_to(step);
            prop_assert!(floored <= qty);
            prop_assert!(qty.minus(floored) < step);
            prop_assert!((floored.decimal() % step.decimal()).is_zero());
        }

        #[test]
        fn margin_covers_its_notional(cents in 1_i64..1_000_000_000_000, leverage in 1_u8..=100) {
            let notional = Quote::new(Decimal::new(cents, 2));
            let leverage = Leverage::try_new(leverage).unwrap();
            prop_assert!(notional.margin_at(leverage).leveraged(leverage) >= notional);
        }

        #[test]
        fn quantity_never_costs_more_than_the_amount(cents in 1_i64..1_000_000_000, price in 1_i64..100_000_000) {
            let amount = Quote::new(Decimal::new(cents, 2));
            let price = Price::try_new(Decimal::new(price, 4)).unwrap();
            prop_assert!(price.notional(amount.quantity_at(price)) <= amount);
        }
    }
}

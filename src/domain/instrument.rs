//! What an exchange lets be traded of one symbol: tick, step and minimums, and the rounding they ask for.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use super::krw_steps;
use super::money::{Price, Qty, Quote};

/// Characters that a symbol has at most.
const SYMBOL_CHARS_MAX: usize = 30;
/// Two numbers hold that many.
const SYMBOL_BYTES: usize = 32;

/// An exchange symbol as the exchange writes it: `BTCUSDT`, `KRW-BTC`. Its text is kept in place, followed by
/// zeros, which no symbol holds: symbols are copied and compared all the time.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Symbol([u8; SYMBOL_BYTES]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("symbol `{0}` is not 2 to 30 characters of A-Z, 0-9, `-` and `_`")]
pub struct BadSymbol(String);

impl Symbol {
    pub fn try_new(text: &str) -> Result<Self, BadSymbol> {
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let mut kept = [0; SYMBOL_BYTES];
        match kept.get_mut(..text.len()) {
            Some(place) if (2..=SYMBOL_CHARS_MAX).contains(&text.len()) && text.chars().all(allowed) => {
                place.copy_from_slice(text.as_bytes());
                Ok(Self(kept))
            }
            Some(_) | None => Err(BadSymbol(text.to_owned())),
        }
    }

    /// Numbers that are ordered as the texts are.
    fn order(&self) -> [u128; 2] {
        let (halves, _) = self.0.as_chunks();
        [0, 1].map(|half| halves.get::<usize>(half).map_or(0, |bytes| u128::from_be_bytes(*bytes)))
    }

    pub fn as_str(&self) -> &str {
        let text = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        // Only letters, digits and signs of one byte are ever written.
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// The symbol of `base` in `quote`, as the exchanges of that quote currency write it.
    pub fn of_pair(base: &str, quote: &str) -> Option<Self> {
        let text = if quote == "KRW" { format!("KRW-{base}") } else { format!("{base}{quote}") };
        Self::try_new(&text).ok()
    }

    /// The tick at `price` where `told` is the tick that the exchange told: in Upbit's KRW market ticks grow with the
    /// price, and a price may stand elsewhere than the market did when the tick was told.
    pub fn tick_at(&self, price: Price, told: Price) -> Price {
        if !self.0.starts_with(b"KRW-") {
            return told;
        }
        Price::try_new(krw_steps::step_for(price.decimal(), told.decimal())).unwrap_or(told)
    }

    /// The currency it is quoted in, read from its name: `KRW-BTC` is in KRW, `ETHUSDC` in USDC, all else in USDT.
    pub fn quote_asset(&self) -> &'static str {
        let text = self.as_str();
        if text.starts_with("KRW-") {
            return "KRW";
        }
        ["USDC", "BUSD", "FDUSD", "USD"].into_iter().find(|asset| text.ends_with(asset)).unwrap_or("USDT")
    }
}

impl Ord for Symbol {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Symbol {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Symbol").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Symbol {
    type Err = BadSymbol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_new(text)
    }
}

impl TryFrom<String> for Symbol {
    type Error = BadSymbol;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::try_new(&text)
    }
}

impl From<Symbol> for String {
    fn from(symbol: Symbol) -> Self {
        symbol.as_str().to_owned()
    }
}

/// The trading rules of one symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    pub symbol: Symbol,
    /// Prices are multiples of this; see [`Instrument::tick_at`].
    pub tick: Price,
    /// Quantities are multiples of this.
    pub step: Qty,
    pub min_qty: Qty,
    /// Smallest price x quantity of an order that opens or adds, in quote currency.
    pub min_notional: Quote,
}

/// Why an order does not fit its instrument.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("quantity {qty} is below the minimum {min_qty} of {symbol}")]
    BelowMinQty { symbol: Symbol, qty: Qty, min_qty: Qty },
    #[error("quantity {qty} is not a multiple of the step {step} of {symbol}")]
    OffStep { symbol: Symbol, qty: Qty, step: Qty },
    #[error("notional {notional} is below the minimum {min_notional} of {symbol}")]
    BelowMinNotional { symbol: Symbol, notional: Quote, min_notional: Quote },
    #[error("price {price} is not a multiple of the tick {tick} of {symbol}")]
    OffTick { symbol: Symbol, price: Price, tick: Price },
}

impl Instrument {
    pub fn quote_asset(&self) -> &'static str {
        self.symbol.quote_asset()
    }

    /// Rounded down to the step.
    pub fn floor_qty(&self, qty: Qty) -> Qty {
        qty.floor_to(self.step)
    }

    /// The highest tick at or below `price`; the tick itself when `price` is below one tick.
    pub fn floor_price(&self, price: Price) -> Price {
        self.to_tick(price, RoundingStrategy::ToNegativeInfinity)
    }

    /// The lowest tick at or above `price`.
    pub fn ceil_price(&self, price: Price) -> Price {
        self.to_tick(price, RoundingStrategy::ToPositiveInfinity)
    }

    /// The tick at `price`.
    pub fn tick_at(&self, price: Price) -> Price {
        self.symbol.tick_at(price, self.tick)
    }

    fn to_tick(&self, price: Price, strategy: RoundingStrategy) -> Price {
        // Where a band begins is a multiple of its own tick and of the one below: a rounded price fits its own band.
        let tick = self.tick_at(price).decimal();
        let ticks = (price.decimal() / tick).round_dp_with_strategy(0, strategy).max(Decimal::ONE);
        Price::try_new(ticks * tick).unwrap_or(price)
    }

    /// Checks what every order must satisfy.
    pub fn check_qty(&self, qty: Qty) -> Result<(), FilterError> {
        if qty < self.min_qty || qty.is_zero() {
            return Err(FilterError::BelowMinQty { symbol: self.symbol.clone(), qty, min_qty: self.min_qty });
        }
        if qty.floor_to(self.step) != qty {
            return Err(FilterError::OffStep { symbol: self.symbol.clone(), qty, step: self.step });
        }
        Ok(())
    }

    /// Checks what an order that opens or adds must satisfy beside [`Self::check_qty`].
    pub fn check_notional(&self, price: Price, qty: Qty) -> Result<(), FilterError> {
        let notional = price.notional(qty);
        if notional < self.min_notional {
            return Err(FilterError::BelowMinNotional {
                symbol: self.symbol.clone(),
                notional,
                min_notional: self.min_notional,
            });
        }
        Ok(())
    }

    pub fn check_price(&self, price: Price) -> Result<(), FilterError> {
        let tick = self.tick_at(price);
        if (price.decimal() % tick.decimal()).is_zero() {
            return Ok(());
        }
        Err(FilterError::OffTick { symbol: self.symbol.clone(), price, tick })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn btc() -> Instrument {
        Instrument {
            symbol: Symbol::try_new("BTCUSDT").unwrap(),
            tick: "0.1".parse().unwrap(),
            step: "0.001".parse().unwrap(),
            min_qty: "0.001".parse().unwrap(),
            min_notional: "5".parse().unwrap(),
        }
    }

    #[test]
    fn prices_round_to_ticks_on_the_side_asked_for() {
        let price: Price = "100.16".parse().unwrap();
        assert_eq!(btc().floor_price(price).to_string(), "100.1");
        assert_eq!(btc().ceil_price(price).to_string(), "100.2");
        assert_eq!(btc().floor_price("0.01".parse().unwrap()).to_string(), "0.1");
    }

    #[test]
    fn in_krw_the_tick_is_that_of_the_price() {
        let krw = |told: &str| Instrument {
            symbol: Symbol::try_new("KRW-ETH").unwrap(),
            tick: told.parse().unwrap(),
            ..btc()
        };
        for (price, told, floor, ceil) in [
            ("1000499", "500", "1000000", "1001000"),
            ("999700", "1000", "999500", "1000000"),
            ("99.96", "1", "99.9", "100"),
            ("100.4", "0.1", "100", "101"),
            ("10003", "5", "10000", "10010"),
        ] {
            let price: Price = price.parse().unwrap();
            let rounded = [krw(told).floor_price(price), krw(told).ceil_price(price)];
            assert_eq!(rounded.map(|price| price.to_string()), [floor, ceil], "{price} told {told}");
            assert!(rounded.into_iter().all(|price| krw(told).check_price(price).is_ok()));
            assert!(krw(told).check_price(price).is_err());
        }
    }

    #[test]
    fn orders_that_do_not_fit_are_named() {
        let qty = |text: &str| text.parse::<Qty>().unwrap();
        assert!(btc().check_qty(qty("0.001")).is_ok());
        assert!(matches!(btc().check_qty(qty("0")), Err(FilterError::BelowMinQty { .. })));
        assert!(matches!(btc().check_qty(qty("0.0015")), Err(FilterError::OffStep { .. })));
        let cheap = "100".parse().unwrap();
        assert!(matches!(
            btc().check_notional(cheap, qty("0.049")),
            Err(FilterError::BelowMinNotional { .. })
        ));
        assert!(btc().check_notional(cheap, qty("0.05")).is_ok());
        assert!(btc().check_price("0.15".parse().unwrap()).is_err());
    }

    #[test]
    fn the_quote_asset_is_read_from_the_symbol() {
        for (symbol, asset) in [("BTCUSDT", "USDT"), ("KRW-BTC", "KRW"), ("ETHUSDC", "USDC")] {
            assert_eq!(Symbol::try_new(symbol).unwrap().quote_asset(), asset);
        }
        let long = "A".repeat(30);
        assert_eq!(Symbol::try_new(&long).unwrap().as_str(), long);
        for bad in ["btc", "", "A", &format!("{long}A"), "BTC\0"] {
            assert!(Symbol::try_new(bad).is_err(), "{bad}");
        }
        let mut names = ["KRW-BTC", "BTCUSDT", "BTC", "BTCU", "BTCUSDC", "1INCHUSDT"];
        let mut symbols = names.map(|name| Symbol::try_new(name).unwrap());
        names.sort_unstable();
        symbols.sort_unstable();
        assert_eq!(symbols.map(|symbol| symbol.to_string()), names);
    }
}

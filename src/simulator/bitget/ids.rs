//! Ids on the wire. The core counts per account from the id of the documentation's examples; one more order has an id
//! of theirs, so that scripts that were written along them find both.

/// Where the core begins to count an account's orders, conditional orders, trades and bills.
pub(in crate::simulator) const FIRST_ORDER: u64 = 1_111_465_253_393_825_792;
pub(in crate::simulator) const FIRST_PLAN: u64 = 121_211_212_122;
pub(in crate::simulator) const FIRST_TRADE: u64 = 1_103_122_437_840_805_890;
pub(in crate::simulator) const FIRST_BILL: u64 = 1_103_122_437_840_900_001;

/// An order by its number, and what it is called.
const EXAMPLE: (u64, u64) = (FIRST_ORDER + 1, 121_211_212_122);

pub(super) fn of_order(number: u64) -> String {
    let (known, called) = EXAMPLE;
    if number == known { called.to_string() } else { number.to_string() }
}

pub(super) fn order_number(text: &str) -> Option<u64> {
    let id: u64 = text.parse().ok()?;
    let (known, called) = EXAMPLE;
    Some(if id == called { known } else { id })
}

//! Ids on the wire are UUIDs; the core counts orders and trades per account.
//!
//! A UUID is the account, the kind of thing and its number, scrambled, so that it can be read back. Two orders of each
//! account have ids from the documentation's examples instead, which scripts that were written along them ask for.

use uuid::{Uuid, uuid};

use crate::simulator::event::AccountIndex;

const MASK: u128 = 0x9f1c_4e7a_52d3_4b86_a5f0_37c9_18e6_d42b;
const TRADE: u128 = 1 << 127;

/// The account's orders of these numbers, and what they are called.
const EXAMPLES: [(u64, Uuid); 2] = [
    (FIRST_ORDER + 1, uuid!("a08f09b1-1718-42e2-9358-f0e5e083d3ee")),
    (FIRST_ORDER + 3, uuid!("cdd92199-2897-4e14-9448-f923320408ad")),
];

/// Where the core begins to count an account's orders.
pub(in crate::simulator) const FIRST_ORDER: u64 = 1_000_001;

pub(super) fn of_order(account: AccountIndex, number: u64) -> String {
    order_uuid(account, number).to_string()
}

fn order_uuid(account: AccountIndex, number: u64) -> Uuid {
    let example = EXAMPLES.iter().find(|(known, _)| *known == number);
    example.map_or_else(|| Uuid::from_u128(bits(account, number) ^ MASK), |(_, uuid)| *uuid)
}

pub(super) fn of_trade(account: AccountIndex, number: u64) -> String {
    Uuid::from_u128((bits(account, number) | TRADE) ^ MASK).to_string()
}

/// The number of an account's order.
pub(super) fn order_number(account: AccountIndex, text: &str) -> Option<u64> {
    let uuid = Uuid::parse_str(text).ok()?;
    if let Some((number, _)) = EXAMPLES.iter().find(|(_, known)| *known == uuid) {
        return Some(*number);
    }
    let number = u64::try_from((uuid.as_u128() ^ MASK) & u128::from(u64::MAX)).ok()?;
    (order_uuid(account, number) == uuid).then_some(number)
}

fn bits(account: AccountIndex, number: u64) -> u128 {
    let account = u32::try_from(account.0).unwrap_or(u32::MAX);
    (u128::from(account) << 64) | u128::from(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_by_its_id_in_its_own_account_only() {
        let (mine, other) = (AccountIndex(3), AccountIndex(4));
        for number in [FIRST_ORDER, FIRST_ORDER + 1, FIRST_ORDER + 2, u64::MAX] {
            assert_eq!(order_number(mine, &of_order(mine, number)), Some(number));
        }
        let elsewhere = of_order(mine, FIRST_ORDER);
        assert_eq!(order_number(other, &elsewhere), None);
        assert_ne!(of_order(mine, 7), of_trade(mine, 7));
        assert_eq!(order_number(mine, &of_trade(mine, 7)), None);
    }
}

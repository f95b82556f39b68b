//! Client order ids that can be read back: whose order it is and why stays known even from an empty database.
//!
//! `tf` + 26 characters of Crockford-free base32 (a-z, 2-7), 130 bits, most significant first:
//!
//! | bits | field |
//! |---|---|
//! | 2 | layout version (0) |
//! | 32 | account |
//! | 32 | bot (0 = none: an order of the account itself) |
//! | 44 | cycle, in ms UTC |
//! | 4 | purpose |
//! | 10 | leg: position of the order among those of its turn |
//! | 6 | attempt |
//!
//! The last 16 bits of a grid's order are instead: 3 bits of a sequence, 7 bits of the line's index, 6 bits of the
//! sequence, which counts the account's orders within one cycle ([`OrderKey::of_line`]). So a fill finds its line even
//! from an empty database.
//!
//! 28 characters of `[a-z2-7]` fit every exchange's length and alphabet (the narrowest takes 32).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::{AccountId, BotId, CycleId};
use super::order::Purpose;
use super::time::Timestamp;

const PREFIX: &str = "tf";
const DIGIT_BITS: u32 = 5;
const DIGIT_MASK: u8 = (1 << DIGIT_BITS) - 1;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const CHARS: usize = 26;
const LEN: usize = PREFIX.len() + CHARS;

/// What a client order id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderKey {
    pub account: AccountId,
    /// `None` for an order of the account itself (a flatten of what no bot owns).
    pub bot: Option<BotId>,
    pub cycle: CycleId,
    pub purpose: Purpose,
    /// 0..=1023: which of the turn's orders this is.
    pub leg: u16,
    /// 1..=63: the first attempt is 1.
    pub attempt: u8,
}

/// Lines of a grid are counted from 0 up to this.
pub const LINE_MAX: u16 = 0x7F;
/// Orders of grids within one cycle of an account are counted up to this.
pub const SEQUENCE_MAX: u16 = 0x1FF;
const LINE_BITS: u32 = 7;
const ATTEMPT_BITS: u32 = 6;

impl OrderKey {
    /// The key of an order for `line` of a grid. What exceeds [`LINE_MAX`] or [`SEQUENCE_MAX`] is cut off.
    pub fn of_line(
        (account, bot): (AccountId, BotId),
        cycle: CycleId,
        purpose: Purpose,
        line: u16,
        sequence: u16,
    ) -> Self {
        let sequence = sequence & SEQUENCE_MAX;
        let leg = ((sequence >> ATTEMPT_BITS) << LINE_BITS) | (line & LINE_MAX);
        let attempt = u8::try_from(sequence & 0x3F).unwrap_or_default();
        Self { account, bot: Some(bot), cycle, purpose, leg, attempt }
    }

    /// Where the order stands among those of its cycle.
    pub const fn sequence(&self) -> u16 {
        if self.purpose.has_line() {
            ((self.leg >> LINE_BITS) << ATTEMPT_BITS) | u16::from_le_bytes([self.attempt, 0])
        } else {
            self.leg
        }
    }

    /// The grid's line that the order is for.
    pub fn line(&self) -> Option<u16> {
        self.purpose.has_line().then_some(self.leg & LINE_MAX)
    }
}

/// Our id of an order, sent to the exchange with it. Its text is kept in place: ids are copied with every record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientOrderId([u8; LEN]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a client order id of this program")]
pub struct BadClientOrderId(String);

impl ClientOrderId {
    pub fn new(key: &OrderKey) -> Self {
        let mut bits = u128::from(key.account.get());
        bits = (bits << 32) | u128::from(key.bot.map_or(0, BotId::get));
        bits = (bits << 44) | (u128::from(key.cycle.get().unsigned_abs()) & ((1 << 44) - 1));
        bits = (bits << 4) | u128::from(key.purpose.code() & 0xF);
        bits = (bits << 10) | u128::from(key.leg & 0x3FF);
        bits = (bits << 6) | u128::from(key.attempt & 0x3F);
        let mut text = [0; LEN];
        let (prefix, body) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        for place in body.iter_mut().rev() {
            *place = letter(bits);
            bits >>= DIGIT_BITS;
        }
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        // Only letters and digits are ever written.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Reads the id back; `None` for text that [`Self::new`] did not write.
    pub fn key(&self) -> Option<OrderKey> {
        decode(self.as_str())
    }
}

/// The letter of the lowest digit.
fn letter(bits: u128) -> u8 {
    let [low, ..] = bits.to_le_bytes();
    ALPHABET.get(usize::from(low & DIGIT_MASK)).copied().unwrap_or_default()
}

fn decode(text: &str) -> Option<OrderKey> {
    let body = text.strip_prefix(PREFIX)?;
    if body.len() != CHARS {
        return None;
    }
    let mut bits: u128 = 0;
    for (index, letter) in body.bytes().enumerate() {
        let digit = digit_of(letter)?;
        // 26 x 5 = 130 bits: the top two are the layout version, which must be 0.
        if index == 0 && digit > 7 {
            return None;
        }
        bits = (bits << DIGIT_BITS) | u128::from(digit);
    }
    let field = |shift: u32, width: u32| (bits >> shift) & ((1_u128 << width) - 1);
    let bot = u32::try_from(field(64, 32)).ok()?;
    Some(OrderKey {
        account: AccountId::new(u32::try_from(field(96, 32)).ok()?),
        bot: (bot != 0).then(|| BotId::new(bot)),
        cycle: CycleId::at(Timestamp::from_ms(i64::try_from(field(20, 44)).ok()?)),
        purpose: Purpose::from_code(u8::try_from(field(16, 4)).ok()?)?,
        leg: u16::try_from(field(6, 10)).ok()?,
        attempt: u8::try_from(field(0, 6)).ok()?,
    })
}

/// What a letter of [`ALPHABET`] stands for. Ids are read very often: looking for the letter would take longer than all
/// the rest.
const fn digit_of(letter: u8) -> Option<u8> {
    match letter {
        b'a'..=b'z' => Some(letter.wrapping_sub(b'a')),
        // `2` follows `z`, which stands for 25.
        b'2'..=b'7' => Some(letter.wrapping_sub(b'2').wrapping_add(26)),
        _ => None,
    }
}

impl fmt::Debug for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientOrderId").field(&self.as_str()).finish()
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ClientOrderId {
    type Err = BadClientOrderId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = decode(text).and_then(|_| text.as_bytes().try_into().ok());
        bytes.map(Self).ok_or_else(|| BadClientOrderId(text.to_owned()))
    }
}

impl TryFrom<String> for ClientOrderId {
    type Error = BadClientOrderId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ClientOrderId> for String {
    fn from(id: ClientOrderId) -> Self {
        id.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_reads_back(
            account: u32,
            bot in proptest::option::of(1_u32..),
            ms in 0_i64..(1 << 44),
            purpose in 0_usize..Purpose::ALL.len(),
            leg in 0_u16..1024,
            attempt in 1_u8..64,
        ) {
            let key = OrderKey {
                account: AccountId::new(account),
                bot: bot.map(BotId::new),
                cycle: CycleId::at(Timestamp::from_ms(ms)),
                purpose: Purpose::ALL[purpose],
                leg,
                attempt,
            };
            let id = ClientOrderId::new(&key);
            prop_assert_eq!(id.key(), Some(key));
            prop_assert_eq!(id.as_str().len(), 28);
            prop_assert_eq!(id.as_str().parse::<ClientOrderId>(), Ok(id.clone()));
        }

        #[test]
        fn a_line_reads_back(
            ms in 0_i64..(1 << 44),
            purpose in 0_usize..3,
            line in 0_u16..=LINE_MAX,
            sequences in prop::array::uniform2(0_u16..=SEQUENCE_MAX),
        ) {
            let purpose = [Purpose::GridEntry, Purpose::GridExit, Purpose::GridBuyIn][purpose];
            let [id, other] = sequences.map(|sequence| {
                let owner = (AccountId::new(7), BotId::new(9));
                let cycle = CycleId::at(Timestamp::from_ms(ms));
                ClientOrderId::new(&OrderKey::of_line(owner, cycle, purpose, line, sequence))
            });
            prop_assert_eq!(id.key().unwrap().line(), Some(line));
            prop_assert_eq!(id.key().unwrap().sequence(), sequences[0]);
            prop_assert_eq!(id == other, sequences[0] == sequences[1]);
        }

        #[test]
        fn foreign_ids_are_not_ours(text in "[a-zA-Z0-9_-]{0,36}") {
            if let Ok(id) = text.parse::<ClientOrderId>() {
                prop_assert_eq!(ClientOrderId::new(&id.key().unwrap()), id);
            }
        }
    }
}

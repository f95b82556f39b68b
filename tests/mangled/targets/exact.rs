//! A second decoder of numbers, of digits alone: it knows no decimal type and has no bounds.

use std::collections::BTreeSet;
use std::fmt::Debug;

/// A number to its last digit: its digits without zeros at either end, and the power of ten of the last of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Written {
    pub(crate) digits: String,
    pub(crate) power: i64,
}

impl Written {
    fn of(whole: &str, fraction: &str, exponent: i64) -> Self {
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        let zeros = digits.len() - significant.len();
        let digits = significant.trim_start_matches('0').to_owned();
        let places = i64::try_from(zeros).unwrap() - i64::try_from(fraction.len()).unwrap();
        let power = if digits.is_empty() { 0 } else { exponent.saturating_add(places) };
        Self { digits, power }
    }

    /// The first number of a text, without its sign, and how long it is. `None` where the text begins otherwise.
    fn at_start_of(text: &str) -> Option<(Self, usize)> {
        let whole = digits_of(text);
        if whole.is_empty() {
            return None;
        }
        let mut len = whole.len();
        let fraction = text[len..].strip_prefix('.').map(digits_of);
        len += fraction.map_or(0, |fraction| 1 + fraction.len());
        let fraction = fraction.unwrap_or_default();
        let exponent = text[len..].strip_prefix(['e', 'E']).and_then(|rest| {
            let unsigned = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            let power = digits_of(unsigned).parse::<i64>().ok()?;
            let read = 1 + rest.len() - unsigned.len() + digits_of(unsigned).len();
            Some((if rest.starts_with('-') { -power } else { power }, read))
        });
        len += exponent.map_or(0, |(_, read)| read);
        Some((Self::of(whole, fraction, exponent.map_or(0, |(power, _)| power)), len))
    }

    /// A text that is one number and nothing else; its sign apart.
    pub(crate) fn whole(text: &str) -> Option<(bool, Self)> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (number, len) = Self::at_start_of(unsigned)?;
        (len == unsigned.len()).then_some((unsigned.len() < text.len() && !number.digits.is_empty(), number))
    }

    const fn is_fraction(&self) -> bool {
        self.power < 0
    }
}

fn digits_of(text: &str) -> &str {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    &text[..len]
}

/// All numbers of a text.
fn numbers(text: &str) -> BTreeSet<Written> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        rest = &rest[start..];
        let Some((number, len)) = Written::at_start_of(rest) else { break };
        found.insert(number);
        rest = &rest[len..];
    }
    found
}

/// What JSON may write as `\u002e`.
fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..4).and_then(|code| u8::from_str_radix(code, 16).ok()).filter(u8::is_ascii);
        if let Some(code) = code {
            plain.push(char::from(code));
            plain.push_str(&part[4..]);
        } else {
            plain.push_str("\\u");
            plain.push_str(part);
        }
    }
    plain
}

/// Panics where a reading shows a fraction that its text does not have.
pub(crate) fn assert_read_from(read: &impl Debug, text: &str) {
    // The zero of an escaped zero byte is no digit.
    let told = numbers(&format!("{read:?}").replace("\\0", " "));
    let written = numbers(&unescaped(text));
    let invented: Vec<_> =
        told.iter().filter(|number| number.is_fraction() && !written.contains(number)).collect();
    assert!(invented.is_empty(), "{invented:?} is not written in {text:?}");
}

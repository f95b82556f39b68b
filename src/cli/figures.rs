//! Figures in tables: aligned, rounded for the eye. `--json` has them exact.

use rust_decimal::Decimal;

use super::Output;
use super::output::Tone;
pub(super) use crate::domain::figures::price;
use crate::domain::figures::{self, fixed};
use crate::domain::money::{Pct, Quote};

/// A balance, to 2 decimals.
pub(super) fn balance(amount: Quote) -> String {
    fixed(amount.decimal(), 2)
}

pub(super) fn balance_opt(amount: Option<Quote>) -> String {
    amount.map_or_else(|| "-".to_owned(), balance)
}

/// A fee or a notional, to 4 decimals.
pub(super) fn amount(amount: Quote) -> String {
    fixed(amount.decimal(), 4)
}

/// A profit or loss, with its sign and colour, to 4 decimals.
pub(super) fn profit(out: Output, amount: Quote) -> String {
    signed(out, amount.decimal(), 4, "")
}

pub(super) fn profit_opt(out: Output, amount: Option<Quote>) -> String {
    amount.map_or_else(|| "-".to_owned(), |amount| profit(out, amount))
}

/// A move in %, with its sign and colour, to 2 decimals.
pub(super) fn move_pct(out: Output, pct: Option<Pct>) -> String {
    pct.map_or_else(|| "-".to_owned(), |pct| signed(out, pct.decimal(), 2, " %"))
}

/// A share in %, to 1 decimal.
pub(super) fn share(pct: Option<Pct>) -> String {
    pct.map_or_else(|| "-".to_owned(), |pct| format!("{} %", fixed(pct.decimal(), 1)))
}

/// `value`, or `-`.
pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// `1 order`, `2 orders`.
pub(super) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn signed(out: Output, value: Decimal, decimals: u32, unit: &str) -> String {
    let text = format!("{}{unit}", figures::signed(value, decimals));
    if value.is_zero() {
        text
    } else if value.is_sign_negative() {
        out.paint(Tone::Bad, &text)
    } else {
        out.paint(Tone::Good, &text)
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::super::ColorChoice;
    use super::*;

    #[test]
    fn figures_line_up_and_losses_are_red() {
        let plain = Output::new(false, ColorChoice::Never);
        assert_eq!(profit(plain, Quote::new(dec!(1.23456))), "+1.2346");
        assert_eq!(profit(plain, Quote::new(dec!(-10))), "-10.0000");
        assert_eq!(profit(plain, Quote::ZERO), "0.0000");
        assert_eq!(balance(Quote::new(dec!(9999.995))), "10000.00");
        let coloured = Output::new(false, ColorChoice::Always);
        assert_eq!(profit(coloured, Quote::new(dec!(-1))), "\u{1b}[31m-1.0000\u{1b}[0m");
        assert_eq!(counted(1, "trade"), "1 trade");
        assert_eq!(counted(0, "trade"), "0 trades");
    }
}

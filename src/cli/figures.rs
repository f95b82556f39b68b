//! Figures in tables: aligned, rounded for the eye. `--json` has them exact.

use rust_decimal::Decimal;

use super::Output;
use super::output::Tone;
use crate::domain::fee::FeeSum;
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

/// Fees worth `value`, with what of them was paid in another asset than the quote currency: `1.2200 (0.002 BNB)`. A `?`
/// says that a part has no known value.
pub(super) fn fees(value: Quote, by_asset: &[FeeSum], quote_asset: &str) -> String {
    let others: Vec<String> = by_asset
        .iter()
        .filter(|sum| sum.asset != quote_asset)
        .map(|sum| format!("{} {}", sum.amount, sum.asset))
        .collect();
    if others.is_empty() {
        return amount(value);
    }
    let unknown = if by_asset.iter().any(|sum| !sum.unvalued.is_zero()) { "+?" } else { "" };
    format!("{}{unknown} ({})", amount(value), others.join(", "))
}

/// One asset's fees in words: `0.002 BNB worth 1.22 USDT, 0.1 BNB without a known price`.
pub(super) fn fee_sum(sum: &FeeSum, quote_asset: &str) -> String {
    let FeeSum { asset, amount, value, unvalued } = sum;
    if asset == quote_asset {
        return format!("{amount} {asset}");
    }
    let valued = *amount - *unvalued;
    let mut parts = Vec::new();
    if !valued.is_zero() {
        parts.push(format!("{} {asset} worth {value} {quote_asset}", valued.normalize()));
    }
    if !unvalued.is_zero() {
        parts.push(format!("{unvalued} {asset} without a known price, in no other figure"));
    }
    parts.join(", ")
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

    #[test]
    fn fees_in_another_asset_are_named_and_an_unknown_worth_is_not_hidden() {
        let sum = |asset: &str, amount, value, unvalued| FeeSum {
            asset: asset.to_owned(),
            amount,
            value: Quote::new(value),
            unvalued,
        };
        let cash = [sum("USDT", dec!(0.5), dec!(0.5), dec!(0))];
        assert_eq!(fees(Quote::new(dec!(0.5)), &cash, "USDT"), "0.5000");
        let mixed =
            [sum("BNB", dec!(0.003), dec!(1.2), dec!(0.001)), sum("USDT", dec!(0.5), dec!(0.5), dec!(0))];
        assert_eq!(fees(Quote::new(dec!(1.7)), &mixed, "USDT"), "1.7000+? (0.003 BNB)");
        assert_eq!(fee_sum(&mixed[1], "USDT"), "0.5 USDT");
        assert_eq!(
            fee_sum(&mixed[0], "USDT"),
            "0.002 BNB worth 1.2 USDT, 0.001 BNB without a known price, in no other figure"
        );
    }
}

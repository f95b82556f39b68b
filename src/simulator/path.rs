//! A bar as the path it may have taken: open, the nearer extreme first, the other extreme, close.
//!
//! Invariant: the parts together are exactly the bar: same open, high, low, close and volume.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::candle::Candle;
use crate::domain::money::Price;
use crate::domain::time::{DurationMs, Timestamp};

/// Decimals of a part's volume.
const VOLUME_DECIMALS: u32 = 8;

/// Cuts `bar` of `length` into `parts` bars (at least three) of about the same length; prices between its corners lie
/// on straight lines, rounded to `tick`.
pub(super) fn cut(bar: &Candle, length: DurationMs, parts: u32, tick: Price) -> Vec<Candle> {
    let parts = parts.max(3);
    let rises = bar.close >= bar.open;
    let (first, second) = if rises { (bar.low, bar.high) } else { (bar.high, bar.low) };
    let corners = [bar.open, first, second, bar.close];
    let prices: Vec<Price> = (0..=parts).map(|index| price_at(corners, index, parts, tick)).collect();
    let share = (bar.volume / Decimal::from(parts))
        .round_dp_with_strategy(VOLUME_DECIMALS, RoundingStrategy::ToZero)
        .normalize();
    let mut left = bar.volume;
    let mut cuts = Vec::with_capacity(prices.len());
    for (index, (open, close)) in (0_u32..).zip(prices.iter().zip(prices.iter().skip(1))) {
        let volume = if index + 1 == parts { left } else { share };
        left -= volume;
        cuts.push(Candle {
            open_time: part_start(bar.open_time, length, index, parts),
            open: *open,
            high: *open.max(close),
            low: *open.min(close),
            close: *close,
            volume,
        });
    }
    cuts
}

pub(super) fn part_start(start: Timestamp, length: DurationMs, index: u32, parts: u32) -> Timestamp {
    let offset = length.ms().saturating_mul(i64::from(index)) / i64::from(parts.max(1));
    start.plus(DurationMs::from_ms(offset))
}

/// The corners are met exactly at a third and two thirds of the way, rounded to whole parts.
fn price_at(corners: [Price; 4], index: u32, parts: u32, tick: Price) -> Price {
    let [open, first, second, close] = corners;
    let (one, two) = (parts / 3, parts * 2 / 3);
    let (from, to, done, of) = if index <= one {
        (open, first, index, one)
    } else if index <= two {
        (first, second, index - one, two - one)
    } else {
        (second, close, index - two, parts - two)
    };
    if done == of {
        return to;
    }
    let (start, end) = (from.decimal(), to.decimal());
    let price = start + (end - start) * Decimal::from(done) / Decimal::from(of);
    let ticks = (price / tick.decimal()).round() * tick.decimal();
    // A path never leaves its corners, whatever their own decimals are.
    Price::try_new(ticks.clamp(start.min(end), start.max(end))).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_are_exactly_the_bar(
            ticks in proptest::array::uniform4(1_000_i64..2_000), volume in 0_i64..1_000_000, parts in 3_u32..61,
        ) {
            let price = |ticks: i64| Price::try_new(Decimal::new(ticks, 1)).unwrap();
            let [open, close, one, other] = ticks;
            let high = *ticks.iter().max().unwrap();
            let low = open.min(close).min(one).min(other);
            let volume = Decimal::new(volume, 3);
            let prices = [price(open), price(high), price(low), price(close)];
            let bar = Candle::try_new(Timestamp::from_ms(60_000), prices, volume).unwrap();
            let cuts = cut(&bar, DurationMs::from_secs(60), parts, price(1));
            prop_assert_eq!(cuts.len(), usize::try_from(parts).unwrap());
            prop_assert_eq!(cuts[0].open, bar.open);
            prop_assert_eq!(cuts[cuts.len() - 1].close, bar.close);
            prop_assert_eq!(cuts.iter().map(|part| part.high).max(), Some(bar.high));
            prop_assert_eq!(cuts.iter().map(|part| part.low).min(), Some(bar.low));
            prop_assert_eq!(cuts.iter().map(|part| part.volume).sum::<Decimal>(), bar.volume);
            prop_assert!(cuts.windows(2).all(|pair| pair[0].close == pair[1].open));
            prop_assert!(cuts.windows(2).all(|pair| pair[0].open_time < pair[1].open_time));
        }
    }
}

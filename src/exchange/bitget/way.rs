//! Which way an order or a fill goes, and what for.
//!
//! In hedge mode `side` names the position (`buy` the long one) and `tradeSide` says whether it opens or closes; in
//! one-way mode `side` is the direction. What the exchange does by force it says in `tradeSide` alone.
//! Source: bitget.com/api-doc/contract/trade/Get-Orders-History.

use super::fields::{BadField, position_side, side};
use super::wire::Text;
use crate::domain::order::Purpose;
use crate::domain::side::{PositionSide, Side};
use crate::exchange::report::ExternalCause;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Hedge { position: PositionSide, opens: bool },
    OneWay { side: Side },
}

impl Way {
    /// From the fields `posMode`, `posSide`, `side` and `tradeSide`; fills have no `posSide`.
    pub fn read(mode: &Text, position: &Text, direction: &Text, trade: &Text) -> Result<Self, BadField> {
        if !mode.as_str().starts_with("hedge") {
            return told_side(trade).map_or_else(|| side(direction), Ok).map(|side| Self::OneWay { side });
        }
        let position = match position_side(position).or_else(|| forced_position(trade)) {
            Some(position) => position,
            None => PositionSide::opened_by(side(direction)?),
        };
        Ok(Self::Hedge { position, opens: trade.as_str() == "open" })
    }

    pub const fn side(self) -> Side {
        match self {
            Self::Hedge { position, opens: true } => position.entry_side(),
            Self::Hedge { position, opens: false } => position.exit_side(),
            Self::OneWay { side } => side,
        }
    }

    /// The position that an order of ours for this purpose is about.
    pub const fn position_side(self, purpose: Purpose) -> PositionSide {
        match self {
            Self::Hedge { position, .. } => position,
            Self::OneWay { side } if purpose.increases() => PositionSide::opened_by(side),
            Self::OneWay { side } => PositionSide::opened_by(side.opposite()),
        }
    }

    /// `None` in one-way mode.
    pub const fn hedge_position(self) -> Option<PositionSide> {
        match self {
            Self::Hedge { position, .. } => Some(position),
            Self::OneWay { .. } => None,
        }
    }
}

/// `burst_close_long` closes the long.
fn forced_position(trade: &Text) -> Option<PositionSide> {
    let is = |word: &str| trade.as_str().ends_with(word);
    let long = is("_close_long").then_some(PositionSide::Long);
    long.or_else(|| is("_close_short").then_some(PositionSide::Short))
}

/// In one-way mode the direction is told here too, in `sell_single` as in `burst_sell_single`.
fn told_side(trade: &Text) -> Option<Side> {
    let word = trade.as_str();
    let buys = word.ends_with("buy_single") || word.contains("_adl_buy_");
    let sells = word.ends_with("sell_single") || word.contains("_adl_sell_");
    buys.then_some(Side::Buy).or_else(|| sells.then_some(Side::Sell))
}

/// Who made an order that is not ours.
pub fn cause(trade: &Text) -> ExternalCause {
    let word = trade.as_str();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| word.starts_with(prefix));
    if starts(&["burst_", "reduce_", "offset_"]) {
        ExternalCause::Liquidation
    } else if word.contains("_adl_") {
        ExternalCause::Deleveraging
    } else if starts(&["delivery_"]) {
        ExternalCause::Settlement
    } else {
        ExternalCause::Manual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(mode: &str, position: &str, side: &str, trade: &str) -> Way {
        Way::read(&mode.into(), &position.into(), &side.into(), &trade.into()).unwrap()
    }

    #[test]
    fn in_hedge_mode_the_side_names_the_position() {
        for (position, side, trade, sold) in [
            ("long", "buy", "open", Side::Buy),
            ("long", "buy", "close", Side::Sell),
            ("short", "sell", "open", Side::Sell),
            ("short", "sell", "close", Side::Buy),
        ] {
            let told = way("hedge_mode", position, side, trade);
            assert_eq!(told.side(), sold, "{side}/{trade}");
            // Fills do not tell the position beside.
            assert_eq!(way("hedge_mode", "", side, trade), told);
            assert_eq!(told.hedge_position(), PositionSide::from_word(position));
        }
        let burst = way("hedge_mode", "", "sell", "burst_close_long");
        assert_eq!((burst.side(), burst.hedge_position()), (Side::Sell, Some(PositionSide::Long)));
    }

    #[test]
    fn in_one_way_mode_the_purpose_says_which_position_it_is_about() {
        let buys = way("one_way_mode", "net", "buy", "buy_single");
        assert_eq!(buys.position_side(Purpose::Entry), PositionSide::Long);
        assert_eq!(buys.position_side(Purpose::StopLoss), PositionSide::Short);
        assert_eq!(buys.hedge_position(), None);
        assert_eq!(way("one_way_mode", "net", "", "burst_sell_single").side(), Side::Sell);
    }

    #[test]
    fn what_the_exchange_does_by_force_is_told_apart() {
        for (trade, expected) in [
            ("open", ExternalCause::Manual),
            ("sell_single", ExternalCause::Manual),
            ("burst_close_short", ExternalCause::Liquidation),
            ("reduce_sell_single", ExternalCause::Liquidation),
            ("delivery_buy_single", ExternalCause::Settlement),
            ("dte_sys_adl_close_long", ExternalCause::Deleveraging),
        ] {
            assert_eq!(cause(&trade.into()), expected, "{trade}");
        }
    }
}

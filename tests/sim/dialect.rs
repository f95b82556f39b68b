//! What differs between the three exchanges. The daemon's side is its own [`Capabilities`]; the exchange's side is
//! written down here once more, by its documentation.

use tradefleet::domain::fill::Liquidity;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::kind::ExchangeKind;
use tradefleet::domain::side::PositionMode;
use tradefleet::exchange::capabilities::Capabilities;
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::{binance, bitget, upbit};

use crate::units::Atoms;
use crate::venue::Sort;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Binance,
    Bitget,
    Upbit,
}

/// Which client order ids an exchange refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedIds {
    /// Those of orders that are open.
    Open,
    /// Those of orders that were taken.
    Taken,
    /// Those that it has ever seen, also of orders that it refused.
    Seen,
}

impl Dialect {
    pub(crate) fn of(number: u32) -> Self {
        [Self::Binance, Self::Bitget, Self::Upbit][usize::try_from(number % 3).unwrap()]
    }

    pub(crate) fn kind(self) -> ExchangeKind {
        match self {
            Self::Binance => ExchangeKind::Binance,
            Self::Bitget => ExchangeKind::Bitget,
            Self::Upbit => ExchangeKind::Upbit,
        }
    }

    pub(crate) fn capabilities(self, hedge: bool) -> Capabilities {
        let mode = if hedge { PositionMode::Hedge } else { PositionMode::OneWay };
        match self {
            Self::Binance => binance::capabilities(mode),
            Self::Bitget => bitget::capabilities(mode),
            Self::Upbit => upbit::capabilities(),
        }
    }

    pub(crate) fn is_spot(self) -> bool {
        self == Self::Upbit
    }

    pub(crate) fn refused_ids(self) -> RefusedIds {
        match self {
            Self::Binance => RefusedIds::Open,
            Self::Bitget => RefusedIds::Taken,
            Self::Upbit => RefusedIds::Seen,
        }
    }

    /// How old and how far ahead a stamp may be, in ms; `None`: there are no stamps.
    pub(crate) fn stamps(self) -> Option<(i64, i64)> {
        match self {
            Self::Binance => Some((5_000, 1_000)),
            Self::Bitget => Some((30_000, 30_000)),
            Self::Upbit => None,
        }
    }

    /// How long a request may be under way at most: what no stamp fences is bounded by the time-out of its connection.
    pub(crate) fn under_way_max(self) -> i64 {
        if self == Self::Upbit { 9_900 } else { 45_000 }
    }

    pub(crate) fn symbols(self) -> [Symbol; 2] {
        let names = if self.is_spot() { ["KRW-BTC", "KRW-ETH"] } else { ["BTCUSDT", "ETHUSDT"] };
        names.map(|name| Symbol::try_new(name).unwrap())
    }

    /// How it refuses an order whose price the market has passed already: a trigger, or a line that may only rest.
    pub(crate) fn came_too_late(self, sort: Sort) -> ExchangeError {
        let is_line = matches!(sort, Sort::PostOnly { .. });
        let (code, reason) = match (self, is_line) {
            (Self::Binance, false) => ("-2021", "the price is there"),
            (Self::Bitget | Self::Upbit, false) => ("43008", "the price is there"),
            (Self::Binance, true) => ("-5022", "the price is there"),
            (Self::Bitget | Self::Upbit, true) => ("45110", "against the rule post_only"),
        };
        ExchangeError::Refused { code: code.to_owned(), reason: reason.to_owned() }
    }

    /// Whether it has refused the order of a line as [`Self::came_too_late`].
    pub(crate) fn is_crossing(self, error: &ExchangeError) -> bool {
        *error == self.came_too_late(Sort::PostOnly { at: 0 })
    }

    /// Maker and taker fees in 0.001 %.
    pub(crate) fn fee_rate(self, liquidity: Liquidity) -> Atoms {
        match liquidity {
            Liquidity::Maker if self != Self::Upbit => 20,
            Liquidity::Maker | Liquidity::Taker => 50,
        }
    }
}

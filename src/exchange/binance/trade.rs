//! One execution, and what it is to whoever it belongs to.

use super::QUOTE_ASSET;
use super::answers::{PositionSideWord, TradeAnswer, Unreadable};
use super::convert::{named_position_side, position_side_of, symbol};
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::exchange::report::{ExternalCause, ExternalFill};
use crate::matching::event::Liquidation;

/// One execution, however it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    pub trade_id: TradeId,
    pub order_id: String,
    pub symbol: Symbol,
    pub side: Side,
    pub position_side: PositionSideWord,
    pub price: Price,
    pub qty: Qty,
    /// Paid when positive.
    pub fee: Quote,
    pub fee_asset: String,
    pub is_maker: bool,
    pub at: Timestamp,
}

impl Trade {
    /// `None` for a symbol that nobody trades here.
    pub fn read(answer: TradeAnswer) -> Result<Option<Self>, Unreadable> {
        let Some(symbol) = symbol(&answer.symbol) else { return Ok(None) };
        Ok(Some(Self {
            trade_id: TradeId(answer.id.to_string()),
            order_id: answer.order_id.0,
            symbol,
            side: answer.side.side(),
            position_side: answer.position_side,
            price: Price::try_new(answer.price.0)?,
            qty: Qty::try_new(answer.qty.0)?,
            fee: Quote::try_new(answer.commission.0)?,
            fee_asset: answer.commission_asset,
            is_maker: answer.maker,
            at: answer.time.0,
        }))
    }

    pub fn into_fill(self, id: ClientOrderId) -> Fill {
        Fill {
            position_side: position_side_of(&id, self.side, self.position_side),
            trade_id: self.trade_id,
            client_order_id: id,
            symbol: self.symbol,
            side: self.side,
            price: self.price,
            qty: self.qty,
            fee: self.fee,
            fee_asset: self.fee_asset,
            liquidity: if self.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            at: self.at,
        }
    }

    pub fn into_external(self, cause: ExternalCause) -> ExternalFill {
        ExternalFill {
            position_side: named_position_side(self.position_side),
            fee: self.fee_in_quote(),
            trade_id: self.trade_id,
            symbol: self.symbol,
            side: self.side,
            price: self.price,
            qty: self.qty,
            cause,
            at: self.at,
        }
    }

    /// The position that the exchange closed by it.
    pub fn into_liquidation(self) -> Liquidation {
        let closed = if self.side == Side::Sell { PositionSide::Long } else { PositionSide::Short };
        Liquidation {
            position_side: named_position_side(self.position_side).unwrap_or(closed),
            fee: self.fee_in_quote(),
            trade_id: self.trade_id,
            symbol: self.symbol,
            qty: self.qty,
            price: self.price,
            at: self.at,
        }
    }

    /// A fee that was paid in another asset is no cost in quote currency that we could know.
    fn fee_in_quote(&self) -> Quote {
        if self.fee_asset == QUOTE_ASSET { self.fee } else { Quote::ZERO }
    }
}

//! One execution, and what it is to whoever it belongs to.

use super::QUOTE_ASSET;
use super::answers::{PositionSideWord, TradeAnswer, Unreadable};
use super::convert::{named_position_side, position_side_of, symbol};
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty};
use crate::domain::side::Side;
use crate::domain::time::Timestamp;
use crate::exchange::report::{ExternalCause, ExternalFill};

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
    pub fee: Fee,
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
            fee: Fee::told(answer.commission.0, answer.commission_asset, QUOTE_ASSET),
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
            liquidity: if self.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            at: self.at,
        }
    }

    pub fn into_external(self, cause: ExternalCause) -> ExternalFill {
        ExternalFill {
            position_side: named_position_side(self.position_side),
            fee: self.fee,
            trade_id: self.trade_id,
            symbol: self.symbol,
            side: self.side,
            price: self.price,
            qty: self.qty,
            cause,
            at: self.at,
        }
    }
}

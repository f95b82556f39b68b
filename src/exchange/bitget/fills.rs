//! Fills, by REST and by the stream, and whose they are.
//!
//! A fill names the order that executed. A plan order that was triggered executes as another order with an id of its
//! own, so that whose a fill is may have to be asked for: [`Execution`] is a fill before that is known.

use super::convert::our_id;
use super::fields::{BadField, number, number_or_zero, order_symbol, symbol, time};
use super::way::{Way, cause};
use super::wire::{FillRow, OrderRow, Text};
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::{ClientOrderId, OrderKey, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::time::Timestamp;
use crate::exchange::report::{ExternalCause, ExternalFill};

/// A fill of an order of the exchange's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub trade_id: TradeId,
    pub exchange_order_id: String,
    pub symbol: Symbol,
    pub way: Way,
    pub price: Price,
    pub qty: Qty,
    pub fee: Fee,
    pub liquidity: Liquidity,
    pub cause: ExternalCause,
    pub at: Timestamp,
}

impl Execution {
    /// `None` for a symbol that nobody trades here.
    pub fn from_rest(row: &FillRow) -> Result<Option<Self>, BadField> {
        let Some(symbol) = symbol(&row.symbol, &row.symbol) else { return Ok(None) };
        let fees = row.fee_detail.as_deref().unwrap_or_default();
        let fee_asset = fees.first().map(|fee| fee.fee_coin.to_string()).unwrap_or_default();
        let mut fee = Quote::ZERO;
        for part in fees.iter().filter(|part| part.fee_coin.as_str() == fee_asset) {
            fee -= number_or_zero("totalFee", &part.total_fee)?;
        }
        Ok(Some(Self {
            trade_id: TradeId(row.trade_id.to_string()),
            exchange_order_id: row.order_id.to_string(),
            way: Way::read(&row.pos_mode, &Text::default(), &row.side, &row.trade_side)?,
            price: number("price", &row.price)?,
            qty: number("baseVolume", &row.base_volume)?,
            fee: charged(fee, fee_asset, &symbol),
            liquidity: liquidity(&row.trade_scope)?,
            cause: cause(&row.trade_side),
            at: time("cTime", &row.c_time)?,
            symbol,
        }))
    }

    /// The latest fill that a push of the stream tells; `None` when it is about something else.
    pub fn from_push(row: &OrderRow) -> Result<Option<Self>, BadField> {
        let qty: Qty = number_or_zero("baseVolume", &row.base_volume)?;
        if row.trade_id.is_empty() || qty.is_zero() {
            return Ok(None);
        }
        let is_ours = our_id(&row.client_oid).is_some();
        let Some(symbol) = order_symbol(&row.symbol, &row.inst_id, is_ours)? else { return Ok(None) };
        let fee: Quote = number_or_zero("fillFee", &row.fill_fee)?;
        Ok(Some(Self {
            trade_id: TradeId(row.trade_id.to_string()),
            exchange_order_id: row.order_id.to_string(),
            way: Way::read(&row.pos_mode, &row.pos_side, &row.side, &row.trade_side)?,
            price: number("fillPrice", &row.fill_price)?,
            qty,
            fee: charged(-fee, row.fill_fee_coin.to_string(), &symbol),
            liquidity: liquidity(&row.trade_scope)?,
            cause: cause(&row.trade_side),
            at: time("fillTime", &row.fill_time)?,
            symbol,
        }))
    }

    /// As a fill of this order of ours.
    pub fn ours(self, client_order_id: ClientOrderId, key: OrderKey) -> Fill {
        Fill {
            trade_id: self.trade_id,
            client_order_id,
            symbol: self.symbol,
            side: self.way.side(),
            position_side: self.way.position_side(key.purpose),
            price: self.price,
            qty: self.qty,
            fee: self.fee,
            liquidity: self.liquidity,
            at: self.at,
        }
    }

    pub fn external(self) -> ExternalFill {
        ExternalFill {
            trade_id: self.trade_id,
            side: self.way.side(),
            position_side: self.way.hedge_position(),
            price: self.price,
            qty: self.qty,
            fee: self.fee,
            cause: self.cause,
            at: self.at,
            symbol: self.symbol,
        }
    }
}

/// A fill without a fee names no coin.
fn charged(amount: Quote, coin: String, symbol: &Symbol) -> Fee {
    let quote_asset = symbol.quote_asset();
    let coin = if coin.is_empty() { quote_asset.to_owned() } else { coin };
    Fee::told(amount.decimal(), coin, quote_asset)
}

/// Words in REST, letters in the stream.
fn liquidity(text: &Text) -> Result<Liquidity, BadField> {
    match text.as_str() {
        "maker" | "M" => Ok(Liquidity::Maker),
        "taker" | "T" => Ok(Liquidity::Taker),
        _ => Err(BadField::new("tradeScope", text, "maker or taker")),
    }
}

#[cfg(test)]
mod tests;

//! Frames of the sockets, as the exchange writes them, and what of them we use.
//!
//! Source: developers.binance.com, USDⓈ-M futures, "Websocket Market Streams" and "User Data Streams".

use serde::Deserialize;
use serde_json::value::RawValue;

use super::QUOTE_ASSET;
use super::answers::{AlgoState, OrderState, PositionSideWord, SideWord, Unreadable, if_number, read};
use super::convert::{candle, symbol};
use super::errors::ErrorBody;
use super::trade::Trade;
use crate::domain::fee::Fee;
use crate::domain::ids::TradeId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::time::Timeframe;
use crate::exchange::json::{DecimalText, IdText, OptionalDecimal, OptionalId, TimeText};
use crate::exchange::market_data::MarketEvent;

/// What any frame may have at its top.
#[derive(Deserialize)]
struct Envelope<'a> {
    /// Of a combined stream: what it is all about.
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(rename = "e")]
    event: Option<&'a str>,
    /// The answer to something we said carries its id.
    id: Option<u64>,
    error: Option<ErrorBody>,
}

/// A frame of a market socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketFrame {
    Event(MarketEvent),
    /// A subscription was accepted.
    Subscribed,
    /// A subscription was refused.
    Refused(String),
    /// Nothing to us.
    Other,
}

/// What a frame has at its top, and its text, out of a combined stream's or bare. Nothing is looked for any deeper.
fn opened(text: &str) -> Result<(Envelope<'_>, &str), Unreadable> {
    let envelope: Envelope<'_> = read(text)?;
    match envelope.data {
        Some(data) if envelope.error.is_none() => Ok((read(data.get())?, data.get())),
        Some(_) | None => Ok((envelope, text)),
    }
}

/// Reads a frame of a market socket.
pub fn market_frame(text: &str) -> Result<MarketFrame, Unreadable> {
    let (envelope, text) = opened(text)?;
    if let Some(error) = envelope.error {
        return Ok(MarketFrame::Refused(error.msg));
    }
    match (envelope.event, envelope.id) {
        (Some("kline"), _) => kline(read(text)?),
        (None, Some(_)) => Ok(MarketFrame::Subscribed),
        _ => Ok(MarketFrame::Other),
    }
}

#[derive(Deserialize)]
struct KlineFrame<'a> {
    /// Since 2026-06 streams may carry coin-margined symbols too: those are sort 2.
    st: Option<u8>,
    #[serde(borrow)]
    k: KlineField<'a>,
}

#[derive(Deserialize)]
struct KlineField<'a> {
    t: TimeText,
    s: &'a str,
    i: &'a str,
    o: DecimalText,
    h: DecimalText,
    l: DecimalText,
    c: DecimalText,
    v: DecimalText,
    x: bool,
}

const COIN_MARGINED: u8 = 2;

fn kline(frame: KlineFrame<'_>) -> Result<MarketFrame, Unreadable> {
    let KlineFrame { st, k } = frame;
    let (Some(symbol), Ok(timeframe)) = (symbol(k.s), k.i.parse::<Timeframe>()) else {
        return Ok(MarketFrame::Other);
    };
    if st == Some(COIN_MARGINED) {
        return Ok(MarketFrame::Other);
    }
    let candle = candle(k.t.0, [k.o, k.h, k.l, k.c], k.v)?;
    Ok(MarketFrame::Event(MarketEvent::Candle { symbol, timeframe, candle, is_closed: k.x }))
}

/// A frame of an account's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountFrame {
    Order(OrderUpdate),
    Algo(AlgoUpdate),
    /// The wallet's balance of the quote asset.
    Wallet {
        wallet: Quote,
        /// It was changed by funding.
        by_funding: bool,
    },
    /// Leverage of a symbol was changed, by us or somebody else.
    Terms {
        symbol: Symbol,
        leverage: u16,
    },
    /// The listen key is of no more use.
    KeyExpired,
}

/// Something happened to an order in the book.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrderUpdate {
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "c")]
    pub client_order_id: String,
    #[serde(rename = "S")]
    pub side: SideWord,
    #[serde(rename = "ps", default)]
    pub position_side: PositionSideWord,
    #[serde(rename = "q")]
    pub qty: DecimalText,
    #[serde(rename = "p", default)]
    pub price: OptionalDecimal,
    #[serde(rename = "x")]
    pub execution: Execution,
    #[serde(rename = "X")]
    pub state: OrderState,
    #[serde(rename = "i")]
    pub order_id: IdText,
    #[serde(rename = "l")]
    pub last_qty: DecimalText,
    #[serde(rename = "z")]
    pub filled_qty: DecimalText,
    #[serde(rename = "L")]
    pub last_price: DecimalText,
    #[serde(rename = "n", default)]
    pub fee: OptionalDecimal,
    #[serde(rename = "N", default)]
    pub fee_asset: Option<String>,
    #[serde(rename = "T")]
    pub at: TimeText,
    #[serde(rename = "t", default)]
    pub trade_id: OptionalId,
    #[serde(rename = "m", default)]
    pub is_maker: bool,
    #[serde(rename = "R", default)]
    pub reduce_only: bool,
    /// Why it expired, as a number.
    #[serde(rename = "er", default)]
    pub expiry: OptionalId,
}

/// What made the exchange report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Execution {
    New,
    Canceled,
    /// Taken over at a liquidation.
    Calculated,
    Expired,
    Trade,
    #[serde(other)]
    Other,
}

impl OrderUpdate {
    /// The execution it tells of, if it tells of one.
    pub fn trade(&self, symbol: &Symbol) -> Result<Option<Trade>, Unreadable> {
        let executed = matches!(self.execution, Execution::Trade | Execution::Calculated);
        if !executed || self.last_qty.0.is_zero() {
            return Ok(None);
        }
        // What the exchange takes over at a liquidation is no trade and has no id.
        let no_id = || format!("{}-{}", self.order_id.0, self.filled_qty.0);
        let id = self.trade_id.0.clone().filter(|id| id != "0");
        Ok(Some(Trade {
            trade_id: TradeId(id.unwrap_or_else(no_id)),
            order_id: self.order_id.0.clone(),
            symbol: symbol.clone(),
            side: self.side.side(),
            position_side: self.position_side,
            price: Price::try_new(self.last_price.0)?,
            qty: Qty::try_new(self.last_qty.0)?,
            fee: Fee::told(
                self.fee.0.unwrap_or_default(),
                self.fee_asset.clone().unwrap_or_else(|| QUOTE_ASSET.to_owned()),
                QUOTE_ASSET,
            ),
            is_maker: self.is_maker,
            at: self.at.0,
        }))
    }
}

/// Something happened to a conditional order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AlgoUpdate {
    #[serde(rename = "caid")]
    pub client_algo_id: String,
    #[serde(rename = "aid")]
    pub algo_id: IdText,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "S")]
    pub side: SideWord,
    #[serde(rename = "ps", default)]
    pub position_side: PositionSideWord,
    #[serde(rename = "q", default, deserialize_with = "if_number")]
    pub quantity: OptionalDecimal,
    #[serde(rename = "X")]
    pub state: AlgoState,
    /// The order that it became.
    #[serde(rename = "ai", default)]
    pub actual_order_id: OptionalId,
    /// What that order has filled.
    #[serde(rename = "aq", default)]
    pub actual_qty: OptionalDecimal,
    #[serde(rename = "tp", default, deserialize_with = "if_number")]
    pub trigger_price: OptionalDecimal,
    #[serde(rename = "R", default)]
    pub reduce_only: bool,
    /// Why it was rejected.
    #[serde(rename = "rm")]
    pub reject_reason: Option<String>,
}

#[derive(Deserialize)]
struct OrderFrame<T> {
    o: T,
}

#[derive(Deserialize)]
struct BalanceFrame {
    a: BalanceField,
}

#[derive(Deserialize)]
struct BalanceField {
    /// Why it changed.
    #[serde(default)]
    m: String,
    #[serde(rename = "B", default)]
    balances: Vec<BalanceLine>,
}

#[derive(Deserialize)]
struct BalanceLine {
    a: String,
    wb: DecimalText,
}

#[derive(Deserialize)]
struct ConfigFrame {
    ac: Option<ConfigField>,
}

#[derive(Deserialize)]
struct ConfigField {
    s: String,
    l: u16,
}

/// Reads a frame of an account's socket; `None` for what means nothing to us.
pub fn account_frame(text: &str) -> Result<Option<AccountFrame>, Unreadable> {
    let (envelope, text) = opened(text)?;
    let frame = match envelope.event {
        Some("ORDER_TRADE_UPDATE") => AccountFrame::Order(read::<OrderFrame<OrderUpdate>>(text)?.o),
        Some("ALGO_UPDATE") => AccountFrame::Algo(read::<OrderFrame<AlgoUpdate>>(text)?.o),
        Some("ACCOUNT_UPDATE") => return wallet(&read(text)?),
        Some("ACCOUNT_CONFIG_UPDATE") => {
            let changed: ConfigFrame = read(text)?;
            let terms = changed.ac.and_then(|config| Some((symbol(&config.s)?, config.l)));
            return Ok(terms.map(|(symbol, leverage)| AccountFrame::Terms { symbol, leverage }));
        }
        Some("listenKeyExpired") => AccountFrame::KeyExpired,
        _ => return Ok(None),
    };
    Ok(Some(frame))
}

fn wallet(frame: &BalanceFrame) -> Result<Option<AccountFrame>, Unreadable> {
    let line = frame.a.balances.iter().find(|line| line.a == QUOTE_ASSET);
    Ok(line
        .map(|line| Quote::try_new(line.wb.0))
        .transpose()?
        .map(|wallet| AccountFrame::Wallet { wallet, by_funding: frame.a.m == "FUNDING_FEE" }))
}

#[cfg(test)]
mod tests;

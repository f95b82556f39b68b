//! Closed positions as trades, with what each made of what it was paid for.

use rust_decimal::Decimal;
use serde::Serialize;

use super::driver::Played;
use super::market::Market;
use super::setup::Setup;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::position::Position;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;

/// Decimals of a return.
const RETURN_DECIMALS: u32 = 15;

/// One position from its first fill to its last. Bars are named by when they open, in ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trade {
    pub n: usize,
    pub bot: String,
    pub symbol: Symbol,
    pub side: PositionSide,
    /// The bar on whose close the signal was given.
    pub signal_time_ms: Option<i64>,
    pub entry_time_ms: i64,
    /// Average of all fills that added.
    pub entry_price: Price,
    pub exit_time_ms: i64,
    pub exit_price: Price,
    /// `tp`, `sl`, `trailing`, `signal`, `liquidated`, `end` (the candles ended while it was open), or another code.
    pub exit_reason: String,
    /// Move in favour of the position; 0.01 is 1 %.
    pub ret_gross: Decimal,
    /// Net profit over what was paid in: entry notional and its fees.
    pub ret_net: Decimal,
    pub qty: Qty,
    pub gross_pnl: Quote,
    pub fees: Quote,
    pub net_pnl: Quote,
    pub dca_level: u8,
    pub bars_held: i64,
}

/// All trades in the order they were opened; what is open at the end is valued at its last close, less the taker's fee.
pub fn trades(market: &Market, setup: &Setup, played: &Played) -> Vec<Trade> {
    let mut trades = Vec::with_capacity(played.ledger.positions.len());
    let mut first_fill = 0;
    for row in &played.ledger.positions {
        let position = &row.position;
        // Positions are kept in the order they were opened: the search goes on where the last one began.
        let fills = played.ledger.fills.iter().enumerate().skip(first_fill);
        let mut own = fills.filter(|(_, fill)| fill.booked.position.as_ref() == Some(&position.id));
        let Some((place, entry)) = own.next() else { continue };
        first_fill = place;
        let adds = |fill: &Quote, is_entry: bool| if is_entry { *fill } else { Quote::ZERO };
        let mut entry_fees = entry.booked.fill.fee;
        let mut last = entry;
        for (_, fill) in own {
            let is_entry = fill.booked.fill.side == position.side.entry_side();
            entry_fees += adds(&fill.booked.fill.fee, is_entry);
            last = fill;
            if fill.booked.fill.at == position.closed_at.unwrap_or(Timestamp::from_ms(i64::MAX)) && !is_entry {
                break;
            }
        }
        let length = market.timeframe.duration();
        let closing = match position.closed_at {
            Some(_) => Closing {
                bar: last.step_at.minus(length),
                fees: position.fees,
                notional: position.exited_notional,
                pnl: position.realized_pnl,
                reason: reason_word(row.exit_reason.as_deref().unwrap_or_default()),
            },
            None => match at_the_end(market, setup, played, position) {
                Some(closing) => closing,
                None => continue,
            },
        };
        let order = played.ledger.order(&position.id);
        let signal_at = order.and_then(|order| order.times.signal_at);
        let timeframe = signal_timeframe(market, setup, position);
        let entry_bar = entry.step_at.minus(length);
        let (Some(entry_price), Some(exit_price)) = (
            position.entered_notional.average_price(position.entered_qty),
            closing.notional.average_price(position.entered_qty),
        ) else {
            continue;
        };
        let moved = (exit_price.decimal() - entry_price.decimal()) / entry_price.decimal();
        let net_pnl = closing.pnl - closing.fees;
        let paid = (position.entered_notional + entry_fees).decimal();
        trades.push(Trade {
            n: trades.len() + 1,
            bot: bot_name(setup, position),
            symbol: position.symbol.clone(),
            side: position.side,
            signal_time_ms: signal_at.map(|at| at.minus(timeframe.duration()).ms()),
            entry_time_ms: entry_bar.ms(),
            entry_price,
            exit_time_ms: closing.bar.ms(),
            exit_price,
            exit_reason: closing.reason,
            ret_gross: match position.side {
                PositionSide::Long => moved,
                PositionSide::Short => -moved,
            }
            .round_dp(RETURN_DECIMALS)
            .normalize(),
            ret_net: ratio(net_pnl.decimal(), paid),
            qty: position.entered_qty,
            gross_pnl: closing.pnl,
            fees: closing.fees,
            net_pnl,
            dca_level: row.dca_level,
            bars_held: closing.bar.since(entry_bar).ms() / length.ms() + 1,
        });
    }
    trades
}

/// `part / whole`, to the decimals of a return; 0 of nothing.
fn ratio(part: Decimal, whole: Decimal) -> Decimal {
    part.checked_div(whole).unwrap_or_default().round_dp(RETURN_DECIMALS).normalize()
}

/// How a position left.
struct Closing {
    bar: Timestamp,
    fees: Quote,
    /// Of everything that was closed.
    notional: Quote,
    pnl: Quote,
    reason: String,
}

fn at_the_end(market: &Market, setup: &Setup, played: &Played, position: &Position) -> Option<Closing> {
    let lane = market.lane(&position.symbol)?;
    let last = lane.count(played.span.1.checked_sub(1)?).checked_sub(1)?;
    let price = lane.columns.close(last)?;
    let notional = price.notional(position.qty);
    Some(Closing {
        bar: lane.columns.close_time(last)?.minus(market.timeframe.duration()),
        fees: position.fees + notional.part(setup.paper.taker_fee_pct),
        notional: position.exited_notional + notional,
        pnl: position.realized_pnl + position.unrealized_pnl(price),
        reason: "end".to_owned(),
    })
}

/// Short words for the usual ways out.
fn reason_word(code: &str) -> String {
    match code {
        "take_profit" => "tp",
        "stop_loss" => "sl",
        "strategy_exit" => "signal",
        other => other,
    }
    .to_owned()
}

fn bot_name(setup: &Setup, position: &Position) -> String {
    let named = setup.numbered().find(|(id, ..)| position.bot == Some(*id));
    named.map(|(_, _, bot)| bot.name.clone()).unwrap_or_default()
}

fn signal_timeframe(market: &Market, setup: &Setup, position: &Position) -> crate::domain::time::Timeframe {
    let named = setup.numbered().find(|(id, ..)| position.bot == Some(*id));
    named.and_then(|(_, _, bot)| bot.spec.timeframe).unwrap_or(market.timeframe)
}

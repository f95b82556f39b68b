//! Closed positions as trades, with what each made of what it was paid for.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use super::ledger::LedgerFill;
use super::market::Market;
use super::played::Played;
use super::setup::Setup;
use crate::domain::ids::BotId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::Purpose;
use crate::domain::position::Position;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::engine::turn::PositionRow;

/// Decimals of a return.
const RETURN_DECIMALS: u32 = 15;

/// One position from its first fill to its last. Bars are named by when they open, in ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trade {
    pub n: usize,
    pub bot: String,
    /// Names need not differ.
    #[serde(skip)]
    pub bot_id: Option<BotId>,
    pub symbol: Symbol,
    pub side: PositionSide,
    /// The bar on whose close the signal was given.
    pub signal_time_ms: Option<i64>,
    pub entry_time_ms: i64,
    /// Average of all fills that added.
    pub entry_price: Price,
    pub exit_time_ms: i64,
    pub exit_price: Price,
    /// `tp`, `sl`, `trailing`, `signal`, `liquidated`, `grid` (its lines have closed all of it), `grid_stop`, `end` (the
    /// candles ended while it was open), or another code.
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
    let orders = played.ledger.orders.iter().filter(|order| order.purpose == Purpose::Entry);
    let signals: BTreeMap<_, _> =
        orders.map(|order| (&order.client_order_id, order.times.signal_at)).collect();
    let mut search = 0;
    for row in &played.ledger.positions {
        // Positions are kept in the order they were opened: the search goes on where the last one began.
        let Some(life) = Life::of(played, &row.position, &mut search) else { continue };
        let signal_at = signals.get(&row.position.id).copied().flatten();
        let next = trade(market, setup, played, (row, &life, signal_at));
        trades.extend(next.map(|next| Trade { n: trades.len() + 1, ..next }));
    }
    trades
}

/// When a position's first and last fills were, and what its entries cost.
struct Life {
    entered_in: Timestamp,
    left_in: Timestamp,
    entry_fees: Quote,
}

impl Life {
    fn of(played: &Played, position: &Position, search: &mut usize) -> Option<Self> {
        let fills = played.ledger.fills.iter().enumerate().skip(*search);
        let mut own = fills.filter(|(_, fill)| fill.booked.position.as_ref() == Some(&position.id));
        let (place, first) = own.next()?;
        *search = place;
        let fee = first.booked.fill.fee.cash();
        let mut life = Self { entered_in: first.step_at, left_in: first.step_at, entry_fees: fee };
        let mut open = first.booked.fill.qty;
        for (_, LedgerFill { booked, step_at }) in own {
            life.left_in = *step_at;
            if booked.fill.side == position.side.entry_side() {
                life.entry_fees += booked.fill.fee.cash();
                open = open.plus(booked.fill.qty);
            } else {
                open = open.minus(booked.fill.qty);
            }
            if open.is_zero() {
                break;
            }
        }
        Some(life)
    }
}

fn trade(
    market: &Market,
    setup: &Setup,
    played: &Played,
    (row, life, signal_at): (&PositionRow, &Life, Option<Timestamp>),
) -> Option<Trade> {
    let position = &row.position;
    let length = market.timeframe.duration();
    let closing = match position.closed_at {
        Some(_) => Closing {
            bar: life.left_in.minus(length),
            fees: position.fees,
            notional: position.exited_notional,
            pnl: position.realized_pnl,
            reason: reason_word(row.exit_reason.as_deref().unwrap_or_default()),
        },
        None => at_the_end(market, setup, played, position)?,
    };
    let bot = setup.numbered().find(|(id, ..)| position.bot == Some(*id)).map(|(_, _, bot)| bot);
    let timeframe = bot.and_then(|bot| bot.spec()?.timeframe).unwrap_or(market.timeframe);
    let entry_bar = life.entered_in.minus(length);
    let entry_price = position.entered_notional.average_price(position.entered_qty)?;
    let exit_price = closing.notional.average_price(position.entered_qty)?;
    let moved = ratio(exit_price.decimal() - entry_price.decimal(), entry_price.decimal());
    let net_pnl = closing.pnl - closing.fees;
    let paid = position.entered_notional + life.entry_fees;
    Some(Trade {
        n: 0,
        bot: bot.map(|bot| bot.name.clone()).unwrap_or_default(),
        bot_id: position.bot,
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
        },
        ret_net: ratio(net_pnl.decimal(), paid.decimal()),
        qty: position.entered_qty,
        gross_pnl: closing.pnl,
        fees: closing.fees,
        net_pnl,
        dca_level: row.dca_level,
        bars_held: closing.bar.since(entry_bar).ms() / length.ms() + 1,
    })
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

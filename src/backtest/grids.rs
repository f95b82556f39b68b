//! Grids of a backtest: judged before anything is played as `bot add` judges them, summed up afterwards as `bot grid`
//! does.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::Serialize;

use super::ledger::LedgerGridFill;
use super::market::Market;
use super::played::{BacktestError, Played};
use super::setup::{BotSetup, Setup};
use super::trades::Trade;
use crate::domain::ids::{BotId, ClientOrderId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Pct, Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::engine::grid::GridConfig;
use crate::engine::grid::flow::{Flow, pct_of};
use crate::engine::grid::plan::{Plan, Surroundings};
use crate::engine::grid::rows::LineStatus;
use crate::engine::settings::SymbolScope;

/// Refuses grids that could not be added to such an account, at the price at which they would begin.
pub fn judge(market: &Market, setup: &Setup, span: (usize, usize)) -> Result<(), BacktestError> {
    for (_, bot, config) in setup.grid_bots() {
        let (symbol, instrument) = place(setup, bot)?;
        let surroundings = Surroundings {
            price: first_close(market, symbol, span),
            equity: Some((setup.paper.initial_balance, bot.settings.allocation_percent)),
            max_leverage: Some(setup.settings.leverage.min(setup.limits.max_leverage)),
        };
        let mut refusals = Plan::of(config, instrument, setup.terms()).err().unwrap_or_default();
        refusals.extend(surroundings.refusals(config));
        if !refusals.is_empty() {
            return Err(BacktestError::GridRefused { bot: bot.name.clone(), refusals });
        }
    }
    Ok(())
}

/// The one symbol a grid trades, and its rules.
fn place<'a>(setup: &'a Setup, bot: &'a BotSetup) -> Result<(&'a Symbol, &'a Instrument), BacktestError> {
    let SymbolScope::One(symbol) = &bot.settings.symbol else {
        return Err(BacktestError::Unmet(format!("grid `{}` trades one symbol, not all", bot.name)));
    };
    let instrument = setup.instruments.get(symbol);
    let rules = instrument.ok_or_else(|| {
        BacktestError::Unmet(format!("no trading rules known for {symbol}, which grid `{}` names", bot.name))
    });
    Ok((symbol, rules?))
}

fn first_close(market: &Market, symbol: &Symbol, span: (usize, usize)) -> Option<Price> {
    let lane = market.lane(symbol)?;
    let before = span.0.checked_sub(1).map_or(0, |before| lane.count(before));
    let end = span.1.checked_sub(1).map_or(0, |last| lane.count(last));
    lane.columns.close(before).filter(|_| before < end)
}

/// One grid: what was asked of it, what it came to, and its ladder as it was left. Named as `bot grid --json` does.
#[derive(Debug, Clone, Serialize)]
pub struct GridRow {
    pub bot: String,
    pub symbol: Symbol,
    #[serde(flatten)]
    pub config: GridConfig,
    pub qty_per_line: Qty,
    /// Of the investment, with all lines held.
    pub needed: Quote,
    /// The least and the most that a round trip earns.
    pub net_per_line: NetRange,
    /// When and why it stopped by itself.
    pub stopped: Option<Stopped>,
    /// Round trips: orders that closed a line and were filled whole.
    pub cycles: usize,
    pub buy_fills: u64,
    pub sell_fills: u64,
    /// Of all round trips, after the fees of both sides.
    pub realized_profit: Quote,
    pub profit_pct: Option<Pct>,
    pub profit_per_day: Option<Quote>,
    /// What its lines hold at the last close, less what that has cost with fees.
    pub unrealized_profit: Quote,
    /// All that its lines have paid.
    pub fees: Quote,
    /// What all lines hold together; negative when it is short.
    pub held_qty: Decimal,
    /// Of all its positions, also of what a stop has closed, and with what is left closed at the last close.
    pub net_profit: Quote,
    /// From the highest line down.
    pub lines: Vec<LineRow>,
    pub fills: Vec<FillRow>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct NetRange {
    pub min: Quote,
    pub max: Quote,
}

#[derive(Debug, Clone, Serialize)]
pub struct Stopped {
    pub time_ms: i64,
    pub reason: String,
}

/// A line as it was left.
#[derive(Debug, Clone, Serialize)]
pub struct LineRow {
    pub line: u16,
    pub price: Price,
    pub status: LineStatus,
    pub held_qty: Qty,
    pub held_side: Option<PositionSide>,
    pub buy_fills: u64,
    pub sell_fills: u64,
    pub profit: Quote,
}

/// A fill on a line; the bar it happened in is named by when it opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FillRow {
    pub time_ms: i64,
    pub line: u16,
    pub side: Side,
    pub price: Price,
    pub qty: Qty,
    pub fee: Quote,
    /// Of what was closed, after the fees of both sides.
    pub profit: Option<Quote>,
}

/// All grids, in the order of their bots.
pub fn rows(market: &Market, setup: &Setup, played: &Played, trades: &[Trade]) -> Vec<GridRow> {
    let rows = setup.grid_bots().filter_map(|(id, bot, config)| {
        let (symbol, instrument) = place(setup, bot).ok()?;
        let plan = Plan::of(config, instrument, setup.terms()).ok()?;
        let told = Told { market, played, id, symbol };
        Some(told.row(bot, config, &plan, trades))
    });
    rows.collect()
}

/// What the ledger tells of one grid.
struct Told<'a> {
    market: &'a Market,
    played: &'a Played,
    id: BotId,
    symbol: &'a Symbol,
}

impl Told<'_> {
    fn row(&self, bot: &BotSetup, config: &GridConfig, plan: &Plan, trades: &[Trade]) -> GridRow {
        let mut flow = Flow::default();
        let mut realized_profit = Quote::ZERO;
        for LedgerGridFill { fill, .. } in self.fills() {
            flow.add(fill.side, (fill.price, fill.qty), fill.fee, fill.at);
            realized_profit += fill.profit.unwrap_or_default();
        }
        let (min, max) = plan.net_range();
        let holds = self.holds() && !flow.held.is_zero();
        let worth = self.last_close().filter(|_| holds).map(|price| flow.worth_at(price) - realized_profit);
        let last = self.played.span.1.checked_sub(1).and_then(|last| self.market.at(last));
        GridRow {
            bot: bot.name.clone(),
            symbol: self.symbol.clone(),
            config: config.clone(),
            qty_per_line: plan.qty_per_line,
            needed: plan.needed,
            net_per_line: NetRange { min, max },
            stopped: self.stopped(),
            cycles: self.cycles(),
            buy_fills: flow.buys,
            sell_fills: flow.sells,
            realized_profit,
            profit_pct: pct_of(realized_profit, config.investment),
            profit_per_day: last.and_then(|last| flow.per_day(realized_profit, last)),
            unrealized_profit: worth.unwrap_or_default(),
            fees: flow.fees,
            held_qty: if holds { flow.held } else { Decimal::ZERO },
            net_profit: trades
                .iter()
                .filter(|trade| trade.bot_id == Some(self.id))
                .map(|trade| trade.net_pnl)
                .sum(),
            lines: self.lines(plan, holds),
            fills: self.fills().map(|fill| self.fill(fill)).collect(),
        }
    }

    fn fills(&self) -> impl Iterator<Item = &LedgerGridFill> {
        self.played.ledger.grid_fills.iter().filter(|filled| filled.fill.bot == self.id)
    }

    fn fill(&self, LedgerGridFill { fill, step_at }: &LedgerGridFill) -> FillRow {
        FillRow {
            time_ms: self.bar(*step_at),
            line: fill.line,
            side: fill.side,
            price: fill.price,
            qty: fill.qty,
            fee: fill.fee,
            profit: fill.profit,
        }
    }

    /// The bar that closed with a step.
    fn bar(&self, step_at: Timestamp) -> i64 {
        step_at.minus(self.market.timeframe.duration()).ms()
    }

    fn stopped(&self) -> Option<Stopped> {
        let stop = self.played.ledger.stops.iter().find(|stop| stop.bot == self.id)?;
        Some(Stopped { time_ms: self.bar(stop.step_at), reason: stop.reason.clone() })
    }

    fn holds(&self) -> bool {
        let is_own = |position: &crate::domain::position::Position| {
            position.bot == Some(self.id) && position.is_open()
        };
        self.played.ledger.positions.iter().any(|row| is_own(&row.position))
    }

    fn last_close(&self) -> Option<Price> {
        let lane = self.market.lane(self.symbol)?;
        lane.columns.close(lane.count(self.played.span.1.checked_sub(1)?).checked_sub(1)?)
    }

    fn cycles(&self) -> usize {
        let orders = self.played.ledger.orders.iter().filter(|order| order.bot == Some(self.id));
        let filled: BTreeSet<&ClientOrderId> = orders
            .filter(|order| order.status == OrderStatus::Filled)
            .map(|order| &order.client_order_id)
            .collect();
        let closing = self.fills().map(|filled| &filled.fill).filter(|fill| fill.profit.is_some());
        let closed: BTreeSet<(&ClientOrderId, u16)> =
            closing.map(|fill| (&fill.client_order_id, fill.line)).collect();
        closed.iter().filter(|(order, _)| filled.contains(order)).count()
    }

    fn lines(&self, plan: &Plan, holds: bool) -> Vec<LineRow> {
        let mut sums: BTreeMap<u16, (Flow, Quote)> = BTreeMap::new();
        for LedgerGridFill { fill, .. } in self.fills() {
            let (flow, profit) = sums.entry(fill.line).or_default();
            flow.add(fill.side, (fill.price, fill.qty), fill.fee, fill.at);
            *profit += fill.profit.unwrap_or_default();
        }
        let left = self.played.ledger.grid_lines.get(&self.id);
        let row = |line: &crate::engine::grid::plan::Line| {
            let (flow, profit) = sums.get(&line.index).copied().unwrap_or_default();
            let held = if holds { flow.held } else { Decimal::ZERO };
            let side = if held.is_sign_negative() { PositionSide::Short } else { PositionSide::Long };
            LineRow {
                line: line.index,
                price: line.price,
                status: left
                    .and_then(|lines| lines.get(&line.index))
                    .map_or(LineStatus::Pending, |row| row.status),
                held_qty: Qty::try_new(held.abs()).unwrap_or_default(),
                held_side: (!held.is_zero()).then_some(side),
                buy_fills: flow.buys,
                sell_fills: flow.sells,
                profit,
            }
        };
        plan.lines.iter().rev().map(row).collect()
    }
}

#[cfg(test)]
mod tests;

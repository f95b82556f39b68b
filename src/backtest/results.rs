//! What came of a backtest: one document that tables, `--json` and the HTML page are all made of.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::Serialize;

use super::grids::{self, GridRow};
use super::market::Market;
use super::played::Played;
use super::setup::Setup;
use super::statistics::{self, Curve, Drawdown, Point, Ratios, float};
use super::terms::Terms;
use super::trades::{self, Trade};
use crate::domain::instrument::Symbol;
use crate::domain::money::Quote;
use crate::domain::time::{DurationMs, Timeframe};
use crate::engine::decision::{Action, Code, Decision};

/// Decimals of a fraction.
const FRACTION_DECIMALS: u32 = 10;

/// The whole answer. Fractions: 0.01 is 1 %. Times in ms; amounts in quote currency.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    pub timeframe: Timeframe,
    pub from_ms: i64,
    pub to_ms: i64,
    pub bars: usize,
    pub capital: Quote,
    /// What was asked.
    #[serde(flatten)]
    pub terms: Terms,
    pub summary: Summary,
    pub drawdown: Drawdown,
    pub buy_and_hold: BuyAndHold,
    pub symbols: Vec<SymbolRow>,
    pub grids: Vec<GridRow>,
    pub months: Vec<MonthRow>,
    pub skipped: BTreeMap<String, u64>,
    pub trades: Vec<Trade>,
    pub equity: Vec<Point>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// After closing everything at the last close, less the taker's fee.
    pub final_equity: Quote,
    pub total_return: Decimal,
    pub net_profit: Quote,
    pub fees: Quote,
    /// Received when positive.
    pub funding: Quote,
    #[serde(flatten)]
    pub ratios: Ratios,
    pub trades: usize,
    pub wins: usize,
    pub win_rate: Option<Decimal>,
    /// Sum of wins over sum of losses; `None` without a loss.
    pub profit_factor: Option<Decimal>,
    /// Mean net profit of a trade.
    pub expectancy: Option<Quote>,
    /// Mean net return of a trade.
    pub expectancy_return: Option<Decimal>,
    pub best_trade: Option<Quote>,
    pub worst_trade: Option<Quote>,
    pub average_bars_held: Option<Decimal>,
    /// Share of the bars at whose close something was held.
    pub exposure: f64,
    pub liquidations: u32,
}

/// The capital in equal parts of every symbol, bought at the first open and held, without fees.
#[derive(Debug, Clone, Serialize)]
pub struct BuyAndHold {
    pub total_return: Decimal,
    pub final_equity: Quote,
}

#[derive(Debug, Clone, Serialize)]
pub struct SymbolRow {
    pub symbol: Symbol,
    pub trades: usize,
    pub wins: usize,
    pub win_rate: Option<Decimal>,
    pub net_profit: Quote,
    pub fees: Quote,
    pub profit_factor: Option<Decimal>,
    /// Of the symbol itself, from the first open to the last close.
    pub buy_and_hold: Decimal,
}

/// A calendar month, UTC.
#[derive(Debug, Clone, Serialize)]
pub struct MonthRow {
    pub month: String,
    /// Of the equity at the month's end against that before it.
    pub total_return: f64,
    pub equity: f64,
    /// Trades that left in it, and what they made.
    pub trades: usize,
    pub net_profit: Quote,
}

/// What some trades made together.
struct Tally {
    count: usize,
    wins: usize,
    won: Quote,
    lost: Quote,
    fees: Quote,
}

impl Tally {
    fn of<'a>(trades: impl Iterator<Item = &'a Trade>) -> Self {
        let mut tally = Self { count: 0, wins: 0, won: Quote::ZERO, lost: Quote::ZERO, fees: Quote::ZERO };
        for trade in trades {
            tally.count += 1;
            tally.fees += trade.fees;
            if trade.net_pnl > Quote::ZERO {
                tally.wins += 1;
                tally.won += trade.net_pnl;
            } else {
                tally.lost += trade.net_pnl;
            }
        }
        tally
    }

    fn win_rate(&self) -> Option<Decimal> {
        share(Decimal::from(self.wins), Decimal::from(self.count))
    }

    fn profit_factor(&self) -> Option<Decimal> {
        share(self.won.decimal(), -self.lost.decimal())
    }

    fn net(&self) -> Quote {
        self.won + self.lost
    }
}

/// `part / whole`; `None` of nothing.
fn share(part: Decimal, whole: Decimal) -> Option<Decimal> {
    let share = part.checked_div(whole).filter(|_| !whole.is_zero());
    share.map(|share| share.round_dp(FRACTION_DECIMALS).normalize())
}

fn change(from: Decimal, to: Decimal) -> Decimal {
    share(to - from, from).unwrap_or_default()
}

impl Summary {
    /// `length` is that of what was traded.
    pub fn of(setup: &Setup, played: &Played, curve: &Curve, trades: &[Trade], length: DurationMs) -> Self {
        let capital = setup.paper.initial_balance;
        let funding: Quote = played.ledger.funding.iter().map(|payment| payment.amount).sum();
        let tally = Tally::of(trades.iter());
        let final_equity = final_equity(setup, played, trades);
        let count = Decimal::from(trades.len());
        let bars_held: i64 = trades.iter().map(|trade| trade.bars_held).sum();
        let returns: Decimal = trades.iter().map(|trade| trade.ret_net).sum();
        Self {
            final_equity,
            total_return: change(capital.decimal(), final_equity.decimal()),
            net_profit: final_equity - capital,
            fees: tally.fees,
            funding,
            ratios: statistics::ratios(curve, float(capital.decimal()), length),
            trades: trades.len(),
            wins: tally.wins,
            win_rate: tally.win_rate(),
            profit_factor: tally.profit_factor(),
            expectancy: share(tally.net().decimal(), count).map(Quote::new),
            expectancy_return: share(returns, count),
            best_trade: trades.iter().map(|trade| trade.net_pnl).max(),
            worst_trade: trades.iter().map(|trade| trade.net_pnl).min(),
            average_bars_held: share(Decimal::from(bars_held), count),
            exposure: curve.exposure,
            liquidations: liquidations(played),
        }
    }
}

/// Positions that the exchange closed by force.
fn liquidations(played: &Played) -> u32 {
    let is_forced = |decision: &&Decision| decision.code == Code::Liquidated;
    u32::try_from(played.ledger.decisions.iter().filter(is_forced).count()).unwrap_or(u32::MAX)
}

impl Results {
    pub fn of(market: &Market, setup: &Setup, played: &Played) -> Self {
        let (first, end) = played.span;
        let length = market.timeframe.duration();
        let from = market.at(first).unwrap_or_default().minus(length);
        let to = market.at(end.saturating_sub(1)).unwrap_or_default();
        let trades = trades::trades(market, setup, played);
        let curve = statistics::curve(market, played, final_equity(setup, played, &trades));
        let capital = setup.paper.initial_balance;
        let summary = Summary::of(setup, played, &curve, &trades, to.since(from));
        let symbols = symbol_rows(market, setup, played, &trades);
        let held: Decimal = symbols.iter().map(|row| row.buy_and_hold).sum();
        let held = share(held, Decimal::from(symbols.len())).unwrap_or_default();
        let worth = (capital.decimal() * (Decimal::ONE + held)).round_dp(12).normalize();
        Self {
            timeframe: market.timeframe,
            from_ms: from.ms(),
            to_ms: to.ms(),
            bars: end - first,
            capital,
            terms: Terms::of(setup),
            summary,
            drawdown: curve.drawdown,
            buy_and_hold: BuyAndHold { total_return: held, final_equity: Quote::new(worth) },
            months: month_rows(&curve.days, float(capital.decimal()), &trades),
            grids: grids::rows(market, setup, played, &trades),
            symbols,
            skipped: skipped(&played.ledger.decisions),
            trades,
            equity: curve.points,
        }
    }
}

/// What the account has once what is open at the end is closed at its last close.
pub fn final_equity(setup: &Setup, played: &Played, trades: &[Trade]) -> Quote {
    let funding: Quote = played.ledger.funding.iter().map(|payment| payment.amount).sum();
    setup.paper.initial_balance + trades.iter().map(|trade| trade.net_pnl).sum::<Quote>() + funding
}

/// Why entries were not made, and how often; not those that were put off until the other side was closed, and made.
fn skipped(decisions: &[Decision]) -> BTreeMap<String, u64> {
    let signal = |decision: &Decision| (decision.bot, decision.symbol.clone(), decision.bar_close_at);
    let of = |action| decisions.iter().filter(move |decision| decision.action == action);
    let entered: BTreeSet<_> = of(Action::Entered).map(signal).collect();
    let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
    for decision in of(Action::Skipped).filter(|decision| !entered.contains(&signal(decision))) {
        *skipped.entry(decision.code.to_string()).or_default() += 1;
    }
    skipped
}

fn symbol_rows(market: &Market, setup: &Setup, played: &Played, trades: &[Trade]) -> Vec<SymbolRow> {
    let known = market.symbols();
    let rows = setup.symbols(&known).into_iter().filter_map(|symbol| {
        let lane = market.lane(symbol)?;
        let begin = played.span.0.checked_sub(1).map_or(0, |before| lane.count(before));
        let last = lane.count(played.span.1.checked_sub(1)?).checked_sub(1)?;
        let tally = Tally::of(trades.iter().filter(|trade| trade.symbol == *symbol));
        let (opened, closed) = (lane.columns.candle(begin)?.open, lane.columns.close(last)?);
        Some(SymbolRow {
            symbol: symbol.clone(),
            trades: tally.count,
            wins: tally.wins,
            win_rate: tally.win_rate(),
            net_profit: tally.net(),
            fees: tally.fees,
            profit_factor: tally.profit_factor(),
            buy_and_hold: change(opened.decimal(), closed.decimal()),
        })
    });
    rows.collect()
}

fn month_rows(days: &[(i64, f64)], capital: f64, trades: &[Trade]) -> Vec<MonthRow> {
    let mut months: BTreeMap<String, (f64, usize, Quote)> = BTreeMap::new();
    for (day, equity) in days {
        months.entry(month(*day)).or_default().0 = *equity;
    }
    for trade in trades {
        if let Some(row) = months.get_mut(&month(trade.exit_time_ms)) {
            row.1 += 1;
            row.2 += trade.net_pnl;
        }
    }
    let mut before = capital;
    let rows = months.into_iter().map(|(month, (equity, trades, net_profit))| {
        let total_return = if before > 0.0 { equity / before - 1.0 } else { 0.0 };
        before = equity;
        MonthRow { month, total_return, equity, trades, net_profit }
    });
    rows.collect()
}

/// `2022-06`, UTC.
fn month(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| ms.to_string(), |at| at.strftime("%Y-%m").to_string())
}

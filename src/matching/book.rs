//! The book of one account: wallet, positions, orders, and what is remembered of both.
//!
//! Invariants: wallet = initial balance + realized profit - fees + what was settled without a fill, exactly; no order fills more than its quantity; a
//! reducing order never opens. The whole state is serialisable, and is complete between any two calls.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::config::BookConfig;
use super::cursor::Cursor;
use super::event::{BookEvent, EndReason};
use super::net_position::NetPosition;
use super::order::BookOrder;
use super::prices::Prices;
use super::refusal::Refusal;
use crate::domain::fill::Fill;
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::PositionMode;
use crate::domain::time::Timestamp;

/// Ended orders that can still be asked for, and whose ids are still refused as used. An answer that was lost is
/// asked for within seconds; an account ends a handful of orders in that time.
pub const ENDED_ORDERS_MAX: usize = 12;

/// Fills that can still be asked for; the reason is the same.
pub const FILLS_MAX: usize = 8;

const TRADE_PREFIX: char = 'P';

/// See the module's description. `next_event` and `place` are in the modules `stepping` and `placement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    pub(super) config: BookConfig,
    pub(super) wallet: Quote,
    /// Sorted by (symbol, side); at most one a symbol in one-way mode.
    pub(super) positions: Vec<NetPosition>,
    /// In the order they were placed.
    pub(super) working: Vec<BookOrder>,
    /// Oldest first.
    ended: VecDeque<BookOrder>,
    /// Oldest first.
    fills: VecDeque<Fill>,
    pub(super) prices: Prices,
    leverages: BTreeMap<Symbol, Leverage>,
    /// The number of the last trade and of the last order.
    trades: u64,
    pub(super) orders: u64,
    pub(super) cursor: Cursor,
    /// What has happened and was not told yet.
    pub(super) untold: VecDeque<BookEvent>,
    /// A position was closed: orders may be left with nothing to reduce.
    pub(super) reductions_to_check: bool,
    revision: u64,
}

/// The money of an account, in quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookBalance {
    pub wallet: Quote,
    /// Profit or loss of the open positions at the last known prices.
    pub unrealized: Quote,
    /// What is left for new orders: wallet and unrealized profit less the margin of positions and working orders.
    pub available: Quote,
}

/// Where a trade id stands among the book's trades; `None` for an id that no book gave.
pub fn trade_number(id: &TradeId) -> Option<u64> {
    id.0.strip_prefix(TRADE_PREFIX)?.parse().ok()
}

impl Book {
    pub fn new(config: BookConfig) -> Self {
        Self {
            wallet: config.initial_balance,
            config,
            positions: Vec::new(),
            working: Vec::new(),
            ended: VecDeque::new(),
            fills: VecDeque::new(),
            prices: Prices::default(),
            leverages: BTreeMap::new(),
            trades: 0,
            orders: 0,
            cursor: Cursor::at_the_beginning(),
            untold: VecDeque::new(),
            reductions_to_check: false,
            revision: 0,
        }
    }

    /// Takes over changed fees, slippage and participation. What the book was opened with stays: its money and its
    /// position mode.
    pub fn set_terms(&mut self, terms: &BookConfig) {
        let opened = &self.config;
        let config = BookConfig {
            quote_asset: opened.quote_asset.clone(),
            initial_balance: opened.initial_balance,
            position_mode: opened.position_mode,
            ..terms.clone()
        };
        if config != *opened {
            self.config = config;
            self.revision += 1;
        }
    }

    pub const fn config(&self) -> &BookConfig {
        &self.config
    }

    /// Grows with each change that a restart must not lose. New prices and steps in which nothing happens are none:
    /// the next step brings them again.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes a working order out of the book.
    pub fn cancel(&mut self, id: &ClientOrderId) -> Result<&BookOrder, Refusal> {
        let index = self.working.iter().position(|order| order.client_order_id == *id);
        index
            .and_then(|index| self.end(index, OrderStatus::Cancelled, EndReason::Cancelled))
            .ok_or_else(|| Refusal::NotOpen(id.clone()))
    }

    /// A working order, or one of the last [`ENDED_ORDERS_MAX`] that ended.
    pub fn order(&self, id: &ClientOrderId) -> Option<&BookOrder> {
        self.working.iter().chain(self.ended.iter().rev()).find(|order| order.client_order_id == *id)
    }

    /// In the order they were placed.
    pub fn open_orders(&self) -> &[BookOrder] {
        &self.working
    }

    /// The remembered fills whose trade number is above `after`, oldest first. Numbers start at 1.
    pub fn fills_since(&self, after: u64) -> impl Iterator<Item = &Fill> {
        self.fills
            .iter()
            .filter(move |fill| trade_number(&fill.trade_id).is_some_and(|number| number > after))
    }

    /// Sorted by (symbol, side).
    pub fn positions(&self) -> &[NetPosition] {
        &self.positions
    }

    /// Cash, in quote currency.
    pub const fn wallet(&self) -> Quote {
        self.wallet
    }

    pub fn balance(&self) -> BookBalance {
        let unrealized = self.unrealized();
        let available = self.wallet + unrealized - self.margin_in_use();
        BookBalance { wallet: self.wallet, unrealized, available }
    }

    /// The margin of the symbol's positions is reckoned at this leverage from now on; before, it is that of the
    /// order that last added to them.
    pub fn set_leverage(&mut self, symbol: &Symbol, leverage: Leverage) {
        self.leverages.insert(symbol.clone(), leverage);
        self.changed();
    }

    /// The leverage at which `position` binds margin.
    pub fn leverage(&self, position: &NetPosition) -> Leverage {
        self.leverages.get(&position.symbol).copied().unwrap_or(position.leverage)
    }

    /// Adds what came (negative: went) without a fill: funding, or a fee that was paid from elsewhere.
    pub fn settle_cash(&mut self, amount: Quote) {
        self.move_wallet(amount);
        self.changed();
    }

    /// The last known price.
    pub fn price(&self, symbol: &Symbol) -> Option<Price> {
        self.prices.get(symbol)
    }

    pub(super) fn changed(&mut self) {
        self.revision = self.revision.wrapping_add(1);
    }

    pub(super) fn next_trade_id(&mut self) -> TradeId {
        self.trades = self.trades.saturating_add(1);
        TradeId(format!("{TRADE_PREFIX}{}", self.trades))
    }

    /// Profit or loss of all positions at the last known prices.
    pub(super) fn unrealized(&self) -> Quote {
        self.positions
            .iter()
            .filter_map(|position| Some(position.unrealized_pnl(self.prices.get(&position.symbol)?)))
            .sum()
    }

    /// Margin of positions and of working orders that would add to them.
    pub(super) fn margin_in_use(&self) -> Quote {
        let positions: Quote =
            self.positions.iter().map(|position| position.cost.margin_at(self.leverage(position))).sum();
        let orders: Quote = self.working.iter().map(|order| self.margin_of(order)).sum();
        positions + orders
    }

    /// Margin that the part of an order which opens or adds binds; a market order is valued at the last price.
    pub(super) fn margin_of(&self, order: &BookOrder) -> Quote {
        if self.only_reduces(order) {
            return Quote::ZERO;
        }
        let adds = match self.config.position_mode {
            PositionMode::Hedge => order.remaining_qty(),
            PositionMode::OneWay => order.remaining_qty().minus(self.reducible(order)),
        };
        let price = order.kind.price().or_else(|| self.prices.get(&order.symbol));
        price.map_or(Quote::ZERO, |price| price.notional(adds).margin_at(order.leverage))
    }

    /// Whether the order can never open or add: it says so, or it is the exit of a hedged position.
    pub(super) fn only_reduces(&self, order: &BookOrder) -> bool {
        let exit = order.side == order.position_side.exit_side();
        order.reduce_only || (self.config.position_mode == PositionMode::Hedge && exit)
    }

    /// What the order finds to reduce.
    pub(super) fn reducible(&self, order: &BookOrder) -> Qty {
        let position = match self.config.position_mode {
            PositionMode::OneWay => self.positions.iter().find(|held| held.symbol == order.symbol),
            PositionMode::Hedge => self
                .positions
                .iter()
                .find(|held| held.symbol == order.symbol && held.side == order.position_side),
        };
        position.filter(|held| held.side.exit_side() == order.side).map_or(Qty::ZERO, |held| held.qty)
    }

    /// Ends a working order; `None` when there is none at `index`.
    pub(super) fn end(&mut self, index: usize, status: OrderStatus, reason: EndReason) -> Option<&BookOrder> {
        if index >= self.working.len() {
            return None;
        }
        let mut order = self.working.remove(index);
        order.status = status;
        order.end_reason = Some(reason);
        self.changed();
        self.remember_order(order);
        self.ended.back()
    }

    pub(super) fn remember_order(&mut self, order: BookOrder) {
        if self.ended.len() >= ENDED_ORDERS_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(order);
    }

    /// When the symbol last traded, as far as that is remembered.
    pub(super) fn last_fill_at(&self, symbol: &Symbol) -> Option<Timestamp> {
        self.fills.iter().rev().find(|fill| fill.symbol == *symbol).map(|fill| fill.at)
    }

    pub(super) fn remember_fill(&mut self, fill: Fill) {
        if self.fills.len() >= FILLS_MAX {
            self.fills.pop_front();
        }
        self.fills.push_back(fill);
    }
}

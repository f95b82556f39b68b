//! What must be so in dry run once the faults have stopped: what is believed, what the book has, and what follows from
//! the fills.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::money::Quote;
use tradefleet::domain::order::Purpose;
use tradefleet::domain::side::{PositionSide, Side};
use tradefleet::engine::config::BotConfig;
use tradefleet::engine::grid::plan::Plan as GridPlan;
use tradefleet::engine::grid::state::GridSetup;
use tradefleet::engine::settings::SymbolScope;
use tradefleet::engine::turn::{BookedFill, PositionRow};
use tradefleet::matching::book::Book;
use tradefleet::matching::order::BookOrder;

use super::PaperDesk;
use crate::desk::text;
use crate::ladders::{Ladder, Rest, Resting, held_by, lots_agree, rounds_recomputed};
use crate::settled::Verdict;

/// What is held on each side of each symbol.
type Net = BTreeMap<(Symbol, PositionSide), Decimal>;

impl PaperDesk<'_> {
    pub(super) fn is_at_rest(&mut self) -> Verdict {
        self.flush().map_err(text)?;
        let process = self.process.as_ref().unwrap();
        let book = &process.book;
        let held = self.journal.positions.values().map(|row| (row.position.side, row.position.cost));
        let ours = process.machine.wallet().map(|wallet| cash(wallet, held));
        let theirs = cash(book.balance().wallet, book.positions().iter().map(|held| (held.side, held.cost)));
        if ours != Some(theirs) {
            return Err(format!("the cash is {ours:?}, the book's {theirs}"));
        }
        self.orders_agree(book)?;
        self.positions_agree(book)?;
        for bot in self.db.bots.values() {
            if let (Some(setup), SymbolScope::One(symbol)) = (&bot.grid, &bot.settings.symbol) {
                self.ladder_agrees(book, bot, setup, symbol)
                    .map_err(|why| format!("grid {}: {why}", bot.id))?;
                let rounds = if self.plan.shares { 0 } else { rounds_recomputed(&self.journal, bot.id)? };
                self.counters.work("grid rounds recomputed in dry run", rounds);
            }
        }
        Ok(())
    }

    /// What works is what rests, and what rests is wanted.
    fn orders_agree(&self, book: &Book) -> Verdict {
        let working = self.journal.orders.values().filter(|order| !order.status.is_final());
        let ours: BTreeMap<_, _> = working.map(|order| (&order.client_order_id, order.filled_qty)).collect();
        let open = book.open_orders().iter();
        let theirs: BTreeMap<_, _> = open.map(|order| (&order.client_order_id, order.filled_qty)).collect();
        if ours != theirs {
            return Err(format!("{ours:?} work, {theirs:?} rest"));
        }
        let is_loose = |order: &&BookOrder| {
            let key = order.client_order_id.key().unwrap();
            !key.purpose.protects() && !key.purpose.is_on_line()
        };
        match book.open_orders().iter().find(is_loose) {
            Some(order) => Err(format!("{order:?} rests at rest")),
            None => Ok(()),
        }
    }

    /// Positions are the sums of their fills; what protects them rests.
    fn positions_agree(&self, book: &Book) -> Verdict {
        let mut by_fills: BTreeMap<_, Decimal> = BTreeMap::new();
        for booked in &self.journal.fills {
            let fill = &booked.fill;
            let opens = fill.side == fill.position_side.entry_side();
            let qty = if opens { fill.qty.decimal() } else { -fill.qty.decimal() };
            *by_fills.entry((booked.bot, fill.symbol.clone(), fill.position_side)).or_default() += qty;
        }
        by_fills.retain(|_, qty| !qty.is_zero());
        let open = || self.journal.positions.values().filter(|row| row.position.is_open());
        let ours: BTreeMap<_, _> = open()
            .map(|row| &row.position)
            .map(|held| ((held.bot, held.symbol.clone(), held.side), held.qty.decimal()))
            .collect();
        if ours != by_fills {
            return Err(format!("positions {ours:?}, by their fills {by_fills:?}"));
        }
        let mut net = Net::new();
        for ((_, symbol, side), qty) in &ours {
            *net.entry((symbol.clone(), *side)).or_default() += *qty;
        }
        if !self.plan.hedge {
            net = left_of_both(&net);
        }
        let theirs: BTreeMap<_, _> = book
            .positions()
            .iter()
            .map(|held| ((held.symbol.clone(), held.side), held.qty.decimal()))
            .collect();
        if net != theirs {
            return Err(format!("positions {net:?}, in the book {theirs:?}"));
        }
        let is_protecting = |order: &&BookOrder| order.client_order_id.key().unwrap().purpose.protects();
        let resting = book.open_orders().iter().filter(is_protecting).count();
        let levels = |row: &PositionRow| {
            let grid = self.db.bots[&row.position.bot.unwrap()].grid.as_ref();
            let is_wanted = grid.map_or(self.db.settings.auto_exit, |grid| grid.config.exchange_stop);
            let levels = [row.stop_loss, row.take_profit].into_iter().flatten().count();
            if is_wanted && self.capabilities.conditional_orders { levels } else { 0 }
        };
        let wanted: usize = open().map(levels).sum();
        if resting == wanted { Ok(()) } else { Err(format!("{resting} orders protect, {wanted} should")) }
    }

    fn ladder_agrees(&self, book: &Book, bot: &BotConfig, setup: &GridSetup, symbol: &Symbol) -> Verdict {
        let process = self.process.as_ref().unwrap();
        let state = process.machine.durable_state().grids.remove(&bot.id).unwrap_or_default();
        let held = held_by(&self.journal, bot.id);
        lots_agree(&state, &held)?;
        let mut resting = Resting::new();
        for order in book.open_orders() {
            let key = order.client_order_id.key().unwrap();
            if key.bot == Some(bot.id) && key.purpose.is_on_line() {
                let is_exit = key.purpose == Purpose::GridExit;
                resting.entry((key.line().unwrap(), is_exit)).or_default().push(Rest {
                    price: order.kind.price().unwrap(),
                    qty: order.qty,
                    left: order.remaining_qty(),
                });
            }
        }
        let is_over = !bot.is_running || bot.close_requested || self.db.halt.is_some();
        if is_over || self.db.close_symbols.contains_key(symbol) || !state.is_started {
            return if resting.is_empty() {
                Ok(())
            } else {
                Err("lines rest although it is over".to_owned())
            };
        }
        let instrument = &self.db.instruments[symbol];
        let Ok(plan) = GridPlan::of(&setup.config, instrument, setup.terms) else { return Ok(()) };
        let price = self.cycles.last().unwrap().prices[symbol];
        let held = held.iter().map(|held| held.side).collect();
        Ladder { plan, state, price, held, may_open: false, resting }.agrees(setup, instrument)
    }

    /// Once all is closed the wallet is what it was, and what the fills have brought.
    pub(super) fn money_agrees(&self) -> Verdict {
        let book = &self.process.as_ref().unwrap().book;
        if !book.positions().is_empty() {
            return Err(format!("not flat: {:?}", book.positions()));
        }
        let cash = |booked: &BookedFill| {
            let notional = booked.fill.price.notional(booked.fill.qty);
            let flow = if booked.fill.side == Side::Buy { Quote::ZERO - notional } else { notional };
            flow - Quote::new(booked.fill.fee.amount())
        };
        let brought: Quote = self.journal.fills.iter().map(cash).sum();
        let expected = self.terms.initial_balance + brought;
        let wallet = book.balance().wallet;
        if wallet == expected {
            Ok(())
        } else {
            Err(format!("the book has {wallet}, by its fills {expected}"))
        }
    }
}

/// By symbol, what is left of its two sides.
fn left_of_both(held: &Net) -> Net {
    let left = |((symbol, side), qty): (&(Symbol, PositionSide), &Decimal)| {
        let other = held.get(&(symbol.clone(), side.opposite())).copied().unwrap_or_default();
        ((symbol.clone(), *side), *qty - other)
    };
    held.iter().map(left).filter(|(_, qty)| *qty > Decimal::ZERO).collect()
}

/// What all fills have moved: the wallet without what is still held. Where bots share a symbol the book averages what they
/// paid, and where it nets both sides of a grid it has realized what the grid's lines still hold: the wallets differ then.
fn cash(wallet: Quote, held: impl Iterator<Item = (PositionSide, Quote)>) -> Quote {
    held.fold(wallet, |cash, (side, cost)| match side {
        PositionSide::Long => cash - cost,
        PositionSide::Short => cash + cost,
    })
}

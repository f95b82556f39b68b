//! From fills to positions, profit and statistics. Each fill is booked once; everything else follows from it.

use crate::domain::fill::Fill;
use crate::domain::ids::{BotId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Qty, Quote};
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::position::{Applied, Position};
use crate::domain::time::Timeframe;

use super::booked::BookedTrade;
use super::decision::{Action, Code};
use super::levels::Levels;
use super::machine::{AccountMachine, HeldKey};
use super::state::{Held, Holding};
use super::turn::{BookedFill, BotStats, NoticeKind, PositionRow, Record, Severity};

/// Bars of positions whose entry order is no longer known are counted in this.
const TIMEFRAME_UNKNOWN: Timeframe = Timeframe::M5;

/// What a person can do about a symbol that is blocked.
const ADVICE: &str = "what a bot holds was closed or changed by somebody else: restore it at the exchange, or give it up \
                      with `bot remove --positions release`";

impl AccountMachine {
    /// Books one fill, unless it was booked before.
    pub(super) fn book_fill(&mut self, fill: &Fill) {
        if !self.keep_early(fill) {
            self.book_fill_now(fill);
        }
    }

    pub(super) fn book_fill_now(&mut self, fill: &Fill) {
        let fill = &*self.with_priced_fee(fill);
        let retold_since = self.durable.retold_since();
        if !self.booked.note(BookedTrade::of(fill), retold_since) {
            return;
        }
        let key = fill.client_order_id.key();
        let Some((bot, purpose)) = key.and_then(|key| Some((key.bot?, key.purpose))) else {
            self.record_fill(fill, None, None, Quote::ZERO);
            return;
        };
        let leverage =
            self.orders.get_mut(&fill.client_order_id).map_or(Leverage::ONE, |order| order.leverage);
        let is_first_of_order = self.advance_order(fill);
        let key = HeldKey::new((bot, fill.symbol.clone()), fill.position_side);
        if fill.side == fill.position_side.entry_side() {
            self.book_entry(&key, fill, purpose, leverage, is_first_of_order);
        } else {
            self.book_exit(&key, fill, purpose);
            self.withdraw_excess();
        }
        self.end_if_complete(&fill.client_order_id);
        self.sync_protection(&key);
        let filled = self.orders.get_mut(&fill.client_order_id).map(|order| order.clone());
        self.orders.settle(&fill.client_order_id, retold_since);
        self.forget_entering(&fill.client_order_id);
        match filled.filter(|order| order.status.is_final()) {
            Some(order) => self.line_order_ended(&order),
            None => self.answer_on_lines(&key.bot_symbol()),
        }
    }

    /// Adds the fill to its order; true when it is the order's first.
    fn advance_order(&mut self, fill: &Fill) -> bool {
        let Some(order) = self.orders.get_mut(&fill.client_order_id) else { return false };
        let is_first = order.filled_qty.is_zero();
        order.filled_qty = order.filled_qty.plus(fill.qty);
        order.filled_notional += fill.price.notional(fill.qty);
        let next =
            if order.filled_qty >= order.qty { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        if order.status.may_become(next) {
            order.status = next;
        }
        if order.status.is_final() {
            order.times.finished_at = Some(fill.at.max(order.times.decided_at));
        }
        let detail = self
            .words
            .of(|| format!("fill {}: {} at {}, fee {}", fill.trade_id, fill.qty, fill.price, fill.fee));
        self.turn.records.push(Record::step(order, self.now, detail));
        is_first
    }

    fn book_entry(
        &mut self,
        key: &HeldKey,
        fill: &Fill,
        purpose: Purpose,
        leverage: Leverage,
        is_first_of_order: bool,
    ) {
        if let Some(held) = self.held.get_mut(key) {
            if let (Some(level), true) = (dca_level(purpose), is_first_of_order) {
                held.row.dca_level = held.row.dca_level.max(level);
                held.holding.dca_explained = None;
            }
            held.row.position.apply(fill);
        } else {
            let mut held = self.opened_by(key.bot, leverage, fill);
            if !is_first_of_order {
                // The order opened a position before, which has been closed since: this is another one.
                held.row.position.id = self.next_order_id(Some(key.bot), Purpose::Entry, 1);
            }
            self.held.insert(key.clone(), held);
        }
        self.note_position(key);
        let position = self.held.get(key).map(|held| held.position().id.clone());
        self.record_fill(fill, Some(key.bot), position, Quote::ZERO);
        self.record_stats(key.bot, -fill.fee.known_value(), None);
        if purpose.has_line() {
            self.book_on_lines(key, fill, purpose);
            return;
        }
        let kind = if purpose == Purpose::Entry { NoticeKind::Entry } else { NoticeKind::Dca };
        self.notify(kind, Severity::Info, || fill_fields(key.bot, fill));
    }

    fn opened_by(&self, bot: BotId, leverage: Leverage, fill: &Fill) -> Held {
        let timeframe = self.durable.entering.get(&fill.client_order_id).copied();
        Held {
            row: PositionRow {
                position: Position::open(Some(bot), leverage, fill),
                dca_level: 0,
                stop_loss: None,
                take_profit: None,
                is_protected: false,
                exit_reason: None,
                dry_run: self.config.settings.dry_run,
            },
            holding: Holding::new(timeframe.unwrap_or(TIMEFRAME_UNKNOWN)),
        }
    }

    fn book_exit(&mut self, key: &HeldKey, fill: &Fill, purpose: Purpose) {
        let code = self.exit_code(key, purpose);
        let Some(held) = self.held.get_mut(key) else {
            self.block(&fill.symbol, &format!("fill {} closes a position that is not held", fill.trade_id));
            self.record_fill(fill, Some(key.bot), None, Quote::ZERO);
            return;
        };
        let position = held.position().id.clone();
        let (realized, closed, excess) = match held.row.position.apply(fill) {
            Applied::Increased => (Quote::ZERO, false, Qty::ZERO),
            Applied::Reduced { realized_pnl } => (realized_pnl, false, Qty::ZERO),
            Applied::Closed { realized_pnl, excess } => (realized_pnl, true, excess),
        };
        let won = closed.then(|| held.position().net_pnl() > Quote::ZERO);
        if closed {
            held.row.exit_reason = Some(code.to_string());
            held.row.is_protected = false;
        }
        self.note_position(key);
        self.record_fill(fill, Some(key.bot), Some(position), realized);
        self.record_stats(key.bot, realized - fill.fee.known_value(), won);
        self.book_on_lines(key, fill, purpose);
        if closed {
            self.close(key, fill, purpose, code);
        }
        if !excess.is_zero() {
            let why =
                format!("fill {} closed {excess} more than the bot held: somebody else's", fill.trade_id);
            self.block(&fill.symbol, &why);
        }
    }

    /// What follows once nothing is held any more.
    fn close(&mut self, key: &HeldKey, fill: &Fill, purpose: Purpose, code: Code) {
        let Some(held) = self.held.remove(key) else { return };
        if purpose == Purpose::GridExit && held.holding.exit.is_none() {
            // The grid has sold all it had, and goes on.
            return;
        }
        self.end_grid_life(key, purpose);
        self.note_closed(&key.bot_symbol(), held.holding.exit, fill);
        // What is still working of its entries would open it anew.
        self.withdraw_increasing(key);
        self.durable.left_at.insert(key.symbol.clone(), self.now);
        let pnl = held.position().net_pnl();
        if purpose.protects() {
            // Exits of our own were explained when they were decided; these were the exchange's doing.
            let detail = self.words.of(|| format!("filled at {}, net {pnl}", fill.price));
            self.decide(key.bot, &key.symbol, (Action::Exited, code), detail);
        }
        self.notify(NoticeKind::Exit, Severity::Info, || {
            let outcome = [("reason", code.to_string()), ("net_pnl", pnl.to_string())];
            fill_fields(key.bot, fill).into_iter().chain(outcome)
        });
        self.leave_other_side(key);
    }

    /// What a grid held was closed otherwise than by its lines. Where the exchange did it, the grid stops.
    fn end_grid_life(&mut self, key: &HeldKey, purpose: Purpose) {
        let key = key.bot_symbol();
        let is_over = !self.holds(&key);
        if let Some(state) = self.durable.grids.get_mut(&key.0).filter(|_| is_over) {
            state.begin_anew();
        }
        if purpose.protects() && self.grid_key(key.0).is_some() {
            self.stop_bot(&key, "its stop at the exchange has closed what it held");
        }
    }

    /// What an exit filled by an order of `purpose` is called.
    fn exit_code(&self, key: &HeldKey, purpose: Purpose) -> Code {
        let held = self.held.get(key);
        match purpose {
            Purpose::TakeProfit => Code::TakeProfit,
            Purpose::GridExit => Code::Grid,
            Purpose::StopLoss => held.zip(self.bot(key.bot)).map_or(Code::StopLoss, |(held, bot)| {
                Levels::of(held, &bot, &self.config, self.now).stop_code
            }),
            Purpose::Entry
            | Purpose::Dca1
            | Purpose::Dca2
            | Purpose::Dca3
            | Purpose::Exit
            | Purpose::Flatten
            | Purpose::GridEntry
            | Purpose::GridBuyIn => {
                held.and_then(|held| held.holding.exit).map_or(Code::Requested, |leaving| leaving.code)
            }
        }
    }

    fn note_position(&mut self, key: &HeldKey) {
        if let Some(held) = self.held.get(key) {
            self.turn.records.push(Record::Position(held.row.clone()));
        }
    }

    fn record_fill(
        &mut self,
        fill: &Fill,
        bot: Option<BotId>,
        position: Option<ClientOrderId>,
        realized_pnl: Quote,
    ) {
        let dry_run = self.config.settings.dry_run;
        if let Some(wallet) = self.durable.wallet.as_mut() {
            *wallet += realized_pnl - fill.fee.cash();
        }
        self.durable.fills_booked += 1;
        let number = self.durable.fills_booked;
        let booked = BookedFill { fill: fill.clone(), bot, position, realized_pnl, dry_run, number };
        self.turn.records.push(Record::Fill(booked));
    }

    fn record_stats(&mut self, bot: BotId, pnl: Quote, closed: Option<bool>) {
        self.turn.records.push(Record::BotStats(BotStats { bot, pnl, closed, at: self.now }));
    }

    /// We and the exchange disagree about a symbol: nothing new is opened there until they agree again.
    pub(super) fn block(&mut self, symbol: &Symbol, why: &str) {
        self.durable.blocked.insert(symbol.clone(), why.to_owned());
        self.doubt(symbol);
        let fields =
            [("symbol", symbol.to_string()), ("reason", why.to_owned()), ("advice", ADVICE.to_owned())];
        self.notify(NoticeKind::OutOfSync, Severity::Critical, || fields);
    }

    /// The timeframe of an entry is needed only while the entry works.
    pub(super) fn forget_entering(&mut self, id: &ClientOrderId) {
        if self.orders.get_working(id).is_none() {
            self.durable.entering.remove(id);
        }
    }
}

const fn dca_level(purpose: Purpose) -> Option<u8> {
    match purpose {
        Purpose::Dca1 => Some(1),
        Purpose::Dca2 => Some(2),
        Purpose::Dca3 => Some(3),
        Purpose::Entry
        | Purpose::StopLoss
        | Purpose::TakeProfit
        | Purpose::Exit
        | Purpose::Flatten
        | Purpose::GridEntry
        | Purpose::GridExit
        | Purpose::GridBuyIn => None,
    }
}

pub(super) fn fill_fields(bot: BotId, fill: &Fill) -> Vec<(&'static str, String)> {
    vec![
        ("bot", bot.to_string()),
        ("symbol", fill.symbol.to_string()),
        ("side", fill.position_side.to_string()),
        ("price", fill.price.to_string()),
        ("qty", fill.qty.to_string()),
        ("fee", fill.fee.to_string()),
    ]
}

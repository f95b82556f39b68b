//! What must be so once the faults have stopped and everything had its time: nothing unknown, the ledger equal to the
//! exchange's to the last digit, everything protected.

use std::collections::BTreeMap;

use tradefleet::domain::external::ExternalCause;
use tradefleet::domain::money::Quote;
use tradefleet::domain::order::{Order, Purpose};
use tradefleet::domain::side::PositionSide;
use tradefleet::engine::turn::CashAdjustmentKind;

use crate::desk::Desk;
use crate::units::{Atoms, lots_of, price_of, qty_of, quote_of, ticks_of};
use crate::venue::{Due, Payment, Sort, XOrder};

/// Why something is not as it should be.
pub(crate) type Verdict = Result<(), String>;

impl Desk<'_> {
    /// Why the account is not at rest yet.
    pub(crate) fn settled(&self) -> Verdict {
        let Some(process) = &self.process else { return Err("the process is down".to_owned()) };
        if !process.machine.is_ready() || !process.requests.is_empty() {
            return Err("not ready".to_owned());
        }
        if self.venue.due.values().any(|due| !matches!(due, Due::Second)) {
            return Err("something is under way".to_owned());
        }
        self.orders_agree()?;
        self.fills_agree()?;
        self.positions_agree()?;
        let state = process.machine.durable_state();
        if let Some((symbol, why)) = state.blocked.first_key_value() {
            return Err(format!("{symbol} is blocked: {why}"));
        }
        self.is_protected()?;
        self.ladders_agree()
    }

    fn orders_agree(&self) -> Verdict {
        let mut theirs: BTreeMap<_, (usize, &XOrder)> = BTreeMap::new();
        for (index, order) in self.venue.orders.iter().enumerate() {
            theirs.insert(&order.cid, (index, order));
        }
        for id in theirs.keys() {
            if !self.journal.orders.contains_key(*id) {
                return Err(format!("{id} is at the exchange only"));
            }
        }
        let is_forced = |order: &Order| order.end_reason.as_deref() == Some("liquidated by the exchange");
        for (id, order) in &self.journal.orders {
            let Some((index, there)) = theirs.get(id) else {
                if order.status.is_final() && (order.filled_qty.is_zero() || is_forced(order)) {
                    continue;
                }
                return Err(format!("{id} is {} and not at the exchange", order.status));
            };
            if order.status.is_final() != there.status.is_final() || order.filled_qty != qty_of(there.filled)
            {
                let (status, filled) = (order.status, order.filled_qty);
                return Err(format!(
                    "{id} is {status}, {filled}; at the exchange {} {}",
                    there.status, there.filled
                ));
            }
            if order.status.is_in_flight() {
                return Err(format!("the fate of {id} is not known"));
            }
            let known = order.exchange_order_id.as_deref();
            if known.is_some_and(|known| known != format!("X{index}")) {
                return Err(format!("{id} is X{index}, believed {known:?}"));
            }
        }
        Ok(())
    }

    /// R3: every fill of ours is booked once, digit for digit.
    fn fills_agree(&self) -> Verdict {
        let mut booked = BTreeMap::new();
        for row in &self.journal.fills {
            let fill = &row.fill;
            booked.insert(
                fill.trade_id.0.clone(),
                (fill.client_order_id.clone(), fill.price, fill.qty, fill.fee.amount()),
            );
        }
        for trade in &self.venue.trades {
            let Some(cid) = &trade.cid else { continue };
            let theirs = (
                cid.clone(),
                price_of(trade.price),
                qty_of(trade.lots),
                quote_of(trade.fee).decimal().normalize(),
            );
            match booked.remove(&trade.number.to_string()) {
                Some(ours) if ours == theirs => {}
                Some(ours) => return Err(format!("fill {}: {ours:?}, there {theirs:?}", trade.number)),
                None => return Err(format!("fill {} of {cid} is not booked", trade.number)),
            }
        }
        let forced = |id: &&String| id.contains('/');
        match booked.keys().find(|id| !forced(id)) {
            Some(id) => Err(format!("fill {id} is booked and never happened")),
            None => Ok(()),
        }
    }

    fn positions_agree(&self) -> Verdict {
        let mut ours = BTreeMap::new();
        for row in self.journal.positions.values().filter(|row| row.position.is_open()) {
            let position = &row.position;
            let symbol = usize::from(self.venue.dialect.symbols()[1] == position.symbol);
            let key = (position.bot.unwrap(), symbol, position.side);
            if ours.insert(key, lots_of(position.qty)).is_some() {
                return Err(format!("two positions of {key:?}"));
            }
        }
        let held = self.venue.bots.iter().filter(|(_, stake)| stake.lots != 0);
        let theirs: BTreeMap<_, _> = held.map(|(key, stake)| (*key, stake.lots)).collect();
        if ours != theirs {
            return Err(format!("positions {ours:?}, by the exchange's fills {theirs:?}"));
        }
        for symbol in 0..2 {
            let sides = [PositionSide::Long, PositionSide::Short];
            let [long, short] = sides.map(|side| self.venue.held(symbol, side) - self.of_bots(symbol, side));
            if if self.plan.hedge { long != 0 || short != 0 } else { long != short } {
                return Err(format!("the exchange holds {long}/{short} more than the bots"));
            }
        }
        Ok(())
    }

    /// Each position has exactly the orders that its row names; nothing else rests but on the lines of grids.
    fn is_protected(&self) -> Verdict {
        let mut wanted = Vec::new();
        for row in self.journal.positions.values().filter(|row| row.position.is_open()) {
            let position = &row.position;
            let grid = self.told.bots.get(&position.bot.unwrap()).and_then(|bot| bot.grid.as_ref());
            let is_asked_for = grid.map_or(self.told.settings.auto_exit, |grid| grid.config.exchange_stop);
            let is_wanted = self.capabilities.conditional_orders && is_asked_for;
            let lots = lots_of(position.qty);
            let levels = [(Purpose::StopLoss, row.stop_loss), (Purpose::TakeProfit, row.take_profit)];
            for (purpose, level) in levels {
                if let Some(level) = level.filter(|_| is_wanted) {
                    wanted.push((position.bot.unwrap(), purpose.as_str(), ticks_of(level), lots));
                }
            }
            if is_wanted && row.stop_loss.is_none() {
                return Err(format!("position {} has no stop", position.id));
            }
        }
        let mut resting = Vec::new();
        for order in self.venue.open_orders_there().filter(|order| !order.key.purpose.is_on_line()) {
            let key = order.key;
            let Sort::Trigger { at, .. } = order.sort else { return Err(format!("{} rests", order.cid)) };
            resting.push((key.bot.unwrap(), key.purpose.as_str(), at, order.lots - order.filled));
        }
        // What was bought in finer steps than today's is protected in today's.
        let steps = |lots: i64| lots - lots % self.venue.rules.step;
        for (bot, purpose, at, lots) in &mut wanted {
            if !resting.contains(&(*bot, *purpose, *at, *lots)) {
                *lots = steps(*lots);
            }
        }
        wanted.retain(|(.., lots)| *lots > 0);
        wanted.sort_unstable();
        resting.sort_unstable();
        if wanted == resting { Ok(()) } else { Err(format!("wanted {wanted:?}, resting {resting:?}")) }
    }

    /// Once all is closed: cash, profit and funding are the exchange's.
    pub(crate) fn money_agrees(&self) -> Verdict {
        if !self.venue.positions.is_empty() || self.venue.bots.values().any(|stake| stake.lots > 0) {
            return Err(format!("not flat: {:?}", self.venue.bots));
        }
        let state = &self.journal.state;
        let wallet = quote_of(self.venue.wallet);
        if state.wallet != Some(wallet) {
            return Err(format!("the wallet is {:?}, at the exchange {wallet}", state.wallet));
        }
        if self.watchman.has_external {
            return Ok(());
        }
        let pnl: Quote =
            self.journal.fills.iter().map(|row| row.realized_pnl - Quote::new(row.fill.fee.amount())).sum();
        let theirs = self.pnl_by_trades();
        if pnl != theirs {
            return Err(format!("fills brought {pnl}, by the exchange {theirs}"));
        }
        // What was paid before the account was opened, by the exchange's clock, is part of what it began with.
        let from = state.funding.from.unwrap_or_default();
        let (later, earlier): (Vec<&Payment>, Vec<&Payment>) =
            self.venue.payments.iter().partition(|payment| self.venue.stamp(payment.at) >= from);
        let sum = |payments: &[&Payment]| payments.iter().map(|payment| payment.amount).sum::<Atoms>();
        let funding: Quote = self.journal.funding.iter().map(|payment| payment.amount).sum();
        let paid = quote_of(sum(&later));
        if funding != paid {
            return Err(format!("funding {funding}, at the exchange {paid}"));
        }
        let is_found = |kind| kind == CashAdjustmentKind::TransferOrExternal;
        let found: Quote =
            self.journal.adjustments.iter().filter(|row| is_found(row.kind)).map(|row| row.amount).sum();
        let opening: Quote =
            self.journal.adjustments.iter().filter(|row| !is_found(row.kind)).map(|row| row.amount).sum();
        let transfers = quote_of(self.venue.transfers + sum(&earlier) + 1_000 * 10_i128.pow(10));
        if found + opening != transfers {
            return Err(format!("{found} and {opening} came from outside, by the exchange {transfers}"));
        }
        let was_forced = self.venue.trades.iter().any(|trade| trade.cause != ExternalCause::Manual);
        if self.journal.out_of_sync > 0 && !was_forced && !self.plan.shares {
            return Err(format!("{} times out of sync, and nobody else traded", self.journal.out_of_sync));
        }
        Ok(())
    }
}

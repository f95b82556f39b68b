//! What happens at the exchange: executions, triggers, forced closes, funding, filters that change.

use tradefleet::domain::external::ExternalCause;
use tradefleet::domain::fill::Liquidity;
use tradefleet::domain::ids::ClientOrderId;
use tradefleet::domain::order::OrderStatus;
use tradefleet::domain::side::{PositionSide, Side};

use crate::faults::{Dice, Fault, scaled};
use crate::market::Market;
use crate::units::{Atoms, Lots, Ticks, fee_of, notional};
use crate::venue::{Due, Payment, Rules, Sort, Stake, Trade, Venue, XOrder};

/// A two-hundredth of what is held must be backed.
const MAINTENANCE: Atoms = 200;

impl Venue {
    /// One second of the exchange's life.
    pub(crate) fn second(&mut self, market: &Market, dice: &mut Dice) {
        if let Some(how) = dice.hits(Fault::Maintenance) {
            self.maintenance_until = self.now + scaled(how, 5_000, 90_000);
        }
        self.trigger(market, dice);
        self.liquidate_if_due(market, dice);
        self.pay_funding(market, dice);
        if let Some(how) = dice.hits(Fault::Transfer) {
            // Money in and out; never so much out that positions would be forced.
            let amount = Atoms::from(scaled(how, -20, 200)) * 10_i128.pow(9);
            self.wallet += amount;
            self.transfers += amount;
        }
        if let Some(how) = dice.hits(Fault::FiltersChange) {
            let tick = [1, 5, 10][usize::try_from(how % 3).unwrap()];
            let step = [1, 2, 10][usize::try_from(how / 3 % 3).unwrap()];
            self.rules = Rules { tick, step, ..self.rules };
        }
        if let Some(how) = dice.hits(Fault::LeverageReset) {
            self.reset_leverage(usize::try_from(how % 2).unwrap());
        }
        if let Some(how) = dice.hits(Fault::Disconnect) {
            self.disconnect(scaled(how, 500, 30_000));
        }
        self.remember_positions();
    }

    /// Somebody else sets the least leverage; refused where the wallet could not back at it what is held.
    fn reset_leverage(&mut self, symbol: usize) {
        let before = std::mem::replace(&mut self.leverage[symbol], 1);
        if self.available() < 0 {
            self.leverage[symbol] = before;
            return;
        }
        self.leverage_reset_at[symbol] = self.now;
        self.is_reset_untold[symbol] = true;
        self.tell_terms(symbol);
    }

    fn trigger(&mut self, market: &Market, dice: &mut Dice) {
        for index in self.open.clone() {
            let order = &self.orders[index];
            let rests = matches!(order.sort, Sort::PostOnly { .. });
            let is_begun = !rests && (!order.parts.is_empty() || order.filled > 0);
            // One that was executed before it may have ended this one.
            if is_begun || order.status.is_final() || !order.is_reached(market.price(order.symbol, self.now))
            {
                continue;
            }
            let reduces = order.side == order.position_side.exit_side();
            if reduces && self.held(order.symbol, order.position_side) == 0 {
                self.end(index, OrderStatus::Expired, "nothing to reduce", dice);
            } else if rests {
                self.fill_resting(index, market, dice);
            } else {
                self.start_filling(index, market, dice);
            }
        }
    }

    /// The market has come to a line: all of it is filled, or a part, and the rest goes on resting.
    fn fill_resting(&mut self, index: usize, market: &Market, dice: &mut Dice) {
        let order = &self.orders[index];
        let left = order.lots - order.filled;
        let lots = dice.hits(Fault::PartialFill).map_or(left, |how| scaled(how, 1, left));
        let most = self.most_fillable(&self.orders[index]);
        self.execute(index, lots.min(most), market, dice);
    }

    /// What only reduces closes no more than there is.
    fn most_fillable(&self, order: &XOrder) -> Lots {
        let reduces = order.side == order.position_side.exit_side();
        if reduces && (order.reduce_only || self.dialect.is_spot()) {
            self.held(order.symbol, order.position_side)
        } else {
            Lots::MAX
        }
    }

    /// Divides an order into the parts that it is filled in, and fills the first.
    pub(crate) fn start_filling(&mut self, index: usize, market: &Market, dice: &mut Dice) {
        let lots = self.orders[index].lots;
        let count = dice.hits(Fault::PartialFill).map_or(1, |how| scaled(how, 2, 4)).min(lots);
        let each = lots / count;
        let mut parts = vec![each; usize::try_from(count).unwrap()];
        parts[0] += lots - each * count;
        if dice.hits(Fault::RestExpires).is_some() {
            // What is not filled at once ends: marked by a part of nothing.
            *parts.last_mut().unwrap() = 0;
        }
        self.orders[index].parts = parts;
        self.fill_part(index, market, dice);
    }

    pub(crate) fn fill_part(&mut self, index: usize, market: &Market, dice: &mut Dice) {
        while !self.orders[index].parts.is_empty() && !self.orders[index].status.is_final() {
            let lots = self.orders[index].parts.remove(0);
            let order = &self.orders[index];
            let fills = lots.min(self.most_fillable(order)).min(order.lots - order.filled);
            if fills > 0 {
                self.execute(index, fills, market, dice);
            }
            let order = &self.orders[index];
            if order.filled == order.lots {
                return;
            }
            if fills < lots || order.parts.is_empty() {
                self.end(index, OrderStatus::Expired, "the rest was not filled", dice);
                return;
            }
            if let Some(how) = dice.hits(Fault::SlowFill) {
                self.schedule(self.now + scaled(how, 100, 3_000), Due::Part(index));
                return;
            }
        }
    }

    fn execute(&mut self, index: usize, lots: Lots, market: &Market, dice: &mut Dice) {
        let order = self.orders[index].clone();
        let drift = if order.side == Side::Buy { self.rules.tick } else { -self.rules.tick };
        let (price, liquidity) = match order.sort {
            Sort::PostOnly { at } => (at, Liquidity::Maker),
            Sort::Market | Sort::Trigger { .. } => {
                ((market.price(order.symbol, self.now) + drift).max(1), Liquidity::Taker)
            }
        };
        let increases = order.side == order.position_side.entry_side();
        if let Some(bot) = order.key.bot {
            let stake = self.bots.entry((bot, order.symbol, order.position_side)).or_default();
            if increases {
                stake.lots += lots;
                stake.cost += notional(price, lots);
            } else {
                *stake = stake.less(lots);
            }
        }
        self.orders[index].filled += lots;
        self.orders[index].cash += notional(price, lots);
        let is_done = self.orders[index].filled == order.lots;
        self.orders[index].status = if is_done { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        if is_done {
            self.open.retain(|open| *open != index);
        }
        self.log(index, dice);
        let way = (order.symbol, order.side, order.position_side);
        self.trade(Some(&order.cid), way, (price, lots, liquidity), ExternalCause::Manual, dice);
    }

    /// Books an execution and tells of it.
    pub(crate) fn trade(
        &mut self,
        cid: Option<&ClientOrderId>,
        (symbol, side, position_side): (usize, Side, PositionSide),
        (price, lots, liquidity): (Ticks, Lots, Liquidity),
        cause: ExternalCause,
        dice: &mut Dice,
    ) {
        let fee = fee_of(notional(price, lots), self.dialect.fee_rate(liquidity));
        self.wallet -= fee;
        self.move_position(symbol, side, position_side, price, lots);
        let trade = Trade {
            number: self.number(),
            cid: cid.cloned(),
            symbol,
            side,
            position_side,
            price,
            lots,
            fee,
            liquidity,
            cause,
            at: self.now,
            visible_at: self.now + Self::lag(dice),
        };
        self.remember_positions();
        self.tell_trade(&trade, dice);
        self.trades.push(trade);
    }

    /// In one-way mode an order reduces what leans the other way first.
    fn move_position(
        &mut self,
        symbol: usize,
        side: Side,
        position_side: PositionSide,
        price: Ticks,
        lots: Lots,
    ) {
        let opposite = if side == Side::Buy { PositionSide::Short } else { PositionSide::Long };
        let (reduced, opened) = if self.hedge {
            if side == position_side.exit_side() { (position_side, 0) } else { (opposite, lots) }
        } else {
            (opposite, (lots - self.held(symbol, opposite)).max(0))
        };
        let closes = lots - opened;
        if closes > 0 {
            let stake = self.positions.entry((symbol, reduced)).or_default();
            let cost = stake.cost * Atoms::from(closes) / Atoms::from(stake.lots.max(1));
            let worth = notional(price, closes);
            stake.lots -= closes;
            stake.cost -= cost;
            self.wallet += if reduced == PositionSide::Long { worth - cost } else { cost - worth };
            if stake.lots < 0 {
                self.wrong = Some("the exchange holds less than nothing".to_owned());
            }
        }
        if opened > 0 {
            let stake =
                self.positions.entry((symbol, reduced.opposite_if(!self.hedge, position_side))).or_default();
            stake.lots += opened;
            stake.cost += notional(price, opened);
        }
        self.positions.retain(|_, stake| stake.lots != 0);
    }

    fn liquidate_if_due(&mut self, market: &Market, dice: &mut Dice) {
        if self.positions.is_empty() || self.dialect.is_spot() {
            return;
        }
        let (mut equity, mut backed) = (self.wallet, 0);
        for ((symbol, side), stake) in &self.positions {
            let worth = notional(market.price(*symbol, self.now), stake.lots);
            backed += worth / MAINTENANCE;
            equity += if *side == PositionSide::Long { worth - stake.cost } else { stake.cost - worth };
        }
        if equity > backed && dice.hits(Fault::Liquidation).is_none() {
            return;
        }
        for index in self.open.clone() {
            self.end(index, OrderStatus::Cancelled, "liquidation", dice);
        }
        let all: Vec<_> = self.positions.iter().map(|(key, stake)| (*key, stake.lots)).collect();
        for ((symbol, side), lots) in all {
            let price = market.price(symbol, self.now);
            self.take_from_bots(symbol, side, lots);
            let way = (symbol, side.exit_side(), side);
            self.trade(None, way, (price, lots, Liquidity::Taker), ExternalCause::Liquidation, dice);
        }
    }

    /// A forced close takes from the bots first, in their order.
    fn take_from_bots(&mut self, symbol: usize, side: PositionSide, mut lots: Lots) {
        for (key, stake) in &mut self.bots {
            if (key.1, key.2) == (symbol, side) {
                let part = stake.lots.clamp(0, lots);
                *stake = stake.less(part);
                *self.forced.entry(*key).or_default() += part;
                lots -= part;
            }
        }
    }

    fn pay_funding(&mut self, market: &Market, dice: &mut Dice) {
        if self.positions.is_empty() || self.dialect.is_spot() {
            return;
        }
        let Some(how) = dice.hits(Fault::Funding) else { return };
        let paid: Vec<_> = self.positions.iter().map(|((symbol, _), stake)| (*symbol, stake.lots)).collect();
        for (symbol, lots) in paid {
            let rate = Atoms::from(scaled(how, -20, 20));
            let amount = fee_of(notional(market.price(symbol, self.now), lots), rate);
            self.wallet += amount;
            let number = self.number();
            self.payments.push(Payment { number, symbol, amount, at: self.now });
        }
    }

    /// How much later than it happened something may be told to who asks.
    fn lag(dice: &mut Dice) -> i64 {
        dice.hits(Fault::StaleRead).map_or(50, |how| scaled(how, 100, 4_000))
    }

    /// Notes the state an order is in, and from when on it may be seen.
    pub(crate) fn log(&mut self, index: usize, dice: &mut Dice) {
        let order = &mut self.orders[index];
        let last = order.log.last().map_or(0, |(at, ..)| *at);
        let visible = (self.now + Self::lag(dice)).max(last);
        order.log.push((visible, order.status, order.filled));
    }

    pub(crate) fn end(&mut self, index: usize, status: OrderStatus, reason: &str, dice: &mut Dice) {
        let order = &mut self.orders[index];
        order.status = status;
        order.parts.clear();
        self.open.retain(|open| *open != index);
        self.log(index, dice);
        self.tell_end(index, reason, dice);
    }

    fn remember_positions(&mut self) {
        let all = self.positions.iter().map(|((symbol, side), stake)| (*symbol, *side, stake.lots));
        self.history.push((self.now, all.collect()));
        if self.history.len() > 64 {
            self.history.drain(..32);
        }
    }
}

impl Stake {
    /// What is left after a part was sold; the cost in proportion.
    pub(crate) fn less(self, lots: Lots) -> Self {
        let cost = if self.lots > 0 { self.cost * Atoms::from(lots) / Atoms::from(self.lots) } else { 0 };
        Self { lots: self.lots - lots, cost: self.cost - cost }
    }
}

trait Opposite {
    fn opposite_if(self, flips: bool, other: PositionSide) -> PositionSide;
}

impl Opposite for PositionSide {
    fn opposite_if(self, flips: bool, other: PositionSide) -> PositionSide {
        if flips { self.opposite() } else { other }
    }
}

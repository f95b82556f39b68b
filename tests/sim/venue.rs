//! The simulated exchange of one account, with its ledger: written apart from the daemon's own book, in integers, so that
//! an error of reckoning in the one is not repeated in the other.
//!
//! `matching` executes, `reads` answers questions, `stream` tells by itself.

use std::collections::{BTreeMap, BTreeSet};

use tradefleet::domain::external::ExternalCause;
use tradefleet::domain::fill::Liquidity;
use tradefleet::domain::ids::{BotId, ClientOrderId, OrderKey};
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, TimeInForce};
use tradefleet::domain::side::{PositionSide, Side};
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::report::ExchangeEvent;

use crate::dialect::{Dialect, RefusedIds};
use crate::faults::{Dice, Fault};
use crate::market::Market;
use crate::units::{Atoms, Lots, Ticks, lots_of, ticks_of};

/// A symbol, a side of it, and how much is held there.
pub(crate) type Held = (usize, PositionSide, Lots);

/// A bot's side of a symbol.
pub(crate) type StakeKey = (BotId, usize, PositionSide);

/// A quantity and what it cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stake {
    pub lots: Lots,
    pub cost: Atoms,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Market,
    /// A market order once the price is there.
    Trigger {
        at: Ticks,
        rises: bool,
    },
    /// Rests until the price is there, and is refused where it is there already.
    PostOnly {
        at: Ticks,
    },
}

impl Sort {
    /// The price that it names.
    pub(crate) const fn at(self) -> Option<Ticks> {
        match self {
            Self::Market => None,
            Self::Trigger { at, .. } | Self::PostOnly { at } => Some(at),
        }
    }

    /// As it is asked for.
    fn of(order: &Order) -> Self {
        let sells = order.side == Side::Sell;
        match order.kind {
            OrderKind::Market => Self::Market,
            OrderKind::Limit { price, time_in_force: TimeInForce::PostOnly } => {
                Self::PostOnly { at: ticks_of(price) }
            }
            OrderKind::Limit { .. } => unreachable!("every limit order of ours is post-only"),
            OrderKind::StopMarket { trigger } => Self::Trigger { at: ticks_of(trigger), rises: !sells },
            OrderKind::TakeProfitMarket { trigger } => Self::Trigger { at: ticks_of(trigger), rises: sells },
        }
    }
}

/// An order as the exchange keeps it.
#[derive(Debug, Clone)]
pub(crate) struct XOrder {
    pub cid: ClientOrderId,
    /// What its id says.
    pub key: OrderKey,
    pub symbol: usize,
    pub side: Side,
    pub position_side: PositionSide,
    pub sort: Sort,
    pub lots: Lots,
    pub filled: Lots,
    pub cash: Atoms,
    pub reduce_only: bool,
    pub leverage: u8,
    pub status: OrderStatus,
    /// Parts that are still to be filled, and whether the last of them is not.
    pub parts: Vec<Lots>,
    /// Every state it was in, and from when on a question may show it.
    pub log: Vec<(i64, OrderStatus, Lots)>,
}

/// An execution.
#[derive(Debug, Clone)]
pub(crate) struct Trade {
    pub number: u64,
    /// Of one of our orders.
    pub cid: Option<ClientOrderId>,
    pub symbol: usize,
    pub side: Side,
    pub position_side: PositionSide,
    pub price: Ticks,
    pub lots: Lots,
    pub fee: Atoms,
    pub liquidity: Liquidity,
    pub cause: ExternalCause,
    pub at: i64,
    pub visible_at: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Payment {
    pub number: u64,
    pub symbol: usize,
    pub amount: Atoms,
    pub at: i64,
}

/// The trading rules of both symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    pub tick: Ticks,
    pub step: Lots,
    pub min_notional: Atoms,
}

pub(crate) enum Due {
    Second,
    /// A request that arrives.
    Place {
        call: u64,
        order: Box<Order>,
        stamp: i64,
        reduce_only: bool,
    },
    Cancel {
        call: u64,
        id: ClientOrderId,
    },
    /// The next part of an order.
    Part(usize),
}

pub(crate) struct Venue {
    pub dialect: Dialect,
    pub hedge: bool,
    pub now: i64,
    /// Its clock minus ours.
    pub offset: i64,
    pub wallet: Atoms,
    pub rules: Rules,
    pub positions: BTreeMap<(usize, PositionSide), Stake>,
    /// What our own orders have bought and not sold, by bot. Below zero it has closed what was not its own.
    pub bots: BTreeMap<StakeKey, Stake>,
    /// What forced closes have taken from them.
    pub forced: BTreeMap<StakeKey, Lots>,
    pub orders: Vec<XOrder>,
    /// Those of them that have not ended, in their order.
    pub open: Vec<usize>,
    /// Somebody else's resting orders.
    pub external_orders: u32,
    pub leverage: [u8; 2],
    /// When somebody else last changed it, or when it was told at last.
    pub leverage_reset_at: [i64; 2],
    pub is_reset_untold: [bool; 2],
    pub trades: Vec<Trade>,
    pub payments: Vec<Payment>,
    /// Deposits less withdrawals.
    pub transfers: Atoms,
    pub maintenance_until: i64,
    pub due: BTreeMap<(i64, u64), Due>,
    pub answers: BTreeMap<u64, Result<String, ExchangeError>>,
    /// Orders that were taken since somebody last looked.
    pub taken: Vec<usize>,
    pub seen_ids: BTreeSet<ClientOrderId>,
    pub history: Vec<(i64, Vec<Held>)>,
    pub stream: Vec<(i64, u64, ExchangeEvent)>,
    pub stream_down_until: i64,
    pub counter: u64,
    /// Something that must never happen, and did.
    pub wrong: Option<String>,
}

impl XOrder {
    /// Whether the price is where a resting order waits for it.
    pub(crate) fn is_reached(&self, price: Ticks) -> bool {
        match (self.sort, self.side) {
            (Sort::Market, _) => false,
            (Sort::Trigger { at, rises: true }, _) | (Sort::PostOnly { at }, Side::Sell) => price >= at,
            (Sort::Trigger { at, rises: false }, _) | (Sort::PostOnly { at }, Side::Buy) => price <= at,
        }
    }
}

impl Venue {
    pub(crate) fn new(dialect: Dialect, hedge: bool, now: i64, offset: i64) -> Self {
        let mut venue = Self {
            dialect,
            hedge,
            now,
            offset,
            wallet: 1_000 * 10_i128.pow(10),
            rules: Rules { tick: 1, step: 1, min_notional: 5 * 10_i128.pow(10) },
            positions: BTreeMap::new(),
            bots: BTreeMap::new(),
            forced: BTreeMap::new(),
            orders: Vec::new(),
            open: Vec::new(),
            external_orders: 0,
            leverage: [1; 2],
            leverage_reset_at: [0; 2],
            is_reset_untold: [false; 2],
            trades: Vec::new(),
            payments: Vec::new(),
            transfers: 0,
            maintenance_until: 0,
            due: BTreeMap::new(),
            answers: BTreeMap::new(),
            taken: Vec::new(),
            seen_ids: BTreeSet::new(),
            history: Vec::new(),
            stream: Vec::new(),
            stream_down_until: 0,
            counter: 0,
            wrong: None,
        };
        venue.schedule(now + 1_000, Due::Second);
        venue
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(crate) fn schedule(&mut self, at: i64, what: Due) {
        let number = self.number();
        self.due.insert((at, number), what);
    }

    /// Lives until `until`.
    pub(crate) fn advance(&mut self, until: i64, market: &Market, dice: &mut Dice) {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, _), what) = entry.remove_entry();
            self.now = at.max(self.now);
            match what {
                Due::Second => {
                    self.second(market, dice);
                    let seconds = if self.is_idle(dice) { (until - at) / 1_000 } else { 0 };
                    self.schedule(at + (seconds + 1) * 1_000, Due::Second);
                }
                Due::Place { call, order, stamp, reduce_only } => {
                    let answer = self.take(&order, stamp, reduce_only, market, dice);
                    self.answers.insert(call, answer);
                }
                Due::Cancel { call, id } => {
                    let answer = self.cancel(&id, dice);
                    self.answers.insert(call, answer);
                }
                Due::Part(index) => self.fill_part(index, market, dice),
            }
        }
        self.now = until.max(self.now);
    }

    /// Whether one second of it is as the other: hours pass at once then.
    fn is_idle(&self, dice: &Dice) -> bool {
        !dice.are_on && self.due.is_empty() && self.open.is_empty() && self.positions.is_empty()
    }

    /// Checks an order at the door and takes it, or says why not.
    fn take(
        &mut self,
        order: &Order,
        stamp: i64,
        reduce_only: bool,
        market: &Market,
        dice: &mut Dice,
    ) -> Result<String, ExchangeError> {
        if self.now < self.maintenance_until {
            return Err(ExchangeError::Unavailable { reason: "maintenance".to_owned() });
        }
        if let Some((old, ahead)) = self.dialect.stamps() {
            let age = self.now + self.offset - stamp;
            if age > old || -age > ahead {
                return Err(ExchangeError::Unavailable { reason: "-1021".to_owned() });
            }
        }
        self.check_id(&order.client_order_id)?;
        self.seen_ids.insert(order.client_order_id.clone());
        let symbol = self.dialect.symbols().iter().position(|known| *known == order.symbol).unwrap();
        let price = market.price(symbol, self.now);
        let new = self.draw_up(order, symbol, reduce_only);
        self.check(&new, order, price, dice)?;
        let index = self.orders.len();
        self.taken.push(index);
        self.orders.push(new);
        self.open.push(index);
        self.log(index, dice);
        if self.orders[index].sort == Sort::Market {
            self.start_filling(index, market, dice);
        }
        Ok(format!("X{index}"))
    }

    fn check_id(&self, id: &ClientOrderId) -> Result<(), ExchangeError> {
        let of_id = |order: &&XOrder| order.cid == *id;
        let is_refused = match self.dialect.refused_ids() {
            RefusedIds::Open => self.open_orders_there().any(|order| of_id(&order)),
            RefusedIds::Taken => self.orders.iter().any(|order| of_id(&order)),
            RefusedIds::Seen => self.seen_ids.contains(id),
        };
        if is_refused { Err(ExchangeError::Unknown { reason: "used id".to_owned() }) } else { Ok(()) }
    }

    fn draw_up(&self, order: &Order, symbol: usize, reduce_only: bool) -> XOrder {
        XOrder {
            cid: order.client_order_id.clone(),
            key: order.client_order_id.key().unwrap(),
            symbol,
            side: order.side,
            position_side: order.position_side,
            sort: Sort::of(order),
            lots: lots_of(order.qty),
            filled: 0,
            cash: 0,
            reduce_only,
            leverage: self.leverage[symbol],
            status: OrderStatus::Open,
            parts: Vec::new(),
            log: Vec::new(),
        }
    }

    fn check(&self, new: &XOrder, order: &Order, price: Ticks, dice: &mut Dice) -> Result<(), ExchangeError> {
        let refuse = |code: &str| {
            Err(ExchangeError::Refused { code: code.to_owned(), reason: "as the exchange wants".to_owned() })
        };
        if dice.hits(Fault::Refusal).is_some() {
            return refuse("-4400");
        }
        // What was bought in finer steps may be sold in them.
        if new.lots == 0 || (order.purpose.increases() && new.lots % self.rules.step != 0) {
            return refuse("-1111");
        }
        if new.sort.at().is_some_and(|at| at % self.rules.tick != 0) {
            return refuse("-4014");
        }
        if new.is_reached(price) {
            return Err(self.dialect.came_too_late(new.sort));
        }
        let held = self.held(new.symbol, new.position_side);
        if new.reduce_only || (self.dialect.is_spot() && new.side == Side::Sell) {
            let is_nothing = held == 0 || (self.dialect.is_spot() && held < new.lots);
            let may_wait = matches!(new.sort, Sort::Trigger { .. });
            return if is_nothing && !may_wait { refuse("-2022") } else { Ok(()) };
        }
        let notional = crate::units::notional(new.sort.at().unwrap_or(price), new.lots);
        if order.purpose.increases() && notional < self.rules.min_notional / 2 {
            return refuse("-4164");
        }
        let leverage = Atoms::from(if self.dialect.is_spot() { 1 } else { new.leverage });
        if notional / leverage > self.available() { refuse("-2019") } else { Ok(()) }
    }

    /// The orders that have not ended.
    pub(crate) fn open_orders_there(&self) -> impl Iterator<Item = &XOrder> {
        self.open.iter().map(|index| &self.orders[*index])
    }

    /// What the account holds on that side.
    pub(crate) fn held(&self, symbol: usize, side: PositionSide) -> Lots {
        self.positions.get(&(symbol, side)).map_or(0, |stake| stake.lots)
    }

    pub(crate) fn available(&self) -> Atoms {
        let bound: Atoms = self
            .positions
            .iter()
            .map(|((symbol, _), stake)| stake.cost / Atoms::from(self.leverage[*symbol]))
            .sum();
        self.wallet - bound
    }

    fn cancel(&mut self, id: &ClientOrderId, dice: &mut Dice) -> Result<String, ExchangeError> {
        if self.now < self.maintenance_until {
            return Err(ExchangeError::Unavailable { reason: "maintenance".to_owned() });
        }
        let open = self.open.iter().find(|index| self.orders[**index].cid == *id);
        let Some(index) = open.copied() else {
            return Err(ExchangeError::Refused {
                code: "-2011".to_owned(),
                reason: "no such order".to_owned(),
            });
        };
        self.end(index, OrderStatus::Cancelled, "cancelled", dice);
        Ok(String::new())
    }
}

//! Positions and money as we book them, beside what the exchange says. What it holds beyond our bots is somebody
//! else's; what it holds less cannot be explained, and blocks new entries on its symbol.
//!
//! Where answers are not of one moment, a fill may be in one and not yet in another: there a difference counts only
//! when two snapshots in a row show it and nothing of ours was on its way.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::domain::instrument::Symbol;
use crate::domain::money::{Qty, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timestamp};

use super::early::TOLD_WITHIN;
use super::event::Snapshot;
use super::machine::AccountMachine;
use super::state::External;
use super::turn::{CashAdjustment, CashAdjustmentKind, Record};

/// How far apart two snapshots must be to confirm each other: the line of a grid, or a stop, may have been filled right
/// before the first, and its fill is told later than the position that it left.
const CONFIRM_AFTER: DurationMs = TOLD_WITHIN;
/// A doubt waits so long for more of its kind before it is looked into.
const DOUBT_FOR: DurationMs = DurationMs::from_secs(10);

/// Net quantity a symbol and side; a one-way account has its net under the long side only, signed.
type Net = BTreeMap<(Symbol, PositionSide), Decimal>;

/// A difference, and when it was first seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting<T> {
    what: T,
    at: Timestamp,
}

impl<T: PartialEq> Sighting<T> {
    /// The first of a row of equal sightings.
    fn first(before: Option<Self>, what: T, at: Timestamp) -> Self {
        before.filter(|before| before.what == what).unwrap_or(Self { what, at })
    }

    fn is_confirmed(&self, at: Timestamp) -> bool {
        at.since(self.at) >= CONFIRM_AFTER
    }
}

impl AccountMachine {
    /// When the exchange should be asked again what it holds; `None` while nothing is in doubt.
    pub fn wants_snapshot(&self) -> Option<Timestamp> {
        let unconfirmed = self
            .suspects
            .iter()
            .filter(|(symbol, seen)| self.durable.blocked.get(*symbol) != Some(&seen.what))
            .map(|(_, seen)| seen.at.plus(CONFIRM_AFTER));
        unconfirmed.chain(self.doubted.values().map(|since| since.plus(DOUBT_FOR))).min()
    }

    /// Something says that our picture of the symbol may be wrong: the exchange should be asked what it holds.
    pub(super) fn doubt(&mut self, symbol: &Symbol) {
        if !self.config.venue.consistent_snapshots {
            self.doubted.entry(symbol.clone()).or_insert(self.now);
        }
    }

    /// Differences block their symbol; symbols that agree again are released.
    pub(super) fn compare_positions(&mut self, snapshot: &Snapshot) {
        self.doubted.retain(|_, since| *since > snapshot.taken_at);
        let hedge = self.config.venue.hedge;
        let ours = net(
            self.held.values().map(|held| {
                let position = held.position();
                (&position.symbol, position.side, position.qty.decimal())
            }),
            hedge,
        );
        let theirs =
            net(snapshot.positions.iter().map(|net| (&net.symbol, net.side, net.qty.decimal())), hedge);
        let compared = Comparison::of(&ours, &theirs, self.config.venue.may_hold_external);
        self.note_external(snapshot, compared.external);
        let differing = if self.config.venue.consistent_snapshots {
            compared.differences
        } else {
            self.confirmed(compared.differences, snapshot.taken_at)
        };
        if self.durable.blocked == differing {
            return;
        }
        self.turn.records.push(Record::StateChanged);
        let before = std::mem::take(&mut self.durable.blocked);
        for (symbol, why) in differing {
            if before.get(&symbol) == Some(&why) {
                self.durable.blocked.insert(symbol, why);
            } else {
                self.block(&symbol, &why);
            }
        }
    }

    /// Of the differences, those that have been seen long enough; what is blocked stays so until it is explained.
    fn confirmed(
        &mut self,
        differences: BTreeMap<Symbol, String>,
        taken_at: Timestamp,
    ) -> BTreeMap<Symbol, String> {
        let mut before = std::mem::take(&mut self.suspects);
        let mut confirmed = BTreeMap::new();
        for (symbol, why) in differences {
            let earlier = before.remove(&symbol).filter(|_| !self.is_moving(&symbol));
            // It may have come to be while the questions of this snapshot were being answered.
            let seen = Sighting::first(earlier, why, self.now);
            let known = self.durable.blocked.get(&symbol);
            if let Some(why) = if seen.is_confirmed(taken_at) { Some(&seen.what) } else { known } {
                confirmed.insert(symbol.clone(), why.clone());
            }
            self.suspects.insert(symbol, seen);
        }
        confirmed
    }

    /// Whether an order may be changing the position right now. What rests for long, like the lines of a grid, does not
    /// count: there would be no end to it. But one that the exchange does not list any more may have just been filled.
    fn is_moving(&self, symbol: &Symbol) -> bool {
        self.orders.working().any(|order| {
            let may_rest = order.purpose.protects() || order.purpose.is_on_line();
            order.symbol == *symbol
                && (!may_rest
                    || order.status.is_in_flight()
                    || self.orders.ending.contains_key(&order.client_order_id)
                    || self.orders.in_question.contains(&order.client_order_id))
        })
    }

    fn note_external(&mut self, snapshot: &Snapshot, mut seen: BTreeMap<Symbol, External>) {
        let before = &self.durable.external;
        for (symbol, count) in &snapshot.external_orders {
            seen.entry(symbol.clone()).or_default().open_orders = *count;
        }
        for (symbol, known) in before {
            let now = seen.entry(symbol.clone()).or_default();
            if !snapshot.covers.contains(symbol) {
                now.open_orders = known.open_orders;
            }
        }
        let moving: Vec<Symbol> = seen.keys().filter(|symbol| self.is_moving(symbol)).cloned().collect();
        for symbol in moving {
            // What an entry of ours has just bought is not somebody else's.
            let known = before.get(&symbol).copied().unwrap_or_default();
            if let Some(now) = seen.get_mut(&symbol) {
                *now = External { open_orders: now.open_orders, ..known };
            }
        }
        seen.retain(|_, external| !external.is_nothing());
        if self.durable.external != seen {
            self.durable.external = seen;
            self.turn.records.push(Record::StateChanged);
        }
    }

    /// Opens the ledger of a new account. Later, cash that no booking explains is booked as what it is, while the bots
    /// hold nothing: profits that are not realized yet cannot be told from it.
    pub(super) fn compare_wallet(&mut self, at: Timestamp, theirs: Quote) {
        let is_live = !self.config.venue.consistent_snapshots;
        if is_live && self.durable.funding.from.is_none() {
            self.durable.funding.from = Some(at);
            self.turn.records.push(Record::StateChanged);
        }
        let Some(own) = self.durable.wallet else {
            self.durable.wallet = Some(theirs);
            self.turn.records.push(Record::StateChanged);
            if is_live {
                self.adjust_cash(CashAdjustmentKind::Opening, theirs, at);
            }
            return;
        };
        let is_quiet = self.held.is_empty() && self.orders.working().next().is_none();
        let earlier = self.wallet_suspect.take();
        if is_live && is_quiet && theirs != own {
            let seen = Sighting::first(earlier, theirs - own, at);
            if seen.is_confirmed(at) {
                self.durable.wallet = Some(theirs);
                self.adjust_cash(CashAdjustmentKind::TransferOrExternal, seen.what, at);
            } else {
                self.wallet_suspect = Some(seen);
            }
        }
    }

    fn adjust_cash(&mut self, kind: CashAdjustmentKind, amount: Quote, at: Timestamp) {
        self.turn.records.push(Record::CashAdjustment(CashAdjustment { kind, amount, at }));
    }
}

fn net<'a>(positions: impl Iterator<Item = (&'a Symbol, PositionSide, Decimal)>, hedge: bool) -> Net {
    let mut net = Net::new();
    for (symbol, side, qty) in positions {
        let (side, signed) = match (hedge, side) {
            (true, side) => (side, qty),
            (false, PositionSide::Long) => (PositionSide::Long, qty),
            (false, PositionSide::Short) => (PositionSide::Long, -qty),
        };
        *net.entry((symbol.clone(), side)).or_default() += signed;
    }
    net.retain(|_, qty| !qty.is_zero());
    net
}

/// The exchange's positions beside those of our bots.
#[derive(Default)]
struct Comparison {
    differences: BTreeMap<Symbol, String>,
    external: BTreeMap<Symbol, External>,
}

impl Comparison {
    fn of(ours: &Net, theirs: &Net, may_hold_external: bool) -> Self {
        let mut compared = Self::default();
        for key in ours.keys().chain(theirs.keys()) {
            let (own, exchange) =
                (ours.get(key).copied().unwrap_or_default(), theirs.get(key).copied().unwrap_or_default());
            let excess = exchange - own;
            if excess.is_zero() {
                continue;
            }
            let same_way = own.is_zero() || own.is_sign_positive() == exchange.is_sign_positive();
            if may_hold_external && same_way && exchange.abs() > own.abs() {
                let side = if excess.is_sign_negative() { PositionSide::Short } else { key.1 };
                let qty = Qty::try_new(excess.abs()).unwrap_or_default();
                *compared.external.entry(key.0.clone()).or_default().on_mut(side) = qty;
            } else {
                let why = format!("bots hold {own} {}, the exchange {exchange}", key.1);
                compared.differences.insert(key.0.clone(), why);
            }
        }
        compared
    }
}

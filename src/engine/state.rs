//! What an account machine remembers: its positions, its working orders, and the small things that must survive a
//! restart beside them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::funding::FundingPayment;
use crate::domain::ids::{BotId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::{Order, Purpose};
use crate::domain::position::Position;
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};

use super::booked::BookedTrade;
use super::decision::Code;
use super::grid::state::GridState;
use super::reversals::Reversals;
use super::turn::PositionRow;

/// A sweep asks for the fills of this long before the last one too: an exchange may tell a fill late.
pub const SWEEP_OVERLAP: DurationMs = DurationMs::from_secs(120);

/// Once a clock was set back, fills of so long are asked for again: nobody knows how wrong it was, and for how long.
const SWEPT_AGAIN: DurationMs = DurationMs::from_secs(86_400);

/// An exchange may tell funding this late.
const FUNDING_OVERLAP: DurationMs = DurationMs::from_secs(3_600);

/// Durable with every commit, as JSON in `account_state.state`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DurableState {
    /// Cash by our own ledger, in quote currency.
    pub wallet: Option<Quote>,
    /// When a symbol was left last, as long as its cooldown lasts: how long that is, the settings say.
    pub left_at: BTreeMap<Symbol, Timestamp>,
    /// Close of the last bar whose signal was acted on, by bot and symbol.
    pub entry_guards: BTreeMap<BotId, BTreeMap<Symbol, Timestamp>>,
    /// Timeframe of the signal behind each working entry; goes over to the position it opens.
    pub entering: BTreeMap<ClientOrderId, Timeframe>,
    /// What bots open on the other side once what they hold is closed.
    #[serde(skip_serializing_if = "Reversals::is_empty")]
    pub reversals: Reversals,
    /// By position id.
    pub holdings: BTreeMap<ClientOrderId, Holding>,
    /// Symbols on which we and the exchange disagree, and how: no new entries there.
    pub blocked: BTreeMap<Symbol, String>,
    /// What the exchange holds on the account beyond what our bots hold: somebody else's, and left alone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external: BTreeMap<Symbol, External>,
    /// What each grid bot remembers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub grids: BTreeMap<BotId, GridState>,
    pub legs: Legs,
    pub last_equity_at: Option<Timestamp>,
    /// The account's clock: when it last did anything. After a crash the fleet's clock may be behind it.
    pub acted_at: Timestamp,
    /// All fills before this are booked, but for those of the overlap. `None` where fills have a cursor of their own
    /// ([`super::config::Venue::consistent_snapshots`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swept_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Funding::is_empty")]
    pub funding: Funding,
    /// Last known prices of assets that fees may be paid in.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fee_prices: BTreeMap<Symbol, Price>,
    /// Fills booked so far, over all time.
    pub fills_booked: u64,
    /// Brought back from a copy: the exchange may hold orders of ours that are not known here. The paper book was in the
    /// copy.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_restored: bool,
    /// Whether it traded on paper; `None` before it first ran.
    pub on_paper: Option<bool>,
    /// Cash of the life that is not led now: on paper while it trades for real, and the other way round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_wallet: Option<Quote>,
}

impl DurableState {
    /// Paper and real trading share nothing but the ids, which never repeat: what was learnt of one exchange says
    /// nothing about the other.
    pub(super) fn take_up(&mut self, on_paper: bool) {
        let before = self.on_paper.replace(on_paper);
        if before.is_none_or(|before| before == on_paper) {
            return;
        }
        *self = Self {
            wallet: self.idle_wallet,
            idle_wallet: self.wallet,
            legs: self.legs,
            acted_at: self.acted_at,
            fills_booked: self.fills_booked,
            is_restored: self.is_restored,
            on_paper: self.on_paper,
            ..Self::default()
        };
    }

    /// Begins at `now`, which is earlier than what was done last where the clock was set back between two runs: an
    /// account that waited for times which have not come yet would leave its positions alone until then.
    pub fn begin_at(&mut self, now: Timestamp) {
        let ahead = self.acted_at.since(now);
        if ahead <= DurationMs::ZERO {
            return;
        }
        self.acted_at = now;
        self.swept_until = self.swept_until.map(|until| until.min(now).minus(ahead).minus(SWEPT_AGAIN));
        self.funding.begin_at(now);
        for holding in self.holdings.values_mut() {
            holding.unprotected_since = holding.unprotected_since.map(|since| since.min(now));
            holding.passed_since = holding.passed_since.map(|since| since.min(now));
        }
    }

    /// Trades and ended orders from here on may still be told of; older ones only by chance.
    pub fn retold_since(&self) -> Option<Timestamp> {
        self.swept_until.map(|until| until.minus(SWEEP_OVERLAP))
    }
}

/// Somebody else's holdings and orders in one symbol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct External {
    pub long: Qty,
    pub short: Qty,
    pub open_orders: u32,
}

impl External {
    pub const fn on(&self, side: PositionSide) -> Qty {
        match side {
            PositionSide::Long => self.long,
            PositionSide::Short => self.short,
        }
    }

    pub(super) const fn on_mut(&mut self, side: PositionSide) -> &mut Qty {
        match side {
            PositionSide::Long => &mut self.long,
            PositionSide::Short => &mut self.short,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.long.is_zero() && self.short.is_zero() && self.open_orders == 0
    }
}

/// Which funding is booked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Funding {
    /// What was paid before is part of the cash the account began with.
    pub from: Option<Timestamp>,
    /// When all was asked for last.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_at: Option<Timestamp>,
    /// The latest payments by symbol and id, as many as may be told again.
    booked: BTreeMap<Symbol, BTreeMap<String, Timestamp>>,
}

impl Funding {
    fn is_empty(&self) -> bool {
        self.from.is_none()
    }

    /// From when on payments are asked for; `None` before the account's cash is known.
    pub(super) fn since(&self) -> Option<Timestamp> {
        let from = self.from?;
        Some(self.asked_at.map_or(from, |asked| from.max(asked.minus(FUNDING_OVERLAP))))
    }

    /// All that was paid before `at`, less what may be told late, is booked: only what may be told again is kept in mind.
    pub(super) fn asked(&mut self, at: Timestamp) {
        self.asked_at = Some(self.asked_at.map_or(at, |asked| asked.max(at)));
        if let Some(since) = self.since() {
            self.booked.retain(|_, payments| {
                payments.retain(|_, at| *at >= since);
                !payments.is_empty()
            });
        }
    }

    fn begin_at(&mut self, now: Timestamp) {
        self.asked_at = self.asked_at.map(|asked| asked.min(now));
    }

    /// True for a payment that is to be booked now.
    pub(super) fn note(&mut self, payment: &FundingPayment) -> bool {
        if self.since().is_none_or(|since| payment.at < since) {
            return false;
        }
        let of_symbol = self.booked.entry(payment.symbol.clone()).or_default();
        of_symbol.insert(payment.id.clone(), payment.at).is_none()
    }
}

/// Numbers the orders of one cycle, so that their ids differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Legs {
    pub cycle: i64,
    pub next: u16,
}

/// What belongs to an open position beside its arithmetic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Of the signal that opened it; bars held are counted in it.
    pub timeframe: Timeframe,
    /// Best price since the trailing stop was armed.
    pub peak: Option<Price>,
    /// Being closed.
    pub exit: Option<Leaving>,
    /// Exits already reported while auto_exit is off.
    pub reported: BTreeSet<Code>,
    /// The DCA level whose refusal was already explained.
    pub dca_explained: Option<u8>,
    /// Since when it should have a stop at the exchange and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unprotected_since: Option<Timestamp>,
    /// Since when the price is beyond a level whose order rests at the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_since: Option<Timestamp>,
}

impl Holding {
    pub const fn new(timeframe: Timeframe) -> Self {
        Self {
            timeframe,
            peak: None,
            exit: None,
            reported: BTreeSet::new(),
            dca_explained: None,
            unprotected_since: None,
            passed_since: None,
        }
    }

    /// On its way out because the price has passed a level: a new order at that level would trigger at once.
    pub(super) const fn is_chased(&self) -> bool {
        self.exit.is_some() && self.passed_since.is_some()
    }
}

/// A position on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    pub code: Code,
    pub purpose: Purpose,
    pub attempt: u8,
    /// The exchange refused the last attempt: the next one, and new protection, wait until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

impl Leaving {
    pub(super) const fn new(code: Code, purpose: Purpose) -> Self {
        Self { code, purpose, attempt: 0, retry_at: None }
    }

    pub(super) fn waits(&self, now: Timestamp) -> bool {
        self.retry_at.is_some_and(|at| at > now)
    }
}

/// An open position with everything that is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub row: PositionRow,
    pub holding: Holding,
}

impl Held {
    pub const fn position(&self) -> &Position {
        &self.row.position
    }
}

/// What the store kept of an account.
#[derive(Debug, Clone, Default)]
pub struct SavedAccount {
    pub durable: DurableState,
    pub positions: Vec<PositionRow>,
    pub working: Vec<Order>,
    /// Oldest first: the last [`super::orders::ENDED_MIN`], and those of which more may be told.
    pub ended: Vec<Order>,
    /// Oldest first: the last [`super::booked::BOOKED_MIN`], and those that may be told again.
    pub booked: Vec<BookedTrade>,
}

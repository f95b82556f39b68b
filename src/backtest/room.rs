//! Which bots could open another position, told at a glance.
//!
//! An entry that is refused for want of room changes nothing but what is explained. Where nobody wants the explanation,
//! the bar need not be looked at. Refusing is the machine's business: here it is only told where it is bound to, with a
//! margin far beyond what binary floating point loses.

use std::cell::Cell;

use super::account::Account;
use super::market::{Lane, Market};
use super::setup::Setup;
use super::statistics::float;
use crate::domain::ids::BotId;
use crate::domain::side::PositionSide;
use crate::engine::watch::Room;
use crate::signal::sample::scaled;

/// What floating point may be wrong by, as a part of all amounts together; it loses a millionth of that.
const DOUBT: f64 = 1e-9;
/// A quantity is rounded down to so many units before it is rounded down to the step.
const SMALLEST_QTY: f64 = 1e-10;

/// By lane, the step of quantities; the same for all of a play.
#[derive(Debug)]
pub(super) struct QtySteps(Vec<f64>);

impl QtySteps {
    pub(super) fn of(market: &Market, setup: &Setup) -> Self {
        let steps = market.lanes.iter().map(|lane| {
            // A symbol without rules cannot be entered at all.
            setup.instruments.get(&lane.symbol).map_or(0.0, |rules| float(rules.step.decimal()))
        });
        Self(steps.collect())
    }
}

/// What holds from one step that something happens in to the next.
#[derive(Debug)]
pub(super) struct Rooms<'a> {
    market: &'a Market,
    bots: Vec<(BotId, BotRoom)>,
    wallet: f64,
    holdings: Vec<Holding<'a>>,
    /// Costs of the holdings and wallet, whatever their sign.
    gross: f64,
    /// Many signals come with one step: the worth that was asked for last.
    known: Cell<Option<(usize, Worth)>>,
}

#[derive(Debug, Clone, Copy)]
enum BotRoom {
    None,
    /// An entry binds margin, of which so much is used; the part of equity that an entry leaves must be as large.
    Funds {
        used: f64,
        kept: f64,
        leverage: f64,
    },
}

/// Worth the number of its lane's close times a factor.
#[derive(Debug, Clone, Copy)]
struct Holding<'a> {
    lane: &'a Lane,
    factor: f64,
    /// Negative for a long.
    cost: f64,
}

/// Of the account, at a step's prices.
#[derive(Debug, Clone, Copy)]
struct Worth {
    equity: f64,
    /// What floating point may be wrong by.
    doubt: f64,
}

impl<'a> Rooms<'a> {
    pub(super) fn of(market: &'a Market, account: &Account) -> Self {
        let machine = account.machine();
        let wallet = machine.wallet().map_or(0.0, |wallet| float(wallet.decimal()));
        let bots = machine.rooms().map(|(bot, room)| (bot, BotRoom::of(room))).collect();
        let holdings = machine.positions().filter_map(|held| {
            let position = held.position();
            let (_, lane) = market.place(&position.symbol)?;
            let (qty, cost) = (float(position.qty.decimal()), float(position.cost.decimal()));
            let sign = if position.side == PositionSide::Long { 1.0 } else { -1.0 };
            let factor = sign * qty * scaled(1, lane.columns.price_scale);
            Some(Holding { lane, factor, cost: -sign * cost })
        });
        let holdings: Vec<Holding<'_>> = holdings.collect();
        let gross = wallet.abs() + holdings.iter().map(|holding| holding.cost.abs()).sum::<f64>();
        Self { market, bots, wallet, holdings, gross, known: Cell::new(None) }
    }

    /// Whether nothing but the prices keeps a bot from opening a position.
    pub(super) fn is_open(&self, bot: BotId) -> bool {
        self.room(bot).is_none_or(|room| matches!(room, BotRoom::Funds { .. }))
    }

    /// Whether a bot may open a position on a lane at the prices of a step; false where it certainly cannot.
    pub(super) fn may_enter(&self, steps: &QtySteps, bot: BotId, (lane, step): (usize, usize)) -> bool {
        let (used, kept, leverage) = match self.room(bot) {
            None => return true,
            Some(BotRoom::None) => return false,
            Some(BotRoom::Funds { used, kept, leverage }) => (used, kept, leverage),
        };
        let price = self.market.lanes.get(lane).and_then(|lane| {
            let number = close(lane, step)?;
            Some(number * scaled(1, lane.columns.price_scale))
        });
        let (Some(price), Some(Worth { equity, doubt })) = (price, self.worth(step)) else { return true };
        let rounding = steps.0.get(lane).copied().unwrap_or(0.0) + SMALLEST_QTY;
        let least = used - rounding * price / leverage;
        // Less than nothing left of equity is no room either, but that need not be told here.
        (equity + doubt) * kept + doubt >= least
    }

    /// `None` where a price is missing.
    fn worth(&self, step: usize) -> Option<Worth> {
        if let Some((_, worth)) = self.known.get().filter(|(known, _)| *known == step) {
            return Some(worth);
        }
        let (mut equity, mut gross) = (self.wallet, self.gross);
        for holding in &self.holdings {
            let worth = close(holding.lane, step)? * holding.factor;
            equity += worth + holding.cost;
            gross += worth.abs();
        }
        let worth = Worth { equity, doubt: gross * DOUBT };
        self.known.set(Some((step, worth)));
        Some(worth)
    }

    fn room(&self, bot: BotId) -> Option<BotRoom> {
        self.bots.iter().find(|(known, _)| *known == bot).map(|(_, room)| *room)
    }
}

impl BotRoom {
    fn of(room: Room) -> Self {
        match room {
            Room::None => Self::None,
            Room::Funds { used, kept, leverage } => Self::Funds {
                used: float(used.decimal()),
                kept: float(kept),
                leverage: f64::from(leverage.get()),
            },
        }
    }
}

/// The number of the last close at a step.
#[expect(clippy::cast_precision_loss, reason = "what is lost is far within the doubt")]
fn close(lane: &Lane, step: usize) -> Option<f64> {
    let number = lane.columns.closes.get(lane.count(step).checked_sub(1)?)?;
    Some(*number as f64)
}

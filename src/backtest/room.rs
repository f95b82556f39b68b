//! Which bots could open another position, told at a glance.
//!
//! An entry that is refused for want of room changes nothing but what is explained. Where nobody wants the explanation,
//! the bar need not be looked at. Refusing is the machine's business: here it is only told where it is bound to, with a
//! margin far beyond what binary floating point loses.

use super::account::Account;
use super::market::Market;
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
pub(super) struct Rooms {
    bots: Vec<(BotId, BotRoom)>,
    /// Equity is this plus what the holdings are worth.
    base: f64,
    holdings: Vec<Holding>,
    /// The amounts that equity is made of, whatever their sign.
    gross: f64,
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

/// Worth the close of its lane times a factor.
#[derive(Debug, Clone, Copy)]
struct Holding {
    lane: usize,
    factor: f64,
}

impl Rooms {
    pub(super) fn of(market: &Market, account: &Account) -> Self {
        let machine = account.machine();
        let wallet = machine.wallet().map_or(0.0, |wallet| float(wallet.decimal()));
        let mut rooms = Self { bots: Vec::new(), base: wallet, holdings: Vec::new(), gross: wallet.abs() };
        for held in machine.positions() {
            let position = held.position();
            let Some((lane, _)) = market.place(&position.symbol) else { continue };
            let (qty, cost) = (float(position.qty.decimal()), float(position.cost.decimal()));
            let sign = if position.side == PositionSide::Long { 1.0 } else { -1.0 };
            rooms.base -= sign * cost;
            rooms.gross += cost.abs();
            rooms.holdings.push(Holding { lane, factor: sign * qty });
        }
        rooms.bots = machine.rooms().map(|(bot, room)| (bot, BotRoom::of(room))).collect();
        rooms
    }

    /// Whether nothing but the prices keeps a bot from opening a position.
    pub(super) fn is_open(&self, bot: BotId) -> bool {
        self.room(bot).is_none_or(|room| matches!(room, BotRoom::Funds { .. }))
    }

    /// Whether a bot may open a position on a lane at the prices of a step; false where it certainly cannot.
    pub(super) fn may_enter(
        &self,
        market: &Market,
        steps: &QtySteps,
        bot: BotId,
        (lane, step): (usize, usize),
    ) -> bool {
        let (used, kept, leverage) = match self.room(bot) {
            None => return true,
            Some(BotRoom::None) => return false,
            Some(BotRoom::Funds { used, kept, leverage }) => (used, kept, leverage),
        };
        let Some(price) = close(market, lane, step) else { return true };
        let (mut equity, mut gross) = (self.base, self.gross);
        for holding in &self.holdings {
            let Some(close) = close(market, holding.lane, step) else { return true };
            let worth = close * holding.factor;
            equity += worth;
            gross += worth.abs();
        }
        let rounding = steps.0.get(lane).copied().unwrap_or(0.0) + SMALLEST_QTY;
        let least = used - rounding * price / leverage;
        let doubt = gross * DOUBT;
        // Less than nothing left of equity is no room either, but that need not be told here.
        (equity + doubt) * kept + doubt >= least
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

fn close(market: &Market, lane: usize, step: usize) -> Option<f64> {
    let columns = market.lanes.get(lane).map(|lane| (lane, &lane.columns));
    let (lane, columns) = columns?;
    let close = columns.closes.get(lane.count(step).checked_sub(1)?)?;
    Some(scaled(*close, columns.price_scale))
}

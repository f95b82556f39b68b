//! What must be so on the lines of grids: never two orders of a line on one side; at rest exactly the orders that the
//! lines lack, and in the end the profit that the exchange's trades say.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tradefleet::domain::ids::{BotId, ClientOrderId};
use tradefleet::domain::instrument::Instrument;
use tradefleet::domain::money::{Leverage, Price, Qty, Quote};
use tradefleet::domain::order::Purpose;
use tradefleet::domain::position::Position;
use tradefleet::domain::side::{PositionSide, Side};
use tradefleet::engine::config::BotConfig;
use tradefleet::engine::grid::ladder::{Rung, is_sellable, rungs};
use tradefleet::engine::grid::plan::Plan;
use tradefleet::engine::grid::rows::GridFill;
use tradefleet::engine::grid::state::{GridSetup, GridState};
use tradefleet::engine::settings::SymbolScope;
use tradefleet::engine::turn::BookedFill;

use crate::desk::{Desk, Done, Stop};
use crate::journal::Journal;
use crate::settled::Verdict;
use crate::units::{price_of, qty_of, quote_of};
use crate::venue::XOrder;

/// An order that rests on a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    pub price: Price,
    pub qty: Qty,
    pub left: Qty,
}

/// By line, and whether it closes.
pub(crate) type Resting = BTreeMap<(u16, bool), Vec<Rest>>;

/// A working grid as it should be, and what rests of it.
pub(crate) struct Ladder {
    pub plan: Plan,
    pub state: GridState,
    pub price: Price,
    /// The sides that are held.
    pub held: Vec<PositionSide>,
    /// Whether nothing keeps it from opening.
    pub may_open: bool,
    pub resting: Resting,
}

impl Desk<'_> {
    /// An order came to the exchange: it is the only one of its line on its side.
    pub(crate) fn check_line(&self, order: &XOrder) -> Done {
        let Some(line) = order.key.line().filter(|_| order.key.purpose.is_on_line()) else { return Ok(()) };
        let is_other = |other: &&XOrder| {
            (other.key.bot, other.key.line(), other.side) == (order.key.bot, Some(line), order.side)
                && other.key.purpose.is_on_line()
                && other.cid != order.cid
        };
        match self.venue.open_orders_there().find(is_other) {
            Some(other) => Err(Stop::Wrong(format!("{} and {} rest on line {line}", other.cid, order.cid))),
            None => Ok(()),
        }
    }

    /// Every grid has exactly the orders that its lines lack, and its rows say so.
    pub(crate) fn ladders_agree(&self) -> Verdict {
        for bot in self.db.bots.values() {
            if let Some(setup) = &bot.grid {
                self.ladder_agrees(bot, setup).map_err(|why| format!("grid {}: {why}", bot.id))?;
            }
        }
        Ok(())
    }

    fn ladder_agrees(&self, bot: &BotConfig, setup: &GridSetup) -> Verdict {
        let durable = self.machine().durable_state();
        let state = durable.grids.get(&bot.id).cloned().unwrap_or_default();
        let held = held_by(&self.journal, bot.id);
        lots_agree(&state, &held)?;
        let resting = self.on_lines(bot.id);
        let SymbolScope::One(symbol) = &bot.settings.symbol else { return Ok(()) };
        let instrument = &self.told.instruments[symbol];
        // A market that does not allow the grid any more leaves it as it was.
        let Ok(plan) = Plan::of(&setup.config, instrument, setup.terms) else { return Ok(()) };
        self.rows_agree(bot.id)?;
        let is_halted = self.db.halt.is_some() || self.db.close_symbols.contains_key(symbol);
        let is_over = is_halted || !bot.is_running || bot.close_requested;
        if is_over || !state.is_started {
            return if resting.is_empty() {
                Ok(())
            } else {
                Err("lines rest although it is over".to_owned())
            };
        }
        if held.iter().any(|held| durable.holdings.get(&held.id).is_some_and(|held| held.exit.is_some())) {
            return Err("it is leaving".to_owned());
        }
        let number = usize::from(self.venue.dialect.symbols()[1] == *symbol);
        let ladder = Ladder {
            may_open: self.may_open(bot, setup, &plan, (&state, &held)),
            price: price_of(self.market.price(number, self.now)),
            held: held.iter().map(|position| position.side).collect(),
            plan,
            state,
            resting,
        };
        ladder.agrees(setup, instrument)
    }

    fn on_lines(&self, bot: BotId) -> Resting {
        let mut resting = Resting::new();
        let is_its = |order: &&XOrder| order.key.bot == Some(bot) && order.key.purpose.is_on_line();
        for order in self.venue.open_orders_there().filter(is_its) {
            let is_exit = order.key.purpose == Purpose::GridExit;
            resting.entry((order.key.line().unwrap(), is_exit)).or_default().push(Rest {
                price: price_of(order.sort.at().unwrap()),
                qty: qty_of(order.lots),
                left: qty_of(order.lots - order.filled),
            });
        }
        resting
    }

    /// Whether the money suffices for what all lines lack beside what is held, and no other bot stands in the way.
    fn may_open(
        &self,
        bot: &BotConfig,
        setup: &GridSetup,
        plan: &Plan,
        (state, held): (&GridState, &[&Position]),
    ) -> bool {
        let spot = self.plan.dialect.is_spot();
        let capital = self.machine().equity().unwrap_or_default().part(bot.settings.allocation_percent);
        let leverage = bot.leverage(&self.told.settings, self.told.limits, spot).value;
        // What was bought or placed before a person raised the leverage binds margin at the former one.
        let of_orders = self.machine_orders().filter(|order| order.bot == Some(bot.id));
        let before =
            held.iter().map(|position| position.leverage).chain(of_orders.map(|order| order.leverage));
        let least = before.fold(leverage.min(setup.config.leverage), Leverage::min);
        // Before an edit a line may have bought more than the plan of today has for it.
        let bound: Quote = held.iter().map(|position| position.margin()).sum();
        let lacks = |rung: &Rung| plan.qty_per_line.minus(state.lots.get(rung.side, rung.line).qty);
        let lines = rungs(&plan.lines, setup.config.direction, state.anchor);
        let lacking: Quote = lines.iter().map(|rung| rung.entry.notional(lacks(rung))).sum();
        let needed = (bound + lacking.margin_at(least)).decimal() * Decimal::new(12, 1);
        let is_rich = capital.decimal() > needed && quote_of(self.venue.available()).decimal() > needed;
        is_rich && !self.plan.shares && self.entries_enabled
    }

    /// What the database says of lines is what rests.
    fn rows_agree(&self, bot: BotId) -> Verdict {
        let on_line = |order: &&XOrder| order.key.bot == Some(bot) && order.key.purpose.is_on_line();
        let there: BTreeSet<&ClientOrderId> =
            self.venue.open_orders_there().filter(on_line).map(|order| &order.cid).collect();
        let rows = self.journal.lines.get(&bot).into_iter().flat_map(BTreeMap::values);
        let told: BTreeSet<&ClientOrderId> = rows.flat_map(|row| row.buy.iter().chain(&row.sell)).collect();
        match there.symmetric_difference(&told).next() {
            Some(id) => Err(format!("{id} rests by the exchange or by its line's row, not by both")),
            None => Ok(()),
        }
    }
}

impl Ladder {
    /// Each line has what it lacks, and nothing rests elsewhere.
    pub(crate) fn agrees(&self, setup: &GridSetup, instrument: &Instrument) -> Verdict {
        let all = rungs(&self.plan.lines, setup.config.direction, self.state.anchor);
        let lines: BTreeSet<u16> = all.iter().map(|rung| rung.line).collect();
        if let Some((line, _)) = self.resting.keys().find(|(line, _)| !lines.contains(line)) {
            return Err(format!("an order rests on line {line}, which it has not"));
        }
        for rung in all {
            self.check(rung, instrument).map_err(|why| format!("{rung:?} at {}: {why}", self.price))?;
        }
        Ok(())
    }

    fn check(&self, rung: Rung, instrument: &Instrument) -> Verdict {
        let is_being_bought_in = self
            .state
            .buying_in
            .is_some_and(|(first, last)| (first.min(last)..=first.max(last)).contains(&rung.line));
        if is_being_bought_in {
            return Ok(());
        }
        let lot = instrument.floor_qty(self.state.lots.get(rung.side, rung.line).qty);
        let on = |is_exit| self.resting.get(&(rung.line, is_exit)).map_or(&[][..], Vec::as_slice);
        let (entries, exits) = (on(false), on(true));
        let is_long = rung.side == PositionSide::Long;
        // What was filled of an entry that rests is closed once the market is nearer to the exit.
        let is_waiting = !entries.is_empty() && !lot.is_zero();
        let must_close = !is_waiting && is_sellable(lot, rung.exit, instrument, self.plan.terms.spot);
        // What is left of an exit rests on, however little it is.
        if must_close || !exits.is_empty() {
            let [exit] = exits else { return Err(format!("holds {lot} and has {} exits", exits.len())) };
            let is_beyond = if is_long { exit.price >= rung.exit } else { exit.price <= rung.exit };
            let is_fine = is_beyond && (is_waiting || exit.left == lot);
            return if is_fine { Ok(()) } else { Err(format!("holds {lot} and closes by {exit:?}")) };
        }
        if is_waiting {
            return Ok(());
        }
        let wants = rung.can_rest(self.price) && !self.held.contains(&rung.side.opposite());
        match entries {
            [] if !wants || !self.may_open => Ok(()),
            [] => Err(format!("holds {lot} and does not open")),
            [entry] => {
                let is_behind = if is_long { entry.price <= rung.entry } else { entry.price >= rung.entry };
                let is_fine = is_behind && entry.qty == self.plan.qty_per_line;
                if is_fine { Ok(()) } else { Err(format!("opens by {entry:?}")) }
            }
            more => Err(format!("{} orders open it", more.len())),
        }
    }
}

/// What a bot holds: of a grid whose both sides were filled at once, two positions.
pub(crate) fn held_by(journal: &Journal, bot: BotId) -> Vec<&Position> {
    let positions = journal.positions.values().map(|row| &row.position);
    positions.filter(|position| position.is_open() && position.bot == Some(bot)).collect()
}

/// Lots are what is held, side by side.
pub(crate) fn lots_agree(state: &GridState, held: &[&Position]) -> Verdict {
    for side in [PositionSide::Long, PositionSide::Short] {
        let on_side = held.iter().filter(|position| position.side == side);
        let total = on_side.fold(Qty::ZERO, |sum, position| sum.plus(position.qty));
        if state.lots.total(side) != total {
            return Err(format!("its {side} lines hold {}, the bot {total}", state.lots.total(side)));
        }
    }
    Ok(())
}

/// One line's way from nothing to nothing.
#[derive(Default)]
struct Round {
    qty: Decimal,
    /// What its trades have brought, less their fees.
    cash: Quote,
    profit: Quote,
}

/// What the lines of one grid have traded, in the order it was booked.
#[derive(Default)]
struct Rounds {
    by_line: BTreeMap<u16, Round>,
    total: Decimal,
    /// Something else than its lines has closed a part, or the lines were changed: until nothing is held, which line
    /// holds what is the grid's own affair.
    is_mixed: bool,
    closed: u64,
}

impl Desk<'_> {
    /// Each line that went from nothing to nothing has earned the money that its trades moved.
    pub(crate) fn grids_earned(&mut self) -> Verdict {
        if self.watchman.has_external || self.plan.shares {
            // What others have closed has no fill of ours.
            return Ok(());
        }
        for bot in self.db.bots.values().filter(|bot| bot.grid.is_some()) {
            let rounds = rounds_recomputed(&self.journal, bot.id)?;
            self.counters.work("grid rounds recomputed", rounds);
        }
        Ok(())
    }
}

/// Reckons the profit of a grid's lines anew from its trades; how many rounds there were.
pub(crate) fn rounds_recomputed(journal: &Journal, bot: BotId) -> Result<u64, String> {
    let mut rounds = Rounds::default();
    for (index, booked) in journal.fills.iter().enumerate() {
        rounds.is_mixed |= journal.reseated.contains(&(bot, index));
        if booked.bot == Some(bot) {
            let fill = &booked.fill;
            let of_trade = |part: &&GridFill| {
                (part.bot, &part.trade_id, &part.client_order_id)
                    == (bot, &fill.trade_id, &fill.client_order_id)
            };
            let parts: Vec<&GridFill> = journal.grid_fills.iter().filter(of_trade).collect();
            rounds.take(booked, &parts).map_err(|why| format!("grid {bot}: {why}"))?;
        }
    }
    Ok(rounds.closed)
}

impl Rounds {
    fn take(&mut self, booked: &BookedFill, parts: &[&GridFill]) -> Verdict {
        let fill = &booked.fill;
        let key = fill.client_order_id.key().unwrap();
        let opens = fill.side == fill.position_side.entry_side();
        let qty = fill.qty.decimal();
        self.total += if opens { qty } else { -qty };
        if key.purpose.has_line() {
            let sum: Decimal = parts.iter().map(|part| part.qty.decimal()).sum();
            let fees: Quote = parts.iter().map(|part| part.fee).sum();
            if sum != qty || fees != Quote::new(fill.fee.amount()) {
                return Err(format!(
                    "trade {}: {qty} for {}, its lines {sum} for {fees}",
                    fill.trade_id,
                    fill.fee.amount()
                ));
            }
            for part in parts {
                self.take_part(part, key.purpose, opens)?;
            }
        } else {
            self.is_mixed = true;
        }
        if self.total.is_zero() {
            self.by_line.clear();
            self.is_mixed = false;
        }
        Ok(())
    }

    fn take_part(&mut self, part: &GridFill, purpose: Purpose, opens: bool) -> Verdict {
        let is_its_line = part.client_order_id.key().unwrap().line() == Some(part.line);
        if (!is_its_line && purpose != Purpose::GridBuyIn) || part.profit.is_some() == opens {
            return Err(format!("{part:?} is booked on the wrong line"));
        }
        let round = self.by_line.entry(part.line).or_default();
        let notional = part.price.notional(part.qty);
        let cash = if part.side == Side::Buy { Quote::ZERO - notional } else { notional };
        round.cash += cash - part.fee;
        round.profit += part.profit.unwrap_or_default();
        round.qty += if opens { part.qty.decimal() } else { -part.qty.decimal() };
        if !round.qty.is_zero() {
            return Ok(());
        }
        let (cash, profit) = (round.cash, round.profit);
        self.by_line.remove(&part.line);
        if self.is_mixed {
            return Ok(());
        }
        self.closed += 1;
        if cash == profit {
            Ok(())
        } else {
            Err(format!("line {} earned {cash}, booked {profit}", part.line))
        }
    }
}

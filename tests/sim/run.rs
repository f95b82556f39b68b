//! One seed from its first second to its last: a time with faults, a calm in which everything must come to rest, and the
//! closing of everything, after which the money must be the same.

use std::cell::Cell;
use std::rc::Rc;

use tradefleet::engine::config::Halt;
use tradefleet::engine::grid::rows::GridFill;

use crate::counters::Counters;
use crate::desk::Desk;
use crate::dialect::Dialect;
use crate::market::{EPOCH, Market};
use crate::mutants::Mutant;
use crate::paper;
use crate::plan::{PERIOD, Plan, Wish};

/// Refused exits back off for up to 5 minutes, and the breaker for one.
const REST_WITHIN: i64 = 700_000;

pub(crate) struct Outcome {
    pub counters: Counters,
    pub trace: u64,
    pub failure: Option<String>,
    /// What happened at the exchanges and what was believed of it, if it failed.
    pub story: String,
}

pub(crate) fn run(wish: &Wish) -> Outcome {
    let plan = Plan::of(wish);
    let calm_from = EPOCH + plan.cycles * PERIOD;
    let market = Market::new(wish.seed, calm_from, &wish.without);
    let blocked = Rc::new(Cell::new(0));
    let desk = |number| Desk::new(wish, number, &market, &blocked);
    let mut desks: Vec<Desk<'_>> = (1..=plan.accounts).map(desk).collect();
    let mut failure = play(&mut desks, calm_from).err();
    let mut counters = Counters::default();
    let mut trace = 0_u64;
    if plan.has_paper && failure.is_none() {
        match paper::live(wish, &market, &mut counters) {
            Ok(lived) => trace = lived,
            Err(why) => failure = Some(why),
        }
    }
    for desk in &mut desks {
        desk.finish_counting();
        counters.add(&desk.counters);
        trace = trace.rotate_left(7) ^ desk.trace;
    }
    counters.work("price jumps", market.jumps());
    counters.work("seeds", 1);
    let story = if failure.is_some() { desks.iter().map(Desk::story).collect() } else { String::new() };
    Outcome { counters, trace, failure, story }
}

fn play(desks: &mut [Desk<'_>], calm_from: i64) -> Result<(), String> {
    let mut at = EPOCH;
    while at < calm_from {
        at += 1_000;
        for desk in desks.iter_mut() {
            desk.second(at)?;
        }
        gossip(desks);
    }
    desks.iter_mut().try_for_each(|desk| desk.come_to_rest(at))
}

/// Accounts hear nothing of each other, unless somebody mixes them up.
fn gossip(desks: &mut [Desk<'_>]) {
    if let [first, second] = desks
        && first.is(Mutant::CrossedAccounts)
        && let Some(row) = first.journal.fills.last()
        && second.overheard.is_empty()
    {
        second.overheard.push(row.fill.clone());
    }
}

impl Desk<'_> {
    /// The faults stop and everything must come to rest; then everything is closed, and the money must be the same.
    pub(crate) fn come_to_rest(&mut self, at: i64) -> Result<(), String> {
        // The account may have lived ahead of the others while it waited for answers.
        let at = at.max(self.now / 1_000 * 1_000);
        self.calm();
        let at = self.rest(at, Desk::settled)?;
        self.close();
        let at = self.rest(at, |desk| desk.settled().and_then(|()| desk.is_flat()))?;
        self.live_two_hours(at)?;
        self.money_agrees()?;
        self.grids_earned()?;
        self.store_agrees()
    }

    /// The faults stop, people put back what they moved, and the stream begins anew.
    fn calm(&mut self) {
        self.dice.are_on = false;
        self.are_signals_on = false;
        self.entries_enabled = true;
        self.signals.clear();
        self.blocked_until.set(0);
        self.venue.maintenance_until = 0;
        self.venue.external_orders = 0;
        self.down_until = self.down_until.min(self.now + 5_000);
        let is_halted = self.db.halt.take().is_some();
        self.db_changed |= is_halted;
        for symbol in 0..2 {
            self.give_back(symbol);
        }
        self.venue.disconnect(1_000);
    }

    /// Lives on until it is at rest; the time then.
    fn rest(&mut self, from: i64, verdict: impl Fn(&Self) -> Result<(), String>) -> Result<i64, String> {
        let mut at = from;
        loop {
            at += 1_000;
            self.second(at)?;
            self.hold_as_told();
            // What people took while an order was under way is put back once it has come to its end.
            if at % 20_000 == 0 {
                (0..2).for_each(|symbol| self.give_back(symbol));
            }
            if at % 5_000 != 0 || at < from + 20_000 {
                continue;
            }
            match verdict(self) {
                Ok(()) => return Ok(at),
                Err(why) if at - from > REST_WITHIN => return Err(format!("not at rest: {why}")),
                Err(_) => {}
            }
        }
    }

    fn close(&mut self) {
        self.db.halt = Some(Halt { reason: "the end".to_owned(), flatten: true });
        self.db_changed = true;
    }

    fn store_agrees(&self) -> Result<(), String> {
        let Some(mirror) = &self.mirror else { return Ok(()) };
        mirror.recovers(&self.journal.load(), self.journal.last_cycle)?;
        mirror.is_sound()
    }

    fn is_flat(&self) -> Result<(), String> {
        if self.venue.positions.is_empty() { Ok(()) } else { Err("not flat".to_owned()) }
    }

    /// The hourly comparison, which asks for funding and cash, those after it, which confirm, and the next hour's, to which
    /// the same payments are told again.
    fn live_two_hours(&mut self, from: i64) -> Result<(), String> {
        let moments = [3_604, 3_608, 3_612, 4_300, 4_304, 4_308, 5_000, 5_004, 7_300, 7_304, 7_308];
        for at in moments.map(|second| second * 1_000) {
            let at = (from + at) / PERIOD * PERIOD;
            self.second(at)?;
        }
        Ok(())
    }

    fn finish_counting(&mut self) {
        for (fault, count) in &self.dice.hits {
            *self.counters.faults.entry((*fault).to_owned()).or_default() += count;
        }
        for ((from, to), count) in &self.journal.edges {
            *self.counters.edges.entry(format!("{from} -> {to}")).or_default() += count;
        }
        let trades = self.venue.trades.iter().filter(|trade| trade.cid.is_some()).count();
        let closed = self.journal.positions.values().filter(|row| !row.position.is_open()).count();
        let grids = self.db.bots.values().filter(|bot| bot.grid.is_some()).count();
        let on_lines = |opens: bool| {
            let is_its = |part: &&GridFill| part.profit.is_none() == opens;
            u64::try_from(self.journal.grid_fills.iter().filter(is_its).count()).unwrap()
        };
        let (opened, closed_lines) = (on_lines(true), on_lines(false));
        self.counters.work("grid bots", u64::try_from(grids).unwrap());
        self.counters.work("grid lines opened", opened);
        self.counters.work("grid lines closed", closed_lines);
        self.counters.work("fills", u64::try_from(trades).unwrap());
        self.counters.work("positions closed", u64::try_from(closed).unwrap());
        self.counters.work("accounts", 1);
        let dialect = match self.plan.dialect {
            Dialect::Binance => "on binance",
            Dialect::Bitget => "on bitget",
            Dialect::Upbit => "on upbit",
        };
        self.counters.work(dialect, 1);
    }
}

//! Keeps what the process believes in step with what the exchange holds (`daemon::executor::sync`).

use std::collections::BTreeMap;

use tradefleet::daemon::answers;
use tradefleet::domain::scope::Scope;
use tradefleet::domain::time::DurationMs;
use tradefleet::engine::breaker::Urgency;
use tradefleet::engine::event::{Event, Snapshot};
use tradefleet::engine::sweep::FillSweepPlan;
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::report::{ExchangeEvent, ReportedFill};

use crate::desk::{Desk, Done};
use crate::mutants::Mutant;
use crate::units::quote_of;

const STREAMED_EVERY: i64 = 600_000;
const ENGAGED_EVERY: i64 = 10_000;
const IDLE_EVERY: i64 = 60_000;
const WIDE_EVERY: i64 = 3_600_000;

impl Desk<'_> {
    pub(crate) fn recover(&mut self) -> Done {
        if !self.may_call(Urgency::Protect) {
            return Ok(());
        }
        self.counters.work("comparisons", 1);
        let now = self.now;
        let is_wide = self.p().wide_at.is_some_and(|due| now >= due);
        self.handle(Event::Recover)?;
        let Ok(snapshot) = self.snapshot(is_wide)? else { return self.checkpoint() };
        self.compared();
        let at = snapshot.taken_at;
        self.handle(Event::Snapshot(snapshot))?;
        match self.ask(|venue, _| venue.wallet)? {
            Ok(wallet) => self.handle(Event::Wallet { at, wallet: quote_of(wallet) })?,
            Err(_) => self.p().narrow_at = Some(self.now + ENGAGED_EVERY),
        }
        if is_wide { self.book_funding() } else { Ok(()) }
    }

    fn compared(&mut self) {
        let is_streaming = self.now >= self.venue.stream_down_until;
        let pause = match (is_streaming, self.machine().is_engaged()) {
            (true, _) => STREAMED_EVERY,
            (false, true) => ENGAGED_EVERY,
            (false, false) => IDLE_EVERY,
        };
        let now = self.now;
        let process = self.p();
        process.resync = false;
        process.narrow_at = Some(now + pause);
        if process.wide_at.is_none_or(|due| now >= due) {
            process.wide_at = Some(now + WIDE_EVERY);
        }
    }

    pub(crate) fn is_due_to_compare(&mut self) -> bool {
        let (now, at) = (self.now, self.at());
        let process = self.p();
        let is_due = |due: Option<i64>| due.is_some_and(|due| now >= due);
        !process.machine.is_ready()
            || process.resync
            || is_due(process.narrow_at)
            || is_due(process.wide_at)
            || process.machine.wants_snapshot().is_some_and(|due| at >= due)
    }

    fn snapshot(&mut self, is_wide: bool) -> Done<Result<Snapshot, ExchangeError>> {
        let taken_at = self.own_now();
        let plan = self.machine().fill_sweep();
        let covers = if is_wide { Scope::All } else { Scope::Symbols(plan.symbols.clone()) };
        let flat = Snapshot {
            taken_at,
            covers: covers.clone(),
            open_orders: Vec::new(),
            external_orders: BTreeMap::new(),
            positions: Vec::new(),
            fills: Vec::new(),
            external_fills: Vec::new(),
        };
        if self.is(Mutant::AssumesFlat) {
            return Ok(Ok(flat));
        }
        let open = match self.ask(|venue, _| venue.open_orders(&covers))? {
            Ok(open) => open,
            Err(error) => return Ok(Err(error)),
        };
        let positions = match self.ask(super::venue::Venue::positions_then)? {
            Ok(positions) => positions,
            Err(error) => return Ok(Err(error)),
        };
        let fills = match self.missed_fills(plan)? {
            Ok(fills) => fills,
            Err(error) => return Ok(Err(error)),
        };
        let (fills, external_fills) = answers::split_fills(fills);
        Ok(Ok(Snapshot {
            external_orders: answers::external_orders(&open.external),
            open_orders: open.ours.into_iter().map(answers::order_report).collect(),
            positions: positions.into_iter().map(answers::net_position).collect(),
            fills,
            external_fills,
            ..flat
        }))
    }

    pub(crate) fn sweep(&mut self) -> Done<Vec<Event<'static>>> {
        let at = self.own_now();
        if self.is(Mutant::NoSweep) {
            return Ok(Vec::new());
        }
        let plan = self.machine().fill_sweep();
        let Ok(fills) = self.missed_fills(plan)? else { return Ok(Vec::new()) };
        let (ours, external) = answers::split_fills(fills);
        let ours = ours.into_iter().map(Event::Fill);
        let external = external.into_iter().map(Event::ExternalFill);
        Ok(ours.chain(external).chain([Event::Swept { at }]).collect())
    }

    fn missed_fills(&mut self, mut plan: FillSweepPlan) -> Done<Result<Vec<ReportedFill>, ExchangeError>> {
        self.counters.work("sweeps", 1);
        if self.is(Mutant::NoOverlap) {
            plan.since =
                plan.since.plus(DurationMs::from_secs(120)).plus(DurationMs::from_ms(self.p().offset));
        }
        let sweep = answers::fill_sweep(plan);
        let answer = self.ask(|venue, _| venue.fills_since(&sweep))?;
        if self.is(Mutant::NoSweep) || self.is(Mutant::LossyChannel) {
            return Ok(answer.map(|_| Vec::new()));
        }
        Ok(answer.map(|fills| fills.into_iter().map(|fill| self.misread(fill)).collect()))
    }

    fn misread(&mut self, fill: ReportedFill) -> ReportedFill {
        let event = match fill {
            ReportedFill::Ours(fill) => ExchangeEvent::Fill(fill),
            ReportedFill::External(fill) => ExchangeEvent::ExternalFill(fill),
        };
        match self.distorted(event) {
            ExchangeEvent::ExternalFill(fill) => ReportedFill::External(fill),
            ExchangeEvent::Fill(fill) => ReportedFill::Ours(fill),
            _ => unreachable!("a fill stays a fill"),
        }
    }

    fn book_funding(&mut self) -> Done {
        let Some(since) = self.machine().funding_since() else { return Ok(()) };
        let at = self.own_now();
        let Ok(payments) = self.ask(|venue, _| venue.funding_since(since))? else { return Ok(()) };
        for payment in payments {
            self.handle(Event::Funding(payment))?;
        }
        self.handle(Event::FundingAsked { at })
    }
}

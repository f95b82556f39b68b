//! Drives a fleet on real exchanges, in real time: a cycle every few seconds, at once when bars have closed, each
//! market on its own. Nobody is waited for: an executor that is slow catches up with the newest cycle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::analyst::Analyst;
use super::connections::Connections;
use super::desk::{Desk, Desks};
use super::fleet::{Driver, EndReason, Fleet, Opening, Report};
use super::live_market::LiveMarket;
use super::pace::Pace;
use super::roster::Roster;
use super::rules::{self, RulesNews, RulesRound};
use super::timer::WallTimer;
use crate::clock::SteadyClock;
use crate::clock::wall_now;
use crate::config::Config;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{DurationMs, Timestamp};
use crate::store::{StoreError, market_log};

/// Between two looks at what people ask for and how everybody is.
const ATTEND_EVERY: Duration = Duration::from_millis(100);
/// Between two looks at what the sockets have brought. Bars of many symbols close within a moment: this gathers them.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two measurements of the exchanges' clocks.
const CLOCKS_EVERY: DurationMs = DurationMs::from_secs(60);

/// Trading rules as an earlier run has left them.
pub(super) type KeptRules = BTreeMap<ExchangeKind, BTreeMap<Symbol, Instrument>>;

/// The rhythm of a live run.
pub struct Live {
    clock: SteadyClock,
}

impl Opening {
    /// Asks the exchanges for the time, and for their rules where an earlier run has kept none (`kept`): accounts are to be
    /// looked at first. One that does not answer now is asked again later: the others do not wait for it.
    pub(super) async fn live(
        mut connections: Connections,
        roster: &Roster,
        mut kept: KeptRules,
        config: &Config,
    ) -> Self {
        let mut markets: Vec<_> = roster.markets().into_iter().flatten().collect();
        markets.sort_unstable();
        connections.synchronise(&markets).await;
        let clock = connections.clock();
        let mut desks = Vec::new();
        for kind in markets {
            let kept = kept.remove(&kind).unwrap_or_default();
            desks.extend(open_desk(&mut connections, kind, kept, (config, clock.now())));
        }
        rules::ask_first(&mut desks).await;
        let now = clock.now();
        Self {
            desks: Desks::Live(desks),
            pace: Pace::real(clock),
            driver: Driver::Live(Live { clock }),
            connections: Some(connections),
            from: now,
            admit_from: now,
        }
    }
}

/// The market of an exchange, going by the rules of an earlier run until it has told its own.
fn open_desk(
    connections: &mut Connections,
    kind: ExchangeKind,
    kept: BTreeMap<Symbol, Instrument>,
    (config, now): (&Config, Timestamp),
) -> Option<Desk<LiveMarket>> {
    let view = connections
        .market(kind)
        .inspect_err(|error| tracing::error!(exchange = %kind, %error, "no market"))
        .ok()?
        .ruled_by(kept);
    let mut analyst = Analyst::live(config, LiveMarket::BASE);
    analyst.begin(now);
    Some(Desk { market: Some(kind), analyst, view })
}

impl Fleet {
    /// Opens the markets of accounts that came while it runs; true when there are any. Their rules and clocks are asked for
    /// at once, and nobody waits for them.
    pub(super) fn open_markets(&mut self) -> Result<bool, StoreError> {
        let Desks::Live(desks) = &mut self.desks else { return Ok(false) };
        let Some(connections) = self.supervisor.connections_mut() else { return Ok(false) };
        let is_open = |kind: &ExchangeKind| desks.iter().any(|desk| desk.market == Some(*kind));
        let missing: Vec<_> =
            self.roster.markets().into_iter().flatten().filter(|kind| !is_open(kind)).collect();
        for kind in &missing {
            let kept = self.control.kept_rules(*kind)?;
            desks.extend(open_desk(connections, *kind, kept, (&self.config, self.pace.now())));
        }
        if !missing.is_empty() {
            self.counters.vitals.want_clocks();
        }
        Ok(!missing.is_empty())
    }

    /// Until somebody asks it to stop: a live market has no end.
    pub(super) async fn live(&mut self, live: Live, report: Report<'_>) -> Result<EndReason, StoreError> {
        let mut attend = WallTimer::new(ATTEND_EVERY);
        let mut next_cycle = live.clock.now();
        let mut rules = RulesRound::begin(self.live_desks(), live.clock.now());
        let mut next_clocks = live.clock.now().plus(CLOCKS_EVERY);
        let mut measurements = JoinSet::new();
        let mut driven: u64 = 0;
        self.keep_rules().await;
        while !self.control.is_stopping() {
            let left = live.clock.wall(next_cycle.since(live.clock.now()));
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
            if let Some(gap) = self.counters.vitals.take_gap() {
                tracing::warn!(
                    seconds = gap.as_secs(),
                    "we stood still; every account is compared before it acts"
                );
                self.pace.wake_all();
                self.live_desks().iter_mut().for_each(|desk| desk.view.stood_still());
                next_clocks = live.clock.now();
            }
            let now = live.clock.now();
            if self.take_in(now) {
                self.plan();
            }
            if now >= next_cycle || self.has_news() {
                let lag = live.clock.wall(now.since(next_cycle).max(DurationMs::ZERO));
                let every = self.config.live.price_cycle;
                self.counters.vitals.cycled(lag, live.clock.wall(every));
                self.cycle_all(now);
                driven += 1;
                next_cycle = now.plus(every);
            }
            if let Some(news) = rules.attend(self.live_desks(), now) {
                self.take_rules(news).await?;
            }
            while measurements.try_join_next().is_some() {}
            if measurements.is_empty() && (now >= next_clocks || self.counters.vitals.take_wants_clocks()) {
                for measurement in self.supervisor.clock_measurements() {
                    measurements.spawn(measurement);
                }
                next_clocks = now.plus(CLOCKS_EVERY);
            }
            if attend.is_due() {
                self.attend(report).await?;
            }
            if self.cycles_max.is_some_and(|most| driven >= most) {
                return Ok(EndReason::CyclesDone);
            }
        }
        Ok(EndReason::Stopped)
    }

    fn live_desks(&mut self) -> &mut [Desk<LiveMarket>] {
        match &mut self.desks {
            Desks::Live(desks) => desks,
            Desks::Replay(_) => &mut [],
        }
    }

    /// Takes in what the sockets and fetches brought; true when symbols have become ready to be computed.
    fn take_in(&mut self, now: Timestamp) -> bool {
        let mut is_news = false;
        for desk in self.live_desks() {
            is_news |= desk.view.take_in(now);
        }
        is_news
    }

    fn has_news(&mut self) -> bool {
        self.live_desks().iter().any(|desk| desk.view.has_news())
    }

    /// One cycle of every market.
    fn cycle_all(&mut self, now: Timestamp) {
        let mut cycles = Vec::new();
        let mut computed = 0;
        let Desks::Live(desks) = &mut self.desks else { return };
        for desk in desks {
            let is_allowed = self.config.engine.enabled && self.watch.troubles.allow_entries(desk.market);
            desk.analyst.allow_entries(is_allowed);
            let cycle = desk.analyst.observe(desk.view.step(now));
            computed += desk.analyst.computed();
            cycles.push((desk.market, cycle));
        }
        for (market, cycle) in cycles {
            self.pace.publish(market, &cycle);
        }
        self.last_cycle_at = now;
        self.counters.cycle(computed);
    }

    /// Sets which series are streamed: what the roster's bots and the gates ask for.
    pub(super) fn follow(&mut self) {
        let Desks::Live(desks) = &mut self.desks else { return };
        for desk in desks {
            let named = self.roster.follows.named_symbols(desk.market);
            let universe = desk.analyst.tell_volumes(desk.view.volumes().clone(), &named);
            desk.view.set_universe(universe);
            let series: BTreeMap<_, _> = desk.analyst.series(&self.roster, desk.market, &desk.view);
            desk.view.follow(series);
        }
    }

    /// Leaves the exchanges' rules where the command line can read them.
    async fn keep_rules(&self) {
        for (market, rules) in &self.terms.instruments {
            let Some(market) = *market else { continue };
            let rules = Arc::clone(rules);
            self.writer
                .post(move |conn| market_log::keep_instruments(conn, market, &rules, wall_now()))
                .await;
        }
    }

    /// Goes by what the markets have told of themselves.
    async fn take_rules(&mut self, news: RulesNews) -> Result<(), StoreError> {
        match news {
            // What has left the universe and is held must be known before it is left out.
            RulesNews::Volumes => self.reload().await,
            RulesNews::Changed => {
                self.terms.instruments.extend(self.desks.instruments(&self.config));
                self.keep_rules().await;
                self.reload().await
            }
        }
    }
}

//! One market and what is computed on it. A tape is one market for everybody; live, each exchange is its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::analyst::Analyst;
use super::fleet::override_rules;
use super::live_market::LiveMarket;
use super::pace::MarketId;
use super::roster::Roster;
use crate::config::Config;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::market::Bar;
use crate::domain::time::{Timeframe, Timestamp};
use crate::market::feed::Feed;

/// What an analyst needs to know of a market.
pub trait MarketView {
    /// Every symbol that a bot on the whole universe follows, sorted.
    fn symbols(&self) -> Vec<Symbol>;

    /// The timeframe of a symbol's price bars; `None` for a symbol the market does not have.
    fn base_timeframe(&self, symbol: &Symbol) -> Option<Timeframe>;

    /// Whether the history of a series is there, so that computing on it can begin.
    fn is_ready(&self, symbol: &Symbol, timeframe: Timeframe) -> bool;

    /// Series that cannot be had, in words.
    fn unmet(&self, needed: &BTreeSet<(Symbol, Timeframe)>) -> Vec<String>;

    /// Sets which series the steps carry from now on.
    fn subscribe(&mut self, needed: &BTreeSet<(Symbol, Timeframe)>);

    /// The last `bars` bars that close by `before`, oldest first.
    fn history(&self, symbol: &Symbol, timeframe: Timeframe, before: Timestamp, bars: usize) -> Vec<Bar>;
}

impl MarketView for Feed {
    fn symbols(&self) -> Vec<Symbol> {
        Self::symbols(self).cloned().collect()
    }

    fn base_timeframe(&self, symbol: &Symbol) -> Option<Timeframe> {
        Self::base_timeframe(self, symbol)
    }

    fn is_ready(&self, _symbol: &Symbol, _timeframe: Timeframe) -> bool {
        true
    }

    fn unmet(&self, needed: &BTreeSet<(Symbol, Timeframe)>) -> Vec<String> {
        Self::unmet(self, needed).iter().map(ToString::to_string).collect()
    }

    fn subscribe(&mut self, needed: &BTreeSet<(Symbol, Timeframe)>) {
        Self::subscribe(self, needed);
    }

    fn history(&self, symbol: &Symbol, timeframe: Timeframe, before: Timestamp, bars: usize) -> Vec<Bar> {
        Self::history(self, symbol, timeframe, before, bars)
    }
}

/// A market with its analyst.
pub struct Desk<V> {
    pub market: MarketId,
    pub analyst: Analyst,
    pub view: V,
}

impl<V: MarketView> Desk<V> {
    /// Computes what the roster follows from now on; says what cannot be had.
    pub fn plan(&mut self, roster: &Roster) {
        for missing in self.analyst.plan(roster, self.market, &mut self.view) {
            tracing::warn!("{missing}");
        }
    }
}

/// The markets of a run.
pub enum Desks {
    /// One for everybody, played by the driver.
    Replay(Box<Desk<Feed>>),
    /// One an exchange.
    Live(Vec<Desk<LiveMarket>>),
}

impl Desks {
    pub fn plan(&mut self, roster: &Roster) {
        match self {
            Self::Replay(desk) => desk.plan(roster),
            Self::Live(desks) => desks.iter_mut().for_each(|desk| desk.plan(roster)),
        }
    }

    /// Each market with its analyst.
    pub fn analysts(&mut self) -> Vec<(MarketId, &mut Analyst)> {
        match self {
            Self::Replay(desk) => vec![(desk.market, &mut desk.analyst)],
            Self::Live(desks) => desks.iter_mut().map(|desk| (desk.market, &mut desk.analyst)).collect(),
        }
    }

    /// The trading rules that exchanges tell, under the configuration's own; those of a tape are settled elsewhere.
    pub fn instruments(&self, config: &Config) -> BTreeMap<MarketId, Arc<BTreeMap<Symbol, Instrument>>> {
        let Self::Live(desks) = self else { return BTreeMap::new() };
        let told = desks.iter().map(|desk| {
            let mut instruments = desk.view.instruments().clone();
            override_rules(&mut instruments, config);
            (desk.market, Arc::new(instruments))
        });
        told.collect()
    }

    /// Steps still to come, where that is known.
    pub fn steps_hint(&self) -> Option<u64> {
        match self {
            Self::Replay(desk) => desk.view.steps_hint(),
            Self::Live(_) => None,
        }
    }
}

//! Plays a market for one account: every bar, or only the bars in which something can happen.
//!
//! Stepping every bar is the daemon's own way: its feed, its analyst, its machine. Skipping computes the signals of a
//! whole series at once and asks, between two steps, which bar can matter next: a signal that somebody would look at,
//! a price that an order, a level or a grid waits for, a moment something is due at. Both give the same ledger; the tests
//! compare them on every kind of market there is.

use std::sync::Arc;

use super::account::Account;
use super::funding::FundingRates;
use super::grids;
use super::ledger::Ledger;
use super::market::{Market, MarketError};
use super::setup::Setup;
use super::signals::SignalTable;
use super::skipping;
use crate::config::Config;
use crate::daemon::analyst::Analyst;
use crate::daemon::roster::{Entrant, Roster};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Qty, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::grid::refusal::{PlanRefusal, reasons};
use crate::market::feed::Feed;

/// How the bars are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stride {
    /// Each one.
    EveryBar,
    /// Those in which something can happen, where that can be told; each one otherwise.
    Skipping,
}

#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    #[error(transparent)]
    Market(#[from] MarketError),
    #[error("{0}")]
    Unmet(String),
    #[error("grid `{bot}` is refused:{}", reasons(refusals))]
    GridRefused { bot: String, refusals: Vec<PlanRefusal> },
    #[error("no bar from {from} to {to}: the candles are of {first} to {last}")]
    NothingInSpan { from: Timestamp, to: Timestamp, first: Timestamp, last: Timestamp },
    #[error("the end {to} is not after the start {from}")]
    EndBeforeStart { from: Timestamp, to: Timestamp },
}

/// What the account held and had from a step on, until the next such entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub at: Timestamp,
    /// Cash, in quote currency.
    pub wallet: Quote,
    pub held: Vec<HeldPart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPart {
    pub symbol: Symbol,
    pub side: PositionSide,
    pub qty: Qty,
    /// Entry notional.
    pub cost: Quote,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    pub ledger: Ledger,
    /// Where the account stood, whenever that changed.
    pub standings: Vec<Standing>,
    /// Steps that were traded: the first, and behind the last.
    pub span: (usize, usize),
    /// Steps that were taken one by one.
    pub stepped: usize,
}

/// Plays `market` for the account of `setup`.
pub fn play(market: &Market, setup: &Setup, stride: Stride) -> Result<Played, BacktestError> {
    let span = checked_span(market, setup)?;
    grids::judge(market, setup, span)?;
    match stride {
        Stride::Skipping if setup.gates.is_none() => skipping::play(market, setup, span),
        Stride::Skipping | Stride::EveryBar => every_bar(market, setup, span),
    }
}

/// What a play is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of the ledger.
    Ledger,
    /// The trades: a bar on which an entry could only be refused is passed over, and with it the decision to refuse it.
    Trades,
}

/// Plays the steps of `span` on signals that were computed before. Gates, which no signal knows of, are left open.
pub fn play_on(
    market: &Market,
    setup: &Setup,
    span: (usize, usize),
    (signals, extent): (&SignalTable, Extent),
) -> Played {
    skipping::play_on(market, setup, span, (signals, extent))
}

pub fn checked_span(market: &Market, setup: &Setup) -> Result<(usize, usize), BacktestError> {
    if let (Some(from), Some(to)) = (setup.from, setup.to)
        && to <= from
    {
        return Err(BacktestError::EndBeforeStart { from, to });
    }
    let (first, end) = market.span(setup.from, setup.to);
    if first < end {
        return Ok((first, end));
    }
    let opens = market.at(0).unwrap_or_default().minus(market.timeframe.duration());
    let closes = market.at(market.steps.len().saturating_sub(1)).unwrap_or_default();
    Err(BacktestError::NothingInSpan {
        from: setup.from.unwrap_or(opens),
        to: setup.to.unwrap_or(closes),
        first: opens,
        last: closes,
    })
}

fn every_bar(market: &Market, setup: &Setup, span: (usize, usize)) -> Result<Played, BacktestError> {
    let mut feed = Feed::from_tape(&market.tape()?);
    let mut analyst = Analyst::new(&setup.config());
    if let Some(before) = span.0.checked_sub(1).and_then(|step| market.at(step)) {
        feed.skip_until(before);
        analyst.begin(before);
    }
    let unmet = analyst.plan(&setup.roster(), None, &mut feed);
    if let Some(first) = unmet.into_iter().next() {
        return Err(BacktestError::Unmet(first));
    }
    let mut play = Play::begin(market, setup, span);
    for _ in span.0..span.1 {
        let Some(step) = feed.next_step() else { break };
        let cycle: Arc<_> = analyst.observe(step);
        play.account.step(&cycle);
        play.note(cycle.at);
    }
    Ok(play.finish())
}

/// What an account of `roster` does on a feed, step by step, with every word of its decisions.
pub fn replay(mut feed: Feed, config: &Config, roster: &Roster, entrant: &Entrant) -> Ledger {
    let mut analyst = Analyst::new(config);
    let _unmet = analyst.plan(roster, None, &mut feed);
    let begin = feed.span().0.minus(DurationMs::from_ms(1));
    let configuration = entrant.configuration.clone();
    let mut account = Account::begin(entrant.id, configuration, FundingRates::default(), begin);
    while let Some(step) = feed.next_step() {
        account.step(&analyst.observe(step));
    }
    account.ledger
}

/// A play that is going on.
pub(super) struct Play {
    pub(super) account: Account,
    played: Played,
    seen: Option<(u64, Option<Quote>)>,
}

impl Play {
    pub(super) fn begin(market: &Market, setup: &Setup, span: (usize, usize)) -> Self {
        let first = market.at(span.0).unwrap_or_default();
        let begin = first.minus(DurationMs::from_ms(1));
        let account = Account::open(setup, begin);
        let played = Played { ledger: Ledger::default(), standings: Vec::new(), span, stepped: 0 };
        let mut play = Self { account, played, seen: None };
        play.note(begin);
        play.played.stepped = 0;
        play
    }

    /// Keeps where the account stands after the step at `at`, if that has changed.
    pub(super) fn note(&mut self, at: Timestamp) {
        self.played.stepped += 1;
        let book = self.account.book();
        let seen = Some((book.revision(), self.account.machine().wallet()));
        if self.seen == seen {
            return;
        }
        self.seen = seen;
        let held = book.positions().iter().map(|position| HeldPart {
            symbol: position.symbol.clone(),
            side: position.side,
            qty: position.qty,
            cost: position.cost,
        });
        let standing = Standing { at, wallet: book.wallet(), held: held.collect() };
        let same = |last: &Standing| last.wallet == standing.wallet && last.held == standing.held;
        if !self.played.standings.last().is_some_and(same) {
            self.played.standings.push(standing);
        }
    }

    pub(super) fn finish(mut self) -> Played {
        self.played.ledger = self.account.ledger;
        self.played
    }
}

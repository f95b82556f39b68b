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
use super::market::Market;
use super::play::Play;
use super::played::{BacktestError, Played};
use super::setup::Setup;
use super::skipping;
use crate::config::Config;
use crate::daemon::analyst::Analyst;
use crate::daemon::roster::{Entrant, Roster};
use crate::domain::time::DurationMs;
use crate::market::feed::Feed;

/// How the bars are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stride {
    /// Each one.
    EveryBar,
    /// Those in which something can happen, where that can be told; each one otherwise.
    Skipping,
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

/// The steps of the market that `setup` trades: the first, and behind the last.
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

//! A play that is going on: the account, and where it stood after each step.

use super::account::Account;
use super::ledger::Ledger;
use super::market::Market;
use super::played::{HeldPart, Played, Standing};
use super::setup::Setup;
use crate::domain::money::Quote;
use crate::domain::time::{DurationMs, Timestamp};

/// See the module.
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

//! Tells the exchange leverage and margin mode of a symbol: before an entry, and ahead of time where a bot may enter, so
//! that a signal finds nothing left to do but to place orders.

use std::collections::BTreeMap;

use super::Executor;
use super::calls::timed;
use crate::domain::instrument::Symbol;
use crate::domain::order::Order;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::breaker::Urgency;
use crate::exchange::Sleep;
use crate::exchange::report::SymbolTerms;
use crate::exchange::wire::Lane;

/// How long an account that has nothing at stake waits for what is done ahead of time. What is given up is done before
/// the entry.
const AHEAD_PATIENCE: DurationMs = DurationMs::from_secs(2);

/// After a failure a symbol is left alone for so long, then for twice as long, up to 43 minutes.
const AGAIN_AFTER: DurationMs = DurationMs::from_secs(10);
const DOUBLINGS_MAX: u32 = 8;

/// What was tried ahead of time in vain. It is not worth a circuit breaker's attention, nor a request in every cycle.
#[derive(Debug, Default)]
pub(super) struct InVain(BTreeMap<Symbol, (u32, Timestamp)>);

impl InVain {
    fn may_try(&self, symbol: &Symbol, now: Timestamp) -> bool {
        self.0.get(symbol).is_none_or(|(_, again_at)| now >= *again_at)
    }

    fn failed(&mut self, symbol: &Symbol, now: Timestamp) {
        let (failures, again_at) = self.0.entry(symbol.clone()).or_default();
        *again_at = now.plus(AGAIN_AFTER.times(1 << (*failures).min(DOUBLINGS_MAX)));
        *failures = failures.saturating_add(1);
    }

    /// Somebody has changed what is to be set.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Executor {
    pub(super) async fn prepare(&mut self, order: &Order) -> Result<(), String> {
        let terms = SymbolTerms { leverage: order.leverage, margin_mode: self.machine.margin_mode() };
        if self.prepared.get(&order.symbol) == Some(&terms) {
            return Ok(());
        }
        let call = self.handle.exchange_mut().prepare_symbol(&order.symbol, terms, Lane::Entry);
        let answer = timed(&self.clock, call).await;
        match self.heard(answer) {
            Ok(()) => {
                self.prepared.insert(order.symbol.clone(), terms);
                Ok(())
            }
            Err(error) => Err(format!("leverage not set: {error}")),
        }
    }

    /// Prepares the next symbol that a bot may enter, behind everything else that wants the exchange's attention. Only
    /// while nothing is at stake: the account waits for the answer.
    pub(super) async fn prepare_ahead(&mut self) {
        if !self.handle.is_live() || self.machine.is_engaged() || !self.may_call(Urgency::Normal) {
            return;
        }
        let Some((symbol, terms)) = self.next_to_prepare() else { return };
        let call = self.handle.exchange_mut().prepare_symbol(&symbol, terms, Lane::History);
        let is_set = tokio::select! {
            biased;
            answer = call => answer.is_ok(),
            () = self.clock.sleep(AHEAD_PATIENCE) => false,
        };
        if is_set {
            self.prepared.insert(symbol, terms);
        } else {
            self.in_vain.failed(&symbol, self.clock.now());
        }
    }

    fn next_to_prepare(&self) -> Option<(Symbol, SymbolTerms)> {
        let (margin_mode, now) = (self.machine.margin_mode(), self.clock.now());
        self.machine
            .entry_leverages()
            .find(|(symbol, _)| !self.prepared.contains_key(symbol) && self.in_vain.may_try(symbol, now))
            .map(|(symbol, leverage)| (symbol, SymbolTerms { leverage, margin_mode }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_tried_ever_more_rarely_and_the_others_go_on() {
        let (mut in_vain, btc) = (InVain::default(), Symbol::try_new("BTCUSDT").unwrap());
        let mut now = Timestamp::from_ms(0);
        for pause in [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 2_560] {
            assert!(in_vain.may_try(&btc, now), "{pause}");
            in_vain.failed(&btc, now);
            now = now.plus(DurationMs::from_secs(pause));
            assert!(!in_vain.may_try(&btc, now.minus(DurationMs::from_ms(1))), "{pause}");
            assert!(in_vain.may_try(&Symbol::try_new("ETHUSDT").unwrap(), now));
        }
        in_vain.failed(&btc, now);
        in_vain.forget();
        assert!(in_vain.may_try(&btc, now));
    }
}

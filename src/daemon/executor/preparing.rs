//! Tells the exchange leverage and margin mode of a symbol: before an entry, and ahead of time where a bot may enter, so
//! that a signal finds nothing left to do but to place orders.

use super::Executor;
use super::calls::timed;
use crate::domain::instrument::Symbol;
use crate::domain::order::Order;
use crate::domain::time::DurationMs;
use crate::engine::breaker::Urgency;
use crate::exchange::Sleep;
use crate::exchange::report::SymbolTerms;
use crate::exchange::wire::Lane;

/// How long an account that has nothing at stake waits for what is done ahead of time. What is given up is done before
/// the entry.
const AHEAD_PATIENCE: DurationMs = DurationMs::from_secs(2);

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
        let answer = tokio::select! {
            biased;
            answer = call => answer,
            () = self.clock.sleep(AHEAD_PATIENCE) => return,
        };
        if answer.is_ok() {
            self.prepared.insert(symbol, terms);
        }
    }

    fn next_to_prepare(&self) -> Option<(Symbol, SymbolTerms)> {
        let margin_mode = self.machine.margin_mode();
        self.machine
            .entry_leverages()
            .find(|(symbol, _)| !self.prepared.contains_key(symbol))
            .map(|(symbol, leverage)| (symbol, SymbolTerms { leverage, margin_mode }))
    }
}

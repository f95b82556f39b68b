//! How an exchange changes: an account by a request, all accounts by the market; and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::account::Account;
use super::event::{AccountEvent, AccountIndex, Happening, OrderChange};
use super::lock::{lock, read, write};
use super::market::MarketUpdate;
use super::refusal::Refusal;
use super::trading::Quoted;
use super::venue::{SymbolRules, Venue};
use crate::domain::instrument::Symbol;

/// Disagreements between book and oracle that are kept.
const DISAGREEMENTS_MAX: usize = 100;

impl Venue {
    pub(super) fn quote_and_trade<R>(
        &self,
        account: AccountIndex,
        symbol: &Symbol,
        act: impl FnOnce(&mut Account, Quoted<'_>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let rules = self.rules(symbol.as_str()).ok_or_else(|| Refusal::UnknownSymbol(symbol.to_string()))?;
        if !rules.trading {
            return Err(Refusal::NotTrading(symbol.clone()));
        }
        let instrument = &rules.instrument;
        self.trade(account, |account| {
            let quote = self.market(|market| (market.price(symbol), market.last_volume(symbol)));
            let (price, volume) = (quote.0.ok_or_else(|| Refusal::NotTrading(symbol.clone()))?, quote.1);
            self.reprice_fees(account);
            act(account, Quoted { instrument, price, volume, now: self.now() })
        })
    }

    /// Lets the account's fees be taken at the market's price of their asset, where the market has one.
    fn reprice_fees(&self, account: &mut Account) {
        if let Some(wallet) = &mut account.fee_wallet
            && let Some(price) = self.price(&wallet.symbol)
        {
            wallet.reprice(price);
        }
    }

    /// Lets `act` change an account and tells what came of it.
    pub(super) fn trade<R>(
        &self,
        account: AccountIndex,
        act: impl FnOnce(&mut Account) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let account = self.accounts.get(account.0).ok_or(Refusal::UnknownOrder)?;
        let mut account = lock(account);
        let outcome = act(&mut account);
        self.settle(&mut account);
        outcome
    }

    /// Books what happened with the oracle, finds the account again where the market moves it, tells its sockets.
    pub(super) fn settle(&self, account: &mut Account) {
        let events = std::mem::take(&mut account.events);
        if events.is_empty() {
            return;
        }
        self.check_with_oracle(account, &events);
        self.index(account);
        let mut hub = lock(&self.hub);
        for event in events {
            hub.publish(event);
        }
    }

    fn check_with_oracle(&self, account: &Account, events: &[AccountEvent]) {
        let mut ledgers = lock(&self.ledgers);
        let Some(ledger) = ledgers.get_mut(account.index().0) else { return };
        let mut traded = false;
        for event in events {
            match &event.happening {
                Happening::Order { change: OrderChange::Filled(fill), .. } => {
                    ledger.record(fill, account.position_mode());
                }
                Happening::Funding { record, .. } => ledger.fund(record),
                Happening::Order { .. }
                | Happening::Conditional(_)
                | Happening::Holdings(_)
                | Happening::Leverage { .. } => continue,
            }
            traded = true;
        }
        if traded && let Some(disagreement) = ledger.disagreement(account) {
            tracing::error!(%disagreement, "book and oracle disagree");
            let mut disagreements = lock(&self.disagreements);
            if disagreements.len() < DISAGREEMENTS_MAX {
                disagreements.push(disagreement);
            }
        }
    }

    fn index(&self, account: &mut Account) {
        let wanted = account.interests();
        if wanted == account.indexed {
            return;
        }
        let mut interests = lock(&self.interests);
        for symbol in account.indexed.difference(&wanted) {
            if let Some(known) = interests.get_mut(symbol) {
                known.remove(&account.index());
            }
        }
        for symbol in wanted.difference(&account.indexed) {
            interests.entry(symbol.clone()).or_default().insert(account.index());
        }
        drop(interests);
        account.indexed = wanted;
    }

    /// Plays the next part of the market's bars; false once the data has ended.
    pub(super) fn step(&self) -> bool {
        let Some(update) = write(&self.market).advance() else { return false };
        let mut concerned: BTreeSet<AccountIndex> = BTreeSet::new();
        {
            let interests = lock(&self.interests);
            let of = |symbol| interests.get(symbol).into_iter().flatten().copied();
            concerned.extend(update.symbols.iter().flat_map(|moved| of(&moved.symbol)));
        }
        // A copy: locks are taken account first.
        let rules = if concerned.is_empty() { BTreeMap::new() } else { read(&self.rules).clone() };
        for index in concerned {
            if let Some(account) = self.accounts.get(index.0) {
                let mut account = lock(account);
                self.reprice_fees(&mut account);
                play(&mut account, &update, &rules);
                self.settle(&mut account);
            }
        }
        self.settle_when_due(update.at);
        // Nobody may be listening.
        let _listeners = self.updates.send(Arc::new(update));
        true
    }
}

fn play(account: &mut Account, update: &MarketUpdate, rules: &BTreeMap<Symbol, SymbolRules>) {
    let moved = account.indexed.iter().filter_map(|symbol| update.symbol(symbol));
    let parts: Vec<_> = moved.map(|moved| (moved.symbol.clone(), moved.part)).collect();
    for (symbol, part) in &parts {
        let Some(rules) = rules.get(symbol) else { continue };
        let (price, volume) = (part.close, part.volume);
        account.trigger(part, Quoted { instrument: &rules.instrument, price, volume, now: update.at });
    }
    account.play(parts, update.at);
}

//! Funding: longs pay shorts when the rate is positive. Settled on demand, or at every full period of the exchange's
//! time.

use std::sync::atomic::Ordering;

use rust_decimal::Decimal;

use super::account::Account;
use super::event::Happening;
use super::lock::{lock, read, write};
use super::venue::Venue;
use crate::domain::instrument::Symbol;
use crate::domain::kind::ExchangeKind;
use crate::domain::money::{Pct, Price, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timestamp};

/// Decimals in which exchanges pay.
const DECIMALS: u32 = 8;
/// What markets say where funding is not settled by itself.
const USUAL_EVERY: DurationMs = DurationMs::from_secs(8 * 3_600);
/// Settlements that are remembered.
const SETTLEMENTS_MAX: usize = 1_000;

/// When funding is settled by itself, and at what rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundingTerms {
    pub every: DurationMs,
    /// % of the notional that longs pay.
    pub rate_pct: Pct,
}

/// What one position paid or received.
#[derive(Debug, Clone)]
pub struct FundingRecord {
    /// Counted per account.
    pub id: u64,
    pub symbol: Symbol,
    /// Received when positive.
    pub amount: Quote,
    pub at: Timestamp,
}

/// One settlement of a symbol.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub symbol: Symbol,
    pub rate: Decimal,
    pub mark: Price,
    pub at: Timestamp,
}

impl Venue {
    /// Settles what the positions in `symbol` (in all, without one) pay each other; returns how many were paid or paid.
    pub(super) fn settle_funding(&self, symbol: Option<&Symbol>, rate_pct: Pct) -> Result<usize, String> {
        if self.exchange == ExchangeKind::Upbit {
            return Err("upbit is a spot exchange: it has no funding".to_owned());
        }
        let at = self.now();
        let rate = rate_pct.fraction();
        let symbols = self.all_rules().into_iter().map(|rules| rules.instrument.symbol);
        let mut count = 0;
        for symbol in symbols.filter(|of| symbol.is_none_or(|wanted| of == wanted)) {
            let Some(mark) = self.price(&symbol) else { continue };
            for account in &self.accounts {
                let mut account = lock(account);
                count += account.settle_funding(&symbol, rate, mark, at);
                self.settle(&mut account);
            }
            let mut settlements = write(&self.settlements);
            if settlements.len() >= SETTLEMENTS_MAX {
                settlements.remove(0);
            }
            settlements.push(Settlement { symbol, rate, mark, at });
        }
        Ok(count)
    }

    /// The rate that is settled next, and the time of it.
    pub(super) fn next_funding(&self) -> (Decimal, Timestamp) {
        let every = self.funding.map_or(USUAL_EVERY, |terms| terms.every).ms().max(1);
        let at = (self.now().ms().div_euclid(every) + 1) * every;
        let rate = self.funding.map_or(Decimal::ZERO, |terms| terms.rate_pct.fraction());
        (rate, Timestamp::from_ms(at))
    }

    /// What was settled of a symbol, oldest first.
    pub(super) fn settlements(&self, symbol: &Symbol) -> Vec<Settlement> {
        read(&self.settlements).iter().filter(|settled| settled.symbol == *symbol).cloned().collect()
    }

    /// Settles when a full period has passed since the last step.
    pub(super) fn settle_when_due(&self, at: Timestamp) {
        let Some(terms) = self.funding else { return };
        let period = at.ms().div_euclid(terms.every.ms().max(1));
        let last = self.funding_period.swap(period, Ordering::Relaxed);
        if period > last && last > 0 {
            // Only a spot exchange refuses, and it has no terms.
            let _settled = self.settle_funding(None, terms.rate_pct);
        }
    }
}

impl Account {
    /// Pays for what it holds of `symbol`; returns for how many positions.
    fn settle_funding(&mut self, symbol: &Symbol, rate: Decimal, mark: Price, at: Timestamp) -> usize {
        let held = self.positions().iter().filter(|held| held.symbol == *symbol);
        let amounts: Vec<Quote> = held
            .map(|held| {
                let paid = (mark.notional(held.qty).decimal() * rate).round_dp(DECIMALS).normalize();
                Quote::new(match held.side {
                    PositionSide::Long => -paid,
                    PositionSide::Short => paid,
                })
            })
            .filter(|amount| *amount != Quote::ZERO)
            .collect();
        for amount in &amounts {
            self.book.settle_cash(*amount);
            let record = FundingRecord { id: self.next.income, symbol: symbol.clone(), amount: *amount, at };
            self.next.income += 1;
            self.funding.push(record.clone());
            let wallet = self.book.balance().wallet;
            self.emit(at, Happening::Funding { wallet, record });
        }
        amounts.len()
    }
}

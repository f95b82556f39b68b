//! One simulated exchange, in no dialect: its clock, market, accounts, rules, faults and limits.
//!
//! Every method is synchronous and returns at once. Locks are taken one inside the other only in this order: account,
//! market or rules, oracle, hub; a guard never leaves this room except to a closure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::broadcast;

use super::account::{Account, FirstIds};
use super::accounts_file::AccountSpec;
use super::clock::SimClock;
use super::event::AccountIndex;
use super::faults::{FaultSettings, Faults};
use super::funding::{FundingTerms, Settlement};
use super::hub::{Events, Hub, Link};
use super::limits::{Exceeded, Limit, LimitSpec, Limiter, Payer};
use super::lock::{lock, read, write};
use super::market::{Market, MarketUpdate};
use super::oracle::Ledger;
use super::order::{Conditional, NewConditional, NewOrder, OrderRecord};
use super::refusal::Refusal;
use super::stats::Stats;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::{Leverage, Price, Qty};
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timestamp};

/// Updates that a slow market socket may be behind before it misses some.
const UPDATES_KEPT: usize = 256;

/// What an exchange lets be done with a symbol.
#[derive(Debug, Clone)]
pub struct SymbolRules {
    pub instrument: Instrument,
    /// False once delisted.
    pub trading: bool,
}

/// What a [`Venue`] is made of.
pub struct VenueConfig {
    pub exchange: ExchangeKind,
    pub quote_asset: &'static str,
    pub clock: SimClock,
    pub market: Market,
    pub instruments: BTreeMap<Symbol, Instrument>,
    pub accounts: Vec<AccountSpec>,
    pub first_ids: FirstIds,
    pub faults: FaultSettings,
    pub limits: LimitSpec,
    pub funding: Option<FundingTerms>,
    pub seed: u64,
}

/// See the module.
pub struct Venue {
    pub exchange: ExchangeKind,
    pub clock: SimClock,
    pub(super) market: RwLock<Market>,
    pub(super) rules: RwLock<BTreeMap<Symbol, SymbolRules>>,
    pub(super) accounts: Vec<Mutex<Account>>,
    names: BTreeMap<String, AccountIndex>,
    keys: BTreeMap<String, AccountIndex>,
    /// Who must hear of a move of which symbol.
    pub(super) interests: Mutex<BTreeMap<Symbol, BTreeSet<AccountIndex>>>,
    pub(super) ledgers: Mutex<Vec<Ledger>>,
    pub(super) disagreements: Mutex<Vec<String>>,
    pub(super) hub: Mutex<Hub>,
    pub(super) faults: Mutex<Faults>,
    pub(super) limits: Mutex<Limiter>,
    pub(super) stats: Mutex<Stats>,
    pub(super) updates: broadcast::Sender<Arc<MarketUpdate>>,
    pub(super) funding: Option<FundingTerms>,
    /// The number of the period that the market stands in.
    pub(super) funding_period: AtomicI64,
    /// Oldest first.
    pub(super) settlements: RwLock<Vec<Settlement>>,
    paused: AtomicBool,
}

impl Venue {
    pub fn open(config: VenueConfig) -> Self {
        let VenueConfig { accounts: specs, quote_asset, first_ids, .. } = config;
        let names = specs.iter().enumerate().map(|(index, spec)| (spec.name.clone(), AccountIndex(index)));
        let keys = specs.iter().enumerate().map(|(index, spec)| (spec.api_key.clone(), AccountIndex(index)));
        let rules = config.instruments.into_iter().map(|(symbol, instrument)| {
            let rules = SymbolRules { instrument, trading: true };
            (symbol, rules)
        });
        Self {
            exchange: config.exchange,
            clock: config.clock,
            rules: RwLock::new(rules.filter(|(symbol, _)| config.market.lists(symbol)).collect()),
            market: RwLock::new(config.market),
            names: names.collect(),
            keys: keys.collect(),
            ledgers: Mutex::new(specs.iter().map(Ledger::new).collect()),
            accounts: specs
                .into_iter()
                .enumerate()
                .map(|(index, spec)| Account::new(spec, AccountIndex(index), first_ids, quote_asset))
                .map(Mutex::new)
                .collect(),
            interests: Mutex::default(),
            disagreements: Mutex::default(),
            hub: Mutex::default(),
            faults: Mutex::new(Faults::new(config.seed, config.faults)),
            limits: Mutex::new(Limiter::new(config.limits)),
            stats: Mutex::default(),
            updates: broadcast::Sender::new(UPDATES_KEPT),
            funding: config.funding,
            funding_period: AtomicI64::new(0),
            settlements: RwLock::default(),
            paused: AtomicBool::new(false),
        }
    }

    /// The exchange's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the exchange says its time is.
    pub fn server_time(&self) -> Timestamp {
        let offset = lock(&self.faults).settings(None).clock_offset_ms;
        self.now().plus(DurationMs::from_ms(offset))
    }

    /// Whether a client that signs with `signed` is within `window` of now: by the exchange's clock or, where that
    /// runs fast, by the wall clock.
    pub fn is_timely(&self, signed: Timestamp, window: DurationMs, ahead: DurationMs) -> bool {
        let fits = |now: Timestamp| signed < now.plus(ahead) && now.since(signed) <= window;
        fits(self.server_time()) || (self.clock.speed() > 1 && fits(crate::clock::wall_now()))
    }

    /// The account that a key belongs to.
    pub fn account_of_key(&self, key: &str) -> Option<AccountIndex> {
        self.keys.get(key).copied()
    }

    pub fn account_of_name(&self, name: &str) -> Option<AccountIndex> {
        self.names.get(name).copied()
    }

    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// Reads an account.
    pub fn with<R>(&self, account: AccountIndex, read: impl FnOnce(&Account) -> R) -> Option<R> {
        self.accounts.get(account.0).map(|account| read(&lock(account)))
    }

    /// Reads the market.
    pub fn market<R>(&self, look: impl FnOnce(&Market) -> R) -> R {
        look(&read(&self.market))
    }

    pub fn rules(&self, symbol: &str) -> Option<SymbolRules> {
        read(&self.rules).get(&Symbol::try_new(symbol).ok()?).cloned()
    }

    /// Sorted by symbol.
    pub fn all_rules(&self) -> Vec<SymbolRules> {
        read(&self.rules).values().cloned().collect()
    }

    pub fn price(&self, symbol: &Symbol) -> Option<Price> {
        self.market(|market| market.price(symbol))
    }

    /// What order queries of the account see must have happened by then.
    pub fn horizon(&self, account: AccountIndex) -> Timestamp {
        let name = self.with(account, |account| account.spec.name.clone());
        match lock(&self.faults).settings(name.as_deref()).stale_query_ms {
            0 => Timestamp::from_ms(i64::MAX),
            stale => self.now().minus(DurationMs::from_ms(stale)),
        }
    }

    /// Takes an order; what can be filled at once is filled in the answer.
    pub fn place(&self, account: AccountIndex, new: NewOrder) -> Result<OrderRecord, Refusal> {
        lock(&self.stats).placed(account);
        let symbol = new.symbol.clone();
        let id = self.quote_and_trade(account, &symbol, |account, quoted| account.place(new, quoted))?;
        self.order(account, id)
    }

    pub fn cancel(&self, account: AccountIndex, id: u64) -> Result<OrderRecord, Refusal> {
        let now = self.now();
        self.trade(account, |account| account.cancel(id, now))?;
        self.order(account, id)
    }

    /// Changes price and quantity of an open limit order.
    pub fn amend(
        &self,
        account: AccountIndex,
        id: u64,
        price: Price,
        qty: Qty,
    ) -> Result<OrderRecord, Refusal> {
        let symbol = self.order(account, id)?.symbol;
        self.quote_and_trade(account, &symbol, |account, quoted| account.amend(id, price, qty, quoted))?;
        self.order(account, id)
    }

    pub fn place_conditional(
        &self,
        account: AccountIndex,
        new: NewConditional,
    ) -> Result<Conditional, Refusal> {
        lock(&self.stats).placed(account);
        let symbol = new.symbol.clone();
        let id =
            self.quote_and_trade(account, &symbol, |account, quoted| account.place_conditional(new, quoted))?;
        self.conditional(account, id)
    }

    pub fn cancel_conditional(&self, account: AccountIndex, id: u64) -> Result<Conditional, Refusal> {
        let now = self.now();
        self.trade(account, |account| account.cancel_conditional(id, now))?;
        self.conditional(account, id)
    }

    pub fn set_leverage(
        &self,
        account: AccountIndex,
        symbol: &Symbol,
        leverage: Leverage,
    ) -> Result<(), Refusal> {
        let now = self.now();
        self.trade(account, |account| {
            account.set_leverage(symbol, leverage, now);
            Ok(())
        })
    }

    /// The margin type: a label only.
    pub fn set_isolated(
        &self,
        account: AccountIndex,
        symbol: &Symbol,
        isolated: bool,
    ) -> Result<(), Refusal> {
        self.trade(account, |account| account.set_isolated(symbol, isolated))
    }

    pub fn set_position_mode(&self, account: AccountIndex, mode: PositionMode) -> Result<(), Refusal> {
        self.trade(account, |account| account.set_position_mode(mode))
    }

    pub fn set_multi_assets(&self, account: AccountIndex, on: bool) -> Result<(), Refusal> {
        self.trade(account, |account| {
            let was = std::mem::replace(&mut account.multi_assets, on);
            if was == on { Err(Refusal::NoChangeNeeded) } else { Ok(()) }
        })
    }

    /// Counts what a request costs; returns what is used of the limit's window now.
    pub fn charge(&self, payer: Payer, limit: Limit, cost: u64) -> Result<u64, Exceeded> {
        lock(&self.limits).charge(payer, limit, cost, self.now())
    }

    /// What is used of a limit's window.
    pub fn used(&self, payer: Payer, limit: Limit) -> u64 {
        lock(&self.limits).used(payer, limit, self.now())
    }

    /// Refuses an address everything until then.
    pub fn ban(&self, address: IpAddr, until: Timestamp) {
        lock(&self.limits).ban(address, until);
    }

    /// Lets a socket hear of an account.
    pub fn join(&self, account: AccountIndex, link: &Link) {
        lock(&self.hub).join(account, link);
    }

    pub(super) fn open_socket(&self) -> (Link, Events, broadcast::Receiver<Arc<MarketUpdate>>) {
        let (link, events) = lock(&self.hub).open();
        (link, events, self.updates.subscribe())
    }

    fn order(&self, account: AccountIndex, id: u64) -> Result<OrderRecord, Refusal> {
        self.with(account, |account| account.order(id).cloned()).flatten().ok_or(Refusal::UnknownOrder)
    }

    fn conditional(&self, account: AccountIndex, id: u64) -> Result<Conditional, Refusal> {
        let found = self.with(account, |account| account.conditional(id).cloned());
        found.flatten().ok_or(Refusal::UnknownOrder)
    }

    pub(super) fn next_step(&self) -> Option<Timestamp> {
        self.market(Market::next_time)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    pub(super) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    pub(super) fn ledger_json(&self, account: AccountIndex) -> Option<serde_json::Value> {
        self.with(account, |held| lock(&self.ledgers).get(account.0).map(|ledger| ledger.to_json(held)))
            .flatten()
    }

    pub(super) fn disagreements(&self) -> Vec<String> {
        lock(&self.disagreements).clone()
    }

    pub(super) fn set_rules(&self, rules: SymbolRules) {
        write(&self.rules).insert(rules.instrument.symbol.clone(), rules);
    }
}

//! Time and turn-taking of a running fleet: the clock the executors see, and their mailboxes.
//!
//! On a tape time is virtual: the driver owns the clock. It hands out a cycle, waits until every executor is *quiet* (idle, or
//! parked on a timer), then moves time on; timers fire in order on the way. So a run is the same however fast the
//! machine is, and an account that waits for an exchange which never answers costs the others no time at all. On a
//! live market time is real: it passes by itself, and the driver waits for nobody.
//!
//! A mailbox never blocks its sender: configurations are whole and the latest wins; cycles queue up to a bound, so
//! that the paper book sees every bar while the account's machine acts on the newest only.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use crate::clock::{SteadyClock, Stopwatch};
use crate::domain::ids::AccountId;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::config::AccountConfig;
use crate::engine::cycle::Cycle;
use crate::engine::settings::PaperSettings;
use crate::exchange::{BoxFuture, Sleep};

/// Cycles that wait for one slow executor; beyond this the oldest are dropped and its book misses their bars.
const CYCLES_WAITING_MAX: usize = 4_096;

/// Whose prices an account trades at: one exchange's, or those of the tape (`None`) that everybody is played.
pub type MarketId = Option<ExchangeKind>;

/// What an executor finds in its mailbox.
#[derive(Debug, Default)]
pub struct Mail {
    /// Oldest first.
    pub cycles: VecDeque<Arc<Cycle>>,
    /// Since the newest of them was handed out.
    pub published: Option<Stopwatch>,
    pub config: Option<Box<Configuration>>,
    /// The process stood still: what is believed may be old.
    pub woken: bool,
    pub stop: bool,
}

/// A changed configuration, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    pub account: AccountConfig,
    pub paper: PaperSettings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for mail.
    Idle,
    /// Has mail, or works.
    Active,
    /// Works, but waits for a timer.
    Parked,
}

struct Member {
    market: MarketId,
    state: State,
    mail: Mail,
    wake: Arc<Notify>,
}

struct Timer {
    account: AccountId,
    waker: Option<Waker>,
    fired: bool,
}

/// Timers in the order they fire: by deadline, then by the order they were set.
type TimerKey = (Timestamp, u64);

/// Where the time comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// The driver moves [`Inner::now`].
    Virtual,
    Real(SteadyClock),
}

struct Inner {
    /// Of virtual time.
    now: Timestamp,
    members: BTreeMap<AccountId, Member>,
    /// The account behind which the next fan-out begins.
    first_served: Option<AccountId>,
    active: usize,
    timers: BTreeMap<TimerKey, Timer>,
    timers_set: u64,
}

/// Shared by the driver and all executors.
pub struct Pace {
    source: Source,
    inner: Mutex<Inner>,
    quiet: Notify,
}

impl Pace {
    /// Virtual time, from `now` on.
    pub fn new(now: Timestamp) -> Arc<Self> {
        Self::with(Source::Virtual, now)
    }

    /// Real time, by `clock`.
    pub fn real(clock: SteadyClock) -> Arc<Self> {
        Self::with(Source::Real(clock), clock.now())
    }

    fn with(source: Source, now: Timestamp) -> Arc<Self> {
        let inner = Inner {
            now,
            members: BTreeMap::new(),
            first_served: None,
            active: 0,
            timers: BTreeMap::new(),
            timers_set: 0,
        };
        Arc::new(Self { source, inner: Mutex::new(inner), quiet: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> Timestamp {
        match self.source {
            Source::Virtual => self.lock().now,
            Source::Real(clock) => clock.now(),
        }
    }

    /// Admits an executor. It counts as active until it first asks for mail.
    pub fn join(self: &Arc<Self>, account: AccountId, market: MarketId) -> Seat {
        let wake = Arc::new(Notify::new());
        let mut inner = self.lock();
        let member = Member { market, state: State::Active, mail: Mail::default(), wake: Arc::clone(&wake) };
        inner.members.insert(account, member);
        inner.active += 1;
        Seat { pace: Arc::clone(self), account, wake }
    }

    /// Hands a cycle to every executor of its market.
    pub fn publish(&self, market: MarketId, cycle: &Arc<Cycle>) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let published = Some(Stopwatch::start());
        for member in inner.members.values_mut().filter(|member| member.market == market) {
            if member.mail.cycles.len() >= CYCLES_WAITING_MAX {
                member.mail.cycles.pop_front();
            }
            member.mail.cycles.push_back(Arc::clone(cycle));
            member.mail.published = published;
        }
        // Nobody is always first: whoever was woken first is last the next time.
        let first = inner.first_served.unwrap_or(AccountId::new(0));
        let order = (Bound::Excluded(first), Bound::Unbounded);
        for (_, member) in inner.members.range_mut(order).filter(|(_, member)| member.market == market) {
            inner.active += member.wake_up();
        }
        for (_, member) in inner.members.range_mut(..=first).filter(|(_, member)| member.market == market) {
            inner.active += member.wake_up();
        }
        let next = inner.members.range(order).next().or_else(|| inner.members.iter().next());
        inner.first_served = next.map(|(account, _)| *account);
    }

    /// Gives one executor a changed configuration.
    pub fn configure(&self, account: AccountId, configuration: Configuration) {
        self.post(account, |mail| mail.config = Some(Box::new(configuration)));
    }

    /// Tells everybody that the process stood still.
    pub fn wake_all(&self) {
        let accounts: Vec<AccountId> = self.lock().members.keys().copied().collect();
        for account in accounts {
            self.post(account, |mail| mail.woken = true);
        }
    }

    /// Asks one executor to finish.
    pub fn stop(&self, account: AccountId) {
        self.post(account, |mail| mail.stop = true);
    }

    fn post(&self, account: AccountId, put: impl FnOnce(&mut Mail)) {
        let mut inner = self.lock();
        let Some(member) = inner.members.get_mut(&account) else { return };
        put(&mut member.mail);
        let woken = member.wake_up();
        inner.active += woken;
    }

    /// Returns once every executor is idle or parked.
    pub async fn wait_quiet(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.lock().active == 0 {
                return;
            }
            quiet.await;
        }
    }

    /// Executors that are still at work, for a report on who holds everybody up.
    pub fn busy(&self) -> Vec<AccountId> {
        let inner = self.lock();
        let busy = inner.members.iter().filter(|(_, member)| member.state == State::Active);
        busy.map(|(account, _)| *account).collect()
    }

    /// Moves virtual time to `to`, firing every timer on the way in order and letting its executor finish with it
    /// before the next.
    pub async fn advance(&self, to: Timestamp) {
        while self.fire_next(to) {
            self.wait_quiet().await;
        }
        let mut inner = self.lock();
        inner.now = inner.now.max(to);
    }

    fn fire_next(&self, to: Timestamp) -> bool {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let next = inner.timers.iter_mut().find(|(key, timer)| key.0 <= to && !timer.fired);
        let Some((key, timer)) = next else { return false };
        timer.fired = true;
        let waker = timer.waker.take();
        inner.now = inner.now.max(key.0);
        if let Some(member) = inner.members.get_mut(&timer.account)
            && member.state == State::Parked
        {
            member.state = State::Active;
            inner.active += 1;
        }
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// The executor has nothing to do; true when there is mail after all.
    fn settle(&self, account: AccountId) -> Option<Mail> {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let member = inner.members.get_mut(&account)?;
        if member.mail.has_any() {
            return Some(std::mem::take(&mut member.mail));
        }
        if member.state == State::Active {
            member.state = State::Idle;
            inner.leave_active(&self.quiet);
        }
        None
    }

    fn leave(&self, account: AccountId) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        if inner.members.remove(&account).is_some_and(|member| member.state == State::Active) {
            inner.leave_active(&self.quiet);
        }
    }
}

impl Inner {
    fn leave_active(&mut self, quiet: &Notify) {
        self.active = self.active.saturating_sub(1);
        if self.active == 0 {
            quiet.notify_waiters();
        }
    }
}

impl Mail {
    fn has_any(&self) -> bool {
        self.stop || self.woken || self.config.is_some() || !self.cycles.is_empty()
    }
}

impl Member {
    /// How many became active: one, or none when it was at work already.
    fn wake_up(&mut self) -> usize {
        if self.state != State::Idle {
            return 0;
        }
        self.state = State::Active;
        self.wake.notify_one();
        1
    }
}

/// An executor's place: its mailbox and its clock. Dropping it, also by a panic, frees those who wait for it.
pub struct Seat {
    pace: Arc<Pace>,
    account: AccountId,
    wake: Arc<Notify>,
}

impl Seat {
    /// The next mail; waits for it.
    pub async fn mail(&self) -> Mail {
        loop {
            if let Some(mail) = self.pace.settle(self.account) {
                return mail;
            }
            self.wake.notified().await;
        }
    }

    /// The time as this executor sees it.
    pub fn clock(&self) -> AccountClock {
        AccountClock { pace: Arc::clone(&self.pace), account: self.account }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.pace.leave(self.account);
    }
}

/// The time as one account sees it; sleeping parks the account.
#[derive(Clone)]
pub struct AccountClock {
    pace: Arc<Pace>,
    account: AccountId,
}

impl Sleep for AccountClock {
    fn sleep(&self, duration: DurationMs) -> BoxFuture<'static, ()> {
        if let Source::Real(clock) = self.pace.source {
            return RealSleep(clock).sleep(duration);
        }
        let deadline = self.pace.now().plus(duration);
        Box::pin(VirtualSleep { clock: self.clone(), deadline, key: None })
    }

    fn now(&self) -> Timestamp {
        self.pace.now()
    }
}

/// Real time for what belongs to no account.
#[derive(Debug, Clone, Copy)]
pub struct RealSleep(pub SteadyClock);

impl Sleep for RealSleep {
    fn sleep(&self, duration: DurationMs) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(self.0.wall(duration)))
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// Resolves when the driver has moved time past its deadline.
struct VirtualSleep {
    clock: AccountClock,
    deadline: Timestamp,
    /// Set once polled.
    key: Option<TimerKey>,
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let pace = Arc::clone(&self.clock.pace);
        let account = self.clock.account;
        let mut guard = pace.lock();
        let inner = &mut *guard;
        let deadline = self.deadline;
        let key = *self.key.get_or_insert_with(|| {
            inner.timers_set += 1;
            (deadline, inner.timers_set)
        });
        let timer = inner.timers.entry(key).or_insert(Timer { account, waker: None, fired: false });
        if timer.fired {
            return Poll::Ready(());
        }
        timer.waker = Some(context.waker().clone());
        if let Some(member) = inner.members.get_mut(&account)
            && member.state == State::Active
        {
            member.state = State::Parked;
            inner.leave_active(&pace.quiet);
        }
        Poll::Pending
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.pace.lock().timers.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;

//! The one writer of a running daemon: jobs in, durable commits out.
//!
//! Jobs that arrive while a commit runs share the next one, so a thousand accounts cost a few disk flushes, not a
//! thousand. One that fails takes back only its own changes: each runs under its own savepoint, or, where it can be done
//! again, under one that it shares with its neighbours as long as none of them fails. An answer is given after COMMIT with `synchronous=FULL`, so what was answered survives a power cut. When the commit itself
//! fails, every job of the group is told; nothing of the group is in the database and the callers may try again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{Store, StoreError};

/// Jobs that may wait for the writer; callers beyond that wait for a place.
const QUEUE_LIMIT: usize = 4_096;
/// Jobs in one commit: bounds how long the first of a group waits for the last.
const GROUP_LIMIT: usize = 512;
/// Turns of a cycle come in a wave: an awaited group that is not full waits this long for the next job, again as long as
/// jobs keep coming, up to so many times. Little beside a flush, and a wave shares one.
const GATHER_STEPS: u32 = 20;
const GATHER_STEP: Duration = Duration::from_micros(50);
/// How long a group for which nobody waits may grow, in steps.
const LINGER_STEPS: u32 = 10;
const LINGER_STEP: Duration = Duration::from_millis(2);

/// Pages in KB that the writer's connection may hold: a group of turns is changed in memory and written once, instead
/// of being spilled to the log and read back while it grows.
const CACHE_KB: i64 = 4_096;
/// Pages in the write-ahead log before they go into the database (16 MB): a large group must not cause a checkpoint of
/// its own, since the same rows of every account change again and again.
const CHECKPOINT_PAGES: i64 = 4_096;

/// What the writer has done since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterCounters {
    pub commits: u64,
    pub jobs: u64,
}

/// Hears of each commit, on the writer's thread. Must not block.
pub trait CommitObserver: Send + Sync {
    fn begun(&self);
    fn ended(&self, outcome: Result<(), &StoreError>);
}

/// A handle to the writer; clones share it.
#[derive(Debug, Clone)]
pub struct Writer {
    queue: mpsc::Sender<Message>,
    totals: Arc<Totals>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Writer {
    /// Starts the writer's thread on the store's connection.
    pub fn start(store: Store) -> Result<Self, StoreError> {
        Self::observed(store, None)
    }

    /// [`Self::start`] with somebody who hears of each commit.
    pub fn observed(store: Store, observer: Option<Arc<dyn CommitObserver>>) -> Result<Self, StoreError> {
        let (queue, inbox) = mpsc::channel(QUEUE_LIMIT);
        let totals = Arc::new(Totals::default());
        let conn = store.into_connection();
        conn.pragma_update(None, "cache_size", -CACHE_KB)?;
        conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        // What savepoints keep to take themselves back: a few pages each, otherwise written to a file of their own.
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        let mut group_commit = GroupCommit { conn, inbox, totals: Arc::clone(&totals), observer };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || group_commit.work())
            .map_err(|error| StoreError::Other { detail: format!("no thread for the writer: {error}") })?;
        Ok(Self { queue, totals, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Runs `work` in a transaction and returns when its changes are durable.
    pub async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.answered(|answer| Box::new(Job::new(Once(Some(work)), Some(answer)))).await
    }

    /// Hands over `work` and returns at once. It becomes durable with its group; a failure is only logged.
    pub async fn post<F>(&self, work: F)
    where
        F: FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    {
        self.hand_over(Box::new(Job::<(), _>::new(Once(Some(work)), None))).await;
    }

    /// [`Self::run`] for the writer's daily bread: work that can be done again after it was taken back.
    pub async fn run_repeatable<F>(&self, work: F) -> Result<(), StoreError>
    where
        F: FnMut(&Connection) -> Result<(), StoreError> + Send + 'static,
    {
        self.answered(|answer| Box::new(Job::new(Again(work), Some(answer)))).await
    }

    /// [`Self::post`] of work that can be done again after it was taken back.
    pub async fn post_repeatable<F>(&self, work: F)
    where
        F: FnMut(&Connection) -> Result<(), StoreError> + Send + 'static,
    {
        self.hand_over(Box::new(Job::<(), _>::new(Again(work), None))).await;
    }

    async fn answered<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Box<dyn Work>,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Message::Job(job(answer))).await.map_err(|_| StoreError::WriterStopped)?;
        answered.await.map_err(|_| StoreError::WriterStopped)?
    }

    async fn hand_over(&self, job: Box<dyn Work>) {
        if self.queue.send(Message::Job(job)).await.is_err() {
            tracing::error!(error = %StoreError::WriterStopped, "a posted write was lost");
        }
    }

    pub fn counters(&self) -> WriterCounters {
        WriterCounters {
            commits: self.totals.commits.load(Ordering::Relaxed),
            jobs: self.totals.jobs.load(Ordering::Relaxed),
        }
    }

    /// Commits everything that was handed over, then ends the thread and closes the connection. Later jobs are
    /// refused. May be called more than once.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.queue.send(Message::Stop(done)).await.is_ok() && stopped.await.is_err() {
            tracing::error!("the store's writer ended without finishing its queue");
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

enum Message {
    Job(Box<dyn Work>),
    Stop(oneshot::Sender<()>),
}

#[derive(Debug, Default)]
struct Totals {
    commits: AtomicU64,
    jobs: AtomicU64,
}

/// A job of any result type.
trait Work: Send {
    /// Whether somebody waits for the answer.
    fn is_awaited(&self) -> bool;
    /// Whether [`Work::run`] may be called again after what it did was taken back.
    fn is_repeatable(&self) -> bool;
    /// Does the work and keeps its result for [`Work::finish`].
    fn run(&mut self, conn: &Connection) -> Result<(), StoreError>;
    /// Answers with the result, or with the error that undid the whole group.
    fn finish(self: Box<Self>, group: Result<(), StoreError>);
}

/// What a job does.
trait Task<T>: Send {
    const REPEATABLE: bool;
    fn perform(&mut self, conn: &Connection) -> Result<T, StoreError>;
}

struct Once<F>(Option<F>);

struct Again<F>(F);

impl<T, F: FnOnce(&Connection) -> Result<T, StoreError> + Send> Task<T> for Once<F> {
    const REPEATABLE: bool = false;

    fn perform(&mut self, conn: &Connection) -> Result<T, StoreError> {
        let work = self.0.take();
        work.map_or_else(
            || Err(StoreError::Other { detail: "a write was to be done twice".to_owned() }),
            |work| work(conn),
        )
    }
}

impl<T, F: FnMut(&Connection) -> Result<T, StoreError> + Send> Task<T> for Again<F> {
    const REPEATABLE: bool = true;

    fn perform(&mut self, conn: &Connection) -> Result<T, StoreError> {
        (self.0)(conn)
    }
}

struct Job<T, W> {
    work: W,
    result: Option<Result<T, StoreError>>,
    answer: Option<oneshot::Sender<Result<T, StoreError>>>,
}

impl<T, W> Job<T, W> {
    const fn new(work: W, answer: Option<oneshot::Sender<Result<T, StoreError>>>) -> Self {
        Self { work, result: None, answer }
    }
}

impl<T: Send, W: Task<T>> Work for Job<T, W> {
    fn is_awaited(&self) -> bool {
        self.answer.is_some()
    }

    fn is_repeatable(&self) -> bool {
        W::REPEATABLE
    }

    fn run(&mut self, conn: &Connection) -> Result<(), StoreError> {
        // One account's bug must not end the writer of all.
        let result = catch_unwind(AssertUnwindSafe(|| self.work.perform(conn)))
            .unwrap_or_else(|_| Err(StoreError::Other { detail: "a write panicked".to_owned() }));
        let outcome = result.as_ref().map(|_| ()).map_err(StoreError::clone);
        self.result = Some(result);
        outcome
    }

    fn finish(self: Box<Self>, group: Result<(), StoreError>) {
        let result = match (self.result, group) {
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(StoreError::WriterStopped),
        };
        match (self.answer, result) {
            // The caller may have gone; its work is done all the same.
            (Some(answer), result) => drop(answer.send(result)),
            (None, Ok(_)) => {}
            (None, Err(error)) => tracing::error!(%error, "a posted write failed"),
        }
    }
}

type Group = Vec<Box<dyn Work>>;

/// The thread's state.
struct GroupCommit {
    conn: Connection,
    inbox: mpsc::Receiver<Message>,
    totals: Arc<Totals>,
    observer: Option<Arc<dyn CommitObserver>>,
}

impl GroupCommit {
    /// Commits group after group until it is stopped or all handles are gone.
    fn work(&mut self) {
        let mut stop = None;
        while let Some(message) = self.inbox.blocking_recv() {
            let mut group = Group::new();
            self.accept(message, &mut group, &mut stop);
            self.collect(&mut group, &mut stop);
            self.commit(group);
        }
        if let Some(done) = stop {
            // Nobody left to hear it is fine.
            let _: Result<(), ()> = done.send(());
        }
    }

    /// A stop closes the queue: what is in it already is still received, then it ends.
    fn accept(&mut self, message: Message, group: &mut Group, stop: &mut Option<oneshot::Sender<()>>) {
        match message {
            Message::Job(job) => group.push(job),
            Message::Stop(done) => {
                self.inbox.close();
                // A second stop that was queued before the close ends with the first.
                if let Some(earlier) = stop.replace(done) {
                    let _: Result<(), ()> = earlier.send(());
                }
            }
        }
    }

    /// Takes in what is waiting already and what comes right after it; a group that nobody waits for may grow longer.
    fn collect(&mut self, group: &mut Group, stop: &mut Option<oneshot::Sender<()>>) {
        let (mut gathered, mut lingered) = (0, 0);
        let mut known = 0;
        while group.len() < GROUP_LIMIT {
            if let Ok(message) = self.inbox.try_recv() {
                self.accept(message, group, stop);
                continue;
            }
            if stop.is_some() {
                break;
            }
            if group.iter().any(|job| job.is_awaited()) {
                let has_grown = group.len() > known;
                if !has_grown || gathered == GATHER_STEPS {
                    break;
                }
                known = group.len();
                gathered += 1;
                thread::sleep(GATHER_STEP);
            } else if lingered < LINGER_STEPS {
                lingered += 1;
                thread::sleep(LINGER_STEP);
            } else {
                break;
            }
        }
    }

    fn commit(&self, mut group: Group) {
        if group.is_empty() {
            return;
        }
        if let Some(observer) = &self.observer {
            observer.begun();
        }
        let outcome = self.transact(&mut group);
        if let Some(observer) = &self.observer {
            observer.ended(outcome.as_ref().copied());
        }
        if outcome.is_ok() {
            self.totals.commits.fetch_add(1, Ordering::Relaxed);
            self.totals.jobs.fetch_add(u64::try_from(group.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        } else if !self.conn.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "a failed group could not be rolled back");
        }
        for job in group {
            job.finish(outcome.clone());
        }
    }

    fn transact(&self, group: &mut Group) -> Result<(), StoreError> {
        self.execute("BEGIN IMMEDIATE")?;
        for jobs in group.chunk_by_mut(|one, next| one.is_repeatable() && next.is_repeatable()) {
            if !self.run_together(jobs)? {
                jobs.iter_mut().try_for_each(|job| self.run_together(slice::from_mut(job)).map(drop))?;
            }
        }
        self.execute("COMMIT")
    }

    /// Runs jobs under one savepoint. When one fails, what all of them did is taken back, and the answer is false.
    fn run_together(&self, jobs: &mut [Box<dyn Work>]) -> Result<bool, StoreError> {
        self.execute("SAVEPOINT jobs")?;
        let outcome = jobs.iter_mut().try_for_each(|job| job.run(&self.conn));
        if let Err(error) = &outcome {
            // A full disk and the like end the whole transaction: then all of the group has failed.
            if self.conn.is_autocommit() {
                return Err(error.clone());
            }
            self.execute("ROLLBACK TO jobs")?;
        }
        self.execute("RELEASE jobs")?;
        Ok(outcome.is_ok() || jobs.len() == 1)
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.conn.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Control by Telegram in virtual time: two accounts of one bot, their people and some strangers, a server that tells an
//! update until it is acknowledged, and a daemon that dies at any moment, against a model of what ought to come of it.

mod model;
mod people;
mod stored;
mod tests;

use std::collections::BTreeMap;

use tempfile::TempDir;
use tradefleet::domain::money::Leverage;
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::settings::PolicyLimits;
use tradefleet::notify::telegram::answer::Answer;
use tradefleet::notify::telegram::desk::{Desk, Task};
use tradefleet::notify::telegram::gate::Turnstile;
use tradefleet::notify::telegram::incoming::Incoming;
use tradefleet::store::{Store, audit};

use crate::pcg::Pcg;
use crate::settled::Verdict;
use model::{ACCOUNTS, Came, Model, Said};
use stored::{in_store, settle_in};

const BEGIN: i64 = 1_700_000_000_000;
const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;
/// Moments at which people may do something.
const MOMENTS: u32 = 80;
/// How often settling is tried, as the daemon does.
const TRIES: u32 = 5;

/// Wrong ways of listening; each must be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// The number of an update is written after what it asked for.
    NumberWrittenAfter,
    /// Updates are acknowledged before they are obeyed.
    AcknowledgedFirst,
    /// Everybody in the chat may speak.
    ChatIsEnough,
    /// Everything counts as just written.
    AgeForgotten,
    /// Whoever presses counts as who asked.
    AnybodyPresses,
    /// What could not be settled is tried once more as if nothing had been.
    GivenUpIsForgotten,
}

const MISTAKES: [Mistake; 6] = [
    Mistake::NumberWrittenAfter,
    Mistake::AcknowledgedFirst,
    Mistake::ChatIsEnough,
    Mistake::AgeForgotten,
    Mistake::AnybodyPresses,
    Mistake::GivenUpIsForgotten,
];

/// What Telegram keeps of one update.
struct Kept {
    said: Said,
    incoming: Incoming,
}

/// The process is gone; what it held in memory with it.
struct Died;

struct World {
    store: Store,
    desk: Desk,
    turnstile: Turnstile,
    model: Model,
    /// Not acknowledged yet, in the order of their numbers.
    updates: Vec<Kept>,
    next_id: i64,
    /// Updates that have been settled or given up.
    done: u64,
    sent: u64,
    now: i64,
    chance: Pcg,
    people: Pcg,
    /// The buttons' tokens, by the number of their question.
    tokens: Vec<String>,
    mistake: Option<Mistake>,
    is_calm: bool,
    met: BTreeMap<&'static str, u64>,
    _dir: TempDir,
}

/// Plays one seed.
fn play(seed: u64, mistake: Option<Mistake>) -> Result<BTreeMap<&'static str, u64>, String> {
    let mut world = World::new(seed, mistake);
    for _ in 0..MOMENTS {
        world.now += SECOND * i64::from([0, 1, 5, 20, 90][usize::try_from(world.people.below(5)).unwrap()]);
        world.people_act();
        world.daemon_acts()?;
    }
    world.is_calm = true;
    world.now += SECOND;
    world.daemon_acts()?;
    world.all_is_done()?;
    Ok(world.met)
}

impl World {
    fn new(seed: u64, mistake: Option<Mistake>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::create(&dir.path().join("simulated.db")).unwrap();
        // What a power cut leaves is for other tests.
        store.conn().pragma_update(None, "synchronous", "OFF").unwrap();
        let limits = PolicyLimits { max_leverage: Leverage::try_new(20).unwrap() };
        let members = store.transaction(|conn| Ok(ACCOUNTS.map(|name| settle_in(conn, name)))).unwrap();
        let mut desk =
            Desk { bot_id: 1, own_name: Some("fleet_bot".to_owned()), members: members.into(), limits };
        if mistake == Some(Mistake::ChatIsEnough) {
            desk.members.iter_mut().for_each(|member| member.users.extend([7, 8, 9]));
        }
        let model = Model::new(ACCOUNTS.map(|name| in_store(&store, name)).into());
        let (chance, people) = (Pcg::new(seed, 1), Pcg::new(seed, 2));
        let (updates, tokens, turnstile) = (Vec::new(), Vec::new(), Turnstile::default());
        Self {
            store,
            desk,
            turnstile,
            model,
            updates,
            next_id: 1_000,
            done: 0,
            sent: 0,
            now: BEGIN,
            chance,
            people,
            tokens,
            mistake,
            is_calm: false,
            met: BTreeMap::new(),
            _dir: dir,
        }
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// One of `n` times, until calm comes.
    fn befalls(&mut self, n: u32, what: &'static str) -> bool {
        let does = self.chance.below(n) == 0 && !self.is_calm;
        if does {
            self.meet(what);
        }
        does
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_ms(self.now)
    }

    /// The daemon asks for updates and settles them, unless it cannot reach the server or is not running.
    fn daemon_acts(&mut self) -> Verdict {
        if self.befalls(6, "not asked") {
            return Ok(());
        }
        let last = self.desk.last_update(self.store.conn(), self.at()).unwrap();
        if let Some(last) = last {
            self.updates.retain(|kept| kept.said.id > last);
        }
        let mut batch: Vec<(Said, Incoming)> =
            self.updates.iter().map(|kept| (kept.said.clone(), kept.incoming.clone())).collect();
        if !batch.is_empty() && self.befalls(8, "told twice") {
            batch.extend(batch.clone());
        }
        if self.is(Mistake::AcknowledgedFirst) {
            self.updates.clear();
        }
        for (said, incoming) in batch {
            match self.take(&said, &incoming) {
                Ok(()) => {}
                Err(Ok(Died)) => {
                    self.turnstile = Turnstile::default();
                    self.model.crash();
                    self.agrees().map_err(|why| format!("after a crash: {why}"))?;
                    return Ok(());
                }
                Err(Err(why)) => return Err(format!("{said:?} at {}: {why}", self.now)),
            }
            self.agrees().map_err(|why| format!("after {said:?} at {}: {why}", self.now))?;
        }
        Ok(())
    }

    /// One update, as the daemon's poller takes it.
    fn take(&mut self, said: &Said, incoming: &Incoming) -> Result<(), Result<Died, String>> {
        let is_news = self.model.is_news(said.id, self.now);
        let incoming = self.distorted(said, incoming);
        let now = self.at();
        let task = self.desk.sort(&incoming, &mut self.turnstile, now);
        let listened = self.model.listens(said, self.now);
        // What is shown is rendered beside the transaction.
        let task = match task {
            Task::Show { member, .. } => Task::Answer { member, answer: Answer::plain("shown") },
            task => task,
        };
        if self.befalls(20, "died before it was settled") {
            return Err(Ok(Died));
        }
        let before = self.answers();
        for tried in 1..=TRIES {
            let (desk, now) = (&self.desk, Timestamp::from_ms(self.now));
            let is_lost = !self.is_calm && self.chance.below(if tried == 1 { 12 } else { 2 }) == 0;
            let settled = self.store.attempt(is_lost, |conn| desk.settle(conn, &incoming, task.clone(), now));
            if is_lost {
                self.meet("the disk failed");
                if self.befalls(4, "died while it was settled") {
                    return Err(Ok(Died));
                }
                continue;
            }
            let was_settled = settled.map_err(|error| Err(error.to_string()))?.is_some();
            return self.settled(said, (is_news, was_settled), listened, before);
        }
        self.give_up(said, &incoming, is_news);
        Ok(())
    }

    fn settled(
        &mut self,
        said: &Said,
        (is_news, was_settled): (bool, bool),
        listened: Result<(), Came>,
        before: u64,
    ) -> Result<(), Result<Died, String>> {
        if is_news != was_settled {
            return Err(Err(format!("settled: {was_settled}, but is news: {is_news}")));
        }
        if is_news {
            self.done += 1;
            let came = self.model.hear(said, listened, self.now);
            self.meet(match came {
                Came::Ignored => "ignored",
                Came::Answered => "answered",
                Came::Asked => "asked",
            });
            self.note_answer(came, before).map_err(Err)?;
        } else {
            self.meet("heard before");
        }
        if self.befalls(20, "died after it was settled") {
            if self.is(Mistake::NumberWrittenAfter) {
                self.forget_number();
            }
            return Err(Ok(Died));
        }
        Ok(())
    }

    fn give_up(&mut self, said: &Said, incoming: &Incoming, is_news: bool) {
        self.meet("given up");
        if is_news {
            self.done += 1;
            self.model.gives_up(said.id, self.now);
        }
        if self.is(Mistake::GivenUpIsForgotten) {
            return;
        }
        let (desk, now) = (&self.desk, Timestamp::from_ms(self.now));
        self.store.attempt(false, |conn| desk.give_up(conn, incoming, now)).unwrap();
    }

    /// What a wrong daemon makes of an update.
    fn distorted(&self, said: &Said, incoming: &Incoming) -> Incoming {
        use tradefleet::notify::telegram::incoming::Kind;
        let mut incoming = incoming.clone();
        match &mut incoming.kind {
            Kind::Text(text) if self.is(Mistake::AgeForgotten) => text.sent_at = self.at(),
            Kind::Press(press) if self.is(Mistake::AnybodyPresses) && said.chat < 0 => {
                let token = press.data.split(':').next_back().unwrap();
                let sql = "SELECT user_id FROM telegram_confirmations WHERE token = ?1";
                press.user =
                    self.store.conn().query_row(sql, [token], |row| row.get(0)).unwrap_or(press.user);
            }
            _ => {}
        }
        incoming
    }

    fn forget_number(&mut self) {
        let sql = "UPDATE telegram_bots SET last_update_id = last_update_id - 1";
        self.store.conn().execute(sql, []).unwrap();
    }

    /// One answer or none; a question brings its buttons.
    fn note_answer(&mut self, came: Came, before: u64) -> Verdict {
        let expected = u64::from(came != Came::Ignored);
        let answers = self.answers() - before;
        if answers != expected {
            return Err(format!("{answers} answers, expected {expected}"));
        }
        if came == Came::Ignored {
            return Ok(());
        }
        let sql = "SELECT body FROM telegram_replies ORDER BY id DESC LIMIT 1";
        let body: String = self.store.conn().query_row(sql, [], |row| row.get(0)).unwrap();
        let answer: Answer = serde_json::from_str(&body).unwrap();
        match (came, answer.buttons.first().and_then(|button| button.data.strip_prefix("ok:"))) {
            (Came::Asked, Some(token)) => {
                assert_eq!(self.model.newest_question(), self.tokens.len());
                self.tokens.push(token.to_owned());
                Ok(())
            }
            (Came::Asked, None) => Err(format!("no question was asked: {}", answer.text)),
            (Came::Answered, Some(_)) => Err(format!("a question was asked: {}", answer.text)),
            _ => Ok(()),
        }
    }

    fn answers(&self) -> u64 {
        self.count("SELECT count(*) FROM telegram_replies")
    }

    fn count(&self, sql: &str) -> u64 {
        let count: i64 = self.store.conn().query_row(sql, [], |row| row.get(0)).unwrap();
        u64::try_from(count).unwrap()
    }

    /// The database holds what the model holds.
    fn agrees(&self) -> Verdict {
        for (name, ours) in ACCOUNTS.iter().zip(&self.model.accounts) {
            let stored = in_store(&self.store, name);
            if stored != *ours {
                return Err(format!("account {name}: expected {ours:?}, the store has {stored:?}"));
            }
        }
        let last = self.desk.last_update(self.store.conn(), self.at()).map_err(|error| error.to_string())?;
        let is_old = self.model.last().is_some_and(|last| self.model.is_news(last, self.now));
        if !is_old && last != self.model.last() {
            return Err(format!("last update: expected {:?}, the store has {last:?}", self.model.last()));
        }
        let counts = [
            ("changes told to the daemon", "SELECT count(*) FROM commands", self.model.changes),
            (
                "entries of the audit log",
                "SELECT count(*) FROM audit_log",
                self.model.changes + self.model.mutings,
            ),
        ];
        for (what, sql, expected) in counts {
            let found = self.count(sql);
            if found != expected {
                return Err(format!("{what}: expected {expected}, the store has {found}"));
            }
        }
        Ok(())
    }

    /// Nothing that was said is left, or was lost.
    fn all_is_done(&self) -> Verdict {
        if self.done != self.sent {
            return Err(format!("{} updates, {} of them came to something", self.sent, self.done));
        }
        let report = audit::verify(self.store.conn()).map_err(|error| error.to_string())?;
        report.fault.map_or(Ok(()), |fault| Err(format!("the audit log: {fault:?}")))
    }
}

//! What a chat ought to bring about, reckoned apart from the program: who may speak, what is done at once, asked about or
//! refused, and what counts how often.

use std::collections::{BTreeMap, VecDeque};

/// Of a bot's two accounts: `a` in the private chat of its owner, `b` in a group of two.
pub(crate) const ACCOUNTS: [&str; 2] = ["a", "b"];
pub(crate) const CHATS: [i64; 2] = [7, -100];
pub(crate) const MEMBERS: [&[i64]; 2] = [&[7], &[7, 8]];

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;
const FRESH: i64 = 60 * SECOND;
const MUTED: i64 = 600 * SECOND;
const NUMBERS_HOLD: i64 = 3 * DAY;

/// What is meant by a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// No command at all.
    Talk,
    ForOtherBot,
    /// A command that cannot be obeyed as it is.
    Wrong,
    Show,
    Set(&'static str, i64),
    AutoExit(bool),
    Start,
    Stop,
    Halt(&'static str),
    Flatten,
    Resume,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Says(Meaning),
    /// A button under the question of this number; `None`: a button that never was.
    Presses {
        question: Option<usize>,
        confirms: bool,
    },
    /// Somebody changed an older message.
    Edits,
}

/// One update, as the model sees it.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) id: i64,
    pub(crate) chat: i64,
    pub(crate) user: i64,
    pub(crate) at: i64,
    pub(crate) what: What,
}

/// What an update came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    Ignored,
    Answered,
    /// Answered with a question that has buttons.
    Asked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) settings: BTreeMap<&'static str, i64>,
    pub(crate) auto_exit: bool,
    pub(crate) is_running: bool,
    /// Why, and whether what is open is to be closed.
    pub(crate) halt: Option<(String, bool)>,
    pub(crate) strikes: u32,
    pub(crate) muted_until: Option<i64>,
    pub(crate) answers: u64,
}

struct Question {
    account: usize,
    user: i64,
    meaning: Meaning,
    asked_at: i64,
    is_open: bool,
    /// Too old to be told what it was.
    is_forgotten: bool,
}

pub(crate) struct Model {
    pub(crate) accounts: Vec<Account>,
    questions: Vec<Question>,
    /// Times at which each chat was listened to, and whether it was told that there are too many.
    heard: BTreeMap<i64, (VecDeque<i64>, bool)>,
    last: Option<(i64, i64)>,
    /// Changes that took effect; each is told to the daemon and written into the audit log.
    pub(crate) changes: u64,
    pub(crate) mutings: u64,
}

impl Model {
    pub(crate) fn new(accounts: Vec<Account>) -> Self {
        let (questions, heard) = (Vec::new(), BTreeMap::new());
        Self { accounts, questions, heard, last: None, changes: 0, mutings: 0 }
    }

    /// A restart forgets who has said how much.
    pub(crate) fn crash(&mut self) {
        self.heard.clear();
    }

    /// An update counts once; after days of silence numbers mean nothing.
    pub(crate) fn is_news(&self, id: i64, now: i64) -> bool {
        self.last.is_none_or(|(last, at)| id > last || now - at >= NUMBERS_HOLD)
    }

    pub(crate) fn last(&self) -> Option<i64> {
        self.last.map(|(last, _)| last)
    }

    /// Given up: it counts as heard and does nothing.
    pub(crate) fn gives_up(&mut self, id: i64, now: i64) {
        self.last = Some((id, now));
    }

    /// Whether the chat is listened to: twenty times a minute, and once more to be told so. Noted whatever becomes of
    /// the update.
    pub(crate) fn listens(&mut self, said: &Said, now: i64) -> Result<(), Came> {
        let is_free = said.what == What::Says(Meaning::ForOtherBot)
            || matches!(said.what, What::Says(Meaning::Halt(_)) | What::Edits)
            || (said.chat < 0 && said.what == What::Says(Meaning::Talk));
        if is_free || member_of(said).is_none() {
            return Ok(());
        }
        let (times, is_told) = self.heard.entry(said.chat).or_default();
        times.retain(|at| now - at < FRESH);
        if times.len() < 20 {
            times.push_back(now);
            *is_told = false;
            return Ok(());
        }
        let is_first = !std::mem::replace(is_told, true);
        let is_text = matches!(said.what, What::Says(_));
        Err(if is_first && is_text { Came::Answered } else { Came::Ignored })
    }

    /// An update that is settled now; `listened` is what [`Self::listens`] said.
    pub(crate) fn hear(&mut self, said: &Said, listened: Result<(), Came>, now: i64) -> Came {
        self.last = Some((said.id, now));
        let Some(index) = member_of(said) else { return Came::Ignored };
        let account = &mut self.accounts[index];
        let is_halt = matches!(said.what, What::Says(Meaning::Halt(_)));
        let is_answered = listened != Err(Came::Ignored) && !matches!(said.what, What::Edits);
        if is_answered && !is_halt && account.muted_until.is_some_and(|until| until > now) {
            return Came::Ignored;
        }
        let came = match (listened, &said.what) {
            (Err(came), _) => came,
            (Ok(()), What::Edits) => Came::Ignored,
            (Ok(()), What::Says(meaning)) => self.obey(index, said, meaning, now),
            (Ok(()), What::Presses { question, confirms }) => {
                self.press(index, said, (*question, *confirms), now)
            }
        };
        if came != Came::Ignored {
            self.accounts[index].answers += 1;
        }
        came
    }

    fn obey(&mut self, index: usize, said: &Said, meaning: &Meaning, now: i64) -> Came {
        match meaning {
            Meaning::ForOtherBot => return Came::Ignored,
            Meaning::Talk if said.chat < 0 => return Came::Ignored,
            Meaning::Talk | Meaning::Wrong | Meaning::Show => return Came::Answered,
            _ => {}
        }
        let mut after = self.accounts[index].clone();
        apply(&mut after, meaning);
        if after == self.accounts[index] {
            return Came::Answered;
        }
        let asks = is_riskier(&self.accounts[index], meaning);
        if now - said.at > FRESH && (asks || *meaning == Meaning::Start) {
            return Came::Answered;
        }
        if asks {
            let (user, meaning) = (said.user, meaning.clone());
            self.forget_questions(now);
            self.questions.push(Question {
                account: index,
                user,
                meaning,
                asked_at: now,
                is_open: true,
                is_forgotten: false,
            });
            return Came::Asked;
        }
        self.accounts[index] = after;
        self.changes += 1;
        Came::Answered
    }

    fn press(
        &mut self,
        index: usize,
        said: &Said,
        (question, confirms): (Option<usize>, bool),
        now: i64,
    ) -> Came {
        let asked = question.map(|number| &mut self.questions[number]);
        let Some(asked) =
            asked.filter(|asked| asked.account == index && asked.user == said.user && !asked.is_forgotten)
        else {
            return self.strike(index, now);
        };
        if !asked.is_open || now > asked.asked_at + FRESH {
            return Came::Ignored;
        }
        asked.is_open = false;
        let account = &mut self.accounts[index];
        account.strikes = 0;
        account.muted_until = None;
        if confirms {
            let before = account.clone();
            apply(account, &asked.meaning);
            self.changes += u64::from(*account != before);
        }
        Came::Answered
    }

    /// A day after its time a question is forgotten, when the next one is asked.
    fn forget_questions(&mut self, now: i64) {
        for question in &mut self.questions {
            question.is_forgotten |= question.asked_at + FRESH < now - DAY;
        }
    }

    /// The fifth wrong button in a row mutes the chat.
    fn strike(&mut self, index: usize, now: i64) -> Came {
        let account = &mut self.accounts[index];
        account.strikes += 1;
        account.muted_until = None;
        if account.strikes < 5 {
            return Came::Ignored;
        }
        account.strikes = 0;
        account.muted_until = Some(now + MUTED);
        self.mutings += 1;
        Came::Answered
    }

    /// The number of the question that was asked last.
    pub(crate) fn newest_question(&self) -> usize {
        self.questions.len() - 1
    }
}

/// The account that is spoken to by somebody who may.
pub(crate) fn member_of(said: &Said) -> Option<usize> {
    let index = CHATS.iter().position(|chat| *chat == said.chat)?;
    MEMBERS[index].contains(&said.user).then_some(index)
}

fn apply(account: &mut Account, meaning: &Meaning) {
    match meaning {
        Meaning::Set(key, value) => *account.settings.get_mut(key).unwrap() = *value,
        Meaning::AutoExit(is_on) => account.auto_exit = *is_on,
        Meaning::Start => account.is_running = true,
        Meaning::Stop => account.is_running = false,
        Meaning::Halt(why) => halt(account, why, false),
        Meaning::Flatten => halt(account, "flatten by Telegram", true),
        Meaning::Resume => account.halt = None,
        Meaning::Talk | Meaning::ForOtherBot | Meaning::Wrong | Meaning::Show => {}
    }
}

/// Whoever wanted all closed is not overruled by a later word.
fn halt(account: &mut Account, why: &str, flattens: bool) {
    let flattens = flattens || account.halt.as_ref().is_some_and(|(_, flattens)| *flattens);
    account.halt = Some((why.to_owned(), flattens));
}

fn is_riskier(account: &Account, meaning: &Meaning) -> bool {
    match meaning {
        Meaning::Set("exit_cooldown_h", value) => *value < account.settings["exit_cooldown_h"],
        Meaning::Set(key, value) => *value > account.settings[key],
        Meaning::Flatten | Meaning::Resume => true,
        _ => false,
    }
}

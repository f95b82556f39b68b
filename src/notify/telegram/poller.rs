//! One bot: asks Telegram for updates, settles them one by one; couriers take the answers away.
//!
//! Reading happens on a connection of its own and away from the runtime's thread; writing goes through the one writer.
//! Whatever is down is asked again later, ever less often; nothing that was settled depends on it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::answer::Answer;
use super::api::{Api, ApiError};
use super::courier::Courier;
use super::desk::{Desk, Task};
use super::gate::{Member, Turnstile};
use super::grammar::View;
use super::incoming::{Incoming, Kind};
use super::pace::Paces;
use super::{menu, views};
use crate::clock::wall_now;
use crate::domain::time::DurationMs;
use crate::engine::settings::PolicyLimits;
use crate::notify::text::{Lang, chat};
use crate::store::telegram_replies::ReplyKind;
use crate::store::{Reader, StoreError, Writer};

const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_mins(1);
/// A token that Telegram does not know will hardly be known soon.
const UNAUTHORIZED_PAUSE: Duration = Duration::from_mins(5);
/// How often settling an update is tried before those behind it go first.
const TRIES_MAX: u32 = 5;
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The limits in force: they change when the configuration is read again.
pub type Limits = Arc<dyn Fn() -> PolicyLimits + Send + Sync>;

/// What all pollers share.
#[derive(Clone)]
pub struct Shared {
    pub reader: Reader,
    pub writer: Writer,
    pub poll: DurationMs,
    pub default_lang: Lang,
    pub limits: Limits,
}

pub struct Poller {
    pub api: Api,
    pub shared: Shared,
    /// Kept up to date by whoever owns the poller.
    pub desk: Arc<Mutex<Desk>>,
    turnstile: Turnstile,
    /// Wakes the courier of the texts, and that of the charts.
    news: [Arc<Notify>; 2],
    backoff: Duration,
    /// The name is known and the menu registered.
    is_introduced: bool,
    /// The trouble that people were told of.
    told: Option<ApiError>,
}

impl Poller {
    pub fn new(api: Api, shared: Shared, desk: Arc<Mutex<Desk>>) -> Self {
        Self {
            api,
            shared,
            desk,
            turnstile: Turnstile::default(),
            news: Default::default(),
            backoff: BACKOFF_FIRST,
            is_introduced: false,
            told: None,
        }
    }

    /// Listens, and takes the answers away. Until it is dropped.
    pub async fn run(mut self) {
        let [texts, charts] = self.news.clone();
        let paces = Arc::new(Paces::default());
        let texts = self.courier(ReplyKind::Text, texts, Arc::clone(&paces));
        let charts = self.courier(ReplyKind::Chart, charts, paces);
        tokio::join!(texts.run(), charts.run(), self.listen());
    }

    fn courier(&self, kind: ReplyKind, news: Arc<Notify>, paces: Arc<Paces>) -> Courier {
        Courier {
            api: self.api.clone(),
            shared: self.shared.clone(),
            desk: Arc::clone(&self.desk),
            kind,
            paces,
            news,
        }
    }

    async fn listen(&mut self) {
        loop {
            if let Err(error) = self.round().await {
                tracing::error!(%error, "Telegram: the database does not answer");
                self.pause().await;
            }
        }
    }

    /// As it stands now, with the limits of now.
    fn desk(&self) -> Desk {
        let desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Desk { limits: (self.shared.limits)(), ..desk }
    }

    /// One question for updates, and what comes of them.
    async fn round(&mut self) -> Result<(), StoreError> {
        if !self.is_introduced {
            match self.introduce().await {
                Ok(()) => self.is_introduced = true,
                Err(error) => return self.trouble(error).await,
            }
        }
        let desk = self.desk();
        let last = self.shared.reader.read(move |store| desk.last_update(store.conn(), wall_now())).await?;
        match self.api.updates(last.map(|last| last.saturating_add(1)), self.shared.poll).await {
            Ok(updates) => {
                self.backoff = BACKOFF_FIRST;
                self.told = None;
                // What comes again is settled already, and is no flood.
                let news = updates.iter().map(Incoming::of);
                for update in news.filter(|update| last.is_none_or(|last| update.update_id > last)) {
                    self.take(&update).await?;
                }
                Ok(())
            }
            Err(error) => self.trouble(error).await,
        }
    }

    /// Learns the bot's name and registers the menu.
    async fn introduce(&self) -> Result<(), ApiError> {
        let name = self.api.name().await?;
        self.desk.lock().unwrap_or_else(PoisonError::into_inner).own_name = Some(name);
        match menu::register(&self.api, self.shared.default_lang).await {
            // Without a menu the commands work all the same.
            Err(ApiError::Refused { reason }) => {
                tracing::warn!(reason, "Telegram: the menu of commands was refused");
                Ok(())
            }
            other => other,
        }
    }

    /// Waits as the trouble asks for, and tells people of what they can mend.
    async fn trouble(&mut self, error: ApiError) -> Result<(), StoreError> {
        let desk = self.desk();
        let accounts: Vec<_> = desk.members.iter().map(|member| member.name.as_str()).collect();
        tracing::warn!(%error, accounts = accounts.join(","), "Telegram");
        let is_news = self.told.as_ref() != Some(&error);
        match &error {
            ApiError::Conflict | ApiError::Unauthorized => {
                if is_news {
                    self.tell(&desk, error.to_string()).await?;
                }
            }
            ApiError::Throttled { .. } | ApiError::Refused { .. } | ApiError::Unavailable { .. } => {}
        }
        let pause = match &error {
            ApiError::Throttled { after } => {
                Duration::from_millis(u64::try_from(after.ms()).unwrap_or(0)).max(BACKOFF_FIRST)
            }
            ApiError::Unauthorized => UNAUTHORIZED_PAUSE,
            ApiError::Conflict | ApiError::Refused { .. } | ApiError::Unavailable { .. } => {
                self.next_backoff()
            }
        };
        self.told = Some(error);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    async fn tell(&self, desk: &Desk, detail: String) -> Result<(), StoreError> {
        let members = desk.members.clone();
        self.shared
            .writer
            .run(move |conn| {
                for member in &members {
                    super::desk::alert(conn, member, ("daemon", "telegram_trouble"), &detail, wall_now())?;
                }
                Ok(())
            })
            .await
    }

    fn next_backoff(&mut self) -> Duration {
        let pause = self.backoff;
        self.backoff = (pause * 2).min(BACKOFF_MAX);
        pause
    }

    async fn pause(&mut self) {
        let pause = self.next_backoff();
        tokio::time::sleep(pause).await;
    }

    /// One update, until it is settled or given up.
    async fn take(&mut self, incoming: &Incoming) -> Result<(), StoreError> {
        let desk = self.desk();
        let task = desk.sort(incoming, &mut self.turnstile, wall_now());
        let refreshed = Desk::refreshed(&task).map(|(member, view)| (member.clone(), view));
        let task = if let Task::Show { member, view } = task {
            let answer = self.show(&member, view).await;
            Task::Answer { member, answer }
        } else {
            task
        };
        let mut tries = 0;
        let after = loop {
            tries += 1;
            let (desk, update, task) = (desk.clone(), incoming.clone(), task.clone());
            let settled =
                self.shared.writer.run(move |conn| desk.settle(conn, &update, task, wall_now())).await;
            match settled {
                Ok(after) => break after,
                Err(StoreError::WriterStopped) => return Err(StoreError::WriterStopped),
                Err(error) if tries < TRIES_MAX => {
                    tracing::warn!(%error, "Telegram: an update could not be settled; again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) => return self.give_up(incoming, error).await,
            }
        };
        // Done before: whoever pressed has had the word.
        let Some(after) = after else { return Ok(()) };
        if let Kind::Press(press) = &incoming.kind {
            let shown = match refreshed {
                Some((member, view)) if after.word.is_none() => Some(self.show(&member, view).await),
                Some(_) | None => None,
            };
            let word = self.api.acknowledge(&press.id, after.word.as_deref()).await;
            let (chat, message) = (press.place.chat, press.message_id);
            let changed = match shown {
                // A chart beside it stays as it was.
                Some(answer) => self.api.replace(chat, message, &Answer { chart: None, ..answer }).await,
                None if after.strips_buttons => self.api.strip(chat, message).await,
                None => Ok(()),
            };
            for outcome in [word, changed] {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "Telegram: a button");
                }
            }
        }
        self.news.iter().for_each(|news| news.notify_one());
        Ok(())
    }

    async fn give_up(&self, incoming: &Incoming, error: StoreError) -> Result<(), StoreError> {
        tracing::error!(%error, update = incoming.update_id, "Telegram: an update is given up");
        let (desk, incoming) = (self.desk(), incoming.clone());
        self.shared.writer.run(move |conn| desk.give_up(conn, &incoming, wall_now())).await
    }

    /// The view, or a word that it cannot be read now.
    async fn show(&self, member: &Member, view: View) -> Answer {
        let (shown, lang) = (member.clone(), member.lang);
        let answer = self.shared.reader.read(move |store| views::show(store.conn(), &shown, &view)).await;
        answer.unwrap_or_else(|error| {
            tracing::warn!(%error, account = member.name, "Telegram: a view could not be read");
            Answer::plain(chat::NOT_NOW.text(lang))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;
    use crate::domain::money::Leverage;
    use crate::domain::secret::Secret;
    use crate::notify::telegram::api::Line;
    use crate::store::scratch::Scratch;

    #[tokio::test]
    async fn a_limit_that_is_read_again_counts_for_the_next_command() {
        let scratch = Scratch::new();
        let most = Arc::new(AtomicU8::new(20));
        let shown = Arc::clone(&most);
        let limits: Limits = Arc::new(move || PolicyLimits {
            max_leverage: Leverage::try_new(shown.load(Ordering::Relaxed)).unwrap(),
        });
        let shared = Shared {
            reader: Reader::new(scratch.open()),
            writer: Writer::start(scratch.open()).unwrap(),
            poll: DurationMs::from_secs(1),
            default_lang: Lang::default(),
            limits: Arc::clone(&limits),
        };
        let desk = Desk { bot_id: 1, own_name: None, members: Vec::new(), limits: limits() };
        let api = Line::open("http://127.0.0.1:9").unwrap().bot(&Secret::new("1:a".to_owned()));
        let poller = Poller::new(api, shared, Arc::new(Mutex::new(desk)));
        most.store(5, Ordering::Relaxed);
        assert_eq!(poller.desk().limits.max_leverage, Leverage::try_new(5).unwrap());
    }
}

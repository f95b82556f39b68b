//! A poller for every bot that an account has: it follows the database, so that a bot that is added, changed or taken
//! away while the daemon runs is heard of within a second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use super::api::Line;
use super::desk::Desk;
use super::gate::Member;
use super::poller::{Limits, Poller, Shared};
use crate::config::Config;
use crate::domain::secret::Secret;
use crate::notify::text::Lang;
use crate::store::telegram_bots::{self, TelegramBotRow};
use crate::store::{Reader, Store, StoreError, Writer, accounts};
use crate::vault::{Field, Vault};

const LOOK_EVERY: Duration = Duration::from_secs(1);

pub struct Switchboard {
    line: Line,
    shared: Shared,
    vault: Arc<Vault>,
    pollers: JoinSet<()>,
    /// By token.
    served: BTreeMap<String, Served>,
    /// As last read, to see whether anything has changed.
    known: Vec<Entry>,
}

/// One bot with its poller.
struct Served {
    desk: Arc<Mutex<Desk>>,
    task: AbortHandle,
}

/// An account's row with what belongs to it.
type Entry = (TelegramBotRow, String, Vec<i64>);

impl Switchboard {
    pub fn new(
        config: &Config,
        limits: Limits,
        vault: Arc<Vault>,
        reader: Reader,
        writer: Writer,
    ) -> Result<Self, StoreError> {
        let line = Line::open(&config.telegram.api_url)
            .map_err(|error| StoreError::Other { detail: error.to_string() })?;
        Ok(Self {
            line,
            shared: Shared {
                reader,
                writer,
                poll: config.telegram.poll,
                default_lang: Lang::from_word(&config.telegram.language).unwrap_or_default(),
                limits,
            },
            vault,
            pollers: JoinSet::new(),
            served: BTreeMap::new(),
            known: Vec::new(),
        })
    }

    /// Until it is dropped, and the pollers with it.
    pub async fn run(mut self) {
        loop {
            match self.shared.reader.read(read).await {
                Ok(entries) => self.follow(entries),
                Err(error) => tracing::warn!(%error, "Telegram: the accounts' bots could not be read"),
            }
            while let Some(ended) = self.pollers.try_join_next() {
                // Only a bug ends one: it is started anew.
                if ended.is_err_and(|error| error.is_panic()) {
                    tracing::error!("Telegram: a poller panicked");
                    self.served.retain(|_, served| !served.task.is_finished());
                    self.known.clear();
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn follow(&mut self, entries: Vec<Entry>) {
        if entries == self.known {
            return;
        }
        let mut wanted: BTreeMap<String, Vec<Member>> = BTreeMap::new();
        for (row, name, users) in &entries {
            match self.vault.open(row.account_id, Field::BotToken, &row.bot_token) {
                Ok(token) => {
                    let members = wanted.entry(token.expose().to_owned()).or_default();
                    members.push(self.member(row, name, users));
                }
                Err(error) => tracing::error!(account = name, %error, "Telegram: the token cannot be opened"),
            }
        }
        self.served.retain(|token, served| {
            let is_wanted = wanted.contains_key(token);
            if !is_wanted {
                served.task.abort();
            }
            is_wanted
        });
        for (token, members) in wanted {
            if let Some(served) = self.served.get(&token) {
                served.desk.lock().unwrap_or_else(PoisonError::into_inner).members = members;
                continue;
            }
            let limits = (self.shared.limits)();
            let desk = Desk { bot_id: bot_number(&token), own_name: None, members, limits };
            let desk = Arc::new(Mutex::new(desk));
            let api = self.line.bot(&Secret::new(token.clone()));
            let poller = Poller::new(api, self.shared.clone(), Arc::clone(&desk));
            let task = self.pollers.spawn(poller.run());
            self.served.insert(token, Served { desk, task });
        }
        self.known = entries;
    }

    fn member(&self, row: &TelegramBotRow, name: &str, users: &[i64]) -> Member {
        let own = row.language.as_deref().and_then(Lang::from_word);
        Member {
            account: row.account_id,
            name: name.to_owned(),
            chat_id: row.chat_id,
            users: users.to_vec(),
            lang: own.unwrap_or(self.shared.default_lang),
        }
    }
}

fn read(store: &Store) -> Result<Vec<Entry>, StoreError> {
    let conn = store.conn();
    telegram_bots::list(conn)?
        .into_iter()
        .map(|row| {
            let name = accounts::name(conn, row.account_id)?;
            let users = telegram_bots::users(conn, row.account_id)?;
            Ok((row, name, users))
        })
        .collect()
}

/// Telegram's public number of the bot stands before the colon of its token.
fn bot_number(token: &str) -> i64 {
    token.split_once(':').and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

//! Tells accounts' chats what happened: takes notices out of the outbox, makes messages of them, and hands those to the
//! couriers, all in one transaction, so that a notice becomes one message whatever happens in between.
//!
//! A few notices are told one by one; a burst becomes a digest that counts what it does not show.

mod daily;
mod digest;

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::Connection;

use super::telegram::gate::Member;
use super::telegram::replies;
use super::text::Lang;
use crate::clock::wall_now;
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::engine::turn::NoticeKind;
use crate::store::notice_preferences::{self, NoticeMode};
use crate::store::outbox::{self, NoticeRow};
use crate::store::{Reader, StoreError, Writer, accounts, bots, telegram_bots};
use digest::Told;

/// Notices that come within this are looked at together.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Notices that are read at once.
const AT_ONCE: u32 = 2_000;
/// Accounts that are told with one job of the writer: trading waits for no more of them.
const ACCOUNTS_AT_ONCE: usize = 25;

/// The one who tells.
pub struct Teller {
    reader: Reader,
    writer: Writer,
    default_lang: Lang,
}

impl Teller {
    pub fn new(reader: Reader, writer: Writer, default_lang: Lang) -> Self {
        Self { reader, writer, default_lang }
    }

    /// Until it is dropped.
    pub async fn run(self) {
        loop {
            if let Err(error) = self.round().await {
                tracing::error!(%error, "notices cannot be read or told");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tells everything that waits; also the last word of a run.
    pub async fn round(&self) -> Result<(), StoreError> {
        let (waits, days) = self.look().await?;
        if !waits && !days {
            return Ok(());
        }
        let lang = self.default_lang;
        while self.writer.run(move |conn| tell_waiting(conn, lang, wall_now())).await? == Rest::Waits {}
        while self.writer.run(move |conn| daily::tell_due(conn, lang, wall_now())).await? == Rest::Waits {}
        Ok(())
    }

    /// Whether there is anything to do, without keeping the writer from its work.
    async fn look(&self) -> Result<(bool, bool), StoreError> {
        self.reader
            .read(|store| {
                let waits = !outbox::waiting(store.conn(), 1)?.is_empty();
                Ok((waits, daily::is_any_due(store.conn(), wall_now())?))
            })
            .await
    }
}

/// Whether there is more to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Waits,
    Nothing,
}

/// Makes messages of what waits, account by account: of those that have waited longest, and not of too many.
fn tell_waiting(conn: &Connection, default_lang: Lang, now: Timestamp) -> Result<Rest, StoreError> {
    let mut by_account: BTreeMap<AccountId, Vec<NoticeRow>> = BTreeMap::new();
    let mut rest = Rest::Nothing;
    for row in outbox::waiting(conn, AT_ONCE)? {
        if by_account.len() < ACCOUNTS_AT_ONCE || by_account.contains_key(&row.account) {
            by_account.entry(row.account).or_default().push(row);
        } else {
            rest = Rest::Waits;
        }
    }
    for (account, rows) in by_account {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let Some(member) = member(conn, account, default_lang)? else {
            outbox::settle(conn, &ids, Some("the account has no chat"), now)?;
            continue;
        };
        for message in digest::messages(&wanted(conn, account, rows)?, &member) {
            replies::keep(conn, &member, &message, now)?;
        }
        outbox::settle(conn, &ids, None, now)?;
    }
    Ok(rest)
}

/// What the account wants to hear, with how, and the names of bots.
fn wanted(conn: &Connection, account: AccountId, rows: Vec<NoticeRow>) -> Result<Vec<Told>, StoreError> {
    let modes = notice_preferences::modes(conn, account)?;
    let bots: BTreeMap<String, (String, bool)> = bots::list(conn, Some(account))?
        .into_iter()
        .map(|bot| (bot.id.to_string(), (bot.name, bot.settings.telegram_notify)))
        .collect();
    let told = rows.into_iter().filter_map(|row| {
        let mode = modes.get(&row.kind).copied().unwrap_or_default();
        let kind = NoticeKind::from_word(&row.kind)?;
        let bot = row.fields.get("bot").and_then(|id| bots.get(id));
        let is_muted = bot.is_some_and(|(_, notifies)| !notifies);
        (mode != NoticeMode::Off && !is_muted).then(|| Told {
            kind,
            severity: row.severity,
            bot: bot.map(|(name, _)| name.clone()),
            fields: row.fields,
            is_silent: mode == NoticeMode::Silent,
        })
    });
    Ok(told.collect())
}

/// The chat of an account; `None` without one.
fn member(conn: &Connection, account: AccountId, default_lang: Lang) -> Result<Option<Member>, StoreError> {
    let Some(bot) = telegram_bots::find(conn, account)? else { return Ok(None) };
    let lang = bot.language.as_deref().and_then(Lang::from_word).unwrap_or(default_lang);
    let name = accounts::name(conn, account)?;
    Ok(Some(Member { account, name, chat_id: bot.chat_id, users: Vec::new(), lang }))
}

#[cfg(test)]
mod tests;

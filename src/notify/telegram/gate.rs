//! Who may speak to which account: chat and person are both checked, and a flood is let through slowly.

use std::collections::{BTreeMap, VecDeque};

use super::incoming::Place;
use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::notify::text::Lang;

/// Commands that a chat may give in a minute.
const COMMANDS_MAX: usize = 20;
const WINDOW: DurationMs = DurationMs::from_secs(60);

/// One account that the bot serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub account: AccountId,
    pub name: String,
    pub chat_id: i64,
    /// Who may give commands; nobody named means the person of the private chat.
    pub users: Vec<i64>,
    pub lang: Lang,
}

/// The account that is meant, or a stable word for why nobody is answered.
pub fn admit(members: &[Member], place: Place, user: i64) -> Result<&Member, &'static str> {
    let Some(member) = members.iter().find(|member| member.chat_id == place.chat) else {
        return Err("foreign_chat");
    };
    match (place.is_private, member.users.as_slice()) {
        // A private chat has the number of the person in it.
        (true, []) if user == place.chat => Ok(member),
        (false, []) => Err("group_chat"),
        (_, users) if users.contains(&user) => Ok(member),
        (..) => Err("foreign_user"),
    }
}

/// Whether one more command of a chat is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    Free,
    /// The first one too many: it is answered that there are too many. Milliseconds until the next is free.
    Stopped(DurationMs),
    Silent,
}

/// The last commands of each chat.
#[derive(Debug, Default)]
pub struct Turnstile {
    chats: BTreeMap<i64, Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    at: VecDeque<Timestamp>,
    is_told: bool,
}

impl Turnstile {
    pub fn pass(&mut self, chat: i64, now: Timestamp) -> Passage {
        let recent = self.chats.entry(chat).or_default();
        while recent.at.front().is_some_and(|at| now.since(*at) >= WINDOW) {
            recent.at.pop_front();
        }
        if recent.at.len() < COMMANDS_MAX {
            recent.at.push_back(now);
            recent.is_told = false;
            return Passage::Free;
        }
        if std::mem::replace(&mut recent.is_told, true) {
            return Passage::Silent;
        }
        let oldest = recent.at.front().copied().unwrap_or(now);
        Passage::Stopped(oldest.plus(WINDOW).since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(chat_id: i64, users: &[i64]) -> Member {
        Member {
            account: AccountId::new(1),
            name: "a".to_owned(),
            chat_id,
            users: users.to_vec(),
            lang: Lang::En,
        }
    }

    #[test]
    fn chat_and_person_must_both_be_right() {
        let members = [member(7, &[]), member(8, &[70, 8]), member(-100, &[7]), member(-200, &[])];
        let admitted = |chat, is_private, user| {
            admit(&members, Place { chat, is_private }, user).map(|member| member.chat_id)
        };
        assert_eq!(admitted(7, true, 7), Ok(7));
        assert_eq!(admitted(7, true, 9), Err("foreign_user"));
        assert_eq!(admitted(7, false, 7), Err("group_chat"));
        assert_eq!(admitted(9, true, 9), Err("foreign_chat"));
        assert_eq!(admitted(8, true, 8), Ok(8));
        assert_eq!(admitted(8, true, 9), Err("foreign_user"));
        assert_eq!(admitted(-100, false, 7), Ok(-100));
        assert_eq!(admitted(-100, false, 9), Err("foreign_user"));
        assert_eq!(admitted(-200, false, 7), Err("group_chat"));
    }

    #[test]
    fn a_flood_is_told_once_and_passes_again_after_a_minute() {
        let mut turnstile = Turnstile::default();
        let at = Timestamp::from_ms;
        for _ in 0..COMMANDS_MAX {
            assert_eq!(turnstile.pass(1, at(1_000)), Passage::Free);
        }
        assert_eq!(turnstile.pass(1, at(2_000)), Passage::Stopped(DurationMs::from_secs(59)));
        assert_eq!(turnstile.pass(1, at(3_000)), Passage::Silent);
        assert_eq!(turnstile.pass(2, at(3_000)), Passage::Free);
        assert_eq!(turnstile.pass(1, at(61_000)), Passage::Free);
    }
}

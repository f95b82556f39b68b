//! How fast a bot may speak: Telegram takes about one message a second in a chat and thirty a second of a bot, with short
//! bursts (core.telegram.org/bots/faq, "My bot is hitting limits").

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::time::Timestamp;

/// Messages that a chat may be sent at once, and then one a second.
const CHAT_BURST: i64 = 5;
const CHAT_EVERY_MS: i64 = 1_000;
/// The same of all chats of a bot together.
const BOT_BURST: i64 = 25;
const BOT_EVERY_MS: i64 = 40;

/// When a chat, and the bot as a whole, may be spoken through again; moments at which the bucket would be full.
#[derive(Default)]
pub(super) struct Paces(Mutex<State>);

#[derive(Default)]
struct State {
    bot_full_at: i64,
    chats_full_at: BTreeMap<i64, i64>,
}

impl Paces {
    /// Whether a message may go to the chat at `now`; then it is counted.
    pub(super) fn may_send(&self, chat: i64, now: Timestamp) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.ms();
        state.chats_full_at.retain(|_, full_at| *full_at > now);
        let chat_full_at = state.chats_full_at.get(&chat).copied().unwrap_or(now);
        let next = |full_at: i64, every: i64, burst: i64| {
            let next = full_at.max(now) + every;
            (next <= now + every * burst).then_some(next)
        };
        let (Some(chat_next), Some(bot_next)) =
            (next(chat_full_at, CHAT_EVERY_MS, CHAT_BURST), next(state.bot_full_at, BOT_EVERY_MS, BOT_BURST))
        else {
            return false;
        };
        state.chats_full_at.insert(chat, chat_next);
        state.bot_full_at = bot_next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages that go through in so many seconds, when as many as possible are wanted in each of these chats.
    fn sent(chats: i64, seconds: i64) -> Vec<usize> {
        let paces = Paces::default();
        let mut sent = vec![0; usize::try_from(chats).unwrap()];
        for ms in (0..seconds * 1_000).step_by(10) {
            for (chat, count) in (0..).zip(&mut sent) {
                *count += usize::from(paces.may_send(chat, Timestamp::from_ms(ms)));
            }
        }
        sent
    }

    #[test]
    fn a_chat_gets_a_burst_and_then_one_a_second_and_a_bot_speaks_25_a_second() {
        assert_eq!(sent(1, 10), [5 + 9]);
        let all: usize = sent(100, 10).iter().sum();
        assert_eq!(all, 25 + 10 * 25 - 1);
    }
}

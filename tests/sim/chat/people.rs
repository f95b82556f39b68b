//! What people write and press, in both chats and beside them.

use tradefleet::domain::time::Timestamp;
use tradefleet::notify::telegram::incoming::{Incoming, Kind, Place, Press, Text};

use super::model::{CHATS, Meaning, Said, What};
use super::{DAY, Kept, SECOND, World};

/// The last of them is a stranger.
const PEOPLE: [i64; 3] = [7, 8, 9];
/// Chats of nobody's.
const FOREIGN: [i64; 2] = [8, -200];

impl World {
    pub(super) fn people_act(&mut self) {
        self.fall_silent();
        let floods = self.people.below(40) == 0;
        let count = if floods { 25 } else { self.people.below(3) };
        for _ in 0..count {
            let what = match self.people.below(10) {
                0..=5 => self.words(),
                6..=8 => self.button(),
                _ => (What::Edits, String::new()),
            };
            self.say(what);
        }
    }

    /// After days in which nobody says anything Telegram numbers its updates anew.
    fn fall_silent(&mut self) {
        if self.people.below(60) == 0 && self.updates.is_empty() {
            self.now += 8 * DAY;
            self.next_id = self.people.within(1, 1_000_000);
            self.meet("numbered anew");
        }
    }

    fn say(&mut self, (what, text): (What, String)) {
        let (chat, user) = self.speaker();
        // Some time on the way, or much of it when the phone had no network.
        let late =
            if self.people.below(8) == 0 { self.people.within(0, 200) } else { self.people.within(0, 2) };
        let id = self.next_id;
        self.next_id += self.people.within(1, 3);
        self.sent += 1;
        let at = self.now - late * SECOND;
        let incoming = Incoming { update_id: id, kind: kind(&what, (chat, user), at, text) };
        self.updates.push(Kept { said: Said { id, chat, user, at, what }, incoming });
    }

    /// Mostly somebody who may, where they may.
    fn speaker(&mut self) -> (i64, i64) {
        let user = PEOPLE[usize::try_from(self.people.below(3)).unwrap()];
        match self.people.below(10) {
            0..=3 => (CHATS[0], CHATS[0]),
            4..=8 => (CHATS[1], user),
            _ => (FOREIGN[usize::try_from(self.people.below(2)).unwrap()], user),
        }
    }

    fn words(&mut self) -> (What, String) {
        let number = self.people.within(1, 12);
        let is_on = self.people.flips();
        let (meaning, text) = match self.people.below(20) {
            0 => (Meaning::Talk, "what a market".to_owned()),
            1 => (Meaning::ForOtherBot, "/halt@another_bot".to_owned()),
            2 => (Meaning::Wrong, "/entrypct 0".to_owned()),
            3 => (Meaning::Wrong, "/set leverage 99".to_owned()),
            4 => (Meaning::Wrong, "/start nobody".to_owned()),
            5 => (Meaning::Show, "/status".to_owned()),
            6..=8 => (Meaning::Set("entry_pct", number), format!("/entrypct {number}%")),
            9..=10 => (Meaning::Set("leverage", number), format!("/set leverage={number}")),
            11 => (Meaning::Set("exit_cooldown_h", number), format!("/set exit_cooldown_h {number}")),
            12 => (Meaning::AutoExit(is_on), format!("/autoexit {}", if is_on { "on" } else { "off" })),
            13..=14 => (Meaning::Start, "/start trend".to_owned()),
            15 => (Meaning::Stop, "/stop@fleet_bot trend".to_owned()),
            16 => (Meaning::Halt("by Telegram"), "/halt".to_owned()),
            17 => (Meaning::Halt("the market is odd"), "/halt the market  is odd".to_owned()),
            18 => (Meaning::Flatten, "/flatten".to_owned()),
            _ => (Meaning::Resume, "/resume".to_owned()),
        };
        (What::Says(meaning), text)
    }

    /// One of the latest buttons, an old one, or one that never was.
    fn button(&mut self) -> (What, String) {
        let count = u32::try_from(self.tokens.len()).unwrap();
        let back =
            if self.people.below(4) == 0 { self.people.below(count.max(1)) } else { self.people.below(2) };
        let question = count.checked_sub(back + 1).filter(|_| self.people.below(8) > 0);
        let question = question.map(|number| usize::try_from(number).unwrap());
        let confirms = self.people.below(4) > 0;
        let token = question.map_or("0123456789abcdef", |number| self.tokens[number].as_str());
        let data = format!("{}:{token}", if confirms { "ok" } else { "no" });
        (What::Presses { question, confirms }, data)
    }
}

fn kind(what: &What, (chat, user): (i64, i64), at: i64, text: String) -> Kind {
    let place = Place { chat, is_private: chat > 0 };
    match what {
        What::Says(_) => Kind::Text(Text { place, user, sent_at: Timestamp::from_ms(at), text }),
        What::Presses { .. } => {
            Kind::Press(Press { id: "press".to_owned(), place, user, message_id: 1, data: text })
        }
        What::Edits => Kind::Other { what: "edited", chat: Some(chat), user: Some(user) },
    }
}

//! An update as far as it matters here: who wrote or pressed what, where, and when.

use teloxide::types::{Chat, Message, Update, UpdateKind};

use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    pub update_id: i64,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Text(Text),
    Press(Press),
    /// Anything else that somebody did somewhere: an edit, a photo, a channel's post.
    Other {
        what: &'static str,
        chat: Option<i64>,
        user: Option<i64>,
    },
}

/// Where something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub chat: i64,
    pub is_private: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub place: Place,
    pub user: i64,
    pub sent_at: Timestamp,
    pub text: String,
}

/// A button that was pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// By which the press is answered.
    pub id: String,
    pub place: Place,
    pub user: i64,
    /// The message that the button is on.
    pub message_id: i32,
    pub data: String,
}

impl Incoming {
    pub fn of(update: &Update) -> Self {
        Self { update_id: i64::from(update.id.0), kind: kind(&update.kind) }
    }

    pub const fn chat(&self) -> Option<i64> {
        match &self.kind {
            Kind::Text(text) => Some(text.place.chat),
            Kind::Press(press) => Some(press.place.chat),
            Kind::Other { chat, .. } => *chat,
        }
    }

    pub const fn user(&self) -> Option<i64> {
        match &self.kind {
            Kind::Text(text) => Some(text.user),
            Kind::Press(press) => Some(press.user),
            Kind::Other { user, .. } => *user,
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "Telegram's kinds of updates grow; none of the others is a command"
)]
fn kind(update: &UpdateKind) -> Kind {
    match update {
        UpdateKind::Message(message) => of_message(message),
        UpdateKind::EditedMessage(message) => other("edited", message),
        UpdateKind::ChannelPost(message) | UpdateKind::EditedChannelPost(message) => {
            other("channel", message)
        }
        UpdateKind::CallbackQuery(query) => {
            let user = person(query.from.id.0);
            let (Some(message), Some(data), false) = (&query.message, &query.data, query.from.is_bot) else {
                return Kind::Other { what: "press", chat: None, user: Some(user) };
            };
            Kind::Press(Press {
                id: query.id.0.clone(),
                place: place(message.chat()),
                user,
                message_id: message.id().0,
                data: data.clone(),
            })
        }
        UpdateKind::Error(_) => Kind::Other { what: "unreadable", chat: None, user: None },
        _ => Kind::Other { what: "other", chat: None, user: None },
    }
}

/// What somebody wrote with their own hands is a command; what was passed on is not.
fn of_message(message: &Message) -> Kind {
    let Some(from) = message.from.as_ref().filter(|from| !from.is_bot) else {
        return other("sender", message);
    };
    if message.forward_origin().is_some() || message.via_bot.is_some() {
        return other("forwarded", message);
    }
    if message.sender_chat.is_some() {
        return other("sender", message);
    }
    let Some(text) = message.text() else { return other("no_text", message) };
    Kind::Text(Text {
        place: place(&message.chat),
        user: person(from.id.0),
        sent_at: Timestamp::from_ms(message.date.timestamp_millis()),
        text: text.to_owned(),
    })
}

fn other(what: &'static str, message: &Message) -> Kind {
    let user = message.from.as_ref().map(|from| person(from.id.0));
    Kind::Other { what, chat: Some(message.chat.id.0), user }
}

fn place(chat: &Chat) -> Place {
    Place { chat: chat.id.0, is_private: chat.is_private() }
}

fn person(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

//! The Bot API of one bot: what failed is told by what can be done about it, and never with the token, which is part of
//! every address.

use std::time::Duration;

use teloxide::payloads::setters::*;
use teloxide::requests::{HasPayload, Request, Requester};
use teloxide::types::{
    AllowedUpdate, BotCommand, CallbackQueryId, ChatId, InlineKeyboardButton, InlineKeyboardMarkup,
    InputFile, LinkPreviewOptions, MessageId, ParseMode, Update,
};
use teloxide::{ApiError as Refusal, Bot, RequestError};

use super::answer::{Answer, Button};
use super::charted::Charted;
use crate::domain::secret::Secret;
use crate::domain::time::DurationMs;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(20);
/// Updates in one answer, the most that Telegram gives.
const UPDATES_MAX: u8 = 100;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Nothing is taken before that.
    #[error("too many messages: again in {} s", .after.ms() / 1_000)]
    Throttled { after: DurationMs },
    #[error("Telegram does not know this bot token")]
    Unauthorized,
    /// Somebody else asks for the updates of this bot.
    #[error("another program receives the updates of this bot")]
    Conflict,
    /// It will be refused again.
    #[error("Telegram refused: {reason}")]
    Refused { reason: String },
    /// It may or may not have arrived.
    #[error("Telegram does not answer: {reason}")]
    Unavailable { reason: String },
}

/// The address of the API, and a way there that all bots share.
#[derive(Clone)]
pub struct Line {
    client: reqwest::Client,
    api_url: reqwest::Url,
}

impl Line {
    pub fn open(api_url: &str) -> Result<Self, ApiError> {
        let unusable = |reason: String| ApiError::Refused { reason };
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| unusable(error.without_url().to_string()))?;
        let api_url = api_url.parse().map_err(|_| unusable(format!("`{api_url}` is not an address")))?;
        Ok(Self { client, api_url })
    }

    pub fn bot(&self, token: &Secret) -> Api {
        let bot = Bot::with_client(token.expose(), self.client.clone()).set_api_url(self.api_url.clone());
        Api { bot }
    }
}

/// One bot.
#[derive(Clone)]
pub struct Api {
    bot: Bot,
}

impl Api {
    /// The bot's name, without the @.
    pub async fn name(&self) -> Result<String, ApiError> {
        let me = self.bot.get_me().send().await.map_err(meaning)?;
        Ok(me.username().to_owned())
    }

    /// Updates from `offset` on; waits up to `wait` for one.
    pub async fn updates(&self, offset: Option<i64>, wait: DurationMs) -> Result<Vec<Update>, ApiError> {
        let seconds = u32::try_from(wait.ms() / 1_000).unwrap_or(0);
        let mut request = self.bot.get_updates();
        let payload = request.payload_mut();
        payload.offset = offset.and_then(|offset| i32::try_from(offset).ok());
        payload.limit = Some(UPDATES_MAX);
        payload.timeout = Some(seconds);
        payload.allowed_updates =
            Some(vec![AllowedUpdate::Message, AllowedUpdate::EditedMessage, AllowedUpdate::CallbackQuery]);
        request.send().await.map_err(meaning)
    }

    /// Sends the text with its buttons.
    pub async fn send(&self, chat: i64, answer: &Answer) -> Result<(), ApiError> {
        let mut request =
            self.bot.send_message(ChatId(chat), &answer.text).link_preview_options(no_preview());
        if answer.is_html {
            request = request.parse_mode(ParseMode::Html);
        }
        if !answer.buttons.is_empty() {
            request = request.reply_markup(keyboard(&answer.buttons));
        }
        if answer.silent {
            request = request.disable_notification(true);
        }
        request.send().await.map(drop).map_err(meaning)
    }

    pub async fn send_chart(&self, chat: i64, chart: &Charted) -> Result<(), ApiError> {
        let png = chart.png().map_err(|error| ApiError::Refused { reason: error.to_string() })?;
        let file = InputFile::memory(png).file_name("equity.png");
        let photo = self.bot.send_photo(ChatId(chat), file).caption(&chart.caption);
        photo.send().await.map(drop).map_err(meaning)
    }

    /// Replaces a message's text, where something in it has changed.
    pub async fn replace(&self, chat: i64, message: i32, answer: &Answer) -> Result<(), ApiError> {
        let mut request = self.bot.edit_message_text(ChatId(chat), MessageId(message), &answer.text);
        if answer.is_html {
            request = request.parse_mode(ParseMode::Html);
        }
        request = request.reply_markup(keyboard(&answer.buttons));
        request.send().await.map(drop).map_err(meaning)
    }

    /// Takes the buttons off a message.
    pub async fn strip(&self, chat: i64, message: i32) -> Result<(), ApiError> {
        let request = self.bot.edit_message_reply_markup(ChatId(chat), MessageId(message));
        request.send().await.map(drop).map_err(meaning)
    }

    /// Ends the waiting sign of a button, with a word if there is one.
    pub async fn acknowledge(&self, press: &str, word: Option<&str>) -> Result<(), ApiError> {
        let mut request = self.bot.answer_callback_query(CallbackQueryId(press.to_owned()));
        if let Some(word) = word {
            request = request.text(word).show_alert(true);
        }
        request.send().await.map(drop).map_err(meaning)
    }

    /// Registers the menu: for everybody, or for those who use Telegram in one language.
    pub async fn set_menu(
        &self,
        menu: Vec<(String, String)>,
        language: Option<&str>,
    ) -> Result<(), ApiError> {
        let commands = menu.into_iter().map(|(command, description)| BotCommand::new(command, description));
        let mut request = self.bot.set_my_commands(commands);
        if let Some(language) = language {
            request = request.language_code(language);
        }
        request.send().await.map(drop).map_err(meaning)
    }
}

fn keyboard(buttons: &[Button]) -> InlineKeyboardMarkup {
    let row = buttons.iter().map(|button| InlineKeyboardButton::callback(&button.text, &button.data));
    InlineKeyboardMarkup::new(if buttons.is_empty() { vec![] } else { vec![row.collect::<Vec<_>>()] })
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

/// Nothing of the request gets into it: the address holds the token.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "Telegram has a hundred refusals, and they mean the same here"
)]
fn meaning(error: RequestError) -> ApiError {
    match error {
        RequestError::RetryAfter(seconds) => {
            ApiError::Throttled { after: DurationMs::from_secs(i64::from(seconds.seconds())) }
        }
        RequestError::MigrateToChatId(chat) => {
            ApiError::Refused { reason: format!("the group has become chat {chat}") }
        }
        RequestError::Api(refusal) => match refusal {
            Refusal::InvalidToken => ApiError::Unauthorized,
            Refusal::TerminatedByOtherGetUpdates => ApiError::Conflict,
            Refusal::Unknown(reason) if reason.starts_with("Conflict") => ApiError::Conflict,
            Refusal::Unknown(reason) if is_passing(&reason) => ApiError::Unavailable { reason },
            other => ApiError::Refused { reason: other.to_string() },
        },
        RequestError::Network(error) => ApiError::Unavailable { reason: network(&error).to_owned() },
        RequestError::InvalidJson { .. } => {
            ApiError::Unavailable { reason: "an unreadable answer".to_owned() }
        }
        RequestError::Io(_) => ApiError::Unavailable { reason: "a file could not be sent".to_owned() },
    }
}

/// The other side's own trouble.
fn is_passing(reason: &str) -> bool {
    ["Internal Server Error", "Bad Gateway", "Gateway Timeout", "Service Unavailable"]
        .iter()
        .any(|words| reason.contains(words))
}

fn network(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    }
}

//! An answer on its way to a chat: text, buttons, a chart. It is stored as it will be sent.

use serde::{Deserialize, Serialize};

use super::charted::Charted;
use super::grammar::View;
use crate::notify::text::{Lang, chat};

/// Telegram takes 4,096 characters; tags count for less than here.
pub const TEXT_MAX: usize = 3_900;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    pub text: String,
    /// At most 64 bytes.
    pub data: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub text: String,
    /// Telegram's HTML; otherwise the text is shown as it is.
    #[serde(default)]
    pub is_html: bool,
    /// One row of buttons under the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    /// Arrives without a sound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// Leaves by itself, after the text.
    #[serde(skip)]
    pub chart: Option<Charted>,
}

impl Answer {
    /// A plain text, which may hold anything.
    pub fn plain(text: &str) -> Self {
        Self { text: text.chars().take(TEXT_MAX).collect(), ..Self::default() }
    }

    /// In Telegram's HTML; what came from people is [`escaped`] in it.
    pub fn html(text: String) -> Self {
        Self { text, is_html: true, ..Self::default() }
    }

    /// With the button that shows the view anew, where it has one.
    #[must_use]
    pub fn refreshable(mut self, view: &View, lang: Lang) -> Self {
        if let Some(word) = refresh_word(view) {
            self.buttons.push(Button {
                text: chat::REFRESH.text(lang).to_owned(),
                data: format!("{REFRESH_PREFIX}{word}"),
            });
        }
        self
    }
}

const REFRESH_PREFIX: &str = "show:";

const fn refresh_word(view: &View) -> Option<&'static str> {
    match view {
        View::Status => Some("status"),
        View::Positions => Some("positions"),
        View::Pnl => Some("pnl"),
        View::Bots
        | View::Balance
        | View::Orders
        | View::Daily
        | View::Grid(_)
        | View::Why(_)
        | View::Log
        | View::Help => None,
    }
}

/// What a button asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed<'a> {
    Refresh(View),
    Confirm(&'a str),
    Cancel(&'a str),
    Unknown,
}

const CONFIRM_PREFIX: &str = "ok:";
const CANCEL_PREFIX: &str = "no:";

impl<'a> Pressed<'a> {
    pub fn read(data: &'a str) -> Self {
        if let Some(token) = data.strip_prefix(CONFIRM_PREFIX) {
            return Self::Confirm(token);
        }
        if let Some(token) = data.strip_prefix(CANCEL_PREFIX) {
            return Self::Cancel(token);
        }
        match data.strip_prefix(REFRESH_PREFIX) {
            Some("status") => Self::Refresh(View::Status),
            Some("positions") => Self::Refresh(View::Positions),
            Some("pnl") => Self::Refresh(View::Pnl),
            Some(_) | None => Self::Unknown,
        }
    }
}

/// The buttons under a question.
pub fn confirm_buttons(token: &str, lang: Lang) -> Vec<Button> {
    let button = |phrase: chat::Phrase, prefix: &str| Button {
        text: phrase.text(lang).to_owned(),
        data: format!("{prefix}{token}"),
    };
    vec![button(chat::CONFIRM, CONFIRM_PREFIX), button(chat::CANCEL, CANCEL_PREFIX)]
}

/// Text that Telegram's HTML cannot take for markup.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Lines in monospace under a headline; what is too long is cut with a word on how much is left out.
pub fn page(headline: &str, body: &[String], footer: &[String], lang: Lang) -> String {
    let headline =
        if headline.is_empty() { String::new() } else { format!("<b>{}</b>\n", escaped(headline)) };
    let footer: String = footer.iter().flat_map(|line| ["\n".to_owned(), escaped(line)]).collect();
    let more = |left: usize| format!("\n{}", chat::Sentence::More(left).text(lang));
    let room = TEXT_MAX
        .saturating_sub(headline.chars().count() + footer.chars().count() + more(body.len()).chars().count());
    let (mut text, mut used, mut shown) = (String::new(), 0, 0);
    for line in body {
        let line = escaped(line);
        used += line.chars().count() + 1;
        if used > room {
            break;
        }
        if shown > 0 {
            text.push('\n');
        }
        text.push_str(&line);
        shown += 1;
    }
    let left = if shown < body.len() { more(body.len() - shown) } else { String::new() };
    let body = if text.is_empty() { String::new() } else { format!("<pre>{text}</pre>") };
    format!("{headline}{body}{left}{footer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_escaped_and_never_too_long() {
        let body: Vec<String> = (0..500).map(|number| format!("{number} <b>&{}", "x".repeat(20))).collect();
        let text = page("a < b", &body, &["& more".to_owned()], Lang::En);
        assert!(text.chars().count() <= TEXT_MAX, "{}", text.len());
        assert!(text.starts_with("<b>a &lt; b</b>\n<pre>0 &lt;b&gt;&amp;x"), "{text}");
        assert!(text.contains("more\n&amp; more"), "{text}");
        assert_eq!(page("h", &["a".to_owned(), "b".to_owned()], &[], Lang::En), "<b>h</b>\n<pre>a\nb</pre>");
    }

    #[test]
    fn buttons_read_back() {
        let token = "0123456789abcdef0123456789abcdef";
        let buttons = confirm_buttons(token, Lang::En);
        assert!(buttons.iter().all(|button| button.data.len() <= 64));
        assert_eq!(Pressed::read(&buttons[0].data), Pressed::Confirm(token));
        assert_eq!(Pressed::read(&buttons[1].data), Pressed::Cancel(token));
        for view in [View::Status, View::Positions, View::Pnl] {
            let answer = Answer::default().refreshable(&view, Lang::Ko);
            assert_eq!(Pressed::read(&answer.buttons[0].data), Pressed::Refresh(view));
        }
        assert_eq!(Pressed::read("show:help"), Pressed::Unknown);
        assert_eq!(Pressed::read(""), Pressed::Unknown);
    }
}

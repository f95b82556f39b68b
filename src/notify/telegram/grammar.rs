//! From what a person wrote to what they ask for. Pure: it knows no account, no database, no clock.

use crate::domain::instrument::Symbol;
use crate::domain::spelling;
use crate::domain::words::words;

use std::fmt;

/// What comes after the slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Status,
    Bots,
    Positions,
    Balance,
    Orders,
    Pnl,
    Daily,
    Grid,
    Why,
    Log,
    Start,
    Stop,
    DryRun,
    AutoExit,
    EntryPct,
    Set,
    ClosePos,
    Halt,
    Flatten,
    Resume,
    Help,
}

words!(Verb {
    Status => "status",
    Bots => "bots",
    Positions => "positions",
    Balance => "balance",
    Orders => "orders",
    Pnl => "pnl",
    Daily => "daily",
    Grid => "grid",
    Why => "why",
    Log => "log",
    Start => "start",
    Stop => "stop",
    DryRun => "dryrun",
    AutoExit => "autoexit",
    EntryPct => "entrypct",
    Set => "set",
    ClosePos => "closepos",
    Halt => "halt",
    Flatten => "flatten",
    Resume => "resume",
    Help => "help",
});

impl Verb {
    /// What follows the word, as it is shown.
    pub const fn usage(self) -> &'static str {
        match self {
            Self::Status
            | Self::Bots
            | Self::Positions
            | Self::Balance
            | Self::Orders
            | Self::Pnl
            | Self::Daily
            | Self::Log
            | Self::Flatten
            | Self::Resume
            | Self::Help => "",
            Self::Grid | Self::Start | Self::Stop => "NAME",
            Self::Why => "[SYMBOL]",
            Self::DryRun | Self::AutoExit => "on|off",
            Self::EntryPct => "N",
            Self::Set => "[BOT] KEY VALUE",
            Self::ClosePos => "SYMBOL",
            Self::Halt => "[REASON]",
        }
    }

    /// Whether it shows something and changes nothing.
    pub const fn is_reading(self) -> bool {
        match self {
            Self::Status
            | Self::Bots
            | Self::Positions
            | Self::Balance
            | Self::Orders
            | Self::Pnl
            | Self::Daily
            | Self::Grid
            | Self::Why
            | Self::Log
            | Self::Help => true,
            Self::Start
            | Self::Stop
            | Self::DryRun
            | Self::AutoExit
            | Self::EntryPct
            | Self::Set
            | Self::ClosePos
            | Self::Halt
            | Self::Flatten
            | Self::Resume => false,
        }
    }
}

/// What to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    Status,
    Bots,
    Positions,
    Balance,
    Orders,
    Pnl,
    Daily,
    /// `None`: the only one there is.
    Grid(Option<String>),
    /// `None`: every symbol.
    Why(Option<Symbol>),
    Log,
    Help,
}

/// What to change. Values are not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    StartBot(String),
    StopBot(String),
    Set {
        key: String,
        value: String,
    },
    SetBot {
        bot: String,
        key: String,
        value: String,
    },
    ClosePositions(String),
    /// The reason, if one is given.
    Halt(Option<String>),
    Flatten,
    Resume,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Show(View),
    Change(Wish),
}

/// Why a text asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misread {
    /// Without a slash.
    NoCommand,
    /// `/cmd@another_bot`.
    ForOtherBot,
    Unknown {
        word: String,
        near: Option<&'static str>,
    },
    /// The word is known, but not with this behind it.
    Usage(Verb),
    BadSymbol {
        text: String,
    },
}

/// A name or value is no longer than this; what is longer was not typed by hand.
const WORD_MAX: usize = 100;
const REASON_MAX: usize = 200;

/// Reads a text that was written to the bot called `own_name`, if its name is known.
pub fn read(text: &str, own_name: Option<&str>) -> Result<Request, Misread> {
    let text = text.trim();
    let Some(rest) = text.strip_prefix('/') else { return Err(Misread::NoCommand) };
    let (head, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (word, addressee) = head.split_once('@').map_or((head, None), |(word, name)| (word, Some(name)));
    if let (Some(name), Some(own)) = (addressee, own_name)
        && !name.eq_ignore_ascii_case(own)
    {
        return Err(Misread::ForOtherBot);
    }
    let lower = word.to_lowercase();
    let Some(verb) = Verb::from_word(&lower) else {
        let near = spelling::nearest(&lower, Verb::ALL.iter().map(|verb| verb.as_str()));
        return Err(Misread::Unknown { word: shortened(word, WORD_MAX), near });
    };
    let arguments: Vec<&str> = tail.split_whitespace().collect();
    if verb != Verb::Halt && arguments.iter().any(|word| word.chars().count() > WORD_MAX) {
        return Err(Misread::Usage(verb));
    }
    request(verb, &arguments)
}

fn request(verb: Verb, arguments: &[&str]) -> Result<Request, Misread> {
    let owned = |text: &str| text.to_owned();
    Ok(match (verb, arguments) {
        (Verb::Status, []) => Request::Show(View::Status),
        (Verb::Bots, []) => Request::Show(View::Bots),
        (Verb::Positions, []) => Request::Show(View::Positions),
        (Verb::Balance, []) => Request::Show(View::Balance),
        (Verb::Orders, []) => Request::Show(View::Orders),
        (Verb::Pnl, []) => Request::Show(View::Pnl),
        (Verb::Daily, []) => Request::Show(View::Daily),
        (Verb::Log, []) => Request::Show(View::Log),
        // Telegram's own greeting.
        (Verb::Help | Verb::Start, []) => Request::Show(View::Help),
        (Verb::Grid, []) => Request::Show(View::Grid(None)),
        (Verb::Grid, [name]) => Request::Show(View::Grid(Some(owned(name)))),
        (Verb::Why, []) => Request::Show(View::Why(None)),
        (Verb::Why, [symbol]) => Request::Show(View::Why(Some(self::symbol(symbol)?))),
        (Verb::Start, [name]) => Request::Change(Wish::StartBot(owned(name))),
        (Verb::Stop, [name]) => Request::Change(Wish::StopBot(owned(name))),
        (Verb::DryRun, [value]) => set("dry_run", value),
        (Verb::AutoExit, [value]) => set("auto_exit", value),
        (Verb::EntryPct, [value]) => set("entry_pct", value.strip_suffix('%').unwrap_or(value)),
        (Verb::Set, [pair]) => match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => set(key, value),
            Some(_) | None => return Err(Misread::Usage(verb)),
        },
        (Verb::Set, [key, value]) => set(key, value),
        (Verb::Set, [bot, key, value]) => {
            Request::Change(Wish::SetBot { bot: owned(bot), key: owned(key), value: owned(value) })
        }
        (Verb::ClosePos, [symbol]) => {
            Request::Change(Wish::ClosePositions(self::symbol(symbol)?.to_string()))
        }
        (Verb::Halt, reason) => Request::Change(Wish::Halt(reason_of(reason))),
        (Verb::Flatten, []) => Request::Change(Wish::Flatten),
        (Verb::Resume, []) => Request::Change(Wish::Resume),
        (verb, _) => return Err(Misread::Usage(verb)),
    })
}

fn set(key: &str, value: &str) -> Request {
    Request::Change(Wish::Set { key: key.to_lowercase(), value: value.to_owned() })
}

fn symbol(text: &str) -> Result<Symbol, Misread> {
    Symbol::try_new(&text.to_uppercase()).map_err(|_| Misread::BadSymbol { text: text.to_owned() })
}

fn reason_of(words: &[&str]) -> Option<String> {
    (!words.is_empty()).then(|| shortened(&words.join(" "), REASON_MAX))
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(text: &str) -> Wish {
        match read(text, Some("fleet_bot")) {
            Ok(Request::Change(wish)) => wish,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn show(text: &str) -> View {
        match read(text, Some("fleet_bot")) {
            Ok(Request::Show(view)) => view,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn set_to(key: &str, value: &str) -> Wish {
        Wish::Set { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn every_command_is_read() {
        let btc = Symbol::try_new("BTCUSDT").unwrap();
        for (text, view) in [
            ("/status", View::Status),
            ("  /STATUS  ", View::Status),
            ("/status@fleet_bot", View::Status),
            ("/status@Fleet_Bot", View::Status),
            ("/bots", View::Bots),
            ("/positions", View::Positions),
            ("/balance", View::Balance),
            ("/orders", View::Orders),
            ("/pnl", View::Pnl),
            ("/daily", View::Daily),
            ("/log", View::Log),
            ("/help", View::Help),
            ("/start", View::Help),
            ("/grid", View::Grid(None)),
            ("/grid ladder", View::Grid(Some("ladder".to_owned()))),
            ("/why", View::Why(None)),
            ("/why btcusdt", View::Why(Some(btc))),
        ] {
            assert_eq!(show(text), view, "{text}");
        }
        for (text, wish) in [
            ("/start trend", Wish::StartBot("trend".to_owned())),
            ("/start@fleet_bot trend", Wish::StartBot("trend".to_owned())),
            ("/stop trend", Wish::StopBot("trend".to_owned())),
            ("/dryrun off", set_to("dry_run", "off")),
            ("/autoexit\non", set_to("auto_exit", "on")),
            ("/entrypct 10", set_to("entry_pct", "10")),
            ("/entrypct 7.5%", set_to("entry_pct", "7.5")),
            ("/set leverage 5", set_to("leverage", "5")),
            ("/set Leverage=5", set_to("leverage", "5")),
            ("/closepos btcusdt", Wish::ClosePositions("BTCUSDT".to_owned())),
            ("/closepos krw-btc", Wish::ClosePositions("KRW-BTC".to_owned())),
            ("/halt", Wish::Halt(None)),
            ("/halt the exchange  is odd", Wish::Halt(Some("the exchange is odd".to_owned()))),
            ("/flatten", Wish::Flatten),
            ("/resume", Wish::Resume),
        ] {
            assert_eq!(change(text), wish, "{text}");
        }
        let of_bot =
            Wish::SetBot { bot: "trend".into(), key: "allocation_percent".into(), value: "20".into() };
        assert_eq!(change("/set trend allocation_percent 20"), of_bot);
    }

    #[test]
    fn what_is_not_understood_is_told_apart() {
        let misread = |text: &str| read(text, Some("fleet_bot")).unwrap_err();
        assert_eq!(misread("hello"), Misread::NoCommand);
        assert_eq!(misread("/status@other_bot"), Misread::ForOtherBot);
        assert!(matches!(misread("/statsu"), Misread::Unknown { near: Some("status"), .. }));
        assert!(matches!(misread("/ㅎ"), Misread::Unknown { near: None, .. }));
        assert!(matches!(misread("/"), Misread::Unknown { .. }));
        for text in [
            "/dryrun",
            "/dryrun on off",
            "/stop",
            "/set",
            "/set leverage",
            "/set =5",
            "/status now",
            "/entrypct",
        ] {
            assert!(matches!(misread(text), Misread::Usage(_)), "{text}");
        }
        assert!(matches!(misread("/closepos B'TC"), Misread::BadSymbol { .. }));
        assert!(matches!(misread(&format!("/stop {}", "x".repeat(101))), Misread::Usage(Verb::Stop)));
    }

    #[test]
    fn every_verb_is_either_read_alone_or_says_how() {
        for verb in Verb::ALL {
            let alone = read(&format!("/{verb}"), None);
            assert!(alone.is_ok() || alone == Err(Misread::Usage(*verb)), "{verb}");
            assert_eq!(
                alone.is_err(),
                matches!(verb.usage(), "on|off" | "N" | "[BOT] KEY VALUE" | "SYMBOL" | "NAME")
                    && !matches!(verb, Verb::Grid | Verb::Start),
                "{verb}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,300}") {
            let _ = read(&text, Some("fleet_bot"));
        }

        #[test]
        fn any_arguments_are_read_or_refused(verb in 0..Verb::ALL.len(), tail in "[ \\PC]{0,200}") {
            let text = format!("/{} {tail}", Verb::ALL[verb]);
            if let Ok(Request::Change(_)) = read(&text, None) {
                prop_assert!(!Verb::ALL[verb].is_reading());
            }
        }
    }
}

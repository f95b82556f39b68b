//! What people and Telegram send.

use teloxide::types::Update;
use tradefleet::notify::telegram::answer::Pressed;
use tradefleet::notify::telegram::grammar::{self, Request, Wish};
use tradefleet::notify::telegram::incoming::{Incoming, Kind};

use super::exact::assert_read_from;
use super::text;

pub(crate) const LINES: &str = "/set entry_pct 12.5\n/set leverage=10\n/set trend allocation_percent 20.5\n/entrypct 7.5%\n\
    /halt the exchange is odd\n/flatten\n/closepos btcusdt\n/dryrun off\n/start trend\n/why KRW-BTC\n/grid one\n/pnl\n\
    /status@bot";

/// An update, and the command or the press in it.
pub(crate) fn updates(bytes: &[u8]) -> bool {
    let Ok(update) = serde_json::from_str::<Update>(text(bytes)) else { return false };
    let incoming = Incoming::of(&update);
    let _ = incoming.chat();
    match &incoming.kind {
        Kind::Text(written) => drop(grammar::read(&written.text, Some("bot"))),
        Kind::Press(press) => drop(Pressed::read(&press.data)),
        Kind::Other { .. } => {}
    }
    true
}

pub(crate) fn lines(bytes: &[u8]) -> bool {
    let line = text(bytes);
    drop(Pressed::read(line));
    let Ok(request) = grammar::read(line, Some("bot")) else { return false };
    match &request {
        // A person's words, and cut where they are long: a number's end may be missing.
        Request::Change(Wish::Halt(Some(reason))) => {
            assert!(words_of(line).contains(reason), "{reason:?} is not written in {line:?}");
        }
        Request::Show(_) | Request::Change(_) => assert_read_from(&request, line),
    }
    true
}

fn words_of(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

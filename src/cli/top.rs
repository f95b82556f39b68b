//! `top`: the fleet on one screen, live.
//!
//! What is shown is a pure function of a [`snapshot::Snapshot`] and a [`view::View`]; this file has the terminal.

mod columns;
mod draw;
mod rows;
mod snapshot;
mod view;

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;

use super::write::{Heard, Request};
use super::{CliError, Context, Exit};
use crate::clock::Stopwatch;
use crate::control::{AccountKeys, Command, Selection};
use crate::store::Store;
use draw::Palette;
use snapshot::Snapshot;
use view::{Act, Key, View};

/// Of `--once` where there is no terminal to ask.
const SIZE: Size = Size { width: 120, height: 40 };
const SMALLEST: Size = Size { width: 40, height: 10 };
const LARGEST: Size = Size { width: 1_000, height: 1_000 };

#[derive(Debug, Args)]
pub(super) struct TopArgs {
    /// Print one picture as text and end
    #[arg(long)]
    once: bool,
    /// With --once: columns and lines, such as 80x24 [default: the terminal's, or 120x40]
    #[arg(long, value_name = "WxH", requires = "once", value_parser = size)]
    size: Option<Size>,
    /// Seconds between two looks at the database
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    width: u16,
    height: u16,
}

fn size(text: &str) -> Result<Size, String> {
    let size = text.split_once('x').and_then(|(width, height)| {
        Some(Size { width: width.trim().parse().ok()?, height: height.trim().parse().ok()? })
    });
    size.filter(|size| {
        (SMALLEST.width..=LARGEST.width).contains(&size.width)
            && (SMALLEST.height..=LARGEST.height).contains(&size.height)
    })
    .ok_or_else(|| {
        format!(
            "`{text}` is not a size; write 80x24, {}x{} to {}x{}",
            SMALLEST.width, SMALLEST.height, LARGEST.width, LARGEST.height
        )
    })
}

pub(super) fn run(args: &TopArgs, context: &Context) -> Result<(), CliError> {
    if context.out.is_json() {
        return Err(CliError::usage("top draws a screen and has no JSON")
            .hint("`tradefleet --json status` has the same figures"));
    }
    if args.once {
        return once(args, context);
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(CliError::usage("top needs a terminal to draw on and to read keys from")
            .hint("`tradefleet top --once` prints one picture as text"));
    }
    let store = context.read_store()?;
    // Whatever is wrong with the database is told before the screen is taken over.
    let snapshot = Snapshot::read(&store, context.now())?;
    let mut terminal = ratatui::try_init().map_err(|error| failed(&error))?;
    let mut top = Top {
        args,
        context,
        store,
        snapshot,
        view: View::default(),
        palette: Palette::new(context.out.has_color()),
    };
    let outcome = top.watch(&mut terminal);
    let restored = ratatui::try_restore().map_err(|error| failed(&error));
    outcome.and(restored)
}

fn failed(error: &io::Error) -> CliError {
    CliError::new(Exit::Failure, format!("the terminal: {error}"))
}

fn once(args: &TopArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let snapshot = Snapshot::read(&store, context.now())?;
    let own = || {
        let known = io::stdout().is_terminal().then(|| ratatui::crossterm::terminal::size().ok()).flatten();
        known.map_or(SIZE, |(width, height)| Size { width, height })
    };
    let Size { width, height } = args.size.unwrap_or_else(own);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw::draw(&mut buffer, &snapshot, &View::default(), Palette::new(false));
    for line in draw::lines(&buffer) {
        context.out.line(line)?;
    }
    Ok(())
}

struct Top<'a> {
    args: &'a TopArgs,
    context: &'a Context,
    store: Store,
    snapshot: Snapshot,
    view: View,
    palette: Palette,
}

impl Top<'_> {
    fn watch(&mut self, terminal: &mut DefaultTerminal) -> Result<(), CliError> {
        let every = Duration::from_secs(self.args.every);
        let mut read = Stopwatch::start();
        loop {
            terminal
                .draw(|frame| draw::draw(frame.buffer_mut(), &self.snapshot, &self.view, self.palette))
                .map_err(|error| failed(&error))?;
            let wait = every.saturating_sub(read.elapsed());
            if event::poll(wait).map_err(|error| failed(&error))? {
                let event = event::read().map_err(|error| failed(&error))?;
                let act = key_of(&event).map_or(Act::Nothing, |key| self.view.press(key, &self.snapshot));
                match act {
                    Act::Nothing => {}
                    Act::Quit => return Ok(()),
                    Act::Halt(account) => {
                        self.view.say(self.halt(&account));
                        // Warnings of the write may have been printed into the picture.
                        terminal.clear().map_err(|error| failed(&error))?;
                        self.look();
                    }
                }
            }
            if read.elapsed() >= every {
                self.look();
                read = Stopwatch::start();
            }
        }
    }

    /// Reads again; a database that cannot be read now leaves the last picture, and says so.
    fn look(&mut self) {
        match Snapshot::read(&self.store, self.context.now()) {
            Ok(snapshot) => self.snapshot = snapshot,
            Err(error) => self.view.say(format!("the picture is old: {error}")),
        }
    }

    fn halt(&self, account: &str) -> String {
        let command = Command::Halt {
            accounts: Selection::Named(vec![account.to_owned()]),
            flatten: false,
            reason: "by hand, in top".to_owned(),
        };
        let keys = AccountKeys::default();
        let request = Request { command: &command, keys: &keys, is_rehearsal: false, confirmed: false };
        let heard = request.apply(self.context).and_then(|(store, applied)| Heard::of(&store, &applied));
        match heard {
            Ok(Heard::NoDaemon) => format!("{account} is halted; no daemon runs, the next start obeys"),
            Ok(Heard::Acknowledged | Heard::NotAsked) => format!("{account} is halted"),
            Ok(Heard::Silent) => format!("{account} is halted; the daemon has not answered yet"),
            Ok(Heard::Refused(reason)) => format!("the daemon refused: {reason}"),
            Err(error) => format!("{account} was not halted: {error}"),
        }
    }
}

/// The key that was pressed, if it is one that means something.
fn key_of(event: &Event) -> Option<Key> {
    const NAMED: [(KeyCode, Key); 11] = [
        (KeyCode::Enter, Key::Enter),
        (KeyCode::Esc, Key::Esc),
        (KeyCode::Backspace, Key::Backspace),
        (KeyCode::Up, Key::Up),
        (KeyCode::Down, Key::Down),
        (KeyCode::PageUp, Key::PageUp),
        (KeyCode::PageDown, Key::PageDown),
        (KeyCode::Home, Key::Home),
        (KeyCode::End, Key::End),
        (KeyCode::Tab, Key::Tab),
        (KeyCode::BackTab, Key::BackTab),
    ];
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return None };
    if *kind == KeyEventKind::Release {
        return None;
    }
    if let KeyCode::Char(character) = code {
        if modifiers.contains(KeyModifiers::CONTROL) {
            return (*character == 'c').then_some(Key::Interrupt);
        }
        return Some(Key::Char(*character));
    }
    NAMED.iter().find(|(known, _)| known == code).map(|(_, key)| *key)
}

#[cfg(test)]
mod tests;

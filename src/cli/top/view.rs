//! What the person at the screen has chosen to see, and what keys do. Pure: a key changes the view and may ask for an
//! act.

use super::rows;
use super::snapshot::Snapshot;

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    Esc,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    BackTab,
    /// Ctrl-C.
    Interrupt,
}

/// What is to be done beyond the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    Quit,
    /// Was confirmed.
    Halt(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Panel {
    Accounts,
    Bots,
    Positions,
    Events,
}

impl Panel {
    pub(super) const ALL: [Self; 4] = [Self::Accounts, Self::Bots, Self::Positions, Self::Events];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Accounts => "Accounts",
            Self::Bots => "Bots",
            Self::Positions => "Positions",
            Self::Events => "Events",
        }
    }

    fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|panel| *panel == self).unwrap_or(0);
        Self::ALL.get((at + by) % Self::ALL.len()).copied().unwrap_or(self)
    }
}

/// What the keys mean now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    Browse,
    /// The filter is being typed.
    Filter,
    /// Whether this account is to be halted.
    Confirm(String),
    Help,
}

/// Lines that a page key moves by.
const PAGE: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) panel: Panel,
    pub(super) mode: Mode,
    /// Rows that hold this text, whatever its case.
    pub(super) filter: String,
    /// Which of the panel's orders; see [`rows::orders`].
    pub(super) order: usize,
    pub(super) is_reversed: bool,
    /// The other panels show only this account.
    pub(super) account: Option<String>,
    /// What the chosen row is about; it stays chosen when rows move.
    pub(super) chosen: Option<String>,
    pub(super) message: Option<String>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            panel: Panel::Accounts,
            mode: Mode::Browse,
            filter: String::new(),
            order: 0,
            is_reversed: false,
            account: None,
            chosen: None,
            message: None,
        }
    }
}

impl View {
    /// Shows a word until the next key.
    pub(super) fn say(&mut self, message: String) {
        self.message = Some(message);
    }

    pub(super) fn press(&mut self, key: Key, snapshot: &Snapshot) -> Act {
        self.message = None;
        if key == Key::Interrupt {
            return Act::Quit;
        }
        match std::mem::replace(&mut self.mode, Mode::Browse) {
            Mode::Browse => self.browse(key, snapshot),
            Mode::Filter => {
                self.type_filter(key);
                Act::Nothing
            }
            // Only a plain yes is one.
            Mode::Confirm(account) if matches!(key, Key::Char('y' | 'Y')) => Act::Halt(account),
            Mode::Confirm(account) => {
                self.say(format!("{account} was not halted"));
                Act::Nothing
            }
            Mode::Help => Act::Nothing,
        }
    }

    fn browse(&mut self, key: Key, snapshot: &Snapshot) -> Act {
        match key {
            Key::Char('q') | Key::Interrupt => return Act::Quit,
            Key::Char('?') => self.mode = Mode::Help,
            Key::Char('/') => self.mode = Mode::Filter,
            Key::Char('s') => self.order = (self.order + 1) % rows::orders(self.panel).len(),
            Key::Char('S' | 'r') => self.is_reversed = !self.is_reversed,
            Key::Char('h') => self.ask_to_halt(snapshot),
            Key::Char('1') => self.open(Panel::Accounts),
            Key::Char('2') => self.open(Panel::Bots),
            Key::Char('3') => self.open(Panel::Positions),
            Key::Char('4') => self.open(Panel::Events),
            Key::Tab => self.open(self.panel.step(1)),
            Key::BackTab => self.open(self.panel.step(Panel::ALL.len() - 1)),
            Key::Enter => self.enter_account(snapshot),
            Key::Esc if !self.filter.is_empty() => self.filter.clear(),
            Key::Esc => self.account = None,
            Key::Up | Key::Char('k') => self.move_by(snapshot, |at, _| at.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.move_by(snapshot, |at, _| at + 1),
            Key::PageUp => self.move_by(snapshot, |at, _| at.saturating_sub(PAGE)),
            Key::PageDown => self.move_by(snapshot, |at, _| at + PAGE),
            Key::Home => self.move_by(snapshot, |_, _| 0),
            Key::End => self.move_by(snapshot, |_, rows| rows),
            Key::Char(_) | Key::Backspace => {}
        }
        Act::Nothing
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Char(character) => {
                self.filter.push(character);
                self.mode = Mode::Filter;
            }
            Key::Backspace => {
                self.filter.pop();
                self.mode = Mode::Filter;
            }
            Key::Esc => self.filter.clear(),
            Key::Enter
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Tab
            | Key::BackTab
            | Key::Interrupt => {}
        }
    }

    fn open(&mut self, panel: Panel) {
        if panel != self.panel {
            self.panel = panel;
            self.order = 0;
            self.is_reversed = false;
            self.chosen = None;
        }
    }

    /// Halting is about the account of the chosen row, whatever the panel.
    fn ask_to_halt(&mut self, snapshot: &Snapshot) {
        match rows::chosen_account(snapshot, self) {
            Some(account) => self.mode = Mode::Confirm(account),
            None => self.say("no account is chosen".to_owned()),
        }
    }

    /// From an account to its bots; on another panel, all of that row's account.
    fn enter_account(&mut self, snapshot: &Snapshot) {
        let Some(account) = rows::chosen_account(snapshot, self) else { return };
        self.account = Some(account);
        if self.panel == Panel::Accounts {
            self.open(Panel::Bots);
        }
    }

    fn move_by(&mut self, snapshot: &Snapshot, target: impl Fn(usize, usize) -> usize) {
        let keys = rows::keys(snapshot, self);
        let at = rows::chosen_index(&keys, self).unwrap_or(0);
        let last = keys.len().saturating_sub(1);
        self.chosen = keys.into_iter().nth(target(at, last).min(last));
    }
}

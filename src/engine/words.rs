//! What a machine says for people: details of decisions and of what happened to orders, and notices.
//!
//! A backtest keeps none of it, and to find the words costs more than to decide.

use std::collections::BTreeMap;

use super::decision::{Action, Code, Decision};
use super::machine::AccountMachine;
use super::turn::{Notice, NoticeKind, Record, Severity};
use crate::domain::ids::BotId;
use crate::domain::instrument::Symbol;

/// Whether anybody reads the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Words {
    #[default]
    Found,
    /// Details are empty, notices are not made.
    LeftOut,
}

impl Words {
    /// The words that `find` finds, if anybody reads them.
    pub(super) fn of(self, find: impl FnOnce() -> String) -> String {
        match self {
            Self::Found => find(),
            Self::LeftOut => String::new(),
        }
    }
}

impl AccountMachine {
    /// From now on nobody reads what it says. What it decides is the same.
    pub const fn hush(&mut self) {
        self.words = Words::LeftOut;
    }

    pub(super) fn decide(&mut self, bot: BotId, symbol: &Symbol, what: (Action, Code), detail: String) {
        self.turn.records.push(Record::Decision(Decision {
            at: self.now,
            bot,
            symbol: symbol.clone(),
            action: what.0,
            code: what.1,
            detail,
            bar_close_at: self.now,
            client_order_id: None,
        }));
    }

    pub(super) fn notify<I>(&mut self, kind: NoticeKind, severity: Severity, fields: impl FnOnce() -> I)
    where
        I: IntoIterator<Item = (&'static str, String)>,
    {
        if self.words == Words::Found {
            let fields: BTreeMap<_, _> = fields().into_iter().collect();
            self.turn.records.push(Record::Notice(Notice { kind, severity, fields }));
        }
    }
}

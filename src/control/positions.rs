//! Closing positions by a person's word.

use super::ControlError;
use super::accounts::subject;
use super::turn::{Diff, Turn};
use crate::domain::instrument::Symbol;
use crate::store::{accounts, holdings};

pub(super) fn close(turn: &mut Turn<'_>, name: &str, symbol: &str) -> Result<(), ControlError> {
    let account = accounts::find(turn.conn, name)?;
    turn.touch(account.id);
    let open = holdings::symbols_of_bots(turn.conn, account.id)?;
    let wanted = Symbol::try_new(&symbol.trim().to_uppercase()).ok();
    let Some(symbol) = open.iter().find(|open| wanted.as_ref() == Some(open)) else {
        let open = open.iter().map(ToString::to_string).collect();
        return Err(ControlError::NothingOpen { account: account.name, symbol: symbol.to_owned(), open });
    };
    let is_new = holdings::request_close(turn.conn, account.id, symbol, turn.by.now)?;
    let key = format!("close.{symbol}");
    let before = (!is_new).then(|| "requested".to_owned());
    let mut asked = Diff::default();
    asked.compare(&key, before, Some("requested".to_owned()));
    turn.record(subject("close_positions", &account), asked)
}

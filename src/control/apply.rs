//! Applying a command: checks, rows, audit, and the row that tells the daemon, in the caller's transaction.

use rusqlite::Connection;

use super::turn::Turn;
use super::{
    Applied, Authority, Command, ControlError, accounts, bots, halts, notices, positions, strategies,
    telegram,
};
use crate::store::commands::{self, NewCommand};
use crate::store::{StoreError, latches};

/// Applies `command` on a connection that is in a writing transaction. On an error the caller rolls back.
pub fn apply(conn: &Connection, command: &Command, by: Authority<'_>) -> Result<Applied, ControlError> {
    let mut turn = Turn::new(conn, by);
    perform(&mut turn, command)?;
    finish(turn, command)
}

/// Does what the command says, without telling the daemon.
pub(super) fn perform(turn: &mut Turn<'_>, command: &Command) -> Result<(), ControlError> {
    match command {
        Command::AddAccount(new) => accounts::add(turn, new),
        Command::SetAccounts { accounts, values } => accounts::set(turn, accounts, values),
        Command::ReplaceKeys { account } => accounts::replace_keys(turn, account),
        Command::VerifyAccounts { verified } => accounts::verify(turn, verified),
        Command::TagAccounts { accounts, add, remove } => accounts::tag(turn, accounts, add, remove),
        Command::ActivateAccounts { accounts } => accounts::set_active(turn, accounts, true),
        Command::DeactivateAccounts { accounts } => accounts::set_active(turn, accounts, false),
        Command::RemoveAccount { account, force } => accounts::remove(turn, account, *force),
        Command::SetTelegram { account, values } => telegram::set(turn, account, values),
        Command::RemoveTelegram { account } => telegram::remove(turn, account),
        Command::SetNotices { accounts, values } => notices::set(turn, accounts, values),
        Command::AddBot(new) => bots::add(turn, new),
        Command::CloneBot { account, name, to } => bots::clone(turn, account, name, to),
        Command::SetBots { bots, values } => bots::set(turn, bots, values),
        Command::StartBots { bots } => bots::start(turn, bots),
        Command::StopBots { bots, close } => bots::stop(turn, bots, *close),
        Command::RemoveBots { bots, positions } => bots::remove(turn, bots, *positions),
        Command::RepairGrids { bots } => bots::repair(turn, bots),
        Command::AddStrategy(new) => strategies::add(turn, new),
        Command::SetStrategy { name, values } => strategies::set(turn, name, values),
        Command::RemoveStrategy { name } => strategies::remove(turn, name),
        Command::ClosePositions { account, symbol } => positions::close(turn, account, symbol),
        Command::Halt { accounts, flatten, reason } => halts::halt(turn, accounts, *flatten, reason),
        Command::Resume { accounts } => halts::resume(turn, accounts),
        // Its parts are applied one by one; this only names them to the daemon.
        Command::Import { .. } => Ok(()),
    }
}

/// Tells the daemon, if there is anything to tell.
pub(super) fn finish(turn: Turn<'_>, command: &Command) -> Result<Applied, ControlError> {
    if turn.changes.is_empty() {
        return Ok(Applied::default());
    }
    let payload = serde_json::to_value(command)
        .map_err(|error| StoreError::Other { detail: format!("a command could not be written: {error}") })?;
    let row = NewCommand {
        actor: turn.by.actor.to_owned(),
        account_id: turn.only_account(),
        kind: command.kind().to_owned(),
        payload,
    };
    let command_id = Some(commands::insert(turn.conn, &row, turn.by.now)?);
    let idle = latches::quarantined(turn.conn, turn.touched())?;
    Ok(Applied { changes: turn.changes, command_id, grids: turn.grids, idle })
}

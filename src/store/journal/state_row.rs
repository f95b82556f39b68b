//! What an account's machine must know again: its row in `account_state`, and its paper book.

use rusqlite::{Connection, ToSql, params};

use super::TurnRows;
use crate::domain::money::Quote;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// The account's row in `account_state`.
#[derive(Debug)]
pub struct StateRow {
    /// JSON.
    pub state: String,
    pub last_cycle_at: Option<Timestamp>,
    pub wallet: Option<Quote>,
    pub equity: Option<Quote>,
    pub breaker: &'static str,
    /// The last failure to reach the exchange, and when; an earlier one stays when there is none.
    pub last_error: Option<(String, Timestamp)>,
}

const UPDATE_STATE: &str = "UPDATE account_state SET state = ?2, last_cycle_at = coalesce(?3, last_cycle_at),
         wallet = ?4, equity = ?5, breaker = ?6, updated_at = ?7, last_error = coalesce(?8, last_error),
         last_error_at = coalesce(?9, last_error_at)
     WHERE account_id = ?1";
const INSERT_STATE: &str =
    "INSERT INTO account_state (account_id, state, last_cycle_at, wallet, equity, breaker,
         updated_at, last_error, last_error_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const UPDATE_BOOK: &str = "UPDATE paper_books SET state = ?2, updated_at = ?3 WHERE account_id = ?1";
const INSERT_BOOK: &str = "INSERT INTO paper_books (account_id, state, updated_at) VALUES (?1, ?2, ?3)";

/// Writes what the turn has left of both.
pub(super) fn write(conn: &Connection, turn: &TurnRows) -> Result<(), StoreError> {
    let (account, at) = (turn.account.get(), turn.at.ms());
    if let Some(state) = &turn.state {
        update_or_insert(
            conn,
            UPDATE_STATE,
            INSERT_STATE,
            params![
                account,
                state.state,
                state.last_cycle_at.map(Timestamp::ms),
                state.wallet.map(|wallet| wallet.to_string()),
                state.equity.map(|equity| equity.to_string()),
                state.breaker,
                at,
                state.last_error.as_ref().map(|(error, _)| error),
                state.last_error.as_ref().map(|(_, at)| at.ms()),
            ],
        )?;
    }
    if let Some(book) = &turn.paper_book {
        update_or_insert(conn, UPDATE_BOOK, INSERT_BOOK, params![account, book, at])?;
    }
    Ok(())
}

/// Nearly every account has its row. A statement that may do either copies each page that it is about to touch.
fn update_or_insert(
    conn: &Connection,
    update: &str,
    insert: &str,
    fields: &[&dyn ToSql],
) -> Result<(), StoreError> {
    if conn.prepare_cached(update)?.execute(fields)? == 0 {
        conn.prepare_cached(insert)?.execute(fields)?;
    }
    Ok(())
}

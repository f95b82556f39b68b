//! Which rows of a list are wanted, as the conditions of a statement.

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::domain::ids::AccountId;
use crate::domain::instrument::Symbol;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// Common to all lists; what is `None` does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub account: Option<AccountId>,
    /// A bot's name; several accounts may have a bot of that name.
    pub bot: Option<String>,
    pub symbol: Option<Symbol>,
    /// Nothing that was over before.
    pub since: Option<Timestamp>,
    /// At most so many, the latest.
    pub limit: Option<u32>,
}

impl Filter {
    /// The conditions on a table with the columns account_id, bot_id and symbol, under the name `table`.
    pub(super) fn conditions(&self, table: &str) -> Conditions {
        let mut conditions = Conditions::default();
        if let Some(account) = self.account {
            conditions.and(&format!("{table}.account_id = ?"), i64::from(account.get()));
        }
        if let Some(bot) = &self.bot {
            let bots = "SELECT id FROM bot_instances WHERE name = ?";
            conditions.and(&format!("{table}.bot_id IN ({bots})"), bot.clone());
        }
        if let Some(symbol) = &self.symbol {
            conditions.and(&format!("{table}.symbol = ?"), symbol.to_string());
        }
        conditions
    }

    /// The text and the parameter of LIMIT; a negative limit is none.
    pub(super) fn limit(&self) -> i64 {
        self.limit.map_or(-1, i64::from)
    }
}

/// How many rows match, when `shown` of them fill the filter's limit; else they are all there are.
pub(super) fn matching(
    conn: &Connection,
    filter: &Filter,
    (from, conditions): (&str, &Conditions),
    shown: usize,
) -> Result<u32, StoreError> {
    let shown = u32::try_from(shown).unwrap_or(u32::MAX);
    if filter.limit.is_none_or(|limit| shown < limit) {
        return Ok(shown);
    }
    count(conn, (from, conditions))
}

/// How many rows match.
pub(super) fn count(conn: &Connection, (from, conditions): (&str, &Conditions)) -> Result<u32, StoreError> {
    let sql = format!("SELECT count(*) FROM {from}{}", conditions.sql());
    let params = rusqlite::params_from_iter(conditions.params());
    Ok(conn.prepare_cached(&sql)?.query_row(params, |row| row.get(0))?)
}

/// Conditions joined by AND, with their parameters in order.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    sql: String,
    params: Vec<Value>,
}

impl Conditions {
    pub(super) fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.and_plain(condition);
        self.params.push(value.into());
    }

    pub(super) fn and_plain(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
    }

    /// ` WHERE ...`, or nothing.
    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// The parameters, and `last` after them.
    pub(super) fn params_and(&self, last: impl Into<Value>) -> Vec<Value> {
        let mut params = self.params.clone();
        params.push(last.into());
        params
    }

    pub(super) fn params(&self) -> &[Value] {
        &self.params
    }
}

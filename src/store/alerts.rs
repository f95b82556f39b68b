//! Alerts to whoever runs the fleet: what is wrong is raised once, and cleared once it is not wrong any more, whatever
//! happens in between. Each goes to the channels that are configured for its severity.

mod survey;

pub use survey::survey;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rusqlite::{Connection, Row, params};

use super::tries::{self, Messages};
use super::{StoreError, column, journal};
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::domain::words::words;
use crate::engine::turn::{Notice, NoticeKind, Severity};

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, so that it is raised once.
    pub key: String,
    pub kind: String,
    pub severity: Severity,
    pub account: Option<AccountId>,
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    pub id: i64,
    pub finding: Finding,
    pub raised_at: Timestamp,
    pub cleared_at: Option<Timestamp>,
}

/// Where alerts go beside the chats of their accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    Slack,
    Email,
}

words!(Channel { Slack => "slack", Email => "email" });

/// The least severity of each channel that is configured.
pub type Routes = BTreeMap<Channel, Severity>;

/// One message of an alert to one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertMessage {
    pub id: i64,
    pub alert: AlertRow,
    /// The alert is over; otherwise it begins.
    pub is_clear: bool,
    /// The account's name.
    pub account: Option<String>,
    pub not_before: Timestamp,
    pub attempts: u32,
}

/// Raises what is new, clears what is gone. The same again changes nothing.
pub fn reconcile(
    conn: &Connection,
    found: &[Finding],
    routes: &Routes,
    now: Timestamp,
) -> Result<(), StoreError> {
    let open = open(conn)?;
    let keys: BTreeSet<&str> = found.iter().map(|finding| finding.key.as_str()).collect();
    for alert in open.iter().filter(|alert| !keys.contains(alert.finding.key.as_str())) {
        conn.prepare_cached("UPDATE alerts SET cleared_at = ?2 WHERE id = ?1")?
            .execute(params![alert.id, now.ms()])?;
        tell(conn, alert.id, &alert.finding, true, routes, now)?;
    }
    let known: BTreeSet<&str> = open.iter().map(|alert| alert.finding.key.as_str()).collect();
    for finding in found.iter().filter(|finding| !known.contains(finding.key.as_str())) {
        conn.prepare_cached(
            "INSERT INTO alerts (key, kind, severity, account_id, detail, raised_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            finding.key,
            finding.kind,
            finding.severity.as_str(),
            finding.account.map(AccountId::get),
            finding.detail,
            now.ms(),
        ])?;
        tell(conn, conn.last_insert_rowid(), finding, false, routes, now)?;
    }
    Ok(())
}

/// To the channels, and to the account's own chat.
fn tell(
    conn: &Connection,
    alert: i64,
    finding: &Finding,
    is_clear: bool,
    routes: &Routes,
    now: Timestamp,
) -> Result<(), StoreError> {
    let phase = if is_clear { "cleared" } else { "raised" };
    for (channel, _) in routes.iter().filter(|(_, least)| finding.severity >= **least) {
        conn.prepare_cached(
            "INSERT OR IGNORE INTO alert_messages (alert_id, phase, channel, not_before) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![alert, phase, channel.as_str(), now.ms()])?;
    }
    if let Some(account) = finding.account {
        let fields = [
            ("alert", finding.kind.clone()),
            ("phase", phase.to_owned()),
            ("reason", finding.detail.clone()),
        ];
        let severity = if is_clear { Severity::Info } else { finding.severity };
        let notice = Notice { kind: NoticeKind::Alert, severity, fields: fields.into_iter().collect() };
        journal::write_notice(conn, account, now, &notice)?;
    }
    Ok(())
}

/// What is wrong now, oldest first.
pub fn open(conn: &Connection) -> Result<Vec<AlertRow>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM alerts WHERE cleared_at IS NULL ORDER BY id")?;
    let rows = statement.query_map([], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The last ones, newest first.
pub fn list(conn: &Connection, limit: u32) -> Result<Vec<AlertRow>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM alerts ORDER BY id DESC LIMIT ?1")?;
    let rows = statement.query_map([limit], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What of a channel has not left yet: the most severe first, of those the oldest.
pub fn waiting(conn: &Connection, channel: Channel, limit: u32) -> Result<Vec<AlertMessage>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT m.id AS message_id, m.phase, m.not_before, m.attempts, accounts.name AS account_name, alerts.*
         FROM alert_messages m JOIN alerts ON alerts.id = m.alert_id
         LEFT JOIN accounts ON accounts.id = alerts.account_id
         WHERE m.channel = ?1 AND m.status = 'pending'
         ORDER BY CASE alerts.severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, m.id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![channel.as_str(), limit], |row| {
        Ok(AlertMessage {
            id: row.get("message_id")?,
            alert: from_row(row)?,
            is_clear: row.get::<_, String>("phase")? == "cleared",
            account: row.get("account_name")?,
            not_before: column::timestamp(row, "not_before")?,
            attempts: row.get("attempts")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A message has left.
pub fn sent(conn: &Connection, id: i64, now: Timestamp) -> Result<(), StoreError> {
    tries::sent(conn, Messages::Alerts, id, now)
}

/// To be tried again, not before `again`; `None`: it is given up.
pub fn failed(conn: &Connection, id: i64, error: &str, again: Option<Timestamp>) -> Result<(), StoreError> {
    tries::failed(conn, Messages::Alerts, id, error, again)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AlertRow> {
    Ok(AlertRow {
        id: row.get("id")?,
        finding: Finding {
            key: row.get("key")?,
            kind: row.get("kind")?,
            severity: column::word(row, "severity", Severity::from_word)?,
            account: row.get::<_, Option<u32>>("account_id")?.map(AccountId::new),
            detail: row.get("detail")?,
        },
        raised_at: column::timestamp(row, "raised_at")?,
        cleared_at: column::timestamp_opt(row, "cleared_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    fn finding(key: &str, severity: Severity) -> Finding {
        Finding {
            key: key.to_owned(),
            kind: "disk_low".to_owned(),
            severity,
            account: None,
            detail: "d".to_owned(),
        }
    }

    #[test]
    fn an_alert_is_raised_once_and_cleared_once() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let (conn, at) = (store.conn(), Timestamp::from_ms);
        let routes =
            Routes::from([(Channel::Slack, Severity::Warning), (Channel::Email, Severity::Critical)]);
        let found = [finding("a", Severity::Warning), finding("b", Severity::Critical)];
        for now in [1, 2, 3] {
            reconcile(conn, &found, &routes, at(now)).unwrap();
        }
        let messages = |channel| waiting(conn, channel, 10).unwrap();
        assert_eq!((messages(Channel::Slack).len(), messages(Channel::Email).len()), (2, 1));
        for now in [4, 5] {
            reconcile(conn, &found[1..], &routes, at(now)).unwrap();
        }
        assert_eq!(open(conn).unwrap().len(), 1);
        let told: Vec<_> =
            messages(Channel::Slack).iter().map(|it| (it.alert.finding.key.clone(), it.is_clear)).collect();
        assert_eq!(told, [("b".to_owned(), false), ("a".to_owned(), false), ("a".to_owned(), true)]);
        // What comes back is news again.
        reconcile(conn, &found, &routes, at(6)).unwrap();
        assert_eq!((messages(Channel::Slack).len(), list(conn, 10).unwrap().len()), (4, 3));
        let first = messages(Channel::Slack)[0].id;
        sent(conn, first, at(7)).unwrap();
        failed(conn, messages(Channel::Slack)[0].id, "no", None).unwrap();
        assert_eq!(messages(Channel::Slack).len(), 2);
    }

    #[test]
    fn what_is_critical_goes_before_all_warnings_that_wait() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let (conn, at) = (store.conn(), Timestamp::from_ms);
        let routes = Routes::from([(Channel::Slack, Severity::Info)]);
        let mut found: Vec<_> =
            (0..60).map(|number| finding(&number.to_string(), Severity::Warning)).collect();
        found.insert(0, finding("i", Severity::Info));
        reconcile(conn, &found, &routes, at(1)).unwrap();
        found.extend(["x", "y"].map(|key| finding(key, Severity::Critical)));
        reconcile(conn, &found, &routes, at(2)).unwrap();
        let first = waiting(conn, Channel::Slack, 50).unwrap();
        let keys: Vec<_> = first.iter().map(|it| it.alert.finding.key.as_str()).collect();
        assert_eq!(keys[..4], ["x", "y", "0", "1"]);
        assert_eq!(waiting(conn, Channel::Slack, 100).unwrap().last().unwrap().alert.finding.key, "i");
    }
}

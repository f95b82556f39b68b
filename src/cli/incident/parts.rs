//! The files of a bundle.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::redact::Redactor;
use super::{logs, machine, unreadable};
use crate::cli::alert;
use crate::cli::audit::document as audit_document;
use crate::cli::{CliError, Context, when};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::store::audit::AuditFilter;
use crate::store::queries::status::FleetStatus;
use crate::store::queries::{self, Filter};
use crate::store::{
    Store, StoreError, alerts, audit, check, commands, outbox, schema, telegram_bots, vault_meta,
};
use crate::vault::reference;

/// The newest so many rows of each kind.
const ROWS_MAX: u32 = 5_000;

/// One file of the archive.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) text: String,
    /// For people.
    pub(super) holds: String,
}

/// Everything, redacted. Nothing that fails keeps the rest from being packed.
pub(super) fn collect(context: &Context, since: Timestamp, now: Timestamp, is_anonymous: bool) -> Vec<Part> {
    let store = context.read_store();
    let mut problems = Vec::new();
    let redactor = redactor(context, store.as_ref().ok(), is_anonymous, &mut problems);
    let mut parts = Collection { redactor, parts: Vec::new(), problems };
    parts.document("platform.json", "versions, system, disk, files of the home folder", || {
        Ok(machine::describe(context.home()))
    });
    parts.document("config.json", "every key in effect; secrets only as references", || Ok(config(context)));
    match &store {
        Err(error) => parts.problems.push(format!("database: {error}")),
        Ok(store) => database(&mut parts, store, since, now),
    }
    log_lines(&mut parts, context, since);
    let manifest = json!({
        "made_at": now, "made_at_utc": when::millisecond(now), "since": since, "since_utc": when::millisecond(since),
        "version": env!("CARGO_PKG_VERSION"), "anonymous": is_anonymous, "rows_max": ROWS_MAX,
        "files": parts.parts.iter().map(|part| json!({ "name": part.name, "bytes": part.text.len(), "holds": part.holds }))
            .collect::<Vec<_>>(),
        "problems": parts.problems.clone(),
    });
    parts.document("manifest.json", "what is in here, and what could not be read", || Ok(manifest));
    parts.parts
}

struct Collection {
    redactor: Redactor,
    parts: Vec<Part>,
    /// What could not be read.
    problems: Vec<String>,
}

impl Collection {
    /// A JSON file.
    fn document(&mut self, name: &str, holds: &str, make: impl FnOnce() -> Result<Value, CliError>) {
        let made = make().and_then(|value| Ok(serde_json::to_string_pretty(&self.redactor.json(&value))?));
        match made {
            Ok(text) => self.parts.push(Part { name: name.to_owned(), text, holds: holds.to_owned() }),
            Err(error) => self.problems.push(format!("{name}: {error}")),
        }
    }

    /// A JSON file of rows.
    fn rows(&mut self, name: &str, what: &str, rows: Result<Vec<Value>, StoreError>) {
        let count = rows.as_ref().map_or(0, Vec::len);
        let cut = if u32::try_from(count).is_ok_and(|count| count >= ROWS_MAX) { ", the newest" } else { "" };
        self.document(name, &format!("{count} {what}{cut}"), || Ok(json!(rows?)));
    }

    fn text(&mut self, name: &str, holds: &str, text: String) {
        self.parts.push(Part { name: name.to_owned(), text, holds: holds.to_owned() });
    }
}

fn values<T: Serialize>(rows: Vec<T>) -> Result<Vec<Value>, StoreError> {
    let value =
        |row| serde_json::to_value(row).map_err(|error| StoreError::Other { detail: error.to_string() });
    rows.into_iter().map(value).collect()
}

/// What is read from one state of the database.
fn database(parts: &mut Collection, store: &Store, since: Timestamp, now: Timestamp) {
    let conn = match queries::snapshot(store.conn()) {
        Ok(conn) => conn,
        Err(error) => return parts.problems.push(format!("database: {error}")),
    };
    let conn = &*conn;
    parts.document("schema.json", "schema version of the database and of the program", || {
        Ok(json!({ "database": schema::version(conn)?, "program": schema::known_version() }))
    });
    let status = queries::status::status(conn, None);
    let market_since = status.as_ref().map_or(since, |status| in_market_time(status, since, now));
    let address = status.as_ref().ok().and_then(|status| {
        let daemon = status.daemon.as_ref().filter(|daemon| daemon.live)?;
        daemon.http_address.clone()
    });
    parts.document("status.json", "daemon, accounts, bots, limits, backups", || {
        serde_json::to_value(status?).map_err(unreadable)
    });
    parts.document("check.json", "the findings of `db check`", || Ok(json!(check::check(conn))));
    let filter = Filter { since: Some(market_since), limit: Some(ROWS_MAX), ..Filter::default() };
    let orders = queries::orders::list(conn, &filter, None).and_then(|list| values(list.orders));
    parts.rows("orders.json", "orders", orders);
    let steps = queries::feed::order_steps(conn, Some(market_since), ROWS_MAX).and_then(values);
    parts.rows("order_events.json", "steps of orders, newest first", steps);
    let decisions = queries::decisions::since(conn, market_since, ROWS_MAX).and_then(values);
    parts.rows("decisions.json", "decisions, newest first", decisions);
    let open = Filter { limit: Some(ROWS_MAX), ..Filter::default() };
    parts.rows("positions.json", "open positions", queries::positions::list(conn, &open).and_then(values));
    parts.rows("notices.json", "notices to chats, newest first", notices(conn, market_since));
    parts.rows("alerts.json", "alerts, newest first", alert_rows(conn, since));
    let entries = AuditFilter { since: Some(since), limit: ROWS_MAX, ..AuditFilter::default() };
    let entries = audit::list(conn, &entries).map(|rows| rows.iter().map(audit_document).collect());
    parts.rows("audit.json", "entries of the audit log", entries);
    parts.rows("commands.json", "commands that no daemon has taken", waiting_commands(conn));
    if let Some(address) = address {
        for (name, path) in
            [("metrics.txt", "/metrics"), ("health.json", "/health"), ("ready.json", "/ready")]
        {
            match machine::ask(&address, path) {
                Ok(body) => {
                    let body = parts.redactor.text(&body);
                    parts.text(name, &format!("what the daemon answers at {path}"), body);
                }
                Err(error) => parts.problems.push(error),
            }
        }
    }
}

/// On a recorded market rows carry its time: the window is counted back from where it stood last.
fn in_market_time(status: &FleetStatus, since: Timestamp, now: Timestamp) -> Timestamp {
    let last = status.daemon.as_ref().and_then(|daemon| daemon.run.last_cycle_at);
    last.filter(|last| *last < since).map_or(since, |last| last.minus(now.since(since)))
}

fn notices(conn: &rusqlite::Connection, since: Timestamp) -> Result<Vec<Value>, StoreError> {
    let names = queries::names::accounts(conn)?;
    let rows = outbox::list(conn, None, None, ROWS_MAX)?;
    let rows = rows.into_iter().filter(|row| row.created_at >= since);
    Ok(rows
        .map(|row| {
            let account = names.iter().find(|(id, _)| *id == row.account).map(|(_, name)| name);
            json!({
                "id": row.id, "at": row.created_at, "account": account, "kind": row.kind,
                "severity": row.severity.as_str(), "fields": row.fields, "status": row.status,
                "last_error": row.last_error,
            })
        })
        .collect())
}

fn alert_rows(conn: &rusqlite::Connection, since: Timestamp) -> Result<Vec<Value>, StoreError> {
    let names = queries::names::accounts(conn)?;
    let rows = alerts::list(conn, ROWS_MAX)?.into_iter();
    let rows = rows.filter(|row| row.cleared_at.is_none_or(|over| over >= since));
    Ok(rows
        .map(|row| {
            let account = row.finding.account.and_then(|id| names.iter().find(|(known, _)| *known == id));
            alert::document(account.map(|(_, name)| name.as_str()), &row)
        })
        .collect())
}

fn waiting_commands(conn: &rusqlite::Connection) -> Result<Vec<Value>, StoreError> {
    let rows = commands::pending(conn, 0)?;
    Ok(rows
        .into_iter()
        .map(|row| json!({ "id": row.id, "at": row.created_at, "kind": row.command.kind }))
        .collect())
}

/// Every key in effect. Of a wrong file only where it is wrong: what stands there may be anything.
fn config(context: &Context) -> Value {
    match context.loaded_config() {
        Ok(loaded) => {
            let value = |key: &str, value: &str| {
                // An address that is a secret by itself, and ways out that may carry a password.
                let is_plain =
                    !key.contains("heartbeat_url") || value.contains("env:") || value.contains("file:");
                if is_plain || value == "\"\"" { value.to_owned() } else { "(an address)".to_owned() }
            };
            let rows = loaded.rows();
            let keys = rows.iter().map(|(key, text, is_set)| {
                json!({ "key": key, "value": value(key, text), "source": if *is_set { "file" } else { "default" } })
            });
            json!({ "keys": keys.collect::<Vec<_>>() })
        }
        Err(_) => {
            json!({ "error": "config.toml cannot be read or is wrong; `tradefleet config check` says where" })
        }
    }
}

fn log_lines(parts: &mut Collection, context: &Context, since: Timestamp) {
    let dir = match context.config().map(|config| config.log.dir.clone()) {
        Err(_) => return parts.problems.push("logs: the configuration is wrong".to_owned()),
        Ok(None) => {
            let hint =
                "logs: log.dir is not set; `journalctl -u tradefleet --since -2h` has what systemd kept";
            return parts.problems.push(hint.to_owned());
        }
        Ok(Some(dir)) => dir,
    };
    match logs::read(Path::new(&dir), since, |line| parts.redactor.text(line)) {
        Err(error) => parts.problems.push(format!("logs: {}: {error}", dir.display())),
        Ok(found) => {
            let left_out = if found.left_out > 0 {
                format!(", {} older ones left out", found.left_out)
            } else {
                String::new()
            };
            let holds = format!("{} lines of the log{left_out}", found.lines.len());
            let mut text = found.lines.join("\n");
            text.push('\n');
            parts.text("tradefleet.log", &holds, text);
        }
    }
}

/// Knows what to take out: every secret that can be read here, every chat, and for strangers the names.
fn redactor(
    context: &Context,
    store: Option<&Store>,
    is_anonymous: bool,
    problems: &mut Vec<String>,
) -> Redactor {
    let (mut secrets, mut chats, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut machines, mut users) = (BTreeSet::new(), BTreeSet::new());
    users.extend(["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok()));
    if let Some(store) = store {
        let known = names_of(store, &mut chats, &mut accounts, &mut machines, &mut users);
        if let Err(error) = known {
            problems.push(format!("names: {error}"));
        }
        match sealed_secrets(context, store) {
            Ok(found) => secrets.extend(found),
            Err(error) => problems.push(format!("keys were not looked for in the texts: {error}")),
        }
    }
    secrets.extend(configured_secrets(context));
    let mut redactor = Redactor::new(secrets, &chats);
    if is_anonymous {
        redactor.disguise("account", accounts.iter().map(String::as_str));
        redactor.disguise("host", machines.iter().map(String::as_str));
        redactor.disguise("user", users.iter().map(String::as_str));
    }
    redactor
}

fn names_of(
    store: &Store,
    chats: &mut Vec<i64>,
    accounts: &mut Vec<String>,
    machines: &mut BTreeSet<String>,
    users: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    let conn = store.conn();
    chats.extend(telegram_bots::list(conn)?.iter().map(|bot| bot.chat_id));
    accounts.extend(queries::names::accounts(conn)?.into_iter().map(|(_, name)| name));
    machines.extend(queries::status::daemon(conn)?.map(|daemon| daemon.host));
    let everyone = AuditFilter { actor: Some("cli".to_owned()), limit: u32::MAX, ..AuditFilter::default() };
    let typed = audit::list(conn, &everyone)?;
    users.extend(typed.iter().filter_map(|row| Some(row.actor.split_once(':')?.1.to_owned())));
    Ok(())
}

/// What is sealed in the database, where the master key is at hand: to look for it, nowhere else.
fn sealed_secrets(context: &Context, store: &Store) -> Result<Vec<Secret>, CliError> {
    let Some(meta) = vault_meta::read(store.conn())? else { return Ok(Vec::new()) };
    let fields = vault_meta::sealed_fields(store.conn())?;
    let Some(found) = context.stored_key()? else {
        return Err(unreadable("no master key at hand"));
    };
    let vault = found.unlock(&meta)?;
    fields.iter().map(|field| Ok(vault.open(field.account, field.field, &field.text)?)).collect()
}

/// What the configuration refers to, where it can be read.
fn configured_secrets(context: &Context) -> Vec<Secret> {
    let Ok(config) = context.config() else { return Vec::new() };
    let alerts = &config.alerts;
    let mut found: Vec<Secret> = [&alerts.slack_webhook, &alerts.smtp_password, &alerts.heartbeat_url]
        .into_iter()
        .filter(|text| reference::is_reference(text))
        .filter_map(|text| reference::resolve(text, context.home()).ok())
        .collect();
    if !reference::is_reference(&alerts.heartbeat_url) && !alerts.heartbeat_url.is_empty() {
        found.push(Secret::new(alerts.heartbeat_url.clone()));
    }
    found
}

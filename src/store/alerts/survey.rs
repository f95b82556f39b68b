//! What is wrong with accounts, as their rows say.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Finding;
use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::turn::Severity;
use crate::store::StoreError;

/// A position may be without its stop for so long.
const UNPROTECTED_AFTER: DurationMs = DurationMs::from_secs(60);
/// What could not be delivered is pointed out for so long.
const UNDELIVERED_FOR: DurationMs = DurationMs::from_secs(86_400);

/// Kind, severity, and a query for account, what distinguishes several of it, and the detail. `:now` is the time,
/// `:grace` and `:shown` the two constants. Of an account that the fleet has let go nothing is wrong: nobody would ever
/// see it cleared. No question may find the same twice: two bots may be bare on one symbol.
const QUESTIONS: [(&str, Severity, &str); 6] = [
    (
        "quarantined",
        Severity::Critical,
        "SELECT account_id, '', quarantine_reason FROM account_state JOIN accounts ON accounts.id = account_id
         WHERE quarantined_at IS NOT NULL AND is_active = 1 AND removed_at IS NULL",
    ),
    (
        "unauthorized",
        Severity::Critical,
        "SELECT account_id, '', last_error FROM account_state JOIN accounts ON accounts.id = account_id
         WHERE breaker <> 'closed' AND last_error LIKE 'unauthorized%' AND is_active = 1 AND removed_at IS NULL",
    ),
    (
        "exchange_down",
        Severity::Warning,
        "SELECT account_id, '', coalesce(last_error, 'the exchange does not answer')
         FROM account_state JOIN accounts ON accounts.id = account_id
         WHERE breaker <> 'closed' AND coalesce(last_error, '') NOT LIKE 'unauthorized%' AND is_active = 1
             AND removed_at IS NULL",
    ),
    (
        "unprotected",
        Severity::Critical,
        "SELECT DISTINCT p.account_id, p.symbol, p.symbol || ' has no stop at the exchange'
         FROM bot_positions p JOIN account_state s ON s.account_id = p.account_id
         JOIN account_settings t ON t.account_id = p.account_id JOIN accounts a ON a.id = p.account_id
         LEFT JOIN grid_bot_configs g ON g.bot_id = p.bot_id
         WHERE p.closed_at IS NULL AND p.bot_id IS NOT NULL AND p.protected = 0 AND p.dry_run = 0
             AND CASE WHEN g.bot_id IS NULL THEN t.auto_exit ELSE g.exchange_stop END = 1
             AND a.exchange IN ('binance', 'bitget') AND a.is_active = 1 AND a.removed_at IS NULL
             AND p.opened_at < s.last_cycle_at - :grace",
    ),
    (
        "out_of_sync",
        Severity::Critical,
        "SELECT account_id, b.key, b.key || ': ' || b.value
         FROM account_state JOIN accounts ON accounts.id = account_id, json_each(account_state.state, '$.blocked') b
         WHERE is_active = 1 AND removed_at IS NULL",
    ),
    (
        "undelivered",
        Severity::Warning,
        "SELECT account_id, '', count(*) || ' messages could not be delivered: ' || max(last_error)
         FROM telegram_replies r JOIN accounts ON accounts.id = account_id
         WHERE status <> 'pending' AND status = 'dead' AND r.created_at > :now - :shown AND removed_at IS NULL
         GROUP BY account_id",
    ),
];

/// Everything that is wrong at `now`.
pub fn survey(conn: &Connection, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for (kind, severity, sql) in QUESTIONS {
        let mut statement = conn.prepare_cached(sql)?;
        for (name, value) in
            [(":now", now.ms()), (":grace", UNPROTECTED_AFTER.ms()), (":shown", UNDELIVERED_FOR.ms())]
        {
            if let Some(index) = statement.parameter_index(name)? {
                statement.raw_bind_parameter(index, value)?;
            }
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            findings.push(finding(row, kind, severity)?);
        }
    }
    let mut statement =
        conn.prepare_cached("SELECT exchange, egress, reason FROM rate_bans WHERE until_ms > ?1")?;
    let bans = statement.query_map([now.ms()], |row| {
        let (exchange, egress, reason): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Finding {
            key: format!("throttled:{exchange}:{egress}"),
            kind: "throttled".to_owned(),
            severity: Severity::Warning,
            account: None,
            detail: format!("{exchange} takes nothing from {egress}: {reason}"),
        })
    })?;
    findings.extend(bans.collect::<Result<Vec<_>, _>>()?);
    // The last try counts: one that worked is the all-clear.
    let last = "SELECT error FROM backups ORDER BY id DESC LIMIT 1";
    let last: Option<Option<String>> =
        conn.prepare_cached(last)?.query_row([], |row| row.get(0)).optional()?;
    findings.extend(last.flatten().map(|error| Finding {
        key: "backup_failed".to_owned(),
        kind: "backup_failed".to_owned(),
        severity: Severity::Critical,
        account: None,
        detail: format!("the last backup failed: {error}"),
    }));
    Ok(findings)
}

fn finding(row: &Row<'_>, kind: &str, severity: Severity) -> rusqlite::Result<Finding> {
    let (account, part): (u32, String) = (row.get(0)?, row.get(1)?);
    Ok(Finding {
        key: format!("{kind}:{account}:{part}"),
        kind: kind.to_owned(),
        severity,
        account: Some(AccountId::new(account)),
        detail: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind::ExchangeKind;
    use crate::store::accounts;
    use crate::store::scratch::Scratch;

    /// Everything is wrong with an account.
    const WRONG: &str = "
        INSERT INTO account_state (account_id, state, last_cycle_at, quarantined_at, quarantine_reason, breaker,
            last_error, updated_at) VALUES (1, '{\"blocked\": {\"BTCUSDT\": \"lost\"}}', 1000000, 1, 'q', 'open',
            'unauthorized', 1);
        INSERT INTO bot_instances (id, account_id, name, created_at, updated_at) VALUES (1, 1, 'b', 1, 1);
        UPDATE account_settings SET auto_exit = 1;
        INSERT INTO bot_positions (id, account_id, bot_id, symbol, side, leverage, qty, cost, first_entry_qty,
            last_entry_price, entered_qty, entered_notional, exited_qty, exited_notional, realized_pnl, fees, dry_run,
            opened_at) VALUES ('p', 1, 1, 'BTCUSDT', 'long', 1, '1', '1', '1', '1', '1', '1', '0', '0', '0', '0', 0, 1);
        INSERT INTO telegram_replies (account_id, chat_id, kind, body, created_at, not_before, status, last_error)
            VALUES (1, 7, 'text', '{}', 900000, 900000, 'dead', 'no');";

    #[test]
    fn nothing_is_wrong_with_an_account_that_was_let_go() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let (conn, now) = (store.conn(), Timestamp::from_ms(1_000_000));
        let account = accounts::insert(conn, "a", ExchangeKind::Binance, now).unwrap();
        conn.execute_batch(WRONG).unwrap();
        let kinds = || {
            let found = survey(conn, now).unwrap();
            found.into_iter().map(|finding| finding.kind).collect::<Vec<_>>()
        };
        let all = ["quarantined", "unauthorized", "unprotected", "out_of_sync", "undelivered"];
        assert_eq!(kinds(), all);
        conn.execute_batch("UPDATE account_state SET last_error = NULL").unwrap();
        assert_eq!(kinds()[1], "exchange_down");
        // Its chat is still there, and does not hear.
        accounts::set_active(conn, account, false, now).unwrap();
        assert_eq!(kinds(), ["undelivered"]);
        accounts::set_active(conn, account, true, now).unwrap();
        assert_eq!(kinds().len(), all.len());
        accounts::remove(conn, account, now).unwrap();
        assert_eq!(kinds(), Vec::<String>::new());
    }
}

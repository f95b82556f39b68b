//! `doctor`: is everything there, private, sound and of one age?

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::audit::SealFinding;
use super::finding::{self, Finding, Verdict};
use super::{CliError, Context, Exit, limits, when};
use crate::domain::time::{DurationMs, Timestamp};
use crate::store::backup_log::{self, BackupState};
use crate::store::rate_limits::{read_bans, read_headroom};
use crate::store::{OpenMode, Store, StoreError, audit, lease, schema, vault_meta};
use crate::vault::{Derivation, KeyLookup};

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {}

/// The day this check was written: a clock before it is wrong.
const WRITTEN_AT: Timestamp = Timestamp::from_ms(1_735_689_600_000);
/// What a clock may be behind the newest row before it is worth a word.
const TOLERANCE: DurationMs = DurationMs::from_secs(5);

pub(super) fn run(_: &DoctorArgs, context: &Context) -> Result<(), CliError> {
    let mut findings = vec![home(context.home()), config(context)];
    match Store::open(&context.database_path(), OpenMode::ReadOnly) {
        Err(error) => findings.push(Finding::fail("database", error)),
        Ok(store) => {
            let path = context.database_path();
            let detail = format!("{}, schema version {}", path.display(), schema::known_version());
            findings.push(Finding::ok("database", detail));
            findings.push(match store.quick_check() {
                Ok(()) => Finding::ok("integrity", "quick check passed"),
                Err(error) => Finding::fail("integrity", error),
            });
            findings.push(audit_chain(context, &store));
            findings.push(master_key(context, &store));
            findings.push(daemon(&store));
            findings.push(backups(context, &store));
            findings.push(rate_limits(context.now(), &store));
            findings.push(clock(context.now(), &store));
        }
    }
    report(context, &findings)
}

fn home(home: &Path) -> Finding {
    match fs::metadata(home) {
        Err(error) => Finding::fail(
            "home",
            CliError::usage(format!("{}: {error}", home.display())).hint("run `tradefleet init`"),
        ),
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            let detail = format!("{} has mode {mode:04o}", home.display());
            let is_private = mode.trailing_zeros() >= 6;
            if is_private {
                Finding::ok("home", detail)
            } else {
                Finding::warn("home", detail, format!("run `chmod 700 {}`", home.display()))
            }
        }
    }
}

fn config(context: &Context) -> Finding {
    match context.loaded_config() {
        Ok(loaded) => Finding::ok("config", format!("{} keys set", loaded.from_file.len())),
        Err(error) => Finding::fail("config", error),
    }
}

fn audit_chain(context: &Context, store: &Store) -> Finding {
    match audit::verify(store.conn()) {
        Err(error) => Finding::fail("audit", error),
        Ok(report) => {
            let seal = SealFinding::of(&report, store, context);
            match (report.fault.map(|fault| fault.to_string()), seal.fault(), seal.fix()) {
                (None, None, _) => Finding::ok("audit", format!("{} entries, chain whole", report.entries)),
                (None, Some(fault), Some(fix)) => Finding::warn("audit", fault, fix),
                (Some(fault), ..) | (None, Some(fault), None) => {
                    Finding::fail("audit", CliError::new(Exit::Database, fault))
                }
            }
        }
    }
}

fn backups(context: &Context, store: &Store) -> Finding {
    let every = context.config().map(|config| config.backup.clone()).unwrap_or_default();
    let is_scheduled = every.dir.is_some();
    let fix = "run `tradefleet db backup`, or set backup.dir so that the daemon makes them";
    match backup_log::state(store.conn()) {
        Err(error) => Finding::fail("backup", error),
        Ok(None) => Finding::warn("backup", "there is none", fix),
        Ok(Some(BackupState { last_failure: Some(failure), failures, .. })) => Finding::warn(
            "backup",
            format!(
                "the last {failures} failed, the latest {}: {}",
                when::minute(failure.finished_at),
                failure.error.unwrap_or_default()
            ),
            "make room or mend the folder, then run `tradefleet db backup`",
        ),
        Ok(Some(BackupState { last_good, .. })) => {
            let Some(good) = last_good else { return Finding::warn("backup", "there is none", fix) };
            let age = context.now().since(good.finished_at);
            let detail = format!("{}, {} ago", good.path, when::span(age));
            if is_scheduled && age > every.every.times(2) {
                return Finding::warn(
                    "backup",
                    detail,
                    "none was made for twice as long as it should take: is the daemon running?",
                );
            }
            Finding::ok("backup", detail)
        }
    }
}

fn master_key(context: &Context, store: &Store) -> Finding {
    let check = "master key";
    let meta = match context.vault_meta(store) {
        Ok(meta) => meta,
        Err(error) => return Finding::fail(check, error),
    };
    let sealed = vault_meta::sealed_fields(store.conn()).map_or(0, |fields| fields.len());
    match KeyLookup::from_environment(Some(&context.key_path())).find_stored() {
        Err(error) => Finding::fail(check, error),
        Ok(Some(found)) => {
            if let Err(error) = found.unlock(&meta) {
                return Finding::fail(check, error);
            }
            let detail = format!("{}, opens {sealed} secrets", found.source);
            match found.warning {
                Some(warning) => Finding::warn(check, detail, warning),
                None => Finding::ok(check, detail),
            }
        }
        Ok(None) if meta.derivation == Derivation::Argon2id => Finding::warn(
            check,
            "a passphrase, which is asked for",
            "a daemon under systemd needs a credential",
        ),
        Ok(None) => Finding::fail(
            check,
            CliError::new(Exit::Vault, format!("{} is not there", context.key_path().display()))
                .hint("put the key file back, or set TRADEFLEET_MASTER_KEY"),
        ),
    }
}

fn daemon(store: &Store) -> Finding {
    match lease::current(store.conn()) {
        Err(error) => Finding::fail("daemon", error),
        Ok(None) => Finding::ok("daemon", "none has run yet"),
        Ok(Some(info)) if info.is_live() => {
            let owner = &info.owner;
            let health = info.http_address.as_ref().map_or_else(
                || "health is told nowhere".to_owned(),
                |address| format!("health at http://{address}/health"),
            );
            Finding::ok(
                "daemon",
                format!(
                    "pid {} on {}, version {}, since {}, {health}",
                    owner.pid, owner.host, owner.version, info.acquired_at
                ),
            )
        }
        Ok(Some(info)) => match info.released_at {
            Some(at) => Finding::ok("daemon", format!("stopped at {at}")),
            None => Finding::warn(
                "daemon",
                format!("the last one ended without a word, last seen {}", info.heartbeat_at),
                "start it again: it recovers by itself",
            ),
        },
    }
}

fn rate_limits(now: Timestamp, store: &Store) -> Finding {
    let known = || Ok::<_, StoreError>((read_headroom(store.conn())?, read_bans(store.conn(), now)?));
    match known() {
        Err(error) => Finding::fail("limits", error),
        Ok((_, bans)) if !bans.is_empty() => {
            let fix = "wait; spread accounts over more addresses (`live.egress`) if it happens again";
            Finding::warn("limits", limits::bans(&bans).join("; "), fix)
        }
        Ok((headroom, _)) => match limits::lines(&headroom).as_slice() {
            [] => Finding::ok("limits", "nothing used of the exchanges' limits"),
            lines => Finding::ok("limits", lines.join("; ")),
        },
    }
}

fn clock(now: Timestamp, store: &Store) -> Finding {
    let newest = audit::list(store.conn(), &audit::AuditFilter { limit: 1, ..audit::AuditFilter::default() });
    let newest = newest.ok().and_then(|rows| rows.first().map(|row| row.at)).unwrap_or(WRITTEN_AT);
    let earliest = newest.max(WRITTEN_AT);
    if now.plus(TOLERANCE) < earliest {
        let fix = "set the clock, or run a time service: exchanges refuse requests of a wrong time";
        return Finding::warn("clock", format!("it says {now}, but the database knows {earliest}"), fix);
    }
    Finding::ok("clock", now.to_string())
}

fn report(context: &Context, findings: &[Finding]) -> Result<(), CliError> {
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    if context.out.is_json() {
        context.out.json(&json!({ "ok": failed == 0, "findings": findings }))?;
    } else {
        finding::print(context.out, findings)?;
    }
    if failed > 0 {
        return Err(CliError::new(Exit::Failure, format!("{failed} of {} checks failed", findings.len())));
    }
    Ok(())
}

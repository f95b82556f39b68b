//! `incident bundle`: one archive for whoever is asked to help, without anything that must not leave the machine.
//!
//! Everything passes through the [`redact::Redactor`]. What cannot be read is named in the manifest, and the rest is
//! packed: a bundle is most wanted when things are broken.

mod logs;
mod machine;
mod parts;
mod redact;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{CliError, Context, Exit, when};
use parts::Part;

#[derive(Debug, Args)]
pub(super) struct IncidentArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Pack what explains the last hours into one file: status, orders, decisions, alerts, audit, logs, metrics
    Bundle(BundleArgs),
}

#[derive(Debug, Args)]
struct BundleArgs {
    /// From this time on: 2022-06-15, "2022-06-15 03:00" (UTC), or 2h, 7d for ago
    #[arg(long, value_name = "TIME", default_value = "2h")]
    since: String,
    /// The file to make [default: tradefleet-incident-TIME.zip in this folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the names of accounts, users and this machine
    #[arg(long)]
    anonymous: bool,
}

pub(super) fn run(args: &IncidentArgs, context: &Context) -> Result<(), CliError> {
    match &args.verb {
        Verb::Bundle(args) => bundle(args, context),
    }
}

fn bundle(args: &BundleArgs, context: &Context) -> Result<(), CliError> {
    let now = context.now();
    let since =
        when::parse(&args.since, now).map_err(|error| CliError::usage(format!("--since: {error}")))?;
    if since > now {
        return Err(CliError::usage(format!("--since: {} is not over yet", when::minute(since))));
    }
    let path = args.out.clone().unwrap_or_else(|| default_name(now));
    if path.exists() {
        return Err(CliError::refused(format!("{} exists already", path.display()))
            .hint("name another file with --out"));
    }
    let parts = parts::collect(context, since, now, args.anonymous);
    write(&path, &parts).map_err(|error| CliError::file(&path, &error))?;
    report(context, &path, &parts)
}

fn default_name(now: crate::domain::time::Timestamp) -> PathBuf {
    let stamp: String = when::minute(now).chars().filter(char::is_ascii_digit).collect();
    PathBuf::from(format!("tradefleet-incident-{stamp}.zip"))
}

/// Writes the archive under another name first, so that no half of one is ever sent.
fn write(path: &Path, parts: &[Part]) -> io::Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".part");
    let half = PathBuf::from(half);
    let written = pack(&half, parts).and_then(|()| std::fs::rename(&half, path));
    if written.is_err() {
        // The error that is told is the first one.
        drop(std::fs::remove_file(&half));
    }
    written
}

fn pack(path: &Path, parts: &[Part]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(0o600);
    let mut archive = ZipWriter::new(file);
    for part in parts {
        archive.start_file(part.name.as_str(), options).map_err(io::Error::other)?;
        archive.write_all(part.text.as_bytes())?;
    }
    archive.finish().map_err(io::Error::other)?.sync_all()
}

fn report(context: &Context, path: &Path, parts: &[Part]) -> Result<(), CliError> {
    if context.out.is_json() {
        let files: Vec<_> = parts
            .iter()
            .map(|part| json!({ "name": part.name, "bytes": part.text.len(), "holds": part.holds }))
            .collect();
        return context.out.json(&json!({ "path": path, "files": files }));
    }
    let mut table = context.out.new_table(&["FILE", "BYTES", "HOLDS"], &[1]);
    for part in parts {
        table.add_row([part.name.clone(), part.text.len().to_string(), part.holds.clone()]);
    }
    context.out.table(&table)?;
    context.out.line(format!("\n{}", path.display()))?;
    context
        .out
        .note("look through it before you send it: it holds balances, positions and what was typed by hand");
    Ok(())
}

/// Text for a problem that kept a part from being made.
fn unreadable(error: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Failure, error.to_string())
}

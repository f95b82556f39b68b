//! `install-service`: the systemd units with this machine's paths and user.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{CliError, Context};

/// The units as they are in the repository, and the words in them that differ from machine to machine.
const UNITS: [(&str, &str); 3] = [
    ("tradefleet.service", include_str!("../../systemd/tradefleet.service")),
    ("tradefleet-backup.service", include_str!("../../systemd/tradefleet-backup.service")),
    ("tradefleet-backup.timer", include_str!("../../systemd/tradefleet-backup.timer")),
];
const PROGRAM: &str = "/usr/local/bin/tradefleet";
const HOME: &str = "/var/lib/tradefleet";
const USER: &str = "User=tradefleet\n";
const OWN_FOLDER: &str = "StateDirectory=tradefleet\nStateDirectoryMode=0700\n";
const FOLDER: &str = "/etc/systemd/system";
/// What `ProtectHome=` hides.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];
/// What `PrivateTmp=` hides.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

#[derive(Debug, Args)]
pub(super) struct InstallServiceArgs {
    /// The system user the daemon runs as
    #[arg(long, value_name = "NAME", default_value = "tradefleet")]
    user: String,
    /// Print the units (what happens without --install, too)
    #[arg(long, conflicts_with = "install")]
    print: bool,
    /// Write the units, and say what to run next
    #[arg(long)]
    install: bool,
    /// Write below this folder instead of /
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

struct Unit {
    path: PathBuf,
    text: String,
}

pub(super) fn run(args: &InstallServiceArgs, context: &Context) -> Result<(), CliError> {
    let home = service_home(context);
    let program = std::env::current_exe().map_err(|error| CliError::file(Path::new(PROGRAM), &error))?;
    check_user(&args.user)?;
    check_path("--home", &home)?;
    check_path("the program's path", &program)?;
    let folder = args.root.join(FOLDER.trim_start_matches('/'));
    let units: Vec<Unit> = UNITS
        .iter()
        .map(|(name, text)| Unit { path: folder.join(name), text: adapt(text, &program, &home, &args.user) })
        .collect();
    if args.install {
        require_seen(&program)?;
        write(&folder, &units)?;
    } else if let Err(error) = require_seen(&program) {
        context.out.warn(error.to_string());
    }
    report(args, context, &units, &next(&program, &args.user, &home))
}

/// The home that was named; without one the service's own, not that of whoever installs it.
fn service_home(context: &Context) -> PathBuf {
    let personal = std::env::home_dir().map(|user| user.join(".tradefleet"));
    if personal.as_deref() == Some(context.home()) { PathBuf::from(HOME) } else { context.home().to_owned() }
}

fn check_user(user: &str) -> Result<(), CliError> {
    let is_name = user.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && user.len() <= 31
        && user
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    if is_name {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "--user `{user}` is not 1 to 31 of a-z, 0-9, `_` and `-`, beginning with a letter"
    )))
}

/// systemd would read more into other characters.
fn check_path(what: &str, path: &Path) -> Result<(), CliError> {
    let text = path.to_str().unwrap_or_default();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte));
    if path.is_absolute() && is_plain && !text.contains("/../") {
        return Ok(());
    }
    let allowed = "an absolute path of letters, digits and `/._-+@`";
    Err(CliError::usage(format!("{what} `{}` is not {allowed}", path.display())))
}

/// A program that the unit hides from its own user would never start.
fn require_seen(program: &Path) -> Result<(), CliError> {
    if !HOMES.iter().chain(&TEMPORARY).any(|hidden| program.starts_with(hidden)) {
        return Ok(());
    }
    let shown = program.display();
    Err(CliError::refused(format!("the service cannot start {shown}: its unit hides that folder from it")).hint(
        format!(
            "run `install -m 0755 {shown} {PROGRAM}`, then `{PROGRAM} install-service --install` with the options \
             you gave"
        ),
    ))
}

fn adapt(text: &str, program: &Path, home: &Path, user: &str) -> String {
    let text = text.replace(PROGRAM, &program.display().to_string());
    let text = text.replace(USER, &format!("User={user}\n"));
    if home == Path::new(HOME) {
        return text;
    }
    let home_text = home.display().to_string();
    let folder = if HOMES.iter().any(|hidden| home.starts_with(hidden)) {
        format!("BindPaths={home_text}\n")
    } else {
        format!("ReadWritePaths={home_text}\n")
    };
    let text =
        if folder.starts_with("Bind") { text.replace("ProtectHome=yes", "ProtectHome=tmpfs") } else { text };
    text.replace(OWN_FOLDER, &folder).replace(HOME, &home_text)
}

fn write(folder: &Path, units: &[Unit]) -> Result<(), CliError> {
    fs::create_dir_all(folder).map_err(|error| CliError::file(folder, &error))?;
    for unit in units {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o644);
        let written = options.open(&unit.path).and_then(|mut file| file.write_all(unit.text.as_bytes()));
        written.map_err(|error| CliError::file(&unit.path, &error))?;
    }
    Ok(())
}

/// What is left for the operator.
fn next(program: &Path, user: &str, home: &Path) -> Vec<String> {
    let (program, home) = (program.display(), home.display());
    vec![
        format!("useradd --system --home-dir {home} --shell /usr/sbin/nologin {user}"),
        format!("install -d -m 0700 -o {user} {home}"),
        format!("runuser -u {user} -- {program} --home {home} init"),
        format!("install -D -m 0400 {home}/master.key /etc/tradefleet/master.key"),
        format!("rm {home}/master.key   # the credential takes its place; keep a copy elsewhere"),
        "systemctl daemon-reload".to_owned(),
        "systemctl enable --now tradefleet.service tradefleet-backup.timer".to_owned(),
        "systemctl reload tradefleet   # reads config.toml again".to_owned(),
    ]
}

fn report(
    args: &InstallServiceArgs,
    context: &Context,
    units: &[Unit],
    next: &[String],
) -> Result<(), CliError> {
    let out = context.out;
    if out.is_json() {
        let units: Vec<_> =
            units.iter().map(|unit| json!({ "path": unit.path, "text": unit.text })).collect();
        return out.json(&json!({ "written": args.install, "units": units, "next": next }));
    }
    for unit in units {
        if args.install {
            out.line(format!("wrote {}", unit.path.display()))?;
        } else {
            out.line(format!("# {}\n{}", unit.path.display(), unit.text))?;
        }
    }
    if !args.install {
        out.note("nothing was written; --install writes them");
        return Ok(());
    }
    out.note("next, as root:");
    for command in next {
        out.note(format!("  {command}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_the_unit_hides_is_refused_with_what_helps() {
        for hidden in ["/root/.cargo/bin/tradefleet", "/home/me/bin/tradefleet", "/tmp/t", "/var/tmp/t"] {
            let error = require_seen(Path::new(hidden)).unwrap_err();
            let copy = format!("`install -m 0755 {hidden} /usr/local/bin/tradefleet`");
            let then = "`/usr/local/bin/tradefleet install-service --install`";
            let hint = error.hint.unwrap();
            assert!(hint.contains(&copy) && hint.contains(then), "{hint}");
        }
        for seen in [PROGRAM, "/opt/tradefleet/bin/tradefleet", "/usr/bin/tradefleet", "/homes/t"] {
            require_seen(Path::new(seen)).unwrap();
        }
    }

    #[test]
    fn units_are_written_and_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/systemd/system");
        for text in ["a longer text", "short"] {
            let path = folder.join("tradefleet.service");
            write(&folder, &[Unit { path: path.clone(), text: text.to_owned() }]).unwrap();
            assert_eq!(fs::read_to_string(path).unwrap(), text);
        }
    }
}

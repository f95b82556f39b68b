//! A home folder of its own and the binary to run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// What one command line answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// The JSON document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Ended with `code`, and says all of `words` on stderr.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:?}");
        }
        self
    }
}

/// A home folder that ends with the test.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    /// Without anything in it.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// Initialised.
    pub(crate) fn new() -> Self {
        let home = Self::empty();
        home.run("init").ok();
        home
    }

    /// Initialised, with the paper account `a`.
    pub(crate) fn with_account() -> Self {
        let home = Self::new();
        home.run("account add a --exchange paper").ok();
        home
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file beside the home folder and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The program on this home, with nothing else of our surroundings but where it counts what it runs through.
    pub(crate) fn program(&self) -> Command {
        const COUNTERS: &str = "LLVM_PROFILE_FILE";
        let mut command = Command::new(env!("CARGO_BIN_EXE_tradefleet"));
        command.env_clear().env("TRADEFLEET_HOME", self.path()).env("USER", "tester");
        command.envs(std::env::var_os(COUNTERS).map(|file| (COUNTERS, file)));
        command
    }

    /// Runs a command line; words are split at spaces.
    pub(crate) fn run(&self, line: &str) -> Answer {
        self.run_with(line, &[])
    }

    pub(crate) fn run_with(&self, line: &str, variables: &[(&str, &str)]) -> Answer {
        let words: Vec<&str> = line.split(' ').collect();
        let Output { status, stdout, stderr } = self
            .program()
            .args(&words)
            .envs(variables.iter().copied())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        Answer {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// The JSON answer of a reading command.
    #[track_caller]
    pub(crate) fn json(&self, line: &str) -> Value {
        self.run(&format!("--json {line}")).ok().json()
    }

    /// Changes the database behind the program's back.
    pub(crate) fn sql(&self, sql: &str) {
        self.database().execute_batch(sql).unwrap();
    }

    fn database(&self) -> rusqlite::Connection {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
        rusqlite::Connection::open_with_flags(self.file("tradefleet.db"), flags).unwrap()
    }

    /// One number out of the database.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        let conn = self.database();
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// One open position of a bot, as the daemon would write it.
    pub(crate) fn open_position(&self, account_id: u32, bot_id: u32) {
        self.sql(&format!(
            "INSERT INTO bot_positions (id, account_id, bot_id, symbol, side, leverage, qty, cost, first_entry_qty,
                 last_entry_price, entered_qty, entered_notional, exited_qty, exited_notional, realized_pnl, fees,
                 dry_run, opened_at)
             VALUES ('p{bot_id}', {account_id}, {bot_id}, 'BTCUSDT', 'long', 5, '1', '100', '1', '100', '1', '100',
                 '0', '0', '0', '0', 1, 1)"
        ));
    }

    /// Everything the database holds of what commands can change, to compare before and after.
    pub(crate) fn fingerprint(&self) -> Vec<String> {
        let parts = ["account list", "bot list", "strategy list", "audit show --limit 10000"];
        parts.iter().map(|line| self.run(&format!("--json {line}")).ok().stdout).collect()
    }
}

/// A file's bytes as text, lossily, for searching.
pub(crate) fn bytes_of(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

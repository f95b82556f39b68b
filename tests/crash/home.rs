//! A home folder on a disk that can fail, and the command line in this process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use faulty_disk::{Image, captured};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

pub(crate) struct Home {
    dir: TempDir,
}

/// What a command line came to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub is_ok: bool,
    pub text: String,
}

impl Home {
    pub(crate) fn new(image: &Image) -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        image.write(&home.disk()).unwrap();
        for name in ["key", "secret", "phrase"] {
            fs::write(home.dir.path().join(name), name).unwrap();
        }
        home
    }

    /// The folder that is the disk; what people would type in is beside it.
    pub(crate) fn disk(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.disk().join("home")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("tradefleet.db")
    }

    pub(crate) fn image(&self) -> Image {
        Image::of(&self.disk()).unwrap()
    }

    /// Runs a command line; `@` stands for the folder beside the disk, `~` for the home.
    pub(crate) fn run(&self, line: &str) -> Answer {
        let aside = self.dir.path().display().to_string();
        let home = self.path().display().to_string();
        let words = line.split_whitespace().map(|word| word.replace('@', &aside).replace('~', &home));
        let arguments = ["tradefleet", "--home", &home].map(str::to_owned).into_iter().chain(words);
        let (code, said) = captured(|| tradefleet::cli::main(arguments.map(Into::into)));
        let text = String::from_utf8_lossy(&[said.out, said.err].concat()).into_owned();
        Answer { is_ok: code == ExitCode::SUCCESS, text }
    }

    #[track_caller]
    pub(crate) fn must(&self, line: &str) -> String {
        let answer = self.run(line);
        assert!(answer.is_ok, "{line}: {}", answer.text);
        answer.text
    }

    /// The rows of a question, as text; a question that fails is its answer.
    pub(crate) fn rows(&self, sql: &str) -> String {
        rows_of(&self.database(), sql)
    }
}

pub(crate) fn rows_of(database: &Path, sql: &str) -> String {
    let read = |access: OpenFlags| -> rusqlite::Result<String> {
        let conn = Connection::open_with_flags(database, access)?;
        let mut statement = conn.prepare(sql)?;
        let columns = statement.column_count();
        let mut text = String::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                let cell = match row.get::<_, Value>(column)? {
                    Value::Null => "-".to_owned(),
                    Value::Integer(number) => number.to_string(),
                    Value::Real(number) => number.to_string(),
                    Value::Text(text) => text,
                    Value::Blob(bytes) => format!("{} bytes", bytes.len()),
                };
                text.push_str(&cell);
                text.push('|');
            }
            text.push('\n');
        }
        Ok(text)
    };
    // What a crash has left half done is taken back by a connection that may write, as the program has it.
    read(OpenFlags::SQLITE_OPEN_READ_ONLY)
        .or_else(|_| read(OpenFlags::SQLITE_OPEN_READ_WRITE))
        .unwrap_or_else(|error| error.to_string())
}

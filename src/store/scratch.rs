//! A database in a temporary directory, for tests.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{OpenMode, Store};

pub(crate) struct Scratch {
    dir: TempDir,
}

impl Scratch {
    /// A fresh database with our schema.
    pub(crate) fn new() -> Self {
        let scratch = Self::empty();
        Store::create(&scratch.database()).unwrap();
        scratch
    }

    /// A directory without a database.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("fleet.db")
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.database(), OpenMode::ReadWrite).unwrap()
    }
}

impl Store {
    /// How SQLite would answer, step by step.
    pub(crate) fn plan(&self, sql: &str) -> String {
        let mut statement = self.conn().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.raw_query().mapped(|row| row.get::<_, String>("detail"));
        steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }
}

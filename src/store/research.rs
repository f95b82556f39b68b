//! The results of parameter searches, in a database of their own: `research.db` beside the fleet's.
//!
//! A search writes tens of thousands of rows. In the fleet's database each commit would hold the lock that orders wait
//! for, wake the daemon and swell every backup; and nothing of it is money. One process searches at a time: it holds
//! the lock file, and is the only writer; whoever only reads is not kept out.

use std::io;
use std::path::Path;

use refinery::Runner;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;

use super::lock::FileLock;
use super::open::connect;
use super::{OpenMode, StoreError, column, files, schema};
use crate::domain::money::Quote;
use crate::domain::time::Timestamp;

mod embedded {
    refinery::embed_migrations!("migrations_research");
}

/// What one backtest came to. Fractions: 0.01 is 1 %.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// When the first bar opened and the last one closed.
    pub from_ms: i64,
    pub to_ms: i64,
    pub trades: u32,
    pub wins: u32,
    pub liquidations: u32,
    pub final_equity: Quote,
    pub fees: Quote,
    pub total_return: f64,
    pub max_drawdown: f64,
    pub exposure: f64,
    pub cagr: Option<f64>,
    pub sharpe: Option<f64>,
    pub sortino: Option<f64>,
    pub calmar: Option<f64>,
    pub profit_factor: Option<f64>,
    /// Mean net profit of a trade, in quote currency.
    pub expectancy: Option<f64>,
    pub win_rate: Option<f64>,
    /// Of daily returns: how many, and their third and fourth standardised moments.
    pub days: u32,
    pub skewness: f64,
    pub kurtosis: f64,
}

/// A window's two backtests; the second is absent where nothing is kept apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowFigures {
    pub inside: Figures,
    pub outside: Option<Figures>,
}

/// A trial that was played: the searched values, in order, and its windows, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRow {
    /// From 1.
    pub number: u32,
    pub values: Vec<String>,
    pub windows: Vec<WindowFigures>,
}

/// A search as it was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    pub strategy: String,
    pub method: String,
    pub objective: String,
    pub planned: u32,
    /// JSON.
    pub spec: String,
    /// Of the candles, and of everything else that decides.
    pub candles: String,
    pub setup: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    pub id: i64,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// Trials that are there.
    pub done: u32,
    pub run: NewRun,
}

/// See the module.
#[derive(Debug)]
pub struct ResearchStore {
    conn: Connection,
    /// Held by the one that writes.
    _lock: Option<FileLock>,
}

impl ResearchStore {
    /// For the one process that searches, `None` beside another; the database is created or brought up to date first.
    pub fn open_to_write(path: &Path) -> Result<Option<Self>, StoreError> {
        files::create_parent(path)?;
        let Some(lock) = FileLock::acquire(path)? else { return Ok(None) };
        match files::create(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StoreError::file(path, &error)),
        }
        let mut conn = connect(path, OpenMode::ReadWrite)?;
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        // A trial that a power cut takes is played again.
        conn.pragma_update(None, "synchronous", "NORMAL")?;
        let (found, known) = (schema::version(&conn)?, known_version());
        if found > known {
            return Err(StoreError::NewerSchema { found, known });
        }
        if found < known {
            schema::run(runner(), &mut conn)?;
        }
        Ok(Some(Self { conn, _lock: Some(lock) }))
    }

    /// For reading, also beside the one that writes.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let conn = connect(path, OpenMode::ReadOnly)?;
        let (found, known) = (schema::version(&conn)?, known_version());
        match found.cmp(&known) {
            std::cmp::Ordering::Less => Err(StoreError::NotMigrated { found, known }),
            std::cmp::Ordering::Equal => Ok(Self { conn, _lock: None }),
            std::cmp::Ordering::Greater => Err(StoreError::NewerSchema { found, known }),
        }
    }

    pub fn begin_run(&self, run: &NewRun, now: Timestamp) -> Result<i64, StoreError> {
        let id = self
            .conn
            .prepare_cached(
                "INSERT INTO optimize_runs (created_at, strategy, method, objective, planned, spec, candles, setup)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
            )?
            .query_row(
                params![
                    now.ms(),
                    run.strategy,
                    run.method,
                    run.objective,
                    run.planned,
                    run.spec,
                    run.candles,
                    run.setup
                ],
                |row| row.get(0),
            )?;
        Ok(id)
    }

    /// Writes trials in one commit; what is there already is left as it is.
    pub fn write_trials(&mut self, run: i64, trials: &[TrialRow]) -> Result<(), StoreError> {
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for trial in trials {
            write_trial(&transaction, run, trial)?;
        }
        Ok(transaction.commit()?)
    }

    pub fn finish_run(&self, run: i64, now: Timestamp) -> Result<(), StoreError> {
        let mut statement = self.conn.prepare_cached(
            "UPDATE optimize_runs SET finished_at = coalesce(finished_at, ?2) WHERE id = ?1",
        )?;
        statement.execute(params![run, now.ms()])?;
        Ok(())
    }

    pub fn run(&self, id: i64) -> Result<RunRow, StoreError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT *, (SELECT count(*) FROM optimize_trials WHERE run_id = id) AS done
             FROM optimize_runs WHERE id = ?1",
        )?;
        let row = statement.query_row([id], run_row).optional()?;
        row.ok_or_else(|| StoreError::not_found("search", id.to_string()))
    }

    /// Newest last.
    pub fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT *, (SELECT count(*) FROM optimize_trials WHERE run_id = id) AS done
             FROM optimize_runs ORDER BY id",
        )?;
        let rows = statement.query_map([], run_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All trials of a run, by number.
    pub fn trials(&self, run: i64) -> Result<Vec<TrialRow>, StoreError> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT number, params FROM optimize_trials WHERE run_id = ?1 ORDER BY number")?;
        let rows = statement.query_map([run], |row| {
            Ok(TrialRow {
                number: row.get("number")?,
                values: column::json(row, "params")?,
                windows: Vec::new(),
            })
        })?;
        let mut trials: Vec<TrialRow> = rows.collect::<Result<_, _>>()?;
        let mut statement = self.conn.prepare_cached(
            "SELECT * FROM optimize_windows WHERE run_id = ?1 ORDER BY trial, window, sample",
        )?;
        let mut rows = statement.query([run])?;
        let mut place = 0;
        while let Some(row) = rows.next()? {
            let number: u32 = row.get("trial")?;
            while trials.get(place).is_some_and(|trial| trial.number < number) {
                place += 1;
            }
            let Some(trial) = trials.get_mut(place) else { break };
            let (sample, figures): (String, Figures) = (row.get("sample")?, figures(row)?);
            if sample == "in" {
                trial.windows.push(WindowFigures { inside: figures, outside: None });
            } else if let Some(window) = trial.windows.last_mut() {
                window.outside = Some(figures);
            }
        }
        Ok(trials)
    }
}

fn runner() -> Runner {
    embedded::migrations::runner()
}

fn known_version() -> i32 {
    runner().get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0)
}

fn write_trial(conn: &Connection, run: i64, trial: &TrialRow) -> Result<(), StoreError> {
    let values = serde_json::Value::from(trial.values.clone()).to_string();
    let is_new = conn
        .prepare_cached(
            "INSERT INTO optimize_trials (run_id, number, params) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![run, trial.number, values])?;
    if is_new == 0 {
        return Ok(());
    }
    for (window, number) in trial.windows.iter().zip(1_u32..) {
        write_figures(conn, (run, trial.number, number, "in"), &window.inside)?;
        if let Some(outside) = &window.outside {
            write_figures(conn, (run, trial.number, number, "out"), outside)?;
        }
    }
    Ok(())
}

fn write_figures(
    conn: &Connection,
    (run, trial, window, sample): (i64, u32, u32, &str),
    of: &Figures,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO optimize_windows (run_id, trial, window, sample, from_ms, to_ms, trades, wins, liquidations,
             final_equity, fees, total_return, max_drawdown, exposure, cagr, sharpe, sortino, calmar, profit_factor,
             expectancy, win_rate, days, skewness, kurtosis)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
             ?23, ?24)",
    )?
    .execute(params![
        run,
        trial,
        window,
        sample,
        of.from_ms,
        of.to_ms,
        of.trades,
        of.wins,
        of.liquidations,
        of.final_equity.to_string(),
        of.fees.to_string(),
        of.total_return,
        of.max_drawdown,
        of.exposure,
        of.cagr,
        of.sharpe,
        of.sortino,
        of.calmar,
        of.profit_factor,
        of.expectancy,
        of.win_rate,
        of.days,
        of.skewness,
        of.kurtosis
    ])?;
    Ok(())
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: row.get("id")?,
        created_at: column::timestamp(row, "created_at")?,
        finished_at: column::timestamp_opt(row, "finished_at")?,
        done: row.get("done")?,
        run: NewRun {
            strategy: row.get("strategy")?,
            method: row.get("method")?,
            objective: row.get("objective")?,
            planned: row.get("planned")?,
            spec: row.get("spec")?,
            candles: row.get("candles")?,
            setup: row.get("setup")?,
        },
    })
}

fn figures(row: &Row<'_>) -> rusqlite::Result<Figures> {
    Ok(Figures {
        from_ms: row.get("from_ms")?,
        to_ms: row.get("to_ms")?,
        trades: row.get("trades")?,
        wins: row.get("wins")?,
        liquidations: row.get("liquidations")?,
        final_equity: column::parsed(row, "final_equity")?,
        fees: column::parsed(row, "fees")?,
        total_return: row.get("total_return")?,
        max_drawdown: row.get("max_drawdown")?,
        exposure: row.get("exposure")?,
        cagr: row.get("cagr")?,
        sharpe: row.get("sharpe")?,
        sortino: row.get("sortino")?,
        calmar: row.get("calmar")?,
        profit_factor: row.get("profit_factor")?,
        expectancy: row.get("expectancy")?,
        win_rate: row.get("win_rate")?,
        days: row.get("days")?,
        skewness: row.get("skewness")?,
        kurtosis: row.get("kurtosis")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(5);

    fn figures(total_return: f64) -> Figures {
        Figures {
            from_ms: 1,
            to_ms: 2,
            trades: 3,
            wins: 2,
            liquidations: 0,
            final_equity: "10000.123".parse().unwrap(),
            fees: "1.5".parse().unwrap(),
            total_return,
            max_drawdown: 0.1 + 0.2,
            exposure: 0.5,
            cagr: None,
            sharpe: Some(1.0 / 3.0),
            sortino: None,
            calmar: None,
            profit_factor: Some(1e300),
            expectancy: Some(-0.1),
            win_rate: Some(2.0 / 3.0),
            days: 9,
            skewness: -0.3,
            kurtosis: 3.3,
        }
    }

    fn trial(number: u32) -> TrialRow {
        let window = |part: f64| WindowFigures { inside: figures(part), outside: Some(figures(-part)) };
        TrialRow {
            number,
            values: vec!["5".to_owned(), "on".to_owned()],
            windows: vec![window(0.1), window(0.7)],
        }
    }

    #[test]
    fn what_is_written_reads_back_to_the_last_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("home").join("research.db");
        let mut store = ResearchStore::open_to_write(&path).unwrap().unwrap();
        let run = NewRun {
            strategy: "macd".to_owned(),
            method: "grid".to_owned(),
            objective: "sharpe".to_owned(),
            planned: 2,
            spec: "{}".to_owned(),
            candles: "c".to_owned(),
            setup: "s".to_owned(),
        };
        let id = store.begin_run(&run, NOW).unwrap();
        store.write_trials(id, &[trial(2)]).unwrap();
        store.write_trials(id, &[trial(1), trial(2)]).unwrap();
        // The writer keeps other writers out, and nobody who reads.
        assert!(ResearchStore::open_to_write(&path).unwrap().is_none());
        let reader = ResearchStore::open_to_read(&path).unwrap();
        assert_eq!(reader.trials(id).unwrap(), [trial(1), trial(2)]);
        assert_eq!(reader.run(id).unwrap(), RunRow { id, created_at: NOW, finished_at: None, done: 2, run });
        store.finish_run(id, NOW).unwrap();
        assert_eq!(reader.runs().unwrap()[0].finished_at, Some(NOW));
        assert_eq!(reader.run(9), Err(StoreError::not_found("search", "9")));
        drop(store);
        assert!(ResearchStore::open_to_write(&path).unwrap().is_some());
    }
}

//! A search as it runs: trials on all cores, one writer, a bar, and an end that can be gone on from.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::view;
use crate::cli::{CliError, Context, Exit, progress, runtime};
use crate::daemon::shutdown::Shutdown;
use crate::daemon::timer::WallTimer;
use crate::optimize::study::{End, Study, StudyError};
use crate::store::research::{ResearchStore, TrialRow};

/// Trials that wait to be written; cores wait beyond that.
const QUEUE: usize = 256;
/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Searching<'a> {
    pub(super) context: &'a Context,
    pub(super) study: &'a Study,
    pub(super) id: i64,
    pub(super) jobs: usize,
}

impl Searching<'_> {
    /// Plays what is missing, then shows what was found.
    pub(super) fn run(&self, mut store: ResearchStore) -> Result<(), CliError> {
        let known: BTreeMap<u32, TrialRow> =
            store.trials(self.id)?.into_iter().map(|row| (row.number, row)).collect();
        let planned = store.run(self.id)?.run.planned;
        let shutdown = stop_on_signal()?;
        let mut told = Told::new(self, planned, &known);
        told.start()?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.jobs)
            .build()
            .map_err(|error| CliError::new(Exit::Failure, format!("no threads for the search: {error}")))?;
        let (sender, receiver) = sync_channel(QUEUE);
        let (searched, written) = thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let stop = || shutdown.is_requested();
                // The receiver outlives the search.
                let hear = move |row: TrialRow| drop(sender.send(row));
                pool.install(|| self.study.search(&known, &stop, &hear))
            });
            let written = self.write(&mut store, &receiver, &mut told);
            if written.is_err() {
                shutdown.request();
                receiver.iter().for_each(drop);
            }
            (worker.join(), written)
        });
        told.bar.finish_and_clear();
        written?;
        let end = searched.map_err(|_| CliError::new(Exit::Failure, "the search panicked"))?;
        match end.map_err(|error| failed(&error))? {
            End::Stopped => Err(self.stopped(told.done, planned)),
            End::Complete => {
                store.finish_run(self.id, self.context.now())?;
                view::found(&store, self.id, view::LIMIT, self.context, view::Form::Line)
            }
        }
    }

    /// One commit for all trials that wait, until there are no more.
    fn write(
        &self,
        store: &mut ResearchStore,
        receiver: &Receiver<TrialRow>,
        told: &mut Told<'_>,
    ) -> Result<(), CliError> {
        while let Ok(first) = receiver.recv() {
            let mut rows = vec![first];
            rows.extend(receiver.try_iter().take(QUEUE));
            store.write_trials(self.id, &rows)?;
            rows.iter().try_for_each(|row| told.trial(row))?;
        }
        Ok(())
    }

    fn stopped(&self, done: u32, planned: u32) -> CliError {
        let text = format!("stopped: {done} of {planned} trials are there");
        CliError::new(Exit::Failure, text)
            .hint(format!("`tradefleet optimize resume {}` goes on with the rest", self.id))
    }
}

fn failed(error: &StudyError) -> CliError {
    CliError::refused(error.to_string())
}

/// The wish to stop, which a signal fulfils: what is being played is finished and written.
fn stop_on_signal() -> Result<Shutdown, CliError> {
    let shutdown = Shutdown::default();
    let wish = shutdown.clone();
    thread::Builder::new()
        .name("optimize-signals".to_owned())
        .spawn(move || drop(runtime::block_on(wish.on_signal())))
        .map_err(|error| CliError::new(Exit::Failure, format!("no thread for signals: {error}")))?;
    Ok(shutdown)
}

/// What people and scripts see of a search while it runs.
struct Told<'a> {
    searching: &'a Searching<'a>,
    bar: ProgressBar,
    line: WallTimer,
    done: u32,
    planned: u32,
    best: Option<(f64, u32)>,
}

impl<'a> Told<'a> {
    fn new(searching: &'a Searching<'a>, planned: u32, known: &BTreeMap<u32, TrialRow>) -> Self {
        let bar = progress::sized_bar();
        if searching.context.out.is_json() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let done = u32::try_from(known.len()).unwrap_or(u32::MAX);
        bar.set_length(planned.into());
        bar.set_position(done.into());
        // What was there already says nothing about how long the rest takes.
        bar.reset_eta();
        let mut told = Self { searching, bar, line: WallTimer::new(LINE_EVERY), done, planned, best: None };
        for row in known.values() {
            told.consider(row);
        }
        told
    }

    fn start(&self) -> Result<(), CliError> {
        let Searching { context, study, id, jobs } = self.searching;
        if !context.out.is_json() {
            return Ok(());
        }
        self.event(&json!({
            "event": "start", "id": id, "trials": self.planned, "done": self.done, "jobs": jobs,
            "objective": study.objective, "windows": study.windows.len(),
        }))
    }

    /// One line a document.
    fn event(&self, document: &serde_json::Value) -> Result<(), CliError> {
        self.searching.context.out.line(document.to_string())
    }

    fn consider(&mut self, row: &TrialRow) -> Option<f64> {
        let score = self.searching.study.score(&row.windows);
        if let Some(score) = score
            && self.best.is_none_or(|(best, number)| score > best || (score >= best && row.number < number))
        {
            self.best = Some((score, row.number));
        }
        score
    }

    fn trial(&mut self, row: &TrialRow) -> Result<(), CliError> {
        self.done += 1;
        let score = self.consider(row);
        let Searching { context, study, .. } = self.searching;
        if context.out.is_json() {
            let params =
                view::params_json(study.space.dimensions.iter().map(|of| of.name.as_str()), &row.values);
            return self.event(&json!({
                "event": "trial", "trial": row.number, "done": self.done, "params": params, "inside": score,
            }));
        }
        self.bar.set_position(self.done.into());
        let best = self.best.map_or("none ranked yet".to_owned(), |(best, number)| {
            format!("best in-sample {} {best:.4} (trial {number})", study.objective)
        });
        let text = format!("{} of {} trials, {best}", self.done, self.planned);
        if self.bar.is_hidden() && self.line.is_due() {
            context.out.note(&text);
        }
        self.bar.set_message(text);
        Ok(())
    }
}

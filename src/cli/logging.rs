//! Where log lines go: stderr, above a progress bar, and files when the configuration names a folder.

use std::io::{self, Write};

use indicatif::ProgressBar;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::log_files::LogFiles;
use super::log_levels::LogLevels;
use super::progress::RunProgress;
use super::{CliError, Exit};
use crate::config::{Config, LogFormat};

/// Logging that was started. Keep it: dropping it writes out what is left.
pub(super) struct Logs {
    pub(super) levels: LogLevels,
    _files: Option<WorkerGuard>,
}

/// Starts logging for the rest of the process.
pub(super) fn start(config: &Config, progress: &RunProgress) -> Result<Logs, CliError> {
    let levels = LogLevels::of(&config.log);
    let mut layers = vec![layer(config, &levels, AboveBar(progress.bar()))];
    let mut guard = None;
    if let Some(dir) = &config.log.dir {
        let files = LogFiles::open(dir, config.log.keep_files, config.log.max_file_bytes)
            .map_err(|error| CliError::new(Exit::Failure, format!("log.dir {}: {error}", dir.display())))?;
        let (writer, worker) = tracing_appender::non_blocking(files);
        layers.push(layer(config, &levels, writer));
        guard = Some(worker);
    }
    // A second start in one process (the demo, a test) keeps the first logger.
    drop(tracing_subscriber::registry().with(layers).try_init());
    Ok(Logs { levels, _files: guard })
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn layer<W>(config: &Config, levels: &LogLevels, writer: W) -> BoxedLayer
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false).with_ansi(false);
    match config.log.format {
        LogFormat::Human => layer.with_filter(levels.clone()).boxed(),
        LogFormat::Json => layer.json().with_filter(levels.clone()).boxed(),
    }
}

/// Panics become log lines: where, and why. The supervisor deals with them.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "{info}");
    }));
}

/// Writes lines above a progress bar without tearing it.
struct AboveBar(ProgressBar);

impl<'a> MakeWriter<'a> for AboveBar {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { bar: &self.0, text: Vec::new() }
    }
}

/// One log event.
struct Line<'a> {
    bar: &'a ProgressBar,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        // When stderr is gone nobody is left to tell.
        self.bar.suspend(|| drop(io::stderr().lock().write_all(&self.text)));
    }
}

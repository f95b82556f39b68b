//! Where log lines go: stderr, above a progress bar, and daily files when the configuration names a folder.

use std::io::{self, Write};

use indicatif::ProgressBar;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::progress::RunProgress;
use super::{CliError, Exit};
use crate::config::{Config, LogFormat};

/// Starts logging for the rest of the process. Keep the guard: dropping it writes out what is left.
pub(super) fn start(config: &Config, progress: &RunProgress) -> Result<Option<WorkerGuard>, CliError> {
    let stderr = AboveBar(progress.bar());
    let mut layers = vec![layer(config, stderr)];
    let mut guard = None;
    if let Some(dir) = &config.log.dir {
        let appender = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix("tradefleet")
            .filename_suffix("log")
            .max_log_files(usize::from(config.log.keep_files))
            .build(dir)
            .map_err(|error| CliError::new(Exit::Failure, format!("log.dir {}: {error}", dir.display())))?;
        let (writer, worker) = tracing_appender::non_blocking(appender);
        layers.push(layer(config, writer));
        guard = Some(worker);
    }
    // A second start in one process (the demo, a test) keeps the first logger.
    drop(tracing_subscriber::registry().with(layers).try_init());
    Ok(guard)
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn layer<W>(config: &Config, writer: W) -> BoxedLayer
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false).with_ansi(false);
    let filter = EnvFilter::new(&config.log.level);
    match config.log.format {
        LogFormat::Human => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().with_filter(filter).boxed(),
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

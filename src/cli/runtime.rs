//! The runtime of commands that talk to exchanges.

use std::future::Future;

use super::{CliError, Exit};

/// Runs to the end on this thread.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Failure, format!("the runtime does not start: {error}")))?;
    let outcome = runtime.block_on(work);
    // What is stuck must not keep the process.
    runtime.shutdown_background();
    Ok(outcome)
}

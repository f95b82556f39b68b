//! The tasks of a simulated exchange; they end with their owner.

use std::future::Future;
use std::sync::Mutex;

use tokio::task::JoinSet;

use super::lock::lock;

#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.0);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    pub(super) fn abort(&self) {
        lock(&self.0).abort_all();
    }
}

//! The wish to read the configuration again: SIGHUP, as `systemctl reload` sends it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::config::LogConfig;

/// What to do when the configuration is read again. Clones share the wish.
#[derive(Clone)]
pub struct Reload {
    pub path: PathBuf,
    /// Takes over what is logged.
    pub logging: Arc<dyn Fn(&LogConfig) + Send + Sync>,
    wish: Arc<AtomicBool>,
}

impl Reload {
    pub fn new(path: PathBuf, logging: Arc<dyn Fn(&LogConfig) + Send + Sync>) -> Self {
        Self { path, logging, wish: Arc::default() }
    }

    /// True once for each wish.
    pub fn take(&self) -> bool {
        self.wish.swap(false, Ordering::Relaxed)
    }

    /// Listens for SIGHUP, for ever.
    pub async fn on_signal(self) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return std::future::pending().await };
        while hangup.recv().await.is_some() {
            self.wish.store(true, Ordering::Relaxed);
        }
        std::future::pending::<()>().await;
    }
}

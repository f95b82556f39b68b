//! The wish to stop: SIGTERM, Ctrl-C, or whoever holds a handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// Clones share the wish.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<AtomicBool>);

impl Shutdown {
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits for SIGTERM or SIGINT, then requests the stop. Never returns on a system without signals.
    pub async fn on_signal(self) {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: finishing what is in flight"),
            _ = interrupt.recv() => tracing::info!("interrupted: finishing what is in flight"),
        }
        self.request();
    }
}

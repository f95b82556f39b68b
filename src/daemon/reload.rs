//! The wish to read the configuration again: SIGHUP, as `systemctl reload` sends it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::config::{ConfigError, LoadedConfig, LogConfig};

/// What to do when the configuration is read again. Clones share the wish.
#[derive(Clone)]
pub struct Reload {
    pub path: PathBuf,
    /// Takes over what is logged.
    pub logging: Arc<dyn Fn(&LogConfig) + Send + Sync>,
    wish: Arc<AtomicBool>,
    /// A file has been read: from then on there must be one.
    has_file: Arc<AtomicBool>,
}

impl Reload {
    /// With what was read at the start.
    pub fn new(path: PathBuf, loaded: &LoadedConfig, logging: Arc<dyn Fn(&LogConfig) + Send + Sync>) -> Self {
        Self { path, logging, wish: Arc::default(), has_file: Arc::new(loaded.has_file.into()) }
    }

    /// What the file says now.
    pub fn read(&self) -> Result<LoadedConfig, ConfigError> {
        let load =
            if self.has_file.load(Ordering::Relaxed) { LoadedConfig::load_again } else { LoadedConfig::load };
        let loaded = load(&self.path)?;
        self.has_file.fetch_or(loaded.has_file, Ordering::Relaxed);
        Ok(loaded)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_was_there_and_is_gone_is_no_wish_for_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let reload = |loaded| Reload::new(path.clone(), loaded, Arc::new(|_: &LogConfig| {}));
        let absent = LoadedConfig::load(&path).unwrap();
        let without = reload(&absent);
        assert_eq!(without.read(), Ok(LoadedConfig::default()), "there never was one");

        fs::write(&path, "[engine]\nenabled = false\n").unwrap();
        let present = LoadedConfig::load(&path).unwrap();
        assert!(present.has_file);
        let with = reload(&present);
        assert!([&with, &without].iter().all(|reload| !reload.read().unwrap().config.engine.enabled));

        fs::remove_file(&path).unwrap();
        for reload in [with, without] {
            let error = reload.read().unwrap_err();
            assert!(error.to_string().ends_with("config.toml is gone"), "{error}");
        }
    }
}

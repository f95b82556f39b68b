//! What is logged: this program from one level on, accounts that are traced from their own; other libraries only when
//! something is wrong, since what they say in detail is the bytes on the wire.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};
use tracing_subscriber::layer::{Context, Filter};

use crate::config::LogConfig;

/// Whose events are our own.
const OURS: &str = "tradefleet";
/// The field of an event that names its account.
const ACCOUNT: &str = "account";

/// Clones share the levels, so that they can be changed while they are in use.
#[derive(Debug, Clone)]
pub(super) struct LogLevels(Arc<RwLock<Levels>>);

#[derive(Debug)]
struct Levels {
    usual: LevelFilter,
    accounts: BTreeMap<String, LevelFilter>,
    most: LevelFilter,
}

impl Levels {
    fn of(config: &LogConfig) -> Self {
        let level = |word: &str| word.parse().unwrap_or(LevelFilter::INFO);
        let usual = level(&config.level);
        let accounts: BTreeMap<_, _> =
            config.accounts.iter().map(|(name, word)| (name.clone(), level(word))).collect();
        let most = accounts.values().copied().fold(usual, LevelFilter::max);
        Self { usual, accounts, most }
    }
}

impl LogLevels {
    pub(super) fn of(config: &LogConfig) -> Self {
        Self(Arc::new(RwLock::new(Levels::of(config))))
    }

    /// Takes over other levels at once.
    pub(super) fn set(&self, config: &LogConfig) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Levels::of(config);
        tracing::callsite::rebuild_interest_cache();
    }

    fn with<T>(&self, ask: impl FnOnce(&Levels) -> T) -> T {
        ask(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn may_be_wanted(&self, metadata: &Metadata<'_>) -> bool {
        let most = if is_ours(metadata) { self.with(|levels| levels.most) } else { LevelFilter::WARN };
        *metadata.level() <= most
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().split("::").next() == Some(OURS)
}

impl<S> Filter<S> for LogLevels {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.may_be_wanted(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.may_be_wanted(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        self.with(|levels| {
            if !is_ours(metadata) || *metadata.level() <= levels.usual {
                return true;
            }
            let mut account = AccountName::default();
            event.record(&mut account);
            let level = account.0.and_then(|name| levels.accounts.get(&name));
            level.is_some_and(|level| metadata.level() <= level)
        })
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.with(|levels| levels.most.max(LevelFilter::WARN)))
    }
}

/// Finds out which account an event is about.
#[derive(Default)]
struct AccountName(Option<String>);

impl Visit for AccountName {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == ACCOUNT {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == ACCOUNT {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_account_is_traced_among_many_and_libraries_are_silent() {
        let config = crate::config::LoadedConfig::parse("[log]\naccounts = ['alpha']\n").unwrap().config.log;
        let (levels, lines) = (LogLevels::of(&config), Lines::default());
        let writer = lines.clone();
        let layer =
            tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_filter(levels.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let name = "alpha".to_owned();
            tracing::debug!(account = name, "first");
            tracing::debug!(account = "beta", "second");
            tracing::debug!("third");
            tracing::info!(account = "beta", "fourth");
            tracing::info!(target: "hyper::proto", "fifth");
            tracing::warn!(target: "hyper::proto", "sixth");
            levels.set(&LogConfig { level: "error".to_owned(), accounts: BTreeMap::new(), ..config });
            tracing::warn!("seventh");
            tracing::error!("eighth");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let told = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"];
        let told: Vec<_> = told.into_iter().filter(|word| text.contains(word)).collect();
        assert_eq!(told, ["first", "fourth", "sixth", "eighth"], "{text}");
    }
}

//! Those who speak with people: chats that steer accounts, notices to chats, alerts, the sign of life. They live as long
//! as the fleet runs and touch nothing that trades.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::control::Control;
use super::counters::Counters;
use super::timer::WallTimer;
use crate::config::Config;
use crate::notify::alerts::{AlertDesk, Channels, Heartbeat};
use crate::notify::notices::Teller;
use crate::notify::telegram::switchboard::Switchboard;
use crate::notify::text::Lang;
use crate::store::{OpenMode, Reader, Store, StoreError, Writer};
use crate::vault::Vault;

/// What was written last gets so long to reach its chats; what does not is told by the next run.
const LAST_WORDS: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until nothing is left to tell, but not for long.
pub(super) async fn last_words(control: &Control) -> Result<(), StoreError> {
    let patience = WallTimer::new(LAST_WORDS);
    while control.has_something_to_tell()? && patience.left().is_some() {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Starts them. Without the vault nobody is listened to, and nothing is sent to a chat.
pub(super) fn start(
    config: &Config,
    database: &Path,
    vault: Option<Arc<Vault>>,
    writer: &Writer,
    counters: &Arc<Counters>,
) -> Result<JoinSet<()>, StoreError> {
    let mut tasks = JoinSet::new();
    let reader = || Store::open(database, OpenMode::ReadOnly).map(Reader::new);
    if let Some(vault) = vault {
        let (counters, at_start) = (Arc::clone(counters), config.limits);
        let limits = Arc::new(move || counters.limits().unwrap_or(at_start));
        tasks.spawn(Switchboard::new(config, limits, vault, reader()?, writer.clone())?.run());
    }
    let lang = Lang::from_word(&config.telegram.language).unwrap_or_default();
    tasks.spawn(Teller::new(reader()?, writer.clone(), lang).run());
    let base = database.parent().unwrap_or_else(|| Path::new("."));
    let channels = Channels::open(&config.alerts, base).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        StoreError::Other { detail: problems.join("; ") }
    })?;
    let vitals = Arc::clone(&counters.vitals);
    let troubles = Arc::new(move || vitals.troubles());
    tasks.spawn(AlertDesk::new(channels, reader()?, writer.clone(), troubles).run());
    let counted = Arc::clone(counters);
    let heartbeat = Heartbeat::open(&config.alerts, base, Arc::new(move || counted.read().cycles))
        .map_err(|error| StoreError::Other { detail: error.to_string() })?;
    if let Some(heartbeat) = heartbeat {
        tasks.spawn(heartbeat.run());
    }
    Ok(tasks)
}

//! What an operator sees of a running daemon, and what it watches: its HTTP address, free disk, clocks.

use std::net::SocketAddr;
use std::time::Duration;

use super::keys::{one, quoted, within};
use crate::domain::time::DurationMs;

/// The endpoint of `/health`, `/ready` and `/metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// `None`: there is none. Port 0: any free one.
    pub listen: Option<SocketAddr>,
    /// Whether addresses that other machines reach may be listened on.
    pub allow_remote: bool,
}

/// From when on the daemon distrusts its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchConfig {
    /// Without progress for so long the main loop or the journal counts as stalled.
    pub stall: Duration,
    /// With less free disk beside the database nothing is opened, MB.
    pub min_free_mb: u64,
    /// Kept back beside the database, so that a full disk still has room for exits; 0: nothing, MB.
    pub reserve_mb: u64,
    /// Difference to an exchange's clock that is alarming.
    pub clock_alarm: DurationMs,
    /// Difference at which nothing is opened there.
    pub clock_stop: DurationMs,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::from(([127, 0, 0, 1], 9_464))), allow_remote: false }
    }
}

impl HttpConfig {
    /// Says why the address may not be listened on.
    pub(super) fn refusal(&self) -> Option<String> {
        let address = self.listen.filter(|address| !address.ip().is_loopback() && !self.allow_remote)?;
        Some(format!(
            "http.listen = `{address}` can be reached from other machines: use 127.0.0.1 or [::1], or set \
             http.allow_remote = true"
        ))
    }
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(30),
            min_free_mb: 200,
            reserve_mb: 64,
            clock_alarm: DurationMs::from_ms(500),
            clock_stop: DurationMs::from_ms(1_000),
        }
    }
}

/// Sets one key of `[http]` or `[watch]`; `None` when the key is another's or the value is not allowed.
pub(super) fn set(http: &mut HttpConfig, watch: &mut WatchConfig, key: &str, values: &[&str]) -> Option<()> {
    match key {
        "http.listen" => {
            http.listen = match values {
                [""] => None,
                values => Some(one(values)?),
            }
        }
        "http.allow_remote" => http.allow_remote = one(values)?,
        "watch.stall_seconds" => watch.stall = Duration::from_secs(within(values, 2..=3_600)?),
        "watch.min_free_mb" => watch.min_free_mb = within(values, 0..=100_000_000)?,
        "watch.reserve_mb" => watch.reserve_mb = within(values, 0..=4_096)?,
        "watch.clock_alarm_ms" => watch.clock_alarm = DurationMs::from_ms(within(values, 10..=60_000)?),
        "watch.clock_stop_ms" => watch.clock_stop = DurationMs::from_ms(within(values, 10..=60_000)?),
        _ => return None,
    }
    Some(())
}

/// A value as the file would write it.
pub(super) fn get(http: &HttpConfig, watch: &WatchConfig, key: &str) -> Option<String> {
    Some(match key {
        "http.listen" => http.listen.map_or_else(|| quoted(""), quoted),
        "http.allow_remote" => http.allow_remote.to_string(),
        "watch.stall_seconds" => watch.stall.as_secs().to_string(),
        "watch.min_free_mb" => watch.min_free_mb.to_string(),
        "watch.reserve_mb" => watch.reserve_mb.to_string(),
        "watch.clock_alarm_ms" => watch.clock_alarm.ms().to_string(),
        "watch.clock_stop_ms" => watch.clock_stop.ms().to_string(),
        _ => return None,
    })
}

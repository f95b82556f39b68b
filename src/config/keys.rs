//! The table of configuration keys: name, what is allowed, what it does; and how each is read and written.

use std::fmt::Write;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::{Config, LogFormat};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, parse_decimal};
use crate::domain::time::DurationMs;

/// One key of the file.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// `section.key`.
    pub key: &'static str,
    /// The allowed values, for people.
    pub allowed: &'static str,
    pub description: &'static str,
    pub is_list: bool,
}

const fn key(key: &'static str, allowed: &'static str, description: &'static str) -> ConfigKey {
    ConfigKey { key, allowed, description, is_list: false }
}

const fn list(key: &'static str, allowed: &'static str, description: &'static str) -> ConfigKey {
    ConfigKey { key, allowed, description, is_list: true }
}

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
const TIMEFRAMES: &str = "1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d, or \"\" for the feed's finest";
const REST: &str = "an address such as https://host or http://127.0.0.1:9101";
const STREAM: &str = "an address such as wss://host or ws://127.0.0.1:9101";
const EGRESS: &str = "a list of `direct`, IP addresses of this machine, http:// or socks5:// proxies";
const SECRET: &str = "`env:NAME` or `file:PATH`, or \"\" for none";
const SEVERITY: &str = "info, warning or critical";
const TRACED: &str = "a list of `NAME` or `NAME=LEVEL` such as [\"alpha\", \"beta=trace\"]";
const LISTEN: &str = "an address such as 127.0.0.1:9464 (port 0: any free one), or \"\" for none";
const RECIPIENTS: &str = "a list of age recipients such as [\"age1...\"]; [] leaves backups as they are";
const SYMBOLS: &str = "a list of exchange symbols such as [\"BTCUSDT\"]";

/// Every key but those of `[instruments.SYMBOL]`.
pub const KEYS: &[ConfigKey] = &[
    key("log.level", "error, warn, info, debug or trace", "what is logged"),
    key("log.format", "human or json", "how it is logged"),
    key("log.dir", "a folder, or \"\" for none", "log files are kept here, beside what goes to stderr"),
    key("log.keep_files", "1 to 365", "log files that are kept; each day has one or more"),
    key("log.max_file_mb", "1 to 10240", "a log file that has grown beyond this is followed by another, MB"),
    list(
        "log.accounts",
        TRACED,
        "accounts whose lines are logged in more detail, at debug if no level is named",
    ),
    key("limits.max_leverage", "1 to 100", "highest leverage that any account or bot may be given"),
    key("engine.enabled", "true or false", "false: nothing is opened; what is open stays managed"),
    key("engine.equity_interval_minutes", "1 to 1440", "how often an equity snapshot is kept, minutes"),
    key("engine.price_cycle_ms", "250 to 60000", "live: how often open positions are managed, ms"),
    key(
        "engine.close_if_unprotected",
        "true or false",
        "close a position whose stop cannot be placed for a minute",
    ),
    key("market.timeframe", TIMEFRAMES, "candles of strategies that name no timeframe"),
    key("universe.min_quote_volume", "0 or more", "least 24 h volume of a symbol, quote currency"),
    key("universe.top_n", "0 to 1000", "how many of the most traded symbols"),
    list("universe.anchors", SYMBOLS, "symbols that are always in"),
    key("gates.enabled", "true or false", "false leaves both gates open"),
    list("gates.anchors", SYMBOLS, "symbols that stand for the market"),
    key("gates.timeframe", TIMEFRAMES, "candles the regime is read from"),
    key("gates.fast_bars", "1 to 1000, below slow_bars", "bars of the fast trend EMA"),
    key("gates.slow_bars", "1 to 1000", "bars of the slow trend EMA"),
    key("gates.strength_bars", "2 to 200", "bars of the ADX and the ATR"),
    key("gates.strength_min", "0 to 100", "ADX from which a trend is strong"),
    key("gates.daily_volatility_max_pct", "0 to 1000", "daily range above which the market storms, %"),
    list("live.egress", EGRESS, "ways out that accounts without their own are spread over"),
    key(
        "live.paper_market",
        "binance, bitget or upbit",
        "at whose prices accounts of the exchange paper trade",
    ),
    key(
        "live.speed",
        "1 or more",
        "how fast the exchanges' clocks run; above 1 only against `tradefleet simulate`",
    ),
    key(
        "live.limit_sockets",
        "true or false",
        "false opens all sockets at once; only against `tradefleet simulate`",
    ),
    key("binance.rest_url", REST, "Binance USDS-M futures"),
    key("binance.stream_url", STREAM, "its sockets"),
    key("binance.account_url", REST, "where Binance tells what a key may do"),
    key("bitget.rest_url", REST, "Bitget v2"),
    key("bitget.stream_url", STREAM, "its sockets"),
    key("upbit.rest_url", REST, "Upbit"),
    key("upbit.stream_url", STREAM, "its sockets"),
    key("telegram.api_url", REST, "Telegram's Bot API"),
    key("telegram.language", "en or ko", "what bots speak to accounts that have no language of their own"),
    key("telegram.poll_seconds", "1 to 50", "how long Telegram holds a question for updates open, seconds"),
    key("alerts.slack_webhook", SECRET, "Slack webhook that alerts go to"),
    key("alerts.slack_severity", SEVERITY, "from which severity on alerts go to Slack"),
    key("alerts.smtp_host", "a host name, or \"\" for no e-mail", "mail server that alerts go by"),
    key("alerts.smtp_port", "1 to 65535", "its port"),
    key("alerts.smtp_tls", "none, starttls or tls", "how the connection to it is secured"),
    key("alerts.smtp_user", "a name, or \"\" for none", "whom it knows us as"),
    key("alerts.smtp_password", SECRET, "the password there"),
    key("alerts.email_from", "an e-mail address", "sender of alerts"),
    list("alerts.email_to", "a list of e-mail addresses", "who gets alerts by e-mail"),
    key("alerts.email_severity", SEVERITY, "from which severity on alerts go by e-mail"),
    key(
        "alerts.heartbeat_url",
        "an address, `env:NAME`, `file:PATH`, or \"\" for none",
        "called while the fleet makes progress",
    ),
    key("alerts.heartbeat_seconds", "5 to 86400", "how often, seconds"),
    key("http.listen", LISTEN, "where /health, /ready and /metrics are answered"),
    key(
        "http.allow_remote",
        "true or false",
        "true: http.listen may be an address that other machines reach",
    ),
    key("watch.stall_seconds", "2 to 3600", "without progress for so long the daemon counts as stalled"),
    key(
        "watch.min_free_mb",
        "0 to 100000000",
        "with less free disk beside the database nothing is opened, MB",
    ),
    key("watch.reserve_mb", "0 to 4096", "disk kept back for exits when the disk is full, MB; 0: none"),
    key("watch.clock_alarm_ms", "10 to 60000", "difference to an exchange's clock that is alarming, ms"),
    key("watch.clock_stop_ms", "10 to 60000", "difference at which nothing is opened on that exchange, ms"),
    key("retention.decisions", "1000 to 100000000", "rows of decisions that are kept"),
    key("retention.signals", "1000 to 100000000", "rows of signals that are kept"),
    key("backup.dir", "a folder, or \"\" for none", "the daemon copies the database there by itself"),
    key("backup.every_hours", "1 to 720", "how often, hours"),
    key("backup.keep", "1 to 10000", "backups that are kept, the newest"),
    key("backup.keep_days", "0 to 3650", "none older than this is kept, days; 0: whatever their age"),
    list("backup.recipients", RECIPIENTS, "public keys that backups are encrypted to"),
];

/// The names of all sections, each once, in the order of [`KEYS`].
pub(super) fn sections() -> Vec<&'static str> {
    let mut names: Vec<_> = KEYS.iter().filter_map(|spec| spec.key.split('.').next()).collect();
    names.dedup();
    names.push("instruments");
    names
}

/// The keys of one section, without its name.
pub(super) fn names_in(section: &str) -> Vec<&'static str> {
    KEYS.iter().filter_map(|spec| spec.key.strip_prefix(section)?.strip_prefix('.')).collect()
}

pub(super) fn one<T: FromStr>(values: &[&str]) -> Option<T> {
    match values {
        [value] => value.parse().ok(),
        _ => None,
    }
}

pub(super) fn within<T: FromStr + PartialOrd>(
    values: &[&str],
    range: std::ops::RangeInclusive<T>,
) -> Option<T> {
    one(values).filter(|value| range.contains(value))
}

/// `""` empties the slot; anything else must parse.
pub(super) fn optional<T: FromStr>(values: &[&str], slot: &mut Option<T>) -> Option<()> {
    *slot = match values {
        [""] => None,
        values => Some(one(values)?),
    };
    Some(())
}

/// `NAME` or `NAME=LEVEL`.
fn traced(text: &str) -> Option<(String, String)> {
    let (name, level) = text.split_once('=').unwrap_or((text, "debug"));
    (!name.is_empty() && LEVELS.contains(&level)).then(|| (name.to_owned(), level.to_owned()))
}

fn symbols(values: &[&str]) -> Option<Vec<Symbol>> {
    values.iter().map(|value| Symbol::try_new(value).ok()).collect()
}

pub(super) fn quoted(value: impl std::fmt::Display) -> String {
    format!("\"{value}\"")
}

pub(super) fn quoted_list(values: &[impl std::fmt::Display]) -> String {
    let quoted: Vec<_> = values.iter().map(quoted).collect();
    format!("[{}]", quoted.join(", "))
}

pub(super) fn or_empty(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "\"\"".to_owned(), quoted)
}

impl Config {
    /// Sets one key; `None` when the value is not allowed, and then nothing changes.
    pub(super) fn set(&mut self, key: &str, values: &[&str]) -> Option<()> {
        match key {
            "log.level" => {
                self.log.level = one::<String>(values).filter(|level| LEVELS.contains(&level.as_str()))?;
            }
            "log.max_file_mb" => self.log.max_file_bytes = within(values, 1..=10_240_u64)? << 20,
            "log.accounts" => {
                self.log.accounts = values.iter().copied().map(traced).collect::<Option<_>>()?;
            }
            "log.format" => {
                self.log.format = match values {
                    ["human"] => LogFormat::Human,
                    ["json"] => LogFormat::Json,
                    _ => return None,
                }
            }
            "log.dir" => optional(values, &mut self.log.dir)?,
            "log.keep_files" => self.log.keep_files = within(values, 1..=365)?,
            "limits.max_leverage" => self.limits.max_leverage = Leverage::try_new(one(values)?).ok()?,
            "engine.enabled" => self.engine.enabled = one(values)?,
            "engine.equity_interval_minutes" => {
                let minutes: i64 = within(values, 1..=1_440)?;
                self.engine.equity_interval = DurationMs::from_secs(60).times(minutes);
            }
            "market.timeframe" => optional(values, &mut self.timeframe)?,
            "universe.min_quote_volume" => {
                let volume = parse_decimal("volume", &one::<String>(values)?).ok()?;
                self.universe.min_quote_volume = Some(volume).filter(|volume| *volume >= Decimal::ZERO)?;
            }
            "universe.top_n" => self.universe.top_n = within(values, 0..=1_000)?,
            "universe.anchors" => self.universe.anchors = symbols(values)?,
            "retention.decisions" => self.retention.decisions = within(values, 1_000..=100_000_000)?,
            "retention.signals" => self.retention.signals = within(values, 1_000..=100_000_000)?,
            "engine.close_if_unprotected" => self.engine.close_if_unprotected = one(values)?,
            gates if gates.starts_with("gates.") => self.set_gate(gates, values)?,
            telegram if telegram.starts_with("telegram.") => self.telegram.set(telegram, values)?,
            alerts if alerts.starts_with("alerts.") => self.alerts.set(alerts, values)?,
            watch if watch.starts_with("http.") || watch.starts_with("watch.") => {
                super::watch::set(&mut self.http, &mut self.watch, watch, values)?;
            }
            backup if backup.starts_with("backup.") => self.backup.set(backup, values)?,
            live => self.live.set(live, values)?,
        }
        Some(())
    }

    fn set_gate(&mut self, key: &str, values: &[&str]) -> Option<()> {
        let gates = &mut self.gates;
        match key {
            "gates.enabled" => gates.enabled = one(values)?,
            "gates.anchors" => gates.anchors = symbols(values)?,
            "gates.timeframe" => optional(values, &mut gates.timeframe)?,
            "gates.fast_bars" => gates.fast_bars = within(values, 1..=1_000)?,
            "gates.slow_bars" => gates.slow_bars = within(values, 1..=1_000)?,
            "gates.strength_bars" => gates.strength_bars = within(values, 2..=200)?,
            "gates.strength_min" => gates.strength_min = within(values, 0.0..=100.0)?,
            "gates.daily_volatility_max_pct" => {
                gates.daily_volatility_max_pct = within(values, 0.0..=1_000.0)?;
            }
            _ => return None,
        }
        Some(())
    }

    /// A value as the file would write it.
    pub fn get(&self, key: &str) -> Option<String> {
        Some(match key {
            "log.level" => quoted(&self.log.level),
            "log.format" => quoted(match self.log.format {
                LogFormat::Human => "human",
                LogFormat::Json => "json",
            }),
            "log.dir" => or_empty(self.log.dir.as_ref().map(|dir| dir.display())),
            "log.keep_files" => self.log.keep_files.to_string(),
            "log.max_file_mb" => (self.log.max_file_bytes >> 20).to_string(),
            "log.accounts" => {
                let traced = self.log.accounts.iter().map(|(name, level)| format!("{name}={level}"));
                quoted_list(&traced.collect::<Vec<_>>())
            }
            "limits.max_leverage" => self.limits.max_leverage.to_string(),
            "engine.enabled" => self.engine.enabled.to_string(),
            "engine.equity_interval_minutes" => (self.engine.equity_interval.ms() / 60_000).to_string(),
            "market.timeframe" => or_empty(self.timeframe),
            "universe.min_quote_volume" => self.universe.min_quote_volume.to_string(),
            "universe.top_n" => self.universe.top_n.to_string(),
            "universe.anchors" => quoted_list(&self.universe.anchors),
            "gates.enabled" => self.gates.enabled.to_string(),
            "gates.anchors" => quoted_list(&self.gates.anchors),
            "gates.timeframe" => or_empty(self.gates.timeframe),
            "gates.fast_bars" => self.gates.fast_bars.to_string(),
            "gates.slow_bars" => self.gates.slow_bars.to_string(),
            "gates.strength_bars" => self.gates.strength_bars.to_string(),
            "gates.strength_min" => self.gates.strength_min.to_string(),
            "gates.daily_volatility_max_pct" => self.gates.daily_volatility_max_pct.to_string(),
            "retention.decisions" => self.retention.decisions.to_string(),
            "retention.signals" => self.retention.signals.to_string(),
            "engine.close_if_unprotected" => self.engine.close_if_unprotected.to_string(),
            telegram if telegram.starts_with("telegram.") => self.telegram.get(telegram)?,
            alerts if alerts.starts_with("alerts.") => self.alerts.get(alerts)?,
            watch if watch.starts_with("http.") || watch.starts_with("watch.") => {
                super::watch::get(&self.http, &self.watch, watch)?
            }
            backup if backup.starts_with("backup.") => self.backup.get(backup)?,
            live => self.live.get(live)?,
        })
    }

    /// The file that `init` writes: every key at its default, commented out.
    pub fn template() -> String {
        let defaults = Self::default();
        let mut text = String::from(
            "# tradefleet: what is common to all accounts. Every key is shown at its default.\n\
             # `tradefleet config check` finds mistakes, `tradefleet config show` prints what is in effect.\n",
        );
        let mut section = "";
        for spec in KEYS {
            let Some((own_section, name)) = spec.key.split_once('.') else { continue };
            if own_section != section {
                section = own_section;
                // Writing to a String cannot fail.
                let _ = write!(text, "\n[{section}]\n");
            }
            let value = defaults.get(spec.key).unwrap_or_default();
            let _ = writeln!(text, "# {} ({})\n# {name} = {value}", spec.description, spec.allowed);
        }
        text.push_str(
            "\n# The exchange's own rules of a symbol are replaced by what is set here.\n\
             # [instruments.BTCUSDT]\n# tick = 0.1\n# step = 0.001\n# min_qty = 0.001\n# min_notional = 5\n",
        );
        text
    }
}

//! Which keys a running daemon takes over when the file is read again, and which wait for its next start.

use super::{Config, KEYS};

/// What reading the file again has changed, as `key: old -> new`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    pub taken_over: Vec<String>,
    /// In the file, but in force only after a restart.
    pub needs_restart: Vec<String>,
}

/// Whether a running daemon can take the key over.
pub(super) fn is_live(key: &str) -> bool {
    ["log.level", "log.accounts", "limits.max_leverage"].contains(&key)
        || ["engine.", "retention.", "watch."].iter().any(|section| key.starts_with(section))
}

impl Config {
    /// Takes over from `new` what can change while the daemon runs.
    pub fn take_over(&mut self, new: &Self) -> Reloaded {
        let mut reloaded = Reloaded::default();
        for spec in KEYS {
            let (before, after) = (self.get(spec.key), new.get(spec.key));
            if before == after {
                continue;
            }
            let text =
                format!("{}: {} -> {}", spec.key, before.unwrap_or_default(), after.unwrap_or_default());
            let list = if is_live(spec.key) { &mut reloaded.taken_over } else { &mut reloaded.needs_restart };
            list.push(text);
        }
        if self.instruments != new.instruments {
            reloaded.needs_restart.push("instruments".to_owned());
        }
        self.log.level.clone_from(&new.log.level);
        self.log.accounts.clone_from(&new.log.accounts);
        self.limits = new.limits;
        self.engine = new.engine.clone();
        self.live.price_cycle = new.live.price_cycle;
        self.retention = new.retention.clone();
        self.watch = new.watch.clone();
        reloaded
    }
}

#[cfg(test)]
mod tests {
    use super::super::LoadedConfig;
    use super::*;

    #[test]
    fn every_live_key_is_taken_over_and_no_other() {
        let text = "[log]\nlevel = 'debug'\naccounts = ['alpha']\nkeep_files = 3\n[limits]\nmax_leverage = 7\n\
                    [engine]\nenabled = false\nequity_interval_minutes = 9\nprice_cycle_ms = 300\n\
                    close_if_unprotected = false\n[retention]\ndecisions = 1001\nsignals = 1002\n\
                    [watch]\nstall_seconds = 9\nmin_free_mb = 1\nreserve_mb = 2\nclock_alarm_ms = 11\n\
                    clock_stop_ms = 12\n[http]\nlisten = ''\n";
        let new = LoadedConfig::parse(text).unwrap().config;
        let mut config = Config::default();
        let reloaded = config.take_over(&new);
        for spec in KEYS.iter().filter(|spec| is_live(spec.key)) {
            assert_eq!(config.get(spec.key), new.get(spec.key), "{}", spec.key);
            assert_ne!(
                config.get(spec.key),
                Config::default().get(spec.key),
                "{} is not in this test",
                spec.key
            );
        }
        assert_eq!(reloaded.taken_over.len(), KEYS.iter().filter(|spec| is_live(spec.key)).count());
        assert_eq!(
            reloaded.needs_restart,
            ["log.keep_files: 14 -> 3", "http.listen: \"127.0.0.1:9464\" -> \"\""]
        );
        assert_eq!(config.log.keep_files, 14);
    }
}

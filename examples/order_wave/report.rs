//! The figures side by side.

use std::fmt;

use serde_json::{Value, json};

use super::bare::BareRun;
use super::fleet::Wave;
use super::watch::Recovery;

pub(crate) struct Report {
    pub(crate) accounts: u32,
    pub(crate) wave: Wave,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) bare: BareRun,
}

impl Report {
    /// Microseconds of the daemon's processor time an order, less what it does anyway.
    fn cpu_us_an_order(&self) -> f64 {
        let wave = &self.wave;
        let idle = wave.idle_cpu_s * f64::from(u32::try_from(wave.answered_ms).unwrap_or(u32::MAX)) / 1_000.0;
        (wave.cpu_s - idle).max(0.0) * 1e6 / f64::from(wave.orders.max(1))
    }

    fn bare_us_an_order(&self) -> f64 {
        self.bare.cpu_s * 1e6 / f64::from(self.bare.orders.max(1))
    }

    fn ratio(&self) -> f64 {
        f64::from(u32::try_from(self.wave.answered_ms).unwrap_or(u32::MAX)) / self.bare.wall_ms.max(1e-9)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "accounts": self.accounts,
            "orders": self.wave.orders,
            "half_sent_ms": self.wave.half_sent_ms,
            "last_sent_ms": self.wave.sent_ms,
            "last_answered_ms": self.wave.answered_ms,
            "daemon_cpu_us_an_order": self.cpu_us_an_order(),
            "daemon_memory_kb": self.wave.memory_kb,
            "streams": self.wave.connecting.streams,
            "streams_up_s": self.wave.connecting.connected_s,
            "steady_cpu": self.wave.connecting.steady_cpu,
            "recovery": self.recovery.map(|recovery| json!({
                "positions": recovery.positions, "bare_when_killed": recovery.bare,
                "protected_s": recovery.protected_s, "recovered_s": recovery.recovered_s,
            })),
            "bare_orders": self.bare.orders,
            "bare_last_answered_ms": self.bare.wall_ms,
            "bare_cpu_us_an_order": self.bare_us_an_order(),
            "last_answered_ratio": self.ratio(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wave, bare) = (&self.wave, &self.bare);
        writeln!(f, "{} accounts, {} entries after one signal", self.accounts, wave.orders)?;
        writeln!(f, "  half of the orders sent    {:>8} ms after the first decision", wave.half_sent_ms)?;
        writeln!(f, "  last order sent            {:>8} ms", wave.sent_ms)?;
        writeln!(f, "  last order answered        {:>8} ms", wave.answered_ms)?;
        writeln!(f, "  daemon CPU an order        {:>8.1} us", self.cpu_us_an_order())?;
        writeln!(
            f,
            "  daemon memory              {:>8.1} MB",
            f64::from(u32::try_from(wave.memory_kb).unwrap_or(u32::MAX)) / 1024.0
        )?;
        let connecting = &wave.connecting;
        writeln!(
            f,
            "  {} private streams          {:>8.1} s after the start; {:.1} % of a core in the last quiet minute",
            connecting.streams,
            connecting.connected_s,
            connecting.steady_cpu * 100.0
        )?;
        if let Some(recovery) = &self.recovery {
            writeln!(
                f,
                "killed with {} of {} positions bare: all protected {:.1} s after the next start, all accounts compared \
                 after {:.1} s",
                recovery.bare, recovery.positions, recovery.protected_s, recovery.recovered_s
            )?;
        }
        writeln!(f, "the HTTP client alone, {} signed orders", bare.orders)?;
        writeln!(f, "  last order answered        {:>8.0} ms", bare.wall_ms)?;
        writeln!(f, "  CPU an order               {:>8.1} us", self.bare_us_an_order())?;
        write!(f, "signal to last answer, daemon / client alone: {:.2} x", self.ratio())
    }
}

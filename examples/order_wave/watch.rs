//! What the exchange and the daemon say of themselves while the fleet connects and recovers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// Processor time is steady over so long a stretch.
const STEADY: Duration = Duration::from_mins(1);

/// How the fleet connected.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Connecting {
    /// Private streams that the exchange tells, at the end.
    pub(crate) streams: u64,
    /// From the daemon's start to the last of them, in seconds.
    pub(crate) connected_s: f64,
    /// Processor time of the daemon in the last minute before the signal, in seconds a second.
    pub(crate) steady_cpu: f64,
}

impl Connecting {
    /// Takes in how many streams there are now; the last time it grew counts.
    pub(crate) fn look(&mut self, exchange: &str, started: Instant) -> anyhow::Result<()> {
        let health = get(exchange, "/_sim/health")?;
        let streams = health.get("private_listeners").and_then(Value::as_u64).context("no count")?;
        if streams != self.streams {
            self.streams = streams;
            self.connected_s = started.elapsed().as_secs_f64();
        }
        Ok(())
    }

    /// From readings of the processor time up to `until`.
    pub(crate) fn settle(&mut self, readings: &[(Instant, f64)], until: Instant) {
        let before = |at: &Instant| at.checked_duration_since(until).is_none();
        let Some((end, cpu_end)) = readings.iter().rev().find(|(at, _)| before(at)) else { return };
        let begin = readings.iter().find(|(at, _)| end.duration_since(*at) <= STEADY);
        if let Some((at, cpu)) = begin {
            self.steady_cpu = (cpu_end - cpu) / end.duration_since(*at).as_secs_f64().max(1e-9);
        }
    }
}

/// How a daemon that was killed came back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Recovery {
    pub(crate) positions: u32,
    /// Positions without a resting stop when it was started again.
    pub(crate) bare: u32,
    /// From its start until every position had its stop, and until every account was compared, in seconds.
    pub(crate) protected_s: f64,
    pub(crate) recovered_s: f64,
}

/// Positions that are open, and those of them without a stop.
pub(crate) fn positions(home: &Path) -> anyhow::Result<(u32, u32)> {
    let conn = Connection::open_with_flags(home.join("tradefleet.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    let sql = "SELECT count(*), coalesce(sum(protected = 0), 0) FROM bot_positions WHERE closed_at IS NULL";
    Ok(conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Accounts that the daemon has compared with the exchange since its start.
pub(crate) fn recovered(daemon: &str) -> u64 {
    let told = get(daemon, "/ready").ok();
    told.and_then(|ready| ready.get("recovered").and_then(Value::as_u64)).unwrap_or(0)
}

/// An address of this machine that nobody listens on.
pub(crate) fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn get(address: &str, path: &str) -> anyhow::Result<Value> {
    let address = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (_, body) = text.split_once("\r\n\r\n").context("no answer")?;
    Ok(serde_json::from_str(body)?)
}

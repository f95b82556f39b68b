//! What a daemon's monitor answers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The body of an answer.
pub(crate) fn ask(address: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (_, body) = text.split_once("\r\n\r\n").context("no answer")?;
    Ok(body.to_owned())
}

/// How many took at most so many seconds, by bound.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Histogram(Vec<(f64, u64)>);

impl Histogram {
    /// What `NAME` gained between two readings of `/metrics`; since the start without the first.
    pub(crate) fn between(before: Option<&str>, after: &str, name: &str) -> anyhow::Result<Self> {
        let mut gained = buckets(after, name)?;
        if let Some(before) = before {
            for ((_, count), (_, earlier)) in gained.iter_mut().zip(buckets(before, name)?) {
                *count = count.saturating_sub(earlier);
            }
        }
        Ok(Self(gained))
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.last().map_or(0, |(_, count)| *count)
    }

    /// The least bound, in milliseconds, that so many percent do not exceed; nothing where it is the last.
    pub(crate) fn within_ms(&self, percent: u64) -> Option<f64> {
        let wanted = (self.count() * percent).div_ceil(100);
        let (bound, _) = self.0.iter().find(|(_, count)| *count >= wanted)?;
        (*bound < f64::MAX).then_some(bound * 1_000.0)
    }

    /// The bounds of p50, p99 and the most.
    pub(crate) fn spread(&self) -> String {
        [50, 99, 100]
            .map(|percent| self.within_ms(percent).map_or("more".to_owned(), |ms| ms.to_string()))
            .join("/")
    }
}

/// The lines `tradefleet_NAME_bucket`.
fn buckets(metrics: &str, name: &str) -> anyhow::Result<Vec<(f64, u64)>> {
    let prefix = format!("tradefleet_{name}_bucket{{le=\"");
    let mut buckets = Vec::new();
    for line in metrics.lines().filter_map(|line| line.strip_prefix(&prefix)) {
        let (bound, count) = line.split_once("\"} ").context("not a bucket")?;
        let bound = if bound == "+Inf" { f64::MAX } else { bound.parse()? };
        buckets.push((bound, count.trim().parse()?));
    }
    anyhow::ensure!(!buckets.is_empty(), "no {name} in the metrics");
    Ok(buckets)
}

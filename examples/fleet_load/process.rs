//! What the kernel says of this process.

use std::fs;

use anyhow::Context;

/// `/proc` counts CPU time in hundredths of a second on every Linux architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of all threads so far, in seconds.
pub(crate) fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is the name in parentheses and may contain spaces; utime and stime are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has no name")?;
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || -> anyhow::Result<f64> { Ok(times.next().context("no CPU times")?.parse()?) };
    Ok((next()? + next()?) / TICKS_PER_SECOND)
}

/// `VmRSS` or `VmHWM`, in KB.
pub(crate) fn memory_kb(field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let words = line.with_context(|| format!("/proc/self/status has no {field}"))?;
    Ok(words.split_whitespace().next().context("no number")?.parse()?)
}

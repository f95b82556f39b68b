//! What the kernel says of a process.

use anyhow::Context;

/// `/proc` counts CPU time in hundredths of a second on every Linux architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of all threads of a process so far, in seconds.
pub(crate) fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the name in parentheses and may contain spaces; utime and stime are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').context("no name in /proc")?;
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || -> anyhow::Result<f64> { Ok(times.next().context("no CPU times")?.parse()?) };
    Ok((next()? + next()?) / TICKS_PER_SECOND)
}

/// `VmRSS` or `VmHWM` of a process, in KB.
pub(crate) fn memory_kb(process: u32, field: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let words = line.with_context(|| format!("no {field} in /proc"))?;
    Ok(words.split_whitespace().next().context("no number")?.parse()?)
}

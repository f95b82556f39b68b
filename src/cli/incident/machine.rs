//! What the machine is, and what a running daemon answers over HTTP.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// A daemon that hangs must not hang the bundle.
const PATIENCE: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// The program, the system under it, and the files of the home folder with their modes.
pub(super) fn describe(home: &Path) -> Value {
    let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let memory =
        line("/proc/meminfo").map(|text| text.lines().take(3).map(str::to_owned).collect::<Vec<_>>());
    let os_name = line("/etc/os-release").and_then(|text| {
        let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(name.trim_matches('"').to_owned())
    });
    let disk = rustix::fs::statvfs(home).ok();
    json!({
        "tradefleet": env!("CARGO_PKG_VERSION"),
        "sqlite": rusqlite::version(),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "distribution": os_name,
        "kernel": line("/proc/sys/kernel/osrelease"),
        "cpus": std::thread::available_parallelism().ok().map(std::num::NonZero::get),
        "memory": memory,
        "load": line("/proc/loadavg"),
        "uptime_seconds": line("/proc/uptime").and_then(|text| Some(text.split('.').next()?.to_owned())),
        "disk_free_bytes": disk.as_ref().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        "disk_free_inodes": disk.map(|disk| disk.f_favail),
        "home": files(home),
    })
}

/// Names, sizes and modes; never what is inside.
fn files(folder: &Path) -> Vec<Value> {
    let mut found: Vec<(String, Value)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let mode = format!("{:04o}", metadata.permissions().mode() & 0o7777);
            let row = json!({ "name": name, "bytes": metadata.len(), "mode": mode, "is_folder": metadata.is_dir() });
            Some((name, row))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.into_iter().map(|(_, row)| row).collect()
}

/// The body that the daemon's own endpoint answers with, whatever its status.
pub(super) fn ask(address: &str, path: &str) -> Result<String, String> {
    let told = |error: std::io::Error| format!("http://{address}{path}: {error}");
    let socket: SocketAddr = address.parse().map_err(|error| format!("{address}: {error}"))?;
    let mut stream = TcpStream::connect_timeout(&socket, PATIENCE).map_err(told)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(told)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(told)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(told)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    match answer.split_once("\r\n\r\n") {
        Some((_, body)) => Ok(body.to_owned()),
        None => Err(format!("http://{address}{path}: no HTTP answer")),
    }
}

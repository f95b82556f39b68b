//! What an operator sees of a running daemon: health, metrics, systemd's notes, a configuration that is read again.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::fleet::{Daemon, Tape, list, three_bots};
use crate::harness::Home;

const ENDPOINT: &str = "[http]\nlisten = \"127.0.0.1:0\"\n";

/// Status, content type and body.
fn get(address: &str, path: &str) -> (u16, String, String) {
    // A machine at its limits may reset a connection.
    let text = (0..5).find_map(|_| ask(address, path).ok()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    (status, kind.to_owned(), body.to_owned())
}

fn ask(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// A fleet that trades slowly on a tape, with its endpoint.
fn at_work(config: &str) -> (Home, Daemon, String) {
    let home = three_bots();
    let tape = Tape::write(&home, 1_500, 700);
    fs::write(home.file("config.toml"), format!("{ENDPOINT}{config}")).unwrap();
    let daemon = Daemon::at_work(&home, &format!("--json run --speed 1200 {}", tape.whole));
    let address = home.json("status")["daemon"]["http_address"].as_str().unwrap().to_owned();
    (home, daemon, address)
}

/// The names of all metrics that the text declares, as they are queried.
fn declared(metrics: &str) -> BTreeSet<String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .flat_map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
        })
        .collect()
}

/// Every word of a text that looks like a metric of ours.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("tradefleet_")).map(str::to_owned).collect()
}

#[test]
fn health_readiness_and_metrics_are_told() {
    let (_home, mut daemon, address) = at_work("");
    daemon.wait_until(|| get(&address, "/ready").0 == 200);
    let (status, kind, body) = get(&address, "/health");
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, kind.as_str(), &health["ok"]), (200, "application/json", &true.into()), "{body}");
    let ready: Value = serde_json::from_str(&get(&address, "/ready").2).unwrap();
    assert_eq!((&ready["accounts"], &ready["recovered"]), (&2.into(), &2.into()));
    assert_eq!(get(&address, "/other").0, 404);
    daemon.wait_until(|| get(&address, "/metrics").2.contains("tradefleet_disk_free_bytes "));
    let (status, kind, metrics) = get(&address, "/metrics");
    assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    for line in
        ["tradefleet_accounts{health=\"ok\"} 2", "tradefleet_bots_running 3", "tradefleet_accounts_ready 2"]
    {
        assert!(metrics.contains(line), "no {line:?} in {metrics}");
    }
    let declared = declared(&metrics);
    for text in
        [include_str!("../../examples/grafana/tradefleet.json"), include_str!("../../docs/operations.md")]
    {
        let unknown: Vec<_> = named(text).difference(&declared).cloned().collect();
        assert!(unknown.is_empty(), "{unknown:?} are not told: {declared:?}");
    }
    let documented = named(include_str!("../../docs/operations.md"));
    let types: BTreeSet<_> = declared
        .iter()
        .filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"))
        .cloned()
        .collect();
    let missing: Vec<_> = types.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
    check_with_promtool(&metrics);
    daemon.terminate().ok();
}

fn check_with_promtool(metrics: &str) {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else { return eprintln!("skipped: no promtool here") };
    tool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}\n{metrics}", String::from_utf8_lossy(&said));
}

#[test]
fn a_quarantined_account_is_not_ready() {
    let (home, mut daemon, address) = at_work("");
    daemon.wait_until(|| get(&address, "/ready").0 == 200);
    home.sql("UPDATE account_state SET quarantined_at = 1, quarantine_reason = 'test' WHERE account_id = 1");
    daemon.wait_until(|| {
        let (status, _, body) = get(&address, "/ready");
        let ready: Value = serde_json::from_str(&body).unwrap();
        status == 503 && ready["quarantined"] == 1
    });
    assert_eq!(get(&address, "/health").0, 200, "the process itself is well");
}

#[test]
fn only_loopback_is_listened_on_unless_it_is_asked_for() {
    let home = Home::with_account();
    fs::write(home.file("config.toml"), "[http]\nlisten = \"0.0.0.0:0\"\n").unwrap();
    home.run("config check").fails(2, &["line 2", "http.listen", "0.0.0.0:0", "http.allow_remote = true"]);
    fs::write(home.file("config.toml"), "[http]\nlisten = \"0.0.0.0:0\"\nallow_remote = true\n").unwrap();
    home.run("config check").ok();
    fs::write(home.file("config.toml"), "[http]\nlisten = \"\"\n").unwrap();
    home.run("run --synthetic --cycles 3").ok();
    assert_eq!(home.json("status")["daemon"]["http_address"], Value::Null);
}

#[test]
fn on_a_disk_that_is_nearly_full_nothing_is_opened() {
    let home = three_bots();
    let tape = Tape::write(&home, 1_500, 700);
    fs::write(home.file("config.toml"), "[watch]\nmin_free_mb = 100000000\n[http]\nlisten = \"\"\n").unwrap();
    // Slow enough for the first look at the disk to come before the first entry.
    let mut daemon = Daemon::at_work(&home, &format!("--json run --speed 6000 {}", tape.whole));
    daemon.wait_until(|| home.json("status")["daemon"]["cycles"].as_u64().unwrap_or(0) > 300);
    let told = daemon.terminate().ok().stderr;
    assert!(told.contains("watch.min_free_mb is 100000000; nothing is opened until it is mended"), "{told}");
    assert_eq!(list(&home.json("orders"), "orders").len(), 0);
}

/// systemd's side of the notify protocol.
struct Manager {
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn listen(home: &Home) -> Self {
        let path = home.write("notify", "");
        fs::remove_file(&path).unwrap();
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        Self { socket, path }
    }

    /// The next message; `None` when there is none within a second.
    fn hear(&self) -> Option<String> {
        let mut bytes = [0; 4_096];
        let length = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    /// Waits for a message with `word`, and returns it.
    #[track_caller]
    fn wait_for(&self, word: &str) -> String {
        for _ in 0..2_000 {
            if let Some(message) = self.hear().filter(|message| message.contains(word)) {
                return message;
            }
        }
        panic!("never heard {word}")
    }
}

#[test]
fn systemd_hears_of_progress_of_reloads_and_of_the_end() {
    let home = three_bots();
    let tape = Tape::write(&home, 1_500, 700);
    fs::write(home.file("config.toml"), ENDPOINT).unwrap();
    let manager = Manager::listen(&home);
    let variables = [("NOTIFY_SOCKET", manager.path.as_str()), ("WATCHDOG_USEC", "600000")];
    let daemon = Daemon::start_with(&home, &format!("--json run --speed 600 {}", tape.whole), &variables);
    assert!(manager.wait_for("READY=1").contains("STATUS=2 of 2 accounts at work"));
    manager.wait_for("WATCHDOG=1");

    daemon.signal("STOP");
    while manager.hear().is_some() {}
    daemon.signal("CONT");
    manager.wait_for("WATCHDOG=1");

    let changed =
        format!("{ENDPOINT}[log]\nlevel = \"debug\"\nformat = \"json\"\n[retention]\nsignals = 1234\n");
    fs::write(home.file("config.toml"), changed).unwrap();
    daemon.signal("HUP");
    assert!(manager.wait_for("RELOADING=1").contains("MONOTONIC_USEC="));
    manager.wait_for("READY=1");
    fs::write(home.file("config.toml"), "[log]\nlevel = \"loud\"\n").unwrap();
    daemon.signal("HUP");
    manager.wait_for("RELOADING=1");
    manager.wait_for("READY=1");
    fs::remove_file(home.file("config.toml")).unwrap();
    daemon.signal("HUP");
    manager.wait_for("RELOADING=1");
    manager.wait_for("READY=1");
    daemon.signal("TERM");
    manager.wait_for("STOPPING=1");
    let told = daemon.finish().ok().stderr;
    assert_eq!(told.matches("taken over: log.level").count(), 1, "{told}");
    for words in [
        "taken over: log.level: \"info\" -> \"debug\"",
        "taken over: retention.signals: 50000 -> 1234",
        "takes effect with the next start: log.format",
        "the old one stays in force",
        "log.level = `loud` is not allowed",
        "config.toml is gone",
    ] {
        assert!(told.contains(words), "no {words:?} in {told}");
    }
    let audit = home.run("--json audit show").ok().stdout;
    assert!(audit.contains("config.reload") && audit.contains("retention.signals"), "{audit}");
}

fn analyze(arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new("systemd-analyze").args(arguments).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn the_units_are_sound_and_hardened() {
    let home = Home::new();
    let shown = home.run("install-service --user fleet");
    assert!(shown.stdout.contains("User=fleet") && shown.stderr.contains("nothing was written"), "{shown:?}");
    home.run("install-service --user Fleet").fails(2, &["--user", "Fleet"]);
    let root = home.write("root", "");
    fs::remove_file(&root).unwrap();
    // The tested program may be where no service can reach it: then `--install` is refused, and writes nothing.
    let program = env!("CARGO_BIN_EXE_tradefleet");
    let is_hidden = ["/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"]
        .iter()
        .any(|hidden| program.starts_with(hidden));
    let installed = home.run(&format!("--json install-service --install --root {root}"));
    if is_hidden {
        installed.fails(4, &["its unit hides that folder", "install -m 0755"]);
        assert!(!Path::new(&root).exists());
    } else {
        installed.ok();
    }
    let answer = home.run(&format!("--json install-service --root {root}")).ok().json();
    let units: Vec<_> = list(&answer, "units").iter().map(|unit| unit["path"].as_str().unwrap()).collect();
    for (unit, path) in list(&answer, "units").iter().zip(&units) {
        let text = unit["text"].as_str().unwrap();
        if is_hidden {
            fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }
    assert_eq!(units.len(), 3);
    let service = fs::read_to_string(units[0]).unwrap();
    assert!(service.contains(&format!("--home {} run", home.path().display())), "{service}");
    let services: Vec<_> =
        units.iter().copied().filter(|unit| Path::new(unit).extension().unwrap() == "service").collect();
    let Some((is_sound, said)) = analyze(&[&["verify"], &units[..]].concat()) else {
        return eprintln!("skipped: no systemd-analyze here");
    };
    assert!(is_sound && said.trim().is_empty(), "{said}");
    for service in services {
        let (is_hard, said) =
            analyze(&["security", "--offline=true", "--threshold=13", "--no-pager", service]).unwrap();
        assert!(is_hard, "{said}");
    }
}

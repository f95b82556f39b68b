//! What people are told: notices in chats, alerts by Slack and e-mail; once each, whatever is down in between.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::bot_api::{BotApi, TOKEN};
use crate::fleet::{Daemon, Tape, list, three_bots};
use crate::harness::Home;

const RUN: &str = "--json run --synthetic --speed 60";
/// A minute in all: a machine may be busy.
const LOOKS_MAX: u32 = 3_000;
const LOOK_EVERY: Duration = Duration::from_millis(20);
const WEBHOOK: &str = "/services/canary-of-a-webhook";

/// Something that listens on the loopback and remembers what it was told.
struct Sink {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    /// Answers every connection by `talk`, which returns what it heard; nothing for what it refused.
    fn start(talk: impl Fn(TcpStream) -> Option<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if let Some(text) = talk(stream) {
                    kept.lock().unwrap().push(text);
                }
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    #[track_caller]
    fn wait_for(&self, count: usize) -> Vec<String> {
        for _ in 0..LOOKS_MAX {
            if self.heard().len() >= count {
                return self.heard();
            }
            thread::sleep(LOOK_EVERY);
        }
        panic!("{:?}", self.heard())
    }
}

/// A webhook that fails the first so many times.
fn slack(failures: usize) -> Sink {
    let left = Mutex::new(failures);
    Sink::start(move |stream| {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut left = left.lock().unwrap();
        let status = if *left > 0 { "503 Busy" } else { "200 OK" };
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").ok()?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let body: Value = serde_json::from_slice(&body).ok()?;
        Some(body["text"].as_str()?.to_owned())
    })
}

/// A mail server that takes everything.
fn mail() -> Sink {
    Sink::start(|stream| {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut stream = stream;
        let mut text = String::new();
        let mut is_body = false;
        stream.write_all(b"220 sink\r\n").ok()?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return Some(text).filter(|text| !text.is_empty());
            }
            if is_body {
                is_body = line.trim_end() != ".";
                text.push_str(&line);
                if !is_body {
                    stream.write_all(b"250 taken\r\n").ok()?;
                }
                continue;
            }
            let answer: &[u8] = match line.get(..4).unwrap_or_default().to_uppercase().as_str() {
                "DATA" => {
                    is_body = true;
                    b"354 go on\r\n"
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").ok()?;
                    return Some(text);
                }
                _ => b"250 ok\r\n",
            };
            stream.write_all(answer).ok()?;
        }
    })
}

/// The account `a`, with these lines in its configuration.
fn home_with(config: &str) -> Home {
    let home = Home::with_account();
    std::fs::write(home.file("config.toml"), config).unwrap();
    home
}

fn slack_home(sink: &Sink) -> Home {
    let home = home_with("[alerts]\nslack_webhook = \"file:webhook\"\n[http]\nlisten = \"\"\n");
    std::fs::write(home.file("webhook"), format!("http://127.0.0.1:{}{WEBHOOK}", sink.port)).unwrap();
    home
}

/// The only account is put in quarantine, also before the daemon has written its first state of it.
fn quarantine(home: &Home, reason: &str) {
    home.sql(&format!(
        "INSERT INTO account_state (account_id, quarantined_at, quarantine_reason, updated_at)
         SELECT id, 1, '{reason}', 1 FROM accounts WHERE true
         ON CONFLICT (account_id) DO UPDATE SET quarantined_at = 1, quarantine_reason = excluded.quarantine_reason"
    ));
}

#[test]
fn trades_are_told_in_the_chat_and_a_burst_is_counted() {
    let api = BotApi::start();
    let home = three_bots();
    api.serve(&home);
    home.run_with("telegram set a --token-env T --chat 1001", &[("T", TOKEN)]).ok();
    home.run("notice set a dca=off").ok();
    let tape = Tape::write(&home, 1_500, 700);
    home.run(&format!("run {}", tape.whole)).ok();
    let notices = home.json("notice list --limit 100000");
    let told = list(&notices, "notices");
    assert!(told.len() > 3, "{notices}");
    assert!(told.iter().all(|row| row["status"] == "sent"), "{notices}");
    let texts: Vec<String> = api.calls("SendMessage").iter().map(|call| call.text().to_owned()).collect();
    let all = texts.join("\n");
    assert!(all.contains("Entry BTCUSDT") || all.contains("Entry "), "{all}");
    assert!(!all.contains("DCA"), "{all}");
    assert!(texts.len() < told.len(), "{} messages for {} notices", texts.len(), told.len());
}

/// A thousand notices at once, Telegram down, the daemon killed again and again meanwhile: all of them are told, each by
/// one message.
#[test]
fn a_flood_of_notices_outlives_kills_and_an_outage_of_telegram() {
    let api = BotApi::start();
    let home = Home::with_account();
    api.serve(&home);
    home.run_with("telegram set a --token-env T --chat 1001", &[("T", TOKEN)]).ok();
    api.fail(Some((503, Value::Null)));
    home.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
         INSERT INTO outbox (account_id, kind, severity, payload, created_at, not_before)
         SELECT 1, CASE i % 10 WHEN 0 THEN 'error' ELSE 'entry' END, 'info',
             json_object('symbol', 'S' || i, 'qty', '1', 'price', '100'), i, i FROM n",
    );
    for _ in 0..3 {
        let mut daemon = Daemon::at_work(&home, RUN);
        let tried = api.turned_away();
        daemon.wait_until(|| api.turned_away() > tried);
        daemon.kill();
    }
    assert!(api.calls("SendMessage").is_empty());
    api.fail(None);
    let _daemon = Daemon::at_work(&home, RUN);
    api.wait_until(|| {
        let waits = home.count("SELECT count(*) FROM telegram_replies WHERE status <> 'sent'");
        waits + home.count("SELECT count(*) FROM outbox WHERE status <> 'sent'") == 0
    });
    let texts: Vec<String> = api.calls("SendMessage").iter().map(|call| call.text().to_owned()).collect();
    let told = texts.join("\n");
    assert_eq!(told.matches("1000 notices").count(), 1, "{told}");
    assert!(texts.len() < 30, "{} messages", texts.len());
    let mut once = texts.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), texts.len(), "{texts:?}");
}

#[test]
fn an_alert_is_told_once_and_so_is_its_end() {
    let sink = slack(0);
    let home = slack_home(&sink);
    home.run("bot add trend --account a --allocation 40 --start").ok();
    let daemon = Daemon::at_work(&home, RUN);
    quarantine(&home, "a test");
    let first = sink.wait_for(1);
    assert!(first[0].contains("a: quarantined (critical)") && first[0].contains("a test"), "{first:?}");
    assert_eq!(list(&home.json("alert list"), "alerts").len(), 1);
    home.run("resume a").ok();
    let both = sink.wait_for(2);
    assert!(both[1].contains("quarantined (over)"), "{both:?}");
    assert_eq!(list(&home.json("alert list"), "alerts").len(), 0);
    assert_eq!(list(&home.json("alert list --all"), "alerts").len(), 1);
    drop(daemon);
    // Nothing is told again by the next run.
    let daemon = Daemon::at_work(&home, RUN);
    quarantine(&home, "again");
    assert!(sink.wait_for(3)[2].contains("again"));
    drop(daemon);
    assert_eq!(sink.heard().len(), 3);
}

/// Whoever has to know of a database that takes nothing cannot learn it through the database.
#[test]
fn alerts_that_cannot_be_kept_are_told_all_the_same() {
    let sink = slack(0);
    let home = slack_home(&sink);
    home.sql("CREATE TRIGGER refuses BEFORE INSERT ON alerts BEGIN SELECT RAISE(ABORT, 'no room'); END");
    let _daemon = Daemon::at_work(&home, RUN);
    quarantine(&home, "a test");
    let first = sink.wait_for(1);
    assert!(first[0].contains("the database does not answer (critical)"), "{first:?}");
    home.sql("DROP TRIGGER refuses");
    let all = sink.wait_for(3).join("\n");
    assert!(all.contains("does not answer (over)") && all.contains("a: quarantined (critical)"), "{all}");
    assert_eq!(all.matches("does not answer").count(), 2, "{all}");
}

#[test]
fn a_test_alert_goes_by_every_channel() {
    let (chat, post) = (slack(0), mail());
    let home = home_with(&format!(
        "[alerts]\nslack_webhook = \"env:HOOK\"\nsmtp_host = \"127.0.0.1\"\nsmtp_port = {}\nsmtp_tls = \"none\"\n\
         email_from = \"fleet@example.org\"\nemail_to = [\"desk@example.org\"]\n",
        post.port
    ));
    let hook = format!("http://127.0.0.1:{}{WEBHOOK}", chat.port);
    home.run_with("alert test", &[("HOOK", &hook)]).ok();
    assert!(chat.wait_for(1)[0].contains("this is a test"));
    let mail = post.wait_for(1);
    assert!(
        mail[0].contains("Subject: tradefleet: test (info)") && mail[0].contains("desk@example.org"),
        "{mail:?}"
    );
    // A channel that is down is named, and its address is not.
    let dead = format!("http://127.0.0.1:1{WEBHOOK}");
    let answer = home.run_with("alert test", &[("HOOK", &dead)]);
    assert_eq!(answer.code, 9, "{answer:?}");
    assert!(answer.stdout.contains("slack: does not answer"), "{answer:?}");
    assert!(!format!("{answer:?}").contains("canary-of-a-webhook"), "{answer:?}");
}

#[test]
fn wrong_alert_settings_and_preferences_are_refused() {
    let home =
        home_with("[alerts]\nslack_webhook = \"https://hooks.example.org/secret\"\nsmtp_host = \"m\"\n");
    home.run("config check").fails(2, &["alerts.slack_webhook", "env:NAME"]);
    let home = home_with("[alerts]\nsmtp_host = \"m\"\n");
    home.run("config check").fails(2, &["alerts.email_from"]);
    let home = Home::with_account();
    home.run("alert test").fails(2, &["no channel is configured"]);
    home.run("notice set a entry=loud").fails(2, &["entry", "loud", "on, silent or off"]);
    home.run("notice set a entri=off").fails(2, &["entri", "entry"]);
    home.run("notice set a daily_hour=9").fails(3, &["no Telegram bot"]);
    home.run_with("telegram set a --token-env T --chat 1001", &[("T", TOKEN)]).ok();
    home.run("notice set a daily_hour=24").fails(2, &["daily_hour", "0 to 23"]);
    home.run("notice set a time_zone=Moon/Crater").fails(2, &["time_zone", "Asia/Seoul"]);
    home.run("notice set a daily_hour=9 time_zone=Asia/Seoul exit=silent").ok();
    let shown = home.json("notice show a");
    assert_eq!(
        (&shown["notices"]["daily_hour"], &shown["notices"]["time_zone"], &shown["notices"]["exit"]),
        (&Value::from("9"), &Value::from("Asia/Seoul"), &Value::from("silent"))
    );
}

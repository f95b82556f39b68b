//! Planted secrets while the daemon trades over the wire, at the most talkative level, with everything going wrong:
//! they are in no byte of what it writes or says.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Home, bytes_of};
use crate::simulator::Simulator;

const API_KEY: &str = "canary-live-key-77123";
const API_SECRET: &str = "canary-live-secret-77123";
const TOKEN: &str = "77123:canary-live-token";
const WEBHOOK: &str = "http://127.0.0.1:9/services/canary-live-webhook";
const MAIL_PASSWORD: &str = "canary-live-mail-password";
const HEARTBEAT: &str = "http://127.0.0.1:9/canary-live-heartbeat";
const CHAT: &str = "-1009988776655";

fn all_bytes(folder: &Path, seen: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_bytes(&path, seen);
        } else {
            seen.push((path.display().to_string(), bytes_of(&path)));
        }
    }
}

/// The files of an archive, by name.
fn unpacked(path: &Path) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.push((format!("bundle {}", file.name().unwrap()), text));
    }
    files
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story: each place is searched for what the others planted")]
async fn planted_secrets_are_in_no_byte_of_logs_database_answers_or_panics() {
    let home = Home::new();
    // The daemon finds its master key in the environment, so that nothing but the variable holds it.
    let master_key = fs::read_to_string(home.file("master.key")).unwrap().trim().to_owned();
    fs::remove_file(home.file("master.key")).unwrap();
    let master = [("TRADEFLEET_MASTER_KEY", master_key.as_str())];
    let accounts = home.write(
        "exchange.toml",
        &format!(
            "[[account]]\nexchange = \"binance\"\nname = \"a\"\napi_key = \"{API_KEY}\"\n\
             api_secret = \"{API_SECRET}\"\nbalance = \"10000\"\n"
        ),
    );
    let simulator = Simulator::start("binance", &["--speed", "40", "--accounts", &accounts]).await;
    let (base, socket) = (&simulator.base, simulator.base.replace("http://", "ws://"));
    let logs = home.write("logs", "");
    fs::remove_file(&logs).unwrap();
    let config = format!(
        "[binance]\nrest_url = \"{base}\"\nstream_url = \"{socket}\"\naccount_url = \"{base}\"\n\
         [live]\nspeed = 40\n[gates]\nenabled = false\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [telegram]\napi_url = \"http://127.0.0.1:9\"\n\
         [alerts]\nslack_webhook = \"env:HOOK\"\nslack_severity = \"info\"\nsmtp_host = \"127.0.0.1\"\n\
         smtp_port = 9\nsmtp_tls = \"none\"\nsmtp_user = \"fleet\"\nsmtp_password = \"env:MAIL\"\n\
         email_from = \"a@example.org\"\nemail_to = [\"b@example.org\"]\nemail_severity = \"info\"\nheartbeat_url = \"env:BEAT\"\nheartbeat_seconds = 5\n\
         [log]\nlevel = \"trace\"\nformat = \"json\"\ndir = \"{logs}\"\n"
    );
    fs::write(home.file("config.toml"), config).unwrap();
    let fleet = home.write(
        "fleet.toml",
        &format!(
            "[[accounts]]\nname='a'\nexchange='binance'\napi_key='env:K'\napi_secret='env:S'\n\
             [accounts.telegram]\nbot_token='env:T'\nchat_id={CHAT}\n"
        ),
    );
    let secrets = [("K", API_KEY), ("S", API_SECRET), ("T", TOKEN), master[0]];
    home.run_with(&format!("account import {fleet}"), &secrets).ok();
    home.run_with("account set a auto_exit=on exit_cooldown_h=0 dry_run=off --yes", &master).ok();
    home.run_with("strategy add lively --kind momentum --set period=3 --set threshold_pct=0.05", &master)
        .ok();
    home.run_with(
        "bot add b --account a --symbol BTCUSDT --strategy lively --allocation 40 --start",
        &master,
    )
    .ok();
    let faults =
        json!({ "account": "a", "lost_answer_pct": 30.0, "error_5xx_pct": 30.0, "disconnect_every_s": 2.0 });
    simulator.control("faults", &faults).await;

    // Neither the webhook nor the mail server answers.
    let outward = [("HOOK", WEBHOOK), ("MAIL", MAIL_PASSWORD)];
    let alerted = home.run_with("--json alert test", &outward);

    // Into files: nobody reads a pipe that fast.
    let (stdout, stderr) = (home.write("stdout", ""), home.write("stderr", ""));
    let mut daemon = home
        .program()
        .args(["--json", "run", "--cycles", "80"])
        .envs(master)
        .envs(outward)
        .env("BEAT", HEARTBEAT)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&stdout).unwrap())
        .stderr(fs::File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    // What is packed must be something: some cycles, and what was said of them.
    let has_said_enough = || {
        let mut said = Vec::new();
        all_bytes(Path::new(&logs), &mut said);
        said.iter().map(|(_, text)| text.len()).sum::<usize>() > 2_000
    };
    let is_at_work =
        || home.json("status")["daemon"]["cycles"].as_u64().unwrap_or(0) >= 10 && has_said_enough();
    while !is_at_work() {
        assert!(daemon.try_wait().unwrap().is_none(), "{}", bytes_of(Path::new(&stderr)));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let bundle = home.write("bundle.zip", "");
    fs::remove_file(&bundle).unwrap();
    let everything = [master[0], outward[0], outward[1], ("BEAT", HEARTBEAT)];
    let packed =
        home.run_with(&format!("--json incident bundle --since 1h --out {bundle}"), &everything).ok();
    // Half of what is said is said of a wrong key.
    let wrong = [("K", API_SECRET), ("S", API_KEY), master[0]];
    let rekeyed = home.run_with("account set a --api-key-env K --api-secret-env S", &wrong);
    let verified = home.run_with("--json account verify a", &master);
    assert!(daemon.wait().unwrap().success(), "{}", bytes_of(Path::new(&stderr)));

    let mut seen = vec![
        ("stdout".to_owned(), bytes_of(Path::new(&stdout))),
        ("stderr".to_owned(), bytes_of(Path::new(&stderr))),
        ("rekeyed".to_owned(), format!("{rekeyed:?}")),
        ("verified".to_owned(), format!("{verified:?}")),
        ("alerted".to_owned(), format!("{alerted:?}")),
    ];
    for line in
        ["status a", "orders", "account show a", "account list", "audit show", "doctor", "config show"]
    {
        seen.push((line.to_owned(), home.run_with(&format!("--json {line}"), &master).stdout));
    }
    all_bytes(home.path().as_path(), &mut seen);
    all_bytes(Path::new(&logs), &mut seen);
    let files = unpacked(Path::new(&bundle));
    let held = |name: &str| files.iter().find(|(file, _)| file.ends_with(name)).unwrap().1.clone();
    // What is asserted to be absent was looked for in something.
    assert!(held("metrics.txt").contains("tradefleet_build_info"), "{packed:?}");
    assert!(held("config.json").contains("env:MAIL") && held("config.json").contains("env:HOOK"));
    assert!(held("status.json").contains("\"account\": \"a\""), "{}", held("status.json"));
    assert!(held("tradefleet.log").len() > 1_000, "{}", held("manifest.json"));
    assert!(held("audit.json").contains("add_account"), "{}", held("audit.json"));
    assert!(files.iter().all(|(_, text)| !text.contains(CHAT)), "the chat is in the bundle");
    seen.extend(files);
    assert!(
        seen.iter().any(|(name, text)| name.contains("tradefleet.20") && text.len() > 1_000),
        "nothing was logged"
    );
    for (name, text) in &seen {
        for secret in [API_KEY, API_SECRET, TOKEN, &master_key, "canary"] {
            assert!(!text.contains(secret), "{secret} is in {name}");
        }
    }
    let mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
    };
    for entry in fs::read_dir(&logs).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    assert_eq!(mode(Path::new(&bundle)), 0o600);
}

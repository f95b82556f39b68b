//! `account verify` against the simulated Binance.

use crate::harness::Home;
use crate::simulator::Simulator;

/// A home whose Binance is the simulator, with a dry-run account that signs with this secret.
fn home_at(simulator: &Simulator, secret: &str) -> Home {
    let home = Home::new();
    let (rest, stream) = (&simulator.base, simulator.base.replace("http", "ws"));
    let config =
        format!("[binance]\nrest_url = \"{rest}\"\naccount_url = \"{rest}\"\nstream_url = \"{stream}\"\n");
    std::fs::write(home.file("config.toml"), config).unwrap();
    let add = "account add b --exchange binance --api-key-env K --api-secret-env S";
    home.run_with(add, &[("K", "testkey"), ("S", secret)]).ok();
    home
}

#[tokio::test]
async fn a_good_key_is_pinned_and_audited_once() {
    let simulator = Simulator::start("binance", &[]).await;
    let home = home_at(&simulator, "testsecret");
    let first = home.json("account verify b");
    assert_eq!(first["ok"], true, "{first}");
    assert_eq!(first["accounts"][0]["position_mode"], "hedge");
    let audited = home.json("audit show --limit 1");
    assert_eq!(audited["entries"][0]["action"], "verify_account");
    assert_eq!(audited["entries"][0]["after"]["exchange_uid"], first["accounts"][0]["uid"]);
    let again = home.json("account verify --all");
    assert_eq!(again["changes"].as_array().map(Vec::len), Some(0), "{again}");
}

#[tokio::test]
async fn of_another_account_a_wrong_secret_or_silence_nothing_is_kept() {
    let simulator = Simulator::start("binance", &[]).await;
    let wrong = home_at(&simulator, "guessed");
    let swapped = home_at(&simulator, "testsecret");
    swapped.sql("UPDATE accounts SET exchange_uid = 'somebody' WHERE name = 'b'");
    let before = [wrong.fingerprint(), swapped.fingerprint()];
    let answer = wrong.run("--json account verify b").fails(4, &["nothing is kept"]);
    assert_eq!(answer.json()["accounts"][0]["outcome"], "refused");
    swapped.run("account verify b").fails(4, &["nothing is kept"]);
    drop(simulator);
    let answer = swapped.run("--json account verify b").fails(9, &["no_exchange"]);
    assert_eq!(answer.json()["accounts"][0]["outcome"], "no_answer");
    assert_eq!([wrong.fingerprint(), swapped.fingerprint()], before);
}

#[tokio::test]
async fn an_exchange_that_allows_no_more_questions_for_a_moment_is_waited_for() {
    let simulator = Simulator::start("bitget", &[]).await;
    let home = Home::new();
    let (rest, stream) = (&simulator.base, simulator.base.replace("http", "ws"));
    std::fs::write(
        home.file("config.toml"),
        format!("[bitget]\nrest_url = \"{rest}\"\nstream_url = \"{stream}\"\n"),
    )
    .unwrap();
    let add = "account add b --exchange bitget --api-key-env K --api-secret-env S --passphrase-env P";
    home.run_with(add, &[("K", "testkey"), ("S", "testsecret"), ("P", "testpass")]).ok();
    // What a key may do can be asked once a second.
    for _ in 0..4 {
        let told = home.json("account verify --all");
        assert_eq!(told["accounts"][0]["outcome"], "verified", "{told}");
    }
}

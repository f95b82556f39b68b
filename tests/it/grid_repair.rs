//! `bot grid NAME --repair` over the wire: a person has cancelled a line's order, another order doubles a line.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tradefleet::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::order::Purpose;
use tradefleet::domain::time::Timestamp;

use crate::fleet::list;
use crate::harness::Home;
use crate::simulate::sign;
use crate::simulator::Simulator;

/// An exchange that runs twenty times as fast as real time until it is paused, and a home whose bot works six lines there.
async fn six_lines() -> (Simulator, Home) {
    let home = Home::new();
    let simulator = Simulator::start("binance", &["--speed", "20"]).await;
    let (base, socket) = (&simulator.base, simulator.base.replace("http://", "ws://"));
    let config = format!(
        "[binance]\nrest_url = \"{base}\"\nstream_url = \"{socket}\"\naccount_url = \"{base}\"\n\
         [live]\nspeed = 20\npaper_market = \"binance\"\n[gates]\nenabled = false\n"
    );
    std::fs::write(home.file("config.toml"), config).unwrap();
    let keys = [("K", "testkey"), ("S", "testsecret")];
    home.run_with("account add a --exchange binance --api-key-env K --api-secret-env S", &keys).ok();
    home.run("account set a dry_run=off --yes").ok();
    home.run("run --cycles 3").ok();
    simulator.control("pause", &json!({})).await;
    let ticker = simulator.get("/fapi/v1/ticker/price?symbol=BTCUSDT").await;
    let price: Decimal = ticker["price"].as_str().unwrap().parse().unwrap();
    let bound = |per_mille: i64| (price * Decimal::new(per_mille, 3)).round_dp(0);
    home.run(&format!(
        "bot add ladder --account a --type grid --symbol BTCUSDT --lower {} --upper {} --grids 6 --allocation 90 \
         --investment 2000 --start",
        bound(980),
        bound(1_020)
    ))
    .ok();
    home.run("run --cycles 20").ok();
    (simulator, home)
}

/// What rests at the exchange: line, id, price, quantity; from the lowest line.
async fn resting(simulator: &Simulator) -> Vec<(u16, String, String, String)> {
    let ledger = simulator.get("/_sim/ledger?account=demo").await;
    let text = |order: &Value, field: &str| order[field].as_str().unwrap().to_owned();
    let mut found: Vec<_> = list(&ledger, "orders")
        .iter()
        .filter(|order| order["status"] == "open")
        .map(|order| {
            let id: ClientOrderId = text(order, "client_id").parse().unwrap();
            (id.key().unwrap().line().unwrap(), id.to_string(), text(order, "price"), text(order, "qty"))
        })
        .collect();
    found.sort();
    found
}

/// Runs the daemon until the repair is done; answers what it came to.
fn repaired(home: &Home) -> String {
    for _ in 0..5 {
        home.run("run --cycles 40").ok();
        if let Some(result) = home.json("bot grid ladder")["repair"]["result"].as_str() {
            return result.to_owned();
        }
    }
    panic!("{}", home.json("bot grid ladder")["repair"]);
}

#[tokio::test]
async fn a_repair_mends_what_others_have_done_and_a_second_one_nothing() {
    let (simulator, home) = six_lines().await;
    let before = resting(&simulator).await;
    let lines: Vec<u16> = before.iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines, [0, 1, 2], "{before:?}");
    let query = sign(&simulator, &format!("symbol=BTCUSDT&origClientOrderId={}", before[2].1)).await;
    simulator.send("DELETE", "/fapi/v1/order", &query).await.unwrap();
    let cycle = CycleId::at(Timestamp::from_ms(1));
    let of = (AccountId::new(1), BotId::new(1));
    let twin = ClientOrderId::new(&OrderKey::of_line(of, cycle, Purpose::GridEntry, 0, 99));
    let (_, _, price, qty) = &before[0];
    let order = format!(
        "symbol=BTCUSDT&side=BUY&positionSide=LONG&type=LIMIT&timeInForce=GTC&quantity={qty}&price={price}\
         &newClientOrderId={twin}"
    );
    let placed = simulator.send("POST", "/fapi/v1/order", &sign(&simulator, &order).await).await.unwrap();
    assert_eq!(placed["status"], "NEW", "{placed}");
    let lines: Vec<u16> = resting(&simulator).await.iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines, [0, 0, 1]);

    home.run("bot grid ladder --repair").ok();
    let shown = home.run("bot grid ladder").ok().stdout;
    assert!(shown.contains("waits for the daemon"), "{shown}");
    let again = home.run("bot grid ladder --repair").ok();
    assert!(again.stderr.contains("nothing to change"), "{again:?}");
    assert_eq!(repaired(&home), "gone at the exchange 1, taken back 1, placed 1");
    let mended = resting(&simulator).await;
    let place = |order: &(u16, String, String, String)| (order.0, order.2.clone(), order.3.clone());
    assert_eq!(mended.iter().map(place).collect::<Vec<_>>(), before.iter().map(place).collect::<Vec<_>>());
    assert_eq!(mended[0].1, before[0].1, "the one that the ledger knows stays");

    home.run("bot grid ladder --repair").ok();
    assert_eq!(repaired(&home), "nothing to mend");
    assert_eq!(resting(&simulator).await, mended);
    let shown = home.run("bot grid ladder").ok().stdout;
    assert!(shown.contains(": nothing to mend"), "{shown}");
    home.run("db check").ok();
}

#[tokio::test]
async fn a_restored_copy_takes_back_what_it_does_not_know_and_doubles_nothing() {
    let (simulator, home) = six_lines().await;
    let before = resting(&simulator).await;
    let copy = home.file("copy.db").display().to_string();
    home.run(&format!("db backup --out {copy}")).ok();
    home.run("bot set ladder investment=1500").ok();
    home.run("run --cycles 40").ok();
    let since = resting(&simulator).await;
    assert!(since.iter().all(|(_, id, ..)| before.iter().all(|(_, known, ..)| known != id)), "{since:?}");
    home.run(&format!("db restore {copy} --yes")).ok();
    home.run("run --cycles 60").ok();
    let now = resting(&simulator).await;
    let place = |order: &(u16, String, String, String)| (order.0, order.2.clone(), order.3.clone());
    assert_eq!(now.iter().map(place).collect::<Vec<_>>(), before.iter().map(place).collect::<Vec<_>>());
    let known = home.json("orders --status open");
    let is_known = |id: &str| list(&known, "orders").iter().any(|order| order["id"] == id);
    assert!(now.iter().all(|(_, id, ..)| is_known(id)), "{now:?}");
    home.run("db check").ok();
}

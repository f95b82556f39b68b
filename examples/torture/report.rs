//! What was endured and what was found, for people and for programs.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::fleet::Fleet;
use super::ordeal::Ordeal;

pub(crate) fn print(fleets: &[Fleet], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let rows: Vec<Value> = fleets.iter().map(row).collect();
        println!("{}", serde_json::to_string_pretty(&json!({ "fleets": rows }))?);
        return Ok(());
    }
    line("", fleets, |fleet| fleet.stage.exchange.to_owned());
    line("SIGKILL in all", fleets, |fleet| fleet.endured.kills.to_string());
    for ordeal in Ordeal::all() {
        line(ordeal.name(), fleets, |fleet| match (ordeal, &fleet.clock, &fleet.disk) {
            (Ordeal::ClockSet, None, _) => "no libfaketime".to_owned(),
            (Ordeal::DiskFull, _, None) => "no mount".to_owned(),
            _ => fleet.endured.of(ordeal).to_string(),
        });
    }
    for (name, _) in passages(&[]) {
        line(name, fleets, |fleet| {
            let of = passages(std::slice::from_ref(fleet));
            of.iter().find(|(other, _)| *other == name).map_or(0, |(_, count)| *count).to_string()
        });
    }
    line("orders", fleets, |fleet| fleet.books.orders.to_string());
    line("fills", fleets, |fleet| fleet.books.fills.to_string());
    line("positions", fleets, |fleet| fleet.books.positions.to_string());
    line("unprotected at most, s", fleets, |fleet| {
        let ms = fleet.books.unprotected_ms / i64::from(fleet.speed);
        format!("{}.{}", ms / 1_000, ms % 1_000 / 100)
    });
    line("violations", fleets, |fleet| fleet.books.violations.len().to_string());
    for fleet in fleets {
        for violation in &fleet.books.violations {
            eprintln!("{}: {violation}", fleet.stage.exchange);
        }
    }
    Ok(())
}

fn line(name: &str, fleets: &[Fleet], cell: impl Fn(&Fleet) -> String) {
    print!("{name:<26}");
    for fleet in fleets {
        print!("{:>16}", cell(fleet));
    }
    println!();
}

/// What the proxy did, summed over fleets.
fn passages(fleets: &[Fleet]) -> [(&'static str, u32); 6] {
    let sum = |read: fn(&super::proxy::Tally) -> &AtomicU32| {
        fleets.iter().map(|fleet| read(fleet.proxy.tally()).load(Ordering::Relaxed)).sum()
    };
    [
        ("connections", sum(|tally| &tally.connections)),
        ("  refused", sum(|tally| &tally.refused)),
        ("  pieces delayed", sum(|tally| &tally.delayed)),
        ("  cut within an answer", sum(|tally| &tally.answers_cut)),
        ("  cut within a request", sum(|tally| &tally.requests_cut)),
        ("  half open", sum(|tally| &tally.half_open)),
    ]
}

fn row(fleet: &Fleet) -> Value {
    let ordeals: serde_json::Map<String, Value> =
        Ordeal::all().map(|ordeal| (ordeal.name().to_owned(), json!(fleet.endured.of(ordeal)))).collect();
    let passed: serde_json::Map<String, Value> = passages(std::slice::from_ref(fleet))
        .into_iter()
        .map(|(name, count)| (name.trim().to_owned(), json!(count)))
        .collect();
    let skipped: Vec<&str> = [("clock set", fleet.clock.is_none()), ("disk full", fleet.disk.is_none())]
        .into_iter()
        .filter_map(|(name, is_skipped)| is_skipped.then_some(name))
        .collect();
    json!({
        "exchange": fleet.stage.exchange, "kills": fleet.endured.kills, "ordeals": ordeals, "proxy": passed,
        "skipped": skipped, "orders": fleet.books.orders, "fills": fleet.books.fills,
        "positions": fleet.books.positions, "unprotected_ms_max": fleet.books.unprotected_ms,
        "unprotected_ms_above_10_s": fleet.books.long_gaps, "speed": fleet.speed, "violations": fleet.books.violations,
    })
}

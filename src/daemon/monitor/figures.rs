//! Every metric of a running daemon: what it is called, what it says, where it comes from.
//!
//! Labels are states, exchanges, ways out and limits: all few. Nothing is told per account, since a fleet has thousands
//! and each would be a series for every figure; `status` has those.

use prometheus_client::metrics::histogram::Histogram;

use super::Subject;
use super::exposition::{Figure, Labels, Values};
use super::vitals::{MarketVitals, Phase, Vitals};
use super::{disk, health};
use crate::domain::kind::ExchangeKind;
use crate::store::queries::gauges::{AccountGauges, Gauges, WORKING};

/// All there is to tell now. What the database does not answer is left out, and said.
pub fn gather(subject: &Subject) -> Vec<Figure> {
    let vitals = &subject.counters.vitals;
    let gauges = subject.gauges();
    let mut figures = process(subject);
    figures.extend(work(subject));
    figures.extend(machine(vitals));
    figures.push(gauge(
        "database_readable",
        "Whether the counts from the database could be read",
        truth(gauges.is_ok()),
    ));
    if let Ok(gauges) = gauges {
        figures.extend(fleet(vitals, &gauges));
    }
    figures
}

fn process(subject: &Subject) -> Vec<Figure> {
    let vitals = &subject.counters.vitals;
    let build = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    vec![
        labelled("build_info", "Always 1; which program this is", vec![(build, 1.0)]),
        gauge("uptime_seconds", "Since the daemon was started", vitals.uptime().as_secs_f64()),
        gauge("resident_memory_bytes", "Memory of the process", float(disk::resident_bytes())),
        gauge(
            "database_bytes",
            "The database with its write-ahead log",
            float(disk::database_bytes(&subject.database)),
        ),
        gauge("healthy", "Whether /health answers 200", truth(health::Health::of(vitals).ok)),
        gauge(
            "running",
            "Whether the fleet runs, and neither starts nor stops",
            truth(vitals.phase() == Phase::Running),
        ),
    ]
}

fn work(subject: &Subject) -> Vec<Figure> {
    let (vitals, counts) = (&subject.counters.vitals, subject.counters.read());
    vec![
        counter("cycles", "Cycles handed out", counts.cycles),
        counter("signals_computed", "Distinct computations of signals", counts.signals),
        counter("turns", "Events handled by accounts", counts.turns),
        counter("orders_intended", "Orders decided and journalled", counts.orders),
        counter("fills", "Fills booked", counts.fills),
        counter("trades_closed", "Positions closed", counts.trades),
        counter("journal_commits", "Commits of the journal, also those that failed", vitals.writes()),
        counter("main_loop_turns", "Times the main loop came round", vitals.turns()),
        gauge(
            "cycle_lag_seconds",
            "How much after its time the last cycle was handed out",
            vitals.cycle_lag().as_secs_f64(),
        ),
        gauge(
            "cycle_age_seconds",
            "Since the last cycle was handed out",
            vitals.cycle_age().unwrap_or_default().as_secs_f64(),
        ),
        histogram(
            "fan_out_seconds",
            "From a cycle being handed out to an account taking it up",
            &vitals.fan_out,
        ),
        histogram("journal_commit_seconds", "How long commits of the journal took", &vitals.commits),
        gauge("journal_failing", "Whether the database takes nothing", truth(vitals.failing().is_some())),
    ]
}

fn machine(vitals: &Vitals) -> Vec<Figure> {
    let exchange = |kind: ExchangeKind| vec![("exchange", kind.as_str().to_owned())];
    let markets = vitals.markets();
    let sockets = |figure: fn(&MarketVitals) -> f64| -> Vec<(Labels, f64)> {
        markets.iter().map(|market| (exchange(market.exchange), figure(market))).collect()
    };
    let offsets = vitals.offsets().into_iter().map(|(kind, offset)| {
        let ms = i32::try_from(offset.ms()).unwrap_or(if offset.ms() < 0 { i32::MIN } else { i32::MAX });
        (exchange(kind), f64::from(ms) / 1_000.0)
    });
    let headroom = vitals.limits().into_iter().map(|limit| {
        let mut labels = exchange(limit.exchange);
        labels.extend([("egress", limit.egress), ("limit", limit.limit)]);
        (labels, limit.left)
    });
    let troubles = vitals.troubles().into_keys().map(|word| (vec![("trouble", word)], 1.0)).collect();
    let free = vitals.free_bytes().map(|free| (Vec::new(), float(free)));
    vec![
        labelled("market_sockets", "Sockets wanted for market data", sockets(|market| float(market.sockets))),
        labelled(
            "market_sockets_up",
            "Sockets for market data that are up",
            sockets(|market| float(market.sockets_up)),
        ),
        labelled(
            "market_stream_age_seconds",
            "Since the last candle was heard",
            sockets(|market| market.silent.as_secs_f64()),
        ),
        labelled("clock_offset_seconds", "The exchange's clock minus ours", offsets.collect()),
        labelled(
            "rate_headroom_ratio",
            "What is left of a limit, as a share of 1; of limits of accounts the least of all",
            headroom.collect(),
        ),
        labelled("trouble", "1 for each thing that is wrong now", troubles),
        labelled("disk_free_bytes", "Free disk beside the database", free.into_iter().collect()),
    ]
}

fn fleet(vitals: &Vitals, gauges: &Gauges) -> Vec<Figure> {
    let found = |found: &[(String, u64)], word: &str| {
        float(found.iter().find(|(known, _)| known == word).map_or(0, |(_, number)| *number))
    };
    let by = |label: &'static str, counts: &[(String, u64)], words: &[&str]| {
        words.iter().map(|word| (vec![(label, (*word).to_owned())], found(counts, word))).collect::<Vec<_>>()
    };
    let AccountGauges { inactive, quarantined, halted, cut_off, ok } = gauges.accounts;
    let health = [
        ("inactive", inactive),
        ("quarantined", quarantined),
        ("halted", halted),
        ("cut_off", cut_off),
        ("ok", ok),
    ];
    let health = health.into_iter().map(|(word, number)| (vec![("health", word.to_owned())], float(number)));
    vec![
        labelled("accounts", "Accounts by health", health.collect()),
        gauge(
            "accounts_ready",
            "Accounts that are compared with their exchange and act",
            float(vitals.ready()),
        ),
        gauge("bots_running", "Bots that are switched on, of active accounts", float(gauges.running_bots)),
        labelled(
            "orders",
            "Orders that have not ended, by state",
            by("state", &gauges.working_orders, &WORKING),
        ),
        gauge(
            "unknown_orders",
            "Orders whose fate is not known yet",
            found(&gauges.working_orders, "unknown"),
        ),
        gauge("open_positions", "Positions that are open", float(gauges.open_positions)),
        gauge(
            "protected_positions",
            "Open positions with a stop at the exchange",
            float(gauges.protected_positions),
        ),
        labelled(
            "breakers",
            "Circuit breakers of active accounts, by state",
            by("state", &gauges.breakers, &["closed", "open", "half_open"]),
        ),
        labelled(
            "outbox",
            "Notices that wait or were given up",
            by("status", &gauges.notices, &["pending", "dead"]),
        ),
    ]
}

const fn counter(name: &'static str, help: &'static str, count: u64) -> Figure {
    Figure { name, help, values: Values::Counter(count) }
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Figure {
    labelled(name, help, vec![(Vec::new(), value)])
}

const fn labelled(name: &'static str, help: &'static str, samples: Vec<(Labels, f64)>) -> Figure {
    Figure { name, help, values: Values::Gauges(samples) }
}

fn histogram(name: &'static str, help: &'static str, histogram: &Histogram) -> Figure {
    Figure { name, help, values: Values::Histogram(histogram.clone()) }
}

const fn truth(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}

/// Prometheus knows floats only; counts beyond 2^53 do not occur.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

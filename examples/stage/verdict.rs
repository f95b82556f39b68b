//! Whether the books of a fleet are those of its exchange.

use serde_json::{Value, json};

use super::books::{self, Comparison};
use super::home::{Exchange, Home};
use super::stage::{Stage, UPBIT};

/// No position may be without a stop for longer.
pub(crate) const UNPROTECTED_MAX_MS: i64 = 60_000;

/// Compares all accounts; to be asked when everything has come to rest. `until` (exchange time, ms) is when stops count
/// no more.
pub(crate) async fn compare(
    exchange: &Exchange,
    home: &Home,
    names: &[String],
    until: i64,
) -> anyhow::Result<Comparison> {
    let mut all = Comparison::default();
    for name in names {
        let oracle = exchange.get(&format!("ledger?account={name}")).await?;
        let found = books::compare(&home.database(), name, &oracle, until)?;
        all.orders += found.orders;
        all.fills += found.fills;
        all.positions += found.positions;
        all.unprotected_ms = all.unprotected_ms.max(found.unprotected_ms);
        all.long_gaps.extend(found.long_gaps);
        all.violations.extend(found.violations);
    }
    all.long_gaps.sort_unstable_by(|a, b| b.cmp(a));
    let stats = exchange.get("stats").await?;
    let accounts = stats.get("accounts").and_then(Value::as_array).into_iter().flatten();
    for account in accounts.filter(|account| account.get("duplicate_client_ids") != Some(&json!(0))) {
        all.violations.push(format!("client ids were used twice: {account}"));
    }
    let health = exchange.get("health").await?;
    if health.get("oracle_agrees") != Some(&Value::Bool(true)) {
        all.violations.push(format!("the exchange disagrees with itself: {health}"));
    }
    if let Err(error) = home.run("db check") {
        all.violations.push(error.to_string());
    }
    Ok(all)
}

/// Adds a violation where a position was without a stop for longer than `most_ms` of the exchange.
pub(crate) fn judge_protection(stage: &Stage, most_ms: i64, found: &mut Comparison) {
    if stage.exchange == UPBIT.exchange {
        // No stops rest there: the daemon watches while it runs.
        (found.unprotected_ms, found.long_gaps) = (0, Vec::new());
    } else if found.unprotected_ms > most_ms {
        found.violations.push(format!("a position had no stop for {} s", found.unprotected_ms / 1_000));
    }
}

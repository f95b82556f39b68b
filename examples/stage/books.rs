//! The exchange's oracle beside the daemon's database: what differs, and how long positions were without a stop.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use rusqlite::{Connection, OpenFlags};
use rust_decimal::Decimal;
use serde_json::Value;
use tradefleet::domain::ids::ClientOrderId;
use tradefleet::domain::order::Purpose;

/// What the books of one account say.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) orders: usize,
    pub(crate) fills: usize,
    pub(crate) positions: usize,
    /// The longest time that a position had no stop for all of it, in milliseconds of the exchange.
    pub(crate) unprotected_ms: i64,
    /// All unprotected times above 10 s, longest first.
    pub(crate) long_gaps: Vec<i64>,
    pub(crate) violations: Vec<String>,
}

/// Compares an account; `until` (exchange time, ms) is when stops count no more.
pub(crate) fn compare(database: &Path, name: &str, oracle: &Value, until: i64) -> anyhow::Result<Comparison> {
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let id: i64 = conn.query_row("SELECT id FROM accounts WHERE name = ?1", [name], |row| row.get(0))?;
    let mut found = Comparison::default();
    compare_fills(&conn, id, oracle, &mut found)?;
    compare_orders(&conn, id, oracle, &mut found)?;
    compare_positions(&conn, id, oracle, &mut found)?;
    compare_money(&conn, id, oracle, &mut found)?;
    measure_protection(oracle, until, &mut found)?;
    found.violations.iter_mut().for_each(|violation| *violation = format!("{name}: {violation}"));
    Ok(found)
}

/// Symbol, side, price, quantity, fee, asset of the fee.
type FillKey = (String, String, Decimal, Decimal, Decimal, String);

fn compare_fills(conn: &Connection, id: i64, oracle: &Value, found: &mut Comparison) -> anyhow::Result<()> {
    let mut theirs = Vec::new();
    for fill in list(oracle, "fills") {
        theirs.push((
            text(fill, "symbol")?,
            text(fill, "side")?,
            number(fill, "price")?,
            number(fill, "qty")?,
            number(fill, "fee")?,
            text(fill, "fee_asset")?,
        ));
    }
    let sql =
        "SELECT symbol, side, price, qty, fee, fee_asset FROM fills WHERE account_id = ?1 AND dry_run = 0";
    let mut ours: Vec<FillKey> = Vec::new();
    for row in rows(conn, sql, id, 6)? {
        if let [symbol, side, price, qty, fee, asset] = &row[..] {
            let (price, qty, fee) = (parsed(price)?, parsed(qty)?, parsed(fee)?);
            ours.push((symbol.clone(), side.clone(), price, qty, fee, asset.clone()));
        }
    }
    theirs.sort();
    ours.sort();
    found.fills = theirs.len();
    if theirs != ours {
        let missing = theirs.iter().filter(|fill| !ours.contains(fill)).count();
        let invented = ours.iter().filter(|fill| !theirs.contains(fill)).count();
        found.violations.push(format!(
            "{} fills there, {} here: {missing} not here, {invented} not there",
            theirs.len(),
            ours.len()
        ));
    }
    Ok(())
}

fn compare_orders(conn: &Connection, id: i64, oracle: &Value, found: &mut Comparison) -> anyhow::Result<()> {
    let sql = "SELECT client_order_id, status, filled_qty FROM orders WHERE account_id = ?1 AND dry_run = 0";
    let mut ours = BTreeMap::new();
    for row in rows(conn, sql, id, 3)? {
        if let [client_id, status, filled] = &row[..] {
            if matches!(status.as_str(), "intended" | "sent" | "unknown") {
                found.violations.push(format!("order {client_id} is still {status}"));
            }
            ours.insert(client_id.clone(), (status.clone(), parsed(filled)?));
        }
    }
    let mut seen = BTreeSet::new();
    for order in list(oracle, "orders") {
        let client_id = text(order, "client_id")?;
        let Some(of) = client_id.parse::<ClientOrderId>().ok().and_then(|id| id.key()) else { continue };
        found.orders += 1;
        if !seen.insert(client_id.clone()) {
            found.violations.push(format!("client id {client_id} was used by two orders"));
        }
        let (status, filled) = (text(order, "status")?, number(order, "filled_qty")?);
        match ours.get(&client_id) {
            None => found.violations.push(format!("{} order {client_id} has no journal row", of.purpose)),
            Some((known, part)) if *part == filled && is_same_status(&status, known) => {}
            Some((known, part)) => found
                .violations
                .push(format!("order {client_id} is {status} {filled} there, {known} {part} here")),
        }
    }
    Ok(())
}

/// Bitget has one word for a rest that was cancelled and for one that expired.
fn is_same_status(there: &str, here: &str) -> bool {
    there == here || (there, here) == ("expired", "cancelled")
}

fn compare_positions(
    conn: &Connection,
    id: i64,
    oracle: &Value,
    found: &mut Comparison,
) -> anyhow::Result<()> {
    let mut theirs: BTreeMap<String, Decimal> = BTreeMap::new();
    for held in list(oracle, "positions") {
        *theirs.entry(text(held, "symbol")?).or_default() += number(held, "qty")?;
    }
    let sql = "SELECT symbol, side, qty FROM bot_positions WHERE account_id = ?1 AND dry_run = 0 AND closed_at IS NULL";
    let mut ours: BTreeMap<String, Decimal> = BTreeMap::new();
    for row in rows(conn, sql, id, 3)? {
        if let [symbol, side, qty] = &row[..] {
            let qty = parsed(qty)?;
            *ours.entry(symbol.clone()).or_default() += if side == "long" { qty } else { -qty };
        }
    }
    theirs.retain(|_, qty| !qty.is_zero());
    ours.retain(|_, qty| !qty.is_zero());
    if theirs != ours {
        found.violations.push(format!("positions are {theirs:?} there, {ours:?} here"));
    }
    let sql = "SELECT COUNT(*) FROM bot_positions WHERE account_id = ?1 AND dry_run = 0";
    let count: i64 = conn.query_row(sql, [id], |row| row.get(0))?;
    found.positions = usize::try_from(count)?;
    Ok(())
}

fn compare_money(conn: &Connection, id: i64, oracle: &Value, found: &mut Comparison) -> anyhow::Result<()> {
    let mut realized = Decimal::ZERO;
    let (mut from_cash, mut in_kind) = (Decimal::ZERO, BTreeMap::new());
    let sql = "SELECT realized_pnl, fee, fee_asset, CAST(fee_in_kind AS TEXT) FROM fills
               WHERE account_id = ?1 AND dry_run = 0";
    for row in rows(conn, sql, id, 4)? {
        if let [profit, fee, asset, is_in_kind] = &row[..] {
            realized += parsed(profit)?;
            if is_in_kind == "1" {
                *in_kind.entry(asset.clone()).or_default() += parsed(fee)?;
            } else {
                from_cash += parsed(fee)?;
            }
        }
    }
    let state: String =
        conn.query_row("SELECT state FROM account_state WHERE account_id = ?1", [id], |row| row.get(0))?;
    let state: Value = serde_json::from_str(&state)?;
    let wallet = number(&state, "wallet")?;
    for (what, here) in [("realized", realized), ("fees", from_cash), ("wallet", wallet)] {
        let there = number(oracle, what)?;
        if there.normalize() != here.normalize() {
            found.violations.push(format!("{what} is {there} there, {here} here"));
        }
    }
    let mut theirs: BTreeMap<String, Decimal> = BTreeMap::new();
    for (asset, paid) in oracle.get("fees_in_kind").and_then(Value::as_object).into_iter().flatten() {
        theirs.insert(asset.clone(), parsed(paid.as_str().unwrap_or_default())?);
    }
    if theirs != in_kind {
        found.violations.push(format!("fees in kind are {theirs:?} there, {in_kind:?} here"));
    }
    Ok(())
}

/// One thing that changes what is held of a symbol, or what stops cover of it.
struct Change {
    at: i64,
    held: Decimal,
    /// Of stops that close a long, and of those that close a short.
    covers: [Decimal; 2],
}

/// By the exchange's own times: from fills and conditional orders, not from what the daemon believes.
fn measure_protection(oracle: &Value, until: i64, found: &mut Comparison) -> anyhow::Result<()> {
    let mut changes: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    for fill in list(oracle, "fills") {
        let qty = number(fill, "qty")?;
        let held = if text(fill, "side")? == "buy" { qty } else { -qty };
        let change = Change { at: time(fill, "at")?, held, covers: [Decimal::ZERO; 2] };
        changes.entry(text(fill, "symbol")?).or_default().push(change);
    }
    for stop in list(oracle, "conditionals") {
        let key = text(stop, "client_id")?.parse::<ClientOrderId>().ok().and_then(|id| id.key());
        if key.is_none_or(|key| key.purpose != Purpose::StopLoss) {
            continue;
        }
        let qty = number(stop, "qty")?;
        let covers = |qty: Decimal| {
            if text(stop, "side").is_ok_and(|side| side == "sell") {
                [qty, Decimal::ZERO]
            } else {
                [Decimal::ZERO, qty]
            }
        };
        let of_symbol = changes.entry(text(stop, "symbol")?).or_default();
        let held = Decimal::ZERO;
        of_symbol.push(Change { at: time(stop, "created_at")?, held, covers: covers(qty) });
        if stop.get("is_open") != Some(&Value::Bool(true)) {
            of_symbol.push(Change { at: time(stop, "updated_at")?, held, covers: covers(-qty) });
        }
    }
    for of_symbol in changes.values_mut() {
        of_symbol.sort_by_key(|change| change.at);
        found.long_gaps.extend(gaps(of_symbol, until));
    }
    found.unprotected_ms = found.long_gaps.iter().copied().max().unwrap_or_default();
    found.long_gaps.retain(|gap| *gap >= 10_000);
    found.long_gaps.sort_unstable_by(|a, b| b.cmp(a));
    Ok(())
}

/// How long each time less was covered than held, in milliseconds.
fn gaps(changes: &[Change], until: i64) -> Vec<i64> {
    let (mut held, mut covered, mut since) = (Decimal::ZERO, [Decimal::ZERO; 2], None);
    let mut gaps = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        held += change.held;
        for (sum, part) in covered.iter_mut().zip(change.covers) {
            *sum += part;
        }
        // What happens in one moment counts as one.
        if changes.get(index + 1).is_some_and(|next| next.at == change.at) {
            continue;
        }
        let [long, short] = covered;
        let is_bare = held > long || -held > short;
        since = match (is_bare, since) {
            (true, None) => Some(change.at),
            (false, Some(begun)) => {
                gaps.push(change.at - begun);
                None
            }
            (_, since) => since,
        };
    }
    gaps.extend(since.map(|begun| (until - begun).max(0)));
    gaps
}

fn rows(conn: &Connection, sql: &str, id: i64, columns: usize) -> anyhow::Result<Vec<Vec<String>>> {
    let mut statement = conn.prepare(sql)?;
    let read = statement.query_map([id], |row| (0..columns).map(|column| row.get(column)).collect())?;
    Ok(read.collect::<Result<_, _>>()?)
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value.get(name).and_then(Value::as_str).with_context(|| format!("{name} is not text"))?.to_owned())
}

fn number(value: &Value, name: &str) -> anyhow::Result<Decimal> {
    parsed(&text(value, name)?).with_context(|| name.to_owned())
}

fn time(value: &Value, name: &str) -> anyhow::Result<i64> {
    value.get(name).and_then(Value::as_i64).with_context(|| format!("{name} is not a time"))
}

fn parsed(text: &str) -> anyhow::Result<Decimal> {
    Ok(text.parse()?)
}

//! `orders`, and `order list|show|trace`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::filter::{FilterArgs, note_cut};
use super::output::Tone;
use super::{CliError, Context, figures, when};
use crate::domain::order::OrderStatus;
use crate::domain::time::Timestamp;
use crate::store::queries::fills::FillRow;
use crate::store::queries::orders::{self, OrderLife, OrderList, OrderRow};
use crate::store::queries::snapshot;

#[derive(Debug, Args)]
pub(super) struct OrdersArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Only orders in this state: intended, sent, unknown, open, partially_filled, filled, cancelled, rejected, expired
    #[arg(long, value_name = "STATE", value_parser = parse_status)]
    status: Option<OrderStatus>,
}

#[derive(Debug, Args)]
pub(super) struct OrderArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List orders, oldest first
    List(OrdersArgs),
    /// Show one order and its fills
    Show(IdArgs),
    /// Show one order's whole life: signal, decision, sent, acknowledged, fills, end
    Trace(IdArgs),
}

#[derive(Debug, Args)]
struct IdArgs {
    /// The order's id, or an unambiguous beginning of it
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    /// How many there are, shown or not.
    matching: u32,
    orders: &'a [OrderRow],
}

pub(super) fn run(args: &OrderArgs, context: &Context) -> Result<(), CliError> {
    match &args.verb {
        Verb::List(args) => list(args, context),
        Verb::Show(args) => show(args, context),
        Verb::Trace(args) => trace(args, context),
    }
}

pub(super) fn list(args: &OrdersArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    let filter = args.filter.resolve(&conn, context)?;
    let OrderList { matching, orders } = orders::list(&conn, &filter, args.status)?;
    if context.out.is_json() {
        return context.out.json(&Answer { matching, orders: &orders });
    }
    if orders.is_empty() {
        return context.out.line("no orders");
    }
    let columns = [
        "DECIDED", "ACCOUNT", "BOT", "SYMBOL", "PURPOSE", "SIDE", "TYPE", "PRICE", "QTY", "FILLED",
        "AVERAGE", "FEES", "STATUS", "ID",
    ];
    let mut table = context.out.new_table(&columns, &[7, 8, 9, 10, 11]);
    for order in &orders {
        table.add_row([
            when::minute(order.decided_at),
            order.account.clone(),
            figures::or_dash(order.bot.as_ref()),
            order.symbol.to_string(),
            order.purpose.to_string(),
            if order.dry_run { format!("{} (dry)", order.side) } else { order.side.to_string() },
            order.order_type.clone(),
            figures::price(order.price),
            order.qty.to_string(),
            order.filled_qty.to_string(),
            figures::price(order.average_price),
            fees(order),
            status_text(context, order.status),
            order.id.to_string(),
        ]);
    }
    context.out.table(&table)?;
    note_cut(context, orders.len(), matching, "order");
    Ok(())
}

/// What its fills have cost, by asset.
fn fees(order: &OrderRow) -> String {
    let value = order.fees.iter().map(|sum| sum.value).sum();
    figures::fees(value, &order.fees, order.symbol.quote_asset())
}

fn show(args: &IdArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    let life = find(&conn, &args.id)?;
    if context.out.is_json() {
        return context.out.json(&life);
    }
    facts(context, &life.order)?;
    if life.fills.is_empty() {
        return context.out.line("no fills");
    }
    super::trades::fills_table(context, &life.fills)
}

fn trace(args: &IdArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    let life = find(&conn, &args.id)?;
    if context.out.is_json() {
        return context.out.json(&life);
    }
    facts(context, &life.order)?;
    timeline(context, &life)
}

/// The order of that id, or the only one whose id begins so.
fn find(conn: &rusqlite::Connection, id: &str) -> Result<OrderLife, CliError> {
    let known = orders::ids_starting_with(conn, id, 2)?;
    match known.as_slice() {
        [only] => Ok(orders::life(conn, only)?),
        [exact, _] if exact == id => Ok(orders::life(conn, exact)?),
        [first, second] => Err(CliError::not_found("single order", id)
            .hint(format!("more than one id begins so, among them {first} and {second}"))),
        _ => Err(CliError::not_found("order", id).hint(near_ids(conn, id)?)),
    }
}

/// What may have been meant: ids that begin alike.
fn near_ids(conn: &rusqlite::Connection, id: &str) -> Result<String, CliError> {
    // The beginning of an id is shared by all orders of an account; what follows it tells them apart.
    let start: String = id.chars().take(id.chars().count().saturating_sub(2)).collect();
    let near = if start.len() > 8 { orders::ids_starting_with(conn, &start, 1)? } else { Vec::new() };
    Ok(match near.first() {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`tradefleet orders` lists the ids".to_owned(),
    })
}

fn facts(context: &Context, order: &OrderRow) -> Result<(), CliError> {
    let price = order.price.map_or_else(String::new, |price| format!(" at {price}"));
    let reduce = if order.reduce_only { ", reduce-only" } else { "" };
    let dry = if order.dry_run { ", dry run" } else { "" };
    let out = context.out;
    out.line(out.paint(Tone::Strong, order.id.as_str()))?;
    out.line(format!(
        "{} / {}: {} {} {} {}{price}, {} for a {} position at {}x{reduce}{dry}",
        order.account,
        figures::or_dash(order.bot.as_ref()),
        order.side,
        order.qty,
        order.symbol,
        order.order_type,
        order.purpose,
        order.position_side,
        order.leverage,
    ))?;
    let average = order.average_price.map_or_else(String::new, |price| format!(" at {price} on average"));
    let why = order.end_reason.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    let exchange_id = figures::or_dash(order.exchange_order_id.as_ref());
    out.line(format!(
        "{}{why}; filled {} of {}{average}; id at the exchange {exchange_id}\n",
        status_text(context, order.status),
        order.filled_qty,
        order.qty,
    ))
}

/// One step: when, what, and its numbers.
struct Step {
    at: Timestamp,
    what: String,
    detail: String,
}

fn timeline(context: &Context, life: &OrderLife) -> Result<(), CliError> {
    let mut table = context.out.new_table(&["TIME (UTC)", "AFTER", "STEP", "DETAIL"], &[1]);
    let mut last: Option<Timestamp> = None;
    for step in steps(life) {
        let after = last.map_or_else(String::new, |last| format!("+{}", when::span(step.at.since(last))));
        table.add_row([when::millisecond(step.at), after, step.what, step.detail]);
        last = Some(step.at);
    }
    context.out.table(&table)
}

/// The whole life in order of time; steps of one moment in the order in which they follow from each other.
fn steps(life: &OrderLife) -> Vec<Step> {
    let order = &life.order;
    let mut steps = Vec::new();
    let mut step = |at: Option<Timestamp>, what: &str, detail: String| {
        if let Some(at) = at {
            steps.push(Step { at, what: what.to_owned(), detail });
        }
    };
    let signal = life.signal.as_ref().map_or_else(String::new, |signal| {
        format!(
            "{} {}: {} (confidence {})",
            signal.strategy, signal.timeframe, signal.reason, signal.confidence
        )
    });
    step(order.signal_at, "signal", signal);
    let decision = life.decision.as_ref().map_or_else(String::new, |decision| {
        format!("{} ({}): {}", decision.action, decision.code, decision.detail)
    });
    step(Some(order.decided_at), "decided", decision);
    step(order.sent_at, "sent", String::new());
    step(order.acknowledged_at, "acknowledged", figures::or_dash(order.exchange_order_id.as_ref()));
    let mut sent_at: Option<Timestamp> = None;
    for event in &life.events {
        if event.status == OrderStatus::Sent {
            sent_at = order.sent_at;
        }
        // Fills, the first steps and the acceptance are told by others, with more to say.
        let is_told = ["fill ", "accepted as "].iter().any(|told| event.detail.starts_with(told))
            || matches!(event.status, OrderStatus::Intended | OrderStatus::Sent);
        if !is_told {
            // Steps that were noted with the time of the decision are not before the sending that they follow.
            step(sent_at.max(Some(event.at)), event.status.as_str(), event.detail.clone());
        }
    }
    for fill in &life.fills {
        let detail = format!(
            "{} at {}, fee {} {}{}, {}, realized {} (trade {})",
            fill.qty,
            fill.price,
            fill.fee,
            fill.fee_asset,
            worth(fill, order.symbol.quote_asset()),
            fill.liquidity,
            fill.realized_pnl,
            fill.trade_id
        );
        step(Some(fill.at), "fill", detail);
    }
    let why = order.end_reason.clone().unwrap_or_default();
    step(order.finished_at, &format!("end: {}", order.status), why);
    steps.sort_by_key(|step| step.at);
    steps
}

/// What a fee in another asset is worth.
fn worth(fill: &FillRow, quote_asset: &str) -> String {
    match (fill.fee_price, fill.fee_value) {
        (Some(price), Some(value)) => format!(" (worth {value} {quote_asset} at {price})"),
        (None, Some(_)) => String::new(),
        (_, None) => " (worth unknown)".to_owned(),
    }
}

fn status_text(context: &Context, status: OrderStatus) -> String {
    let tone = match status {
        OrderStatus::Filled => Tone::Good,
        OrderStatus::Rejected => Tone::Bad,
        OrderStatus::Unknown => Tone::Warning,
        OrderStatus::Cancelled | OrderStatus::Expired => Tone::Faint,
        OrderStatus::Intended | OrderStatus::Sent | OrderStatus::Open | OrderStatus::PartiallyFilled => {
            return status.to_string();
        }
    };
    context.out.paint(tone, status.as_str())
}

fn parse_status(text: &str) -> Result<OrderStatus, String> {
    OrderStatus::from_word(text).ok_or_else(|| {
        let words: Vec<&str> = OrderStatus::ALL.iter().map(|status| status.as_str()).collect();
        let hint = crate::domain::spelling::hint(text, words.iter().copied());
        format!("it is one of {}{hint}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    const LEDGER: &str = include_str!("../../tests/fixtures/ledger.sql");

    #[test]
    fn a_step_that_was_noted_with_the_time_of_the_decision_follows_the_sending() {
        let scratch = Scratch::new();
        let store = scratch.open();
        store.conn().execute_batch(LEDGER).unwrap();
        let unknown =
            "UPDATE order_events SET status = 'unknown', detail = 'no clear answer' WHERE status = 'open';
            UPDATE order_events SET at = 1655262000000 WHERE status IN ('sent', 'unknown')";
        store.conn().execute_batch(unknown).unwrap();
        let life = orders::life(store.conn(), "tfaaaaaacaaaaaarqfsu3m4aaaab").unwrap();
        let steps: Vec<String> = steps(&life).into_iter().map(|step| step.what).collect();
        assert_eq!(steps, ["signal", "decided", "sent", "unknown", "acknowledged", "fill", "end: filled"]);
    }
}

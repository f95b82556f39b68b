//! What a grid comes to, before it trades: the arithmetic that `bot add`, `bot set` and `bot show` print.

use serde_json::{Value, json};

use crate::cli::output::Tone;
use crate::cli::{CliError, Context, figures};
use crate::control::GridEdit;
use crate::control::grids::GridOutlook;
use crate::domain::money::{Pct, Price};
use crate::engine::grid::Direction;
use crate::engine::grid::plan::{Plan, RoundTrip};

/// Moved, added and removed lines that are spelt out; more are counted.
const LINES_SHOWN: usize = 8;

pub(in crate::cli) fn to_json(outlook: &GridOutlook) -> Value {
    let GridOutlook { bot, symbol, config, plan, instrument, price, capital, waits, waiting, edit } = outlook;
    let (net_min, net_max) = plan.net_range();
    let (pct_min, pct_max) = plan.net_pct_range();
    let ladder = plan.lines.iter().map(|line| json!({ "line": line.index, "price": line.price }));
    json!({
        "bot": bot, "symbol": symbol, "direction": config.direction, "mode": config.mode,
        "lower": config.lower, "upper": config.upper, "grids": config.count, "leverage": config.leverage,
        "trigger": config.trigger, "stop_upper": config.stop_upper, "stop_lower": config.stop_lower,
        "buy_in": config.buy_in, "close_on_stop": config.close_on_stop, "exchange_stop": config.exchange_stop,
        "investment": config.investment, "per_grid_amount": plan.per_grid_amount,
        "needed": plan.needed, "notional": plan.notional, "capital": capital,
        "rules_known": instrument.is_some(), "tick": instrument.as_ref().map(|_| plan.tick),
        "price": price.map(|(price, _)| price), "price_at": price.map(|(_, at)| at),
        "maker_fee_pct": plan.terms.maker_fee_pct, "taker_fee_pct": plan.terms.taker_fee_pct,
        "qty_per_line": plan.qty_per_line,
        "net_per_line": { "min": net_min, "max": net_max },
        "net_pct_per_line": { "min": pct_min, "max": pct_max },
        "ladder": ladder.collect::<Vec<_>>(),
        "waits_for_start": waits,
        "waiting": waiting.map(|waiting| waiting.to_string()),
        "edit": edit.as_ref().map(edit_json),
    })
}

fn edit_json(edit: &GridEdit) -> Value {
    let difference = &edit.difference;
    let moved = difference.moved.iter().map(|(from, to)| json!({ "from": from, "to": to }));
    let placed = edit.placed.iter().map(
        |order| json!({ "line": order.line, "side": order.side, "price": order.price, "qty": order.qty }),
    );
    let exits = edit
        .moved_exits
        .iter()
        .map(|exit| json!({ "line": exit.line, "qty": exit.qty, "from": exit.from, "to": exit.to }));
    json!({
        "kept": difference.kept, "moved": moved.collect::<Vec<_>>(), "added": difference.added,
        "removed": difference.removed, "cancelled": edit.cancelled, "placed": placed.collect::<Vec<_>>(),
        "moved_exits": exits.collect::<Vec<_>>(),
    })
}

/// `20 long lines from 50000 to 60000, arithmetic`.
pub(super) fn headline(outlook: &GridOutlook) -> String {
    let config = &outlook.config;
    format!(
        "{} {} lines from {} to {}, {}",
        config.count, config.direction, config.lower, config.upper, config.mode
    )
}

/// `0.3 to 0.5`, or one figure where both are equal.
fn range<T: PartialEq + ToString>(low: &T, high: &T) -> String {
    if low == high { low.to_string() } else { format!("{} to {}", low.to_string(), high.to_string()) }
}

/// Label and value of what the plan comes to.
pub(super) fn lines(outlook: &GridOutlook) -> Vec<(&'static str, String)> {
    let GridOutlook { config, plan, capital, symbol, .. } = outlook;
    let quote = symbol.quote_asset();
    let (net_min, net_max) = plan.net_range();
    let (pct_min, pct_max) = plan.net_pct_range();
    let capital = match capital {
        Some(capital) => format!("the bot's capital is {capital}"),
        None => "the bot's capital is not known yet".to_owned(),
    };
    let mut lines = vec![
        (
            "per line",
            format!(
                "{} in base currency, {} {quote} of the investment",
                plan.qty_per_line,
                figures::amount(plan.per_grid_amount)
            ),
        ),
        (
            "needed",
            format!(
                "{} {quote} with all lines held, of {} invested; {} at leverage {}; {capital}",
                figures::amount(plan.needed),
                config.investment,
                figures::amount(plan.notional),
                config.leverage
            ),
        ),
        (
            "round trip",
            format!(
                "{} {quote} net ({} %), after {} % maker fee on both sides",
                range(&figures::amount(net_min), &figures::amount(net_max)),
                range(&pct_min, &pct_max),
                plan.terms.maker_fee_pct
            ),
        ),
    ];
    lines.extend(
        config.trigger.map(|trigger| ("trigger", format!("waits until the price reaches {trigger}"))),
    );
    let stops = [("below", config.stop_lower), ("above", config.stop_upper)];
    let stops: Vec<_> =
        stops.iter().filter_map(|(word, stop)| Some(format!("{word} at {}", (*stop)?))).collect();
    if !stops.is_empty() {
        let closing = if config.close_on_stop { "closes what it holds" } else { "keeps what it holds" };
        let resting = if config.exchange_stop { ", the stop also rests at the exchange" } else { "" };
        lines.push(("stops", format!("{}; {closing}{resting}", stops.join(", "))));
    }
    if config.buy_in {
        let what = match config.direction {
            Direction::Short => "sells at the start what the lines below the price would buy back",
            Direction::Long | Direction::Neutral => {
                "buys at the start what the lines above the price would sell"
            }
        };
        lines.push(("buy in", what.to_owned()));
    }
    lines
}

/// The arithmetic, and for an edit what it does.
pub(in crate::cli) fn print(outlook: &GridOutlook, context: &Context) -> Result<(), CliError> {
    let out = context.out;
    let title = format!("{} on {}", outlook.bot, outlook.symbol);
    out.line(format!("{}: {}", out.paint(Tone::Strong, &title), headline(outlook)))?;
    let columns = ["GRID", "LOW", "HIGH", "SPACING", "QTY", "GROSS", "FEES", "NET", "NET %"];
    let mut table = out.new_table(&columns, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (index, trip) in extremes(&outlook.plan) {
        table.add_row(row(index, trip, &outlook.plan));
    }
    out.table(&table)?;
    for (label, value) in lines(outlook) {
        out.line(format!("  {label:<12}{value}"))?;
    }
    if let Some(edit) = &outlook.edit {
        for (label, value) in edit_lines(edit) {
            out.line(format!("  {label:<12}{value}"))?;
        }
    }
    for wait in &outlook.waits {
        out.note(format!("checked when it starts: {wait}"));
    }
    Ok(())
}

/// The lowest and the highest grid.
fn extremes(plan: &Plan) -> Vec<(usize, &RoundTrip)> {
    let last = plan.round_trips.len().saturating_sub(1);
    plan.round_trips.iter().enumerate().filter(|(index, _)| *index == 0 || *index == last).collect()
}

fn row(index: usize, trip: &RoundTrip, plan: &Plan) -> [String; 9] {
    let gross = trip.net + trip.fees;
    let spacing = Pct::change(trip.low, trip.high);
    [
        format!("{index}-{}", index.saturating_add(1)),
        trip.low.to_string(),
        trip.high.to_string(),
        format!("{spacing} %"),
        plan.qty_per_line.to_string(),
        figures::amount(gross),
        figures::amount(trip.fees),
        figures::amount(trip.net),
        trip.net_pct.to_string(),
    ]
}

fn edit_lines(edit: &GridEdit) -> Vec<(&'static str, String)> {
    let difference = &edit.difference;
    let moved: Vec<_> = difference.moved.iter().map(|(from, to)| format!("{from} -> {to}")).collect();
    let mut lines = vec![(
        "lines",
        format!(
            "{} kept, {} moved{}, {} added{}, {} removed{}",
            difference.kept.len(),
            moved.len(),
            listed(&moved),
            difference.added.len(),
            listed(&texts(&difference.added)),
            difference.removed.len(),
            listed(&texts(&difference.removed)),
        ),
    )];
    let cancelled: Vec<_> = edit
        .cancelled
        .iter()
        .map(|order| format!("{} {} at {} of line {}", order.side, order.qty, order.price, order.line))
        .collect();
    let placed: Vec<_> = edit
        .placed
        .iter()
        .map(|order| format!("{} {} at {} of line {}", order.side, order.qty, order.price, order.line))
        .collect();
    for (label, orders) in [("cancels", cancelled), ("places", placed)] {
        if !orders.is_empty() {
            lines.push((label, format!("{} orders{}", orders.len(), listed(&orders))));
        }
    }
    for exit in &edit.moved_exits {
        let from = exit.from.map_or_else(|| "elsewhere".to_owned(), |from| format!("at {from}"));
        lines.push(("holding", format!("line {} closes {} at {}, not {from}", exit.line, exit.qty, exit.to)));
    }
    lines
}

fn texts(prices: &[Price]) -> Vec<String> {
    prices.iter().map(ToString::to_string).collect()
}

/// ` (a, b and 3 more)`, nothing for nothing.
fn listed(items: &[String]) -> String {
    let shown: Vec<_> = items.iter().take(LINES_SHOWN).map(String::as_str).collect();
    match items.len().saturating_sub(shown.len()) {
        _ if shown.is_empty() => String::new(),
        0 => format!(" ({})", shown.join(", ")),
        more => format!(" ({} and {more} more)", shown.join(", ")),
    }
}

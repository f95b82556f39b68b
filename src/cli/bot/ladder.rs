//! `bot grid`: the ladder of a grid, from the highest line down, with what rests on it and the price between its lines.

use std::fmt;

use clap::Args;
use serde_json::{Value, json};

use super::plan;
use super::select::WhichArgs;
use super::view::{Found, find};
use crate::cli::output::{Output, Tone};
use crate::cli::write::{self, WriteArgs};
use crate::cli::{CliError, Context, figures};
use crate::control::grids::{self, GridOutlook};
use crate::control::{Command, ControlError};
use crate::domain::ids::BotId;
use crate::domain::kind::BotType;
use crate::domain::money::Price;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::engine::grid::repair::Repair;
use crate::engine::grid::waiting::Waiting;
use crate::store::queries::grid::{self, GridFigures, GridView, LadderLine, RestingOrder};
use crate::store::{Store, grid_configs};

#[derive(Debug, Args)]
pub(super) struct LadderArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Compare the ladder with the exchange and the ledger, and mend it; the daemon does, or the next one when it starts
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) fn run(args: &LadderArgs, context: &Context) -> Result<(), CliError> {
    let bots = args.which.bots("grid", context)?;
    if args.repair {
        return write::run(context, &Command::RepairGrids { bots }, args.write);
    }
    if args.write.dry_run {
        return Err(CliError::usage("--dry-run belongs to --repair: drawing a ladder changes nothing"));
    }
    let store = context.read_store()?;
    let mut shown = Vec::new();
    for found in find(&bots, &store, context)? {
        match Shown::of(found, &store, context)? {
            Some(grid) => shown.push(grid),
            None if bots.name.is_some() => {
                let name = bots.name.clone().unwrap_or_default();
                return Err(CliError::usage(format!("bot `{name}` is no grid")));
            }
            None => {}
        }
    }
    if context.out.is_json() {
        return match shown.as_slice() {
            [only] if bots.name.is_some() => context.out.json(&only.to_json()),
            many => {
                context.out.json(&json!({ "grids": many.iter().map(Shown::to_json).collect::<Vec<_>>() }))
            }
        };
    }
    if shown.is_empty() {
        context.out.note("no grids yet: tradefleet bot add NAME --account ACCOUNT --type grid");
    }
    shown.iter().try_for_each(|grid| grid.print(context.out))
}

/// A grid with its ladder.
struct Shown {
    found: Found,
    view: GridView,
    /// `Err` when the market does not allow it any more.
    outlook: Result<GridOutlook, String>,
    repair: Option<Repaired>,
}

/// The last repair that was asked for; `None` inside while no daemon has taken it up.
struct Repaired {
    asked_at: Timestamp,
    followed: Option<Repair>,
}

impl Repaired {
    fn of(store: &Store, bot: BotId) -> Result<Option<Self>, CliError> {
        let asked_at = grid_configs::find(store.conn(), bot)?.and_then(|row| row.repair_asked_at);
        let Some(asked_at) = asked_at else { return Ok(None) };
        let followed = grid::state(store.conn(), bot)?.repair.filter(|repair| repair.asked_at == asked_at);
        Ok(Some(Self { asked_at, followed }))
    }

    /// What it came to; `None` while it is not done.
    fn result(&self) -> Option<(Timestamp, String)> {
        let repair = self.followed.as_ref()?;
        Some((repair.done_at?, repair.to_string()))
    }

    fn to_json(&self) -> Value {
        let (done_at, result) = self.result().unzip();
        let counts = self.followed.as_ref().filter(|_| done_at.is_some()).map(|repair| {
            let Repair { gone, taken_back, placed, fills, .. } = repair;
            json!({ "gone": gone, "taken_back": taken_back, "placed": placed, "fills": fills })
        });
        json!({ "asked_at": self.asked_at, "done_at": done_at, "result": result, "counts": counts })
    }
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "asked for at {}, ", self.asked_at)?;
        match (self.result(), &self.followed) {
            (Some((done_at, result)), _) => write!(f, "done at {done_at}: {result}"),
            (None, Some(_)) => f.write_str("under way"),
            (None, None) => f.write_str("waits for the daemon"),
        }
    }
}

impl Shown {
    /// `None` for a bot that is no grid.
    fn of(found: Found, store: &Store, context: &Context) -> Result<Option<Self>, CliError> {
        if found.bot.bot_type != BotType::Grid {
            return Ok(None);
        }
        let limits = context.config()?.limits;
        let outlook = match grids::outlook(store.conn(), &found.account, &found.bot, limits, context.now()) {
            Ok(None) => return Ok(None),
            Ok(Some(outlook)) => Ok(outlook),
            Err(refused @ ControlError::GridRefused { .. }) => Err(refused.to_string()),
            Err(other) => return Err(other.into()),
        };
        let planned: Vec<Price> = outlook
            .as_ref()
            .map(|outlook| outlook.plan.lines.iter().map(|line| line.price).collect())
            .unwrap_or_default();
        let view = grid::view(store.conn(), found.bot.id, &planned)?;
        let repair = Repaired::of(store, found.bot.id)?;
        Ok(view.map(|view| Self { found, view, outlook, repair }))
    }

    /// What a running grid waits for before it begins.
    fn waiting(&self) -> Option<Waiting> {
        self.outlook.as_ref().ok()?.waiting
    }

    fn to_json(&self) -> Value {
        let bot = &self.found.bot;
        let mut document = json!({
            "account": self.found.account.name, "name": bot.name, "id": bot.id, "symbol": bot.settings.symbol,
            "running": bot.is_running, "close_requested": bot.close_requested, "last_error": bot.last_error,
            "repair": self.repair.as_ref().map(Repaired::to_json), "waiting": self.waiting().map(|waiting| waiting.to_string()),
            "plan": self.outlook.as_ref().ok().map(plan::to_json), "refused": self.outlook.as_ref().err(),
        });
        if let (Some(map), Ok(Value::Object(view))) =
            (document.as_object_mut(), serde_json::to_value(&self.view))
        {
            map.extend(view);
        }
        document
    }

    fn print(&self, out: Output) -> Result<(), CliError> {
        let (bot, view) = (&self.found.bot, &self.view);
        let title = format!("{}/{}", self.found.account.name, bot.name);
        let state = match (bot.is_running, bot.close_requested) {
            (_, true) => "closing",
            (true, false) => "running",
            (false, false) => "stopped",
        };
        let what = self.outlook.as_ref().map(plan::headline).unwrap_or_default();
        out.line(format!("{}  {} {state}  {what}", out.paint(Tone::Strong, &title), bot.settings.symbol))?;
        if let Some(waiting) = self.waiting() {
            out.line(format!("  {:<12}{waiting}", "not begun"))?;
        }
        let mut table = out.new_table(&["LINE", "PRICE", "RESTS", "HOLDS", "FILLS", "PROFIT"], &[0, 1, 4, 5]);
        let mut is_price_due = view.current_price.is_some();
        for line in &view.lines {
            if is_price_due && view.current_price.is_some_and(|price| price >= line.price) {
                table.add_row(price_row(out, view.current_price));
                is_price_due = false;
            }
            table.add_row(row(out, line));
        }
        if is_price_due {
            table.add_row(price_row(out, view.current_price));
        }
        out.table(&table)?;
        for (label, value) in totals(out, view) {
            out.line(format!("  {label:<12}{value}"))?;
        }
        if let Some(repair) = &self.repair {
            out.line(format!("  {:<12}{repair}", "repair"))?;
        }
        if let Err(refused) = &self.outlook {
            out.warn(refused);
        }
        if let Some(error) = &bot.last_error {
            out.warn(format!("last error: {error}"));
        }
        Ok(())
    }
}

fn price_row(out: Output, price: Option<Price>) -> [String; 6] {
    let price = out.paint(Tone::Warning, &figures::or_dash(price));
    [
        out.paint(Tone::Warning, ">"),
        price,
        "the last price".to_owned(),
        String::new(),
        String::new(),
        String::new(),
    ]
}

fn row(out: Output, line: &LadderLine) -> [String; 6] {
    let orders: Vec<_> = line.orders.iter().map(|order| resting(out, order, line.price)).collect();
    let holds = match line.held_side {
        Some(PositionSide::Long) => format!("{} long", line.held_qty),
        Some(PositionSide::Short) => format!("{} short", line.held_qty),
        None => String::new(),
    };
    let fills = match (line.buy_fills, line.sell_fills) {
        (0, 0) => String::new(),
        (buys, sells) => format!("{buys} / {sells}"),
    };
    let profit =
        if line.profit.decimal().is_zero() { String::new() } else { figures::profit(out, line.profit) };
    [line.line.to_string(), line.price.to_string(), orders.join(", "), holds, fills, profit]
}

/// `buy 0.01`, with what is filled of it, where it stands if not on the line, and its state if it is not simply open.
fn resting(out: Output, order: &RestingOrder, line: Price) -> String {
    let tone = match order.side {
        Side::Buy => Tone::Good,
        Side::Sell => Tone::Bad,
    };
    let mut text = out.paint(tone, &format!("{} {}", order.side, order.qty));
    if !order.filled_qty.is_zero() {
        text = format!("{text} ({} filled)", order.filled_qty);
    }
    if order.price != line {
        text = format!("{text} at {}", order.price);
    }
    if order.status.is_in_flight() {
        text = format!("{text} {}", order.status);
    }
    text
}

fn totals(out: Output, view: &GridView) -> Vec<(&'static str, String)> {
    let sums = &view.figures;
    vec![
        ("orders", format!("{} buys and {} sells rest", view.active_buys, view.active_sells)),
        ("fills", format!("{} buys, {} sells, {} cycles", sums.buy_fills, sums.sell_fills, sums.cycles)),
        ("profit", earned(out, sums)),
        (
            "holds",
            format!(
                "{} in base currency, {} unrealized, fees {}",
                sums.held_qty.normalize(),
                figures::profit_opt(out, sums.unrealized_profit),
                sums.fees
            ),
        ),
    ]
}

/// `12.3 of 1000 invested (1.23 %), 0.4 a day`.
fn earned(out: Output, grid: &GridFigures) -> String {
    let pct = grid.profit_pct.map_or_else(String::new, |pct| format!(" ({pct} %)"));
    let daily = grid.profit_per_day.map_or_else(String::new, |daily| format!(", {daily} a day"));
    format!("{} of {} invested{pct}{daily}", figures::profit(out, grid.realized_profit), grid.investment)
}

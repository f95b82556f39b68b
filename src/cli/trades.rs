//! `trades`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::filter::FilterArgs;
use super::{CliError, Context, figures, when};
use crate::domain::fee::FeeSums;
use crate::domain::money::Quote;
use crate::store::queries::fills::FillRow;
use crate::store::queries::snapshot;
use crate::store::queries::trades::{self, TradeList, TradeRow};

#[derive(Debug, clap::Args)]
pub(super) struct TradesArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Positions that are still open too
    #[arg(long)]
    open: bool,
    /// Show the fills of each trade too
    #[arg(long)]
    fills: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    /// How many there are, shown or not.
    matching: u32,
    trades: &'a [TradeRow],
}

pub(super) fn run(args: &TradesArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    let filter = args.filter.resolve(&conn, context)?;
    let TradeList { matching, trades } = trades::list(&conn, &filter, args.open)?;
    if context.out.is_json() {
        return context.out.json(&Answer { matching, trades: &trades });
    }
    if trades.is_empty() {
        return context.out.line(if args.open { "no trades" } else { "no closed trades" });
    }
    table(context, &trades)?;
    if args.fills {
        for trade in &trades {
            context.out.line(format!("\nfills of {} ({} {})", trade.id, trade.account, trade.symbol))?;
            fills_table(context, &trade.fills)?;
        }
    }
    super::filter::note_cut(context, trades.len(), matching, "trade");
    Ok(())
}

fn table(context: &Context, trades: &[TradeRow]) -> Result<(), CliError> {
    let out = context.out;
    let columns = [
        "OPENED", "CLOSED", "ACCOUNT", "BOT", "SYMBOL", "SIDE", "QTY", "ENTRY", "EXIT", "GROSS", "FEES",
        "NET", "DCA", "WHY",
    ];
    let mut table = out.new_table(&columns, &[6, 7, 8, 9, 10, 11, 12]);
    for trade in trades {
        let side = if trade.dry_run { format!("{} (dry)", trade.side) } else { trade.side.to_string() };
        table.add_row([
            when::minute(trade.opened_at),
            trade.closed_at.map_or_else(|| unclosed(trade).to_owned(), when::minute),
            trade.account.clone(),
            figures::or_dash(trade.bot.as_ref()),
            trade.symbol.to_string(),
            side,
            trade.entered_qty.to_string(),
            figures::price(trade.entry_price_avg),
            figures::price(trade.exit_price_avg),
            figures::profit(out, trade.gross_pnl),
            figures::fees(trade.fees, &trade.fees_by_asset, trade.symbol.quote_asset()),
            figures::profit(out, trade.net_pnl),
            trade.dca_level.to_string(),
            figures::or_dash(trade.exit_reason.as_ref()),
        ]);
    }
    out.table(&table)?;
    sums(context, trades)
}

const fn unclosed(trade: &TradeRow) -> &'static str {
    if trade.is_gone { "released" } else { "open" }
}

/// What the trades shown made, by currency; a dry run's apart.
fn sums(context: &Context, trades: &[TradeRow]) -> Result<(), CliError> {
    let mut sums: BTreeMap<(&str, bool), (u64, FeeSums, Quote)> = BTreeMap::new();
    for trade in trades {
        let sum = sums.entry((trade.symbol.quote_asset(), trade.dry_run)).or_default();
        sum.0 += 1;
        sum.1.add_all(&trade.fees_by_asset);
        sum.2 += trade.net_pnl;
    }
    for ((asset, is_dry), (count, fees, net)) in sums {
        context.out.line(format!(
            "{}{}: fees {}, net {} {asset}",
            figures::counted(count, "trade"),
            if is_dry { " (dry)" } else { "" },
            figures::fees(fees.value(), &fees.into_list(), asset),
            figures::profit(context.out, net),
        ))?;
    }
    Ok(())
}

/// The fills of one trade, position or order.
pub(super) fn fills_table(context: &Context, fills: &[FillRow]) -> Result<(), CliError> {
    let out = context.out;
    let columns = [
        "AT",
        "TRADE",
        "PURPOSE",
        "SIDE",
        "PRICE",
        "QTY",
        "FEE",
        "ASSET",
        "WORTH",
        "LIQUIDITY",
        "REALIZED",
        "ORDER",
    ];
    let mut table = out.new_table(&columns, &[4, 5, 6, 8, 10]);
    for fill in fills {
        table.add_row([
            when::millisecond(fill.at),
            fill.trade_id.to_string(),
            figures::or_dash(fill.purpose),
            fill.side.to_string(),
            fill.price.to_string(),
            fill.qty.to_string(),
            fill.fee.to_string(),
            fill.fee_asset.clone(),
            fill.fee_value.map_or_else(|| "unknown".to_owned(), figures::amount),
            fill.liquidity.to_string(),
            figures::profit(out, fill.realized_pnl),
            fill.order.to_string(),
        ]);
    }
    out.table(&table)
}

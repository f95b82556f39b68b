//! `positions`.

use clap::Subcommand;
use serde::Serialize;

use super::filter::FilterArgs;
use super::write::{self, WriteArgs};
use super::{CliError, Context, figures, when};
use crate::control::Command;
use crate::store::queries::external::{self, ExternalRow};
use crate::store::queries::positions::{self, PositionRow};
use crate::store::queries::snapshot;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct PositionsArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Show the fills of each position too
    #[arg(long)]
    fills: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Close what the account's bots hold in a symbol, also without auto_exit
    Close {
        symbol: String,
        #[arg(long, value_name = "NAME")]
        account: String,
        #[command(flatten)]
        write: WriteArgs,
    },
}

/// In the place of a bot's name.
const EXTERNAL: &str = "(external)";

#[derive(Serialize)]
struct Answer<'a> {
    positions: &'a [PositionRow],
    /// What others hold on the accounts: never touched.
    external: &'a [ExternalRow],
}

pub(super) fn run(args: &PositionsArgs, context: &Context) -> Result<(), CliError> {
    if let Some(Verb::Close { symbol, account, write }) = &args.verb {
        let command = Command::ClosePositions { account: account.clone(), symbol: symbol.clone() };
        return write::run(context, &command, *write);
    }
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    let filter = args.filter.resolve(&conn, context)?;
    let positions = positions::list(&conn, &filter)?;
    let external = external::list(&conn, &filter)?;
    if context.out.is_json() {
        return context.out.json(&Answer { positions: &positions, external: &external });
    }
    if positions.is_empty() && external.is_empty() {
        return context.out.line("no open positions");
    }
    table(context, &positions, &external)?;
    if args.fills {
        for position in &positions {
            context
                .out
                .line(format!("\nfills of {} ({} {})", position.id, position.account, position.symbol))?;
            super::trades::fills_table(context, &position.fills)?;
        }
    }
    Ok(())
}

fn table(context: &Context, positions: &[PositionRow], external: &[ExternalRow]) -> Result<(), CliError> {
    let out = context.out;
    let columns = [
        "ACCOUNT",
        "BOT",
        "SYMBOL",
        "SIDE",
        "QTY",
        "ENTRY",
        "MARK",
        "MOVE",
        "UNREALIZED",
        "MARGIN",
        "LEV",
        "STOP",
        "TARGET",
        "PROTECTED",
        "DCA",
        "OPENED",
        "HELD",
    ];
    let mut table = out.new_table(&columns, &[4, 5, 6, 7, 8, 9, 10, 11, 12, 14]);
    for position in positions {
        let side =
            if position.dry_run { format!("{} (dry)", position.side) } else { position.side.to_string() };
        table.add_row([
            position.account.clone(),
            figures::or_dash(position.bot.as_ref()),
            position.symbol.to_string(),
            side,
            position.qty.to_string(),
            figures::price(position.entry_price_avg),
            figures::price(position.mark_price),
            figures::move_pct(out, position.move_pct),
            figures::profit_opt(out, position.unrealized_pnl),
            figures::balance(position.margin),
            format!("{}x", position.leverage),
            figures::price(position.stop_loss_price),
            figures::price(position.take_profit_price),
            if position.protected { "yes" } else { "no" }.to_owned(),
            position.dca_level.to_string(),
            when::minute(position.opened_at),
            held(position),
        ]);
    }
    for others in external {
        let known = [
            others.account.clone(),
            EXTERNAL.to_owned(),
            others.symbol.to_string(),
            others.side.to_string(),
            others.qty.to_string(),
            "-".to_owned(),
            figures::price(others.mark_price),
        ];
        let unknown = std::iter::repeat_n("-".to_owned(), columns.len() - known.len());
        table.add_row(known.into_iter().chain(unknown));
    }
    out.table(&table)?;
    if !external.is_empty() {
        out.note("(external) is held on the account by others than its bots: left alone");
    }
    Ok(())
}

fn held(position: &PositionRow) -> String {
    let time = position.held_ms.map_or_else(|| "-".to_owned(), when::span);
    match position.bars_held.zip(position.timeframe) {
        Some((bars, timeframe)) => format!("{time} ({bars} x {timeframe})"),
        None => time,
    }
}

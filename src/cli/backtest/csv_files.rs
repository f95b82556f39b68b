//! The CSV files of a backtest: one row a trade, one row a fill on a grid's line; exact.

use std::path::Path;

use crate::backtest::grids::{FillRow, GridRow};
use crate::backtest::trades::Trade;
use crate::cli::CliError;

const TRADE_COLUMNS: [&str; 18] = [
    "n",
    "signal_time_ms",
    "entry_time_ms",
    "entry_price",
    "exit_time_ms",
    "exit_price",
    "exit_reason",
    "ret_gross",
    "ret_net",
    "bot",
    "symbol",
    "side",
    "qty",
    "gross_pnl",
    "fees",
    "net_pnl",
    "dca_level",
    "bars_held",
];

const FILL_COLUMNS: [&str; 9] = ["bot", "symbol", "time_ms", "line", "side", "price", "qty", "fee", "profit"];

pub(super) fn write_trades(path: &Path, trades: &[Trade]) -> Result<(), CliError> {
    write(path, TRADE_COLUMNS, trades.iter().map(trade))
}

pub(super) fn write_grid_fills(path: &Path, grids: &[GridRow]) -> Result<(), CliError> {
    write(path, FILL_COLUMNS, grids.iter().flat_map(|grid| grid.fills.iter().map(|row| fill(grid, row))))
}

fn write<const N: usize>(
    path: &Path,
    columns: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), CliError> {
    let failed = |error: csv::Error| CliError::file(path, &std::io::Error::from(error));
    let mut file = csv::Writer::from_path(path).map_err(failed)?;
    file.write_record(columns).map_err(failed)?;
    for row in rows {
        file.write_record(row).map_err(failed)?;
    }
    file.flush().map_err(|error| CliError::file(path, &error))
}

fn trade(trade: &Trade) -> [String; 18] {
    [
        trade.n.to_string(),
        trade.signal_time_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        trade.entry_time_ms.to_string(),
        trade.entry_price.to_string(),
        trade.exit_time_ms.to_string(),
        trade.exit_price.to_string(),
        trade.exit_reason.clone(),
        trade.ret_gross.to_string(),
        trade.ret_net.to_string(),
        trade.bot.clone(),
        trade.symbol.to_string(),
        trade.side.to_string(),
        trade.qty.to_string(),
        trade.gross_pnl.to_string(),
        trade.fees.to_string(),
        trade.net_pnl.to_string(),
        trade.dca_level.to_string(),
        trade.bars_held.to_string(),
    ]
}

fn fill(grid: &GridRow, fill: &FillRow) -> [String; 9] {
    [
        grid.bot.clone(),
        grid.symbol.to_string(),
        fill.time_ms.to_string(),
        fill.line.to_string(),
        fill.side.to_string(),
        fill.price.to_string(),
        fill.qty.to_string(),
        fill.fee.to_string(),
        fill.profit.map(|profit| profit.to_string()).unwrap_or_default(),
    ]
}

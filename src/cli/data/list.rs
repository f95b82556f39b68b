//! `data list`: what the candle store has.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{CliError, Context, when};
use crate::domain::instrument::Symbol;
use crate::market::candle_store::{CandleStore, Stored};
use crate::market::series::ExchangeName;

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only of this exchange
    #[arg(long, value_name = "NAME")]
    exchange: Option<ExchangeName>,
    /// Only of this symbol
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<Symbol>,
}

pub(super) fn run(args: &ListArgs, context: &Context) -> Result<(), CliError> {
    let store = CandleStore::in_home(context.home());
    let mut listed = store.list()?;
    listed.retain(|stored| {
        args.exchange.as_ref().is_none_or(|exchange| *exchange == stored.key.exchange)
            && args.symbol.as_ref().is_none_or(|symbol| *symbol == stored.key.symbol)
    });
    if context.out.is_json() {
        let series: Vec<Value> = listed.iter().map(document).collect();
        return context.out.json(&json!({ "folder": store.folder(), "series": series }));
    }
    if listed.is_empty() {
        context.out.note("no candles are stored; `data download` and `data import` add some");
        return Ok(());
    }
    let columns = ["SERIES", "FROM", "TO", "CANDLES", "GAPS", "MISSING", "SIZE"];
    let mut table = context.out.new_table(&columns, &[3, 4, 5, 6]);
    for stored in &listed {
        let Ok(header) = &stored.header else { continue };
        table.add_row([
            stored.key.to_string(),
            when::minute(header.first),
            when::minute(header.last.plus(header.timeframe.duration())),
            header.rows.to_string(),
            header.gaps().to_string(),
            header.missing.to_string(),
            size(header.bytes),
        ]);
    }
    context.out.table(&table)?;
    for stored in &listed {
        if let Err(error) = &stored.header {
            context.out.warn(error.to_string());
        }
    }
    Ok(())
}

fn document(stored: &Stored) -> Value {
    let mut document = json!({
        "series": stored.key.to_string(),
        "exchange": stored.key.exchange,
        "symbol": stored.key.symbol,
        "timeframe": stored.key.timeframe,
        "file": stored.path,
    });
    let more = match &stored.header {
        Ok(header) => json!({
            "first": header.first,
            "last": header.last,
            "candles": header.rows,
            "gaps": header.gaps(),
            "missing": header.missing,
            "bytes": header.bytes,
        }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    document
}

/// `12.6 MB`, `20 kB`
fn size(bytes: u64) -> String {
    if bytes < 1_000_000 {
        return format!("{} kB", bytes.div_ceil(1_000));
    }
    let tenths = bytes / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

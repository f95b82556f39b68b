//! `backtest --compare-run`: a run's decisions and fills against those of a backtest over the same candles.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::backtest::driver::replay;
use crate::cli::filter::account_id;
use crate::cli::market_source::instruments_of;
use crate::cli::{CliError, Context};
use crate::daemon::fleet::override_rules;
use crate::daemon::roster::{Roster, RosterTerms, Stage};
use crate::engine::decision::Decision;
use crate::market::feed::Feed;
use crate::market::tape::Tape;
use crate::store::market_log;
use crate::store::queries::parity;
use crate::store::queries::snapshot;

pub(super) fn run(name: &str, tape: &Tape, context: &Context) -> Result<(), CliError> {
    let config = context.config()?;
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    let account = account_id(&conn, name)?;
    // The rules that the run has settled count; a tape it has not seen has its own.
    let mut instruments = instruments_of(tape);
    instruments.extend(market_log::instruments(&conn, None)?);
    override_rules(&mut instruments, config);
    let mut terms = RosterTerms::new(config, Stage::Replay);
    terms.instruments = BTreeMap::from([(None, Arc::new(instruments))]);
    let roster = Roster::read(&conn, &terms)?;
    let Some(entrant) = roster.entrants.get(&account) else {
        return Err(CliError::refused(format!("account `{name}` takes no part in a run on a tape"))
            .hint("it must be active, on paper or in dry run, and not quarantined"));
    };
    let ledger = replay(Feed::from_tape(tape), config, &roster, entrant);
    let fills: Vec<String> = ledger.fills.iter().map(|fill| parity::fill_line(&fill.booked)).collect();
    let decisions = kept(&ledger.decisions);
    let mut grid_fills: Vec<String> =
        ledger.grid_fills.iter().map(|filled| parity::grid_fill_line(&filled.fill)).collect();
    grid_fills.sort();
    compare(context, "fill", &parity::fills(&conn, account)?, &fills)?;
    compare(context, "grid fill", &parity::grid_fills(&conn, account)?, &grid_fills)?;
    compare(context, "decision", &parity::decisions(&conn, account)?, &decisions)?;
    if fills.is_empty() && decisions.is_empty() {
        return Err(CliError::refused(format!(
            "neither the run of `{name}` nor the backtest has any fill or decision"
        ))
        .hint("there is nothing to compare: has it run on this tape, with a bot that was started?"));
    }
    if context.out.is_json() {
        return context.out.json(&json!({
            "account": name, "fills": fills.len(), "grid_fills": grid_fills.len(),
            "decisions": decisions.len(), "differences": 0,
        }));
    }
    context.out.line(format!(
        "the run and the backtest agree: {} fills and {} decisions, byte for byte",
        fills.len(),
        decisions.len()
    ))
}

/// As the database keeps them: each reason once a bar.
fn kept(decisions: &[Decision]) -> Vec<String> {
    let mut first = BTreeMap::new();
    for decision in decisions {
        let key = (decision.bot, &decision.symbol, decision.bar_close_at, decision.action, decision.code);
        first.entry(key).or_insert_with(|| parity::decision_line(decision));
    }
    let mut lines: Vec<String> = first.into_values().collect();
    lines.sort();
    lines
}

fn compare(context: &Context, what: &str, run: &[String], backtest: &[String]) -> Result<(), CliError> {
    let differs = run.iter().zip(backtest).position(|(one, other)| one != other);
    let place = differs.or((run.len() != backtest.len()).then(|| run.len().min(backtest.len())));
    let Some(place) = place else { return Ok(()) };
    let line = |of: &[String]| of.get(place).cloned().unwrap_or_else(|| "nothing more".to_owned());
    context.out.note(format!("run:      {}\nbacktest: {}", line(run), line(backtest)));
    Err(CliError::refused(format!(
        "{what} {} differs: the run has {} {what}s, the backtest {}",
        place + 1,
        run.len(),
        backtest.len()
    ))
    .hint("the tape must be the one that was run, and settings and bots as they were then"))
}

//! `/pnl`, `/daily`, `/why`, `/log`.

use rusqlite::Connection;

use super::{amount_opt, own, percent, profit, sheet, standing};
use crate::domain::calendar;
use crate::domain::instrument::Symbol;
use crate::notify::telegram::answer::Answer;
use crate::notify::telegram::charted::Charted;
use crate::notify::telegram::gate::Member;
use crate::notify::telegram::table;
use crate::notify::text::chat;
use crate::store::StoreError;
use crate::store::audit::{self, AuditFilter};
use crate::store::queries::{Filter, daily, decisions, equity, explain, pnl};

/// Points of a chart: about one a column of the picture.
const CHART_POINTS: u32 = 500;
const DAYS_SHOWN: u32 = 14;
const DECISIONS_SHOWN: u32 = 12;
const ENTRIES_SHOWN: u32 = 10;

pub(super) fn pnl(conn: &Connection, member: &Member) -> Result<Answer, StoreError> {
    let lang = member.lang;
    let report = pnl::report(conn, &own(member))?;
    if report.accounts.is_empty() {
        return Ok(Answer::plain(chat::NO_RESULTS.text(lang)));
    }
    let label = |phrase: chat::Phrase| phrase.text(lang);
    let mut body = Vec::new();
    for account in &report.accounts {
        let tally = &account.tally;
        let won = tally.win_rate_pct.map_or_else(|| "-".to_owned(), |pct| percent(pct.decimal()));
        body.push(format!("[{} {}]", account.book.as_str(), account.quote_asset));
        body.extend(table::pairs(&[
            (label(chat::REALIZED), profit(tally.net_pnl)),
            (label(chat::UNREALIZED), profit(tally.unrealized_pnl)),
            (label(chat::FEES), amount_opt(Some(tally.fees))),
            (label(chat::FUNDING), profit(account.funding)),
            (label(chat::EQUITY), amount_opt(account.equity)),
            (label(chat::TRADES), format!("{} ({} {won})", tally.closed_trades, label(chat::WON))),
        ]));
        if account.bots.is_empty() {
            continue;
        }
        body.push(String::new());
        let rows: Vec<_> = account
            .bots
            .iter()
            .map(|bot| {
                vec![
                    bot.bot.clone().unwrap_or_else(|| "-".to_owned()),
                    bot.tally.closed_trades.to_string(),
                    profit(bot.tally.net_pnl),
                    profit(bot.tally.unrealized_pnl),
                ]
            })
            .collect();
        let header = [label(chat::NAME), label(chat::TRADES), label(chat::REALIZED), label(chat::UNREALIZED)];
        body.extend(table::lines(&header, &rows, &[1, 2, 3]));
    }
    let chart = Charted {
        title: format!("{} equity", member.name),
        caption: format!("{}: {}", member.name, chat::CHART.text(lang)),
        asset: standing(conn, member)?.map_or_else(String::new, |account| account.quote_asset),
        points: equity::curve(conn, member.account, None, CHART_POINTS)?,
    };
    Ok(Answer { chart: Some(chart), ..sheet(member, "PnL", &body, &[]) })
}

pub(super) fn daily(conn: &Connection, member: &Member) -> Result<Answer, StoreError> {
    let lang = member.lang;
    let days = daily::daily(conn, &Filter { limit: Some(DAYS_SHOWN), ..own(member) })?;
    if days.is_empty() {
        return Ok(Answer::plain(chat::NO_RESULTS.text(lang)));
    }
    let rows: Vec<_> = days
        .iter()
        .rev()
        .map(|day| {
            vec![
                calendar::day(day.day),
                day.closed_trades.to_string(),
                profit(day.net_pnl),
                amount_opt(Some(day.fees)),
                day.quote_asset.clone(),
            ]
        })
        .collect();
    let label = |phrase: chat::Phrase| phrase.text(lang);
    let header = [label(chat::DAY), label(chat::TRADES), label(chat::REALIZED), label(chat::FEES), ""];
    Ok(sheet(member, "", &table::lines(&header, &rows, &[1, 2, 3]), &[]))
}

/// The last decisions, and for one symbol what its signals say now and what came of them.
pub(super) fn why(conn: &Connection, member: &Member, symbol: Option<&Symbol>) -> Result<Answer, StoreError> {
    let lang = member.lang;
    let mut body = Vec::new();
    if let Some(symbol) = symbol {
        for explanation in explain::explain(conn, symbol, None, Some(member.account))? {
            if explanation.verdicts.is_empty() {
                continue;
            }
            let signal = &explanation.latest;
            let says = signal.entry.map_or("-", |side| side.as_str());
            body.push(format!(
                "{} {} {}: {says} ({}) {}",
                signal.strategy,
                signal.timeframe,
                calendar::minute(signal.bar_close_at),
                signal.confidence,
                signal.reason
            ));
            for condition in &signal.conditions {
                let mark = if condition.passed { "+" } else { "-" };
                body.push(format!("  {mark} {}: {}", condition.name, condition.detail));
            }
            for verdict in &explanation.verdicts {
                let action = chat::action(&verdict.action, lang);
                body.push(format!("  {}: {action} ({}) {}", verdict.bot, verdict.code, verdict.detail));
            }
            body.push(String::new());
        }
    }
    for decision in decisions::recent(conn, member.account, symbol, DECISIONS_SHOWN)? {
        body.push(format!(
            "{} {} {} {} ({})",
            calendar::minute(decision.at),
            decision.bot,
            decision.symbol,
            chat::action(&decision.action, lang),
            decision.code
        ));
        body.push(format!("  {}", decision.detail));
    }
    if body.is_empty() {
        return Ok(match symbol {
            Some(symbol) => Answer::plain(&chat::Sentence::NoDecisionsOn(symbol.as_str()).text(lang)),
            None => Answer::plain(chat::NO_DECISIONS.text(lang)),
        });
    }
    Ok(sheet(member, symbol.map_or("", Symbol::as_str), &body, &[]))
}

/// Who changed what, the latest first.
pub(super) fn log(conn: &Connection, member: &Member) -> Result<Answer, StoreError> {
    let filter =
        AuditFilter { account: Some(member.name.clone()), limit: ENTRIES_SHOWN, ..AuditFilter::default() };
    let entries = audit::list(conn, &filter)?;
    if entries.is_empty() {
        return Ok(Answer::plain(chat::NO_ENTRIES.text(member.lang)));
    }
    let mut body = Vec::new();
    for entry in entries.iter().rev() {
        body.push(format!("{} {} {}", calendar::minute(entry.at), entry.actor, entry.action));
        body.push(format!("  {}", entry.subject));
        let before = values(entry.before.as_deref());
        for (key, after) in values(entry.after.as_deref()) {
            let before =
                before.iter().find(|(name, _)| *name == key).map_or("-", |(_, value)| value.as_str());
            body.push(format!("  {key}: {before} -> {after}"));
        }
    }
    Ok(sheet(member, "", &body, &[]))
}

/// The pairs of a JSON object, as text.
fn values(json: Option<&str>) -> Vec<(String, String)> {
    let parsed: Option<serde_json::Map<String, serde_json::Value>> =
        json.and_then(|json| serde_json::from_str(json).ok());
    let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    parsed.unwrap_or_default().into_iter().map(|(key, value)| (key, text(value))).collect()
}

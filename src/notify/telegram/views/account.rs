//! `/status`, `/balance`, `/bots`.

use rusqlite::Connection;

use super::{amount_opt, on_off, own, percent, profit, sheet, standing};
use crate::domain::calendar;
use crate::domain::figures::allocation_bar;
use crate::domain::money::Quote;
use crate::domain::time::Timestamp;
use crate::notify::telegram::answer::Answer;
use crate::notify::telegram::gate::Member;
use crate::notify::telegram::table;
use crate::notify::text::{Lang, chat};
use crate::store::queries::status::AccountStatus;
use crate::store::queries::{BookKind, Filter, daily, pnl, positions};
use crate::store::{StoreError, accounts};

const DAY_MS: i64 = 86_400_000;

/// Over which time results are summed beside those in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::notify) enum Period {
    /// Since midnight UTC of the market's time.
    Today,
    /// Since then, which is written so on the clock of this time zone.
    Since { at: Timestamp, text: String, zone: String },
}

impl Period {
    const fn label(&self) -> chat::Phrase {
        match self {
            Self::Today => chat::PNL_TODAY,
            Self::Since { .. } => chat::PNL_PERIOD,
        }
    }

    /// What the label does not say.
    fn note(&self, lang: Lang) -> Option<String> {
        match self {
            Self::Today => None,
            Self::Since { text, zone, .. } => {
                Some(chat::Sentence::PeriodFrom { from: text, zone }.text(lang))
            }
        }
    }
}

pub(super) fn status(conn: &Connection, member: &Member, period: &Period) -> Result<Answer, StoreError> {
    let Some(account) = standing(conn, member)? else { return Ok(sheet(member, "", &[], &[])) };
    let lang = member.lang;
    let settings = accounts::get(conn, member.account)?.settings;
    let tally = &account.tally;
    let label = |phrase: chat::Phrase| phrase.text(lang);
    let asset = &account.quote_asset;
    let rows = [
        (label(chat::MODE), mode(&account, settings.dry_run).text(lang).to_owned()),
        (label(chat::STATE), state(&account, lang)),
        (label(chat::EQUITY), format!("{} {asset}", amount_opt(account.equity))),
        (label(chat::ALLOCATION), allocation_bar(account.allocation_pct.decimal())),
        (label(chat::AUTO_EXIT), on_off(settings.auto_exit).text(lang).to_owned()),
        (
            label(chat::BOTS),
            format!("{}/{} {}", account.bots_running, account.bots_active, chat::RUNNING.text(lang)),
        ),
        (label(chat::POSITIONS), format!("{}/{}", tally.open_positions, settings.max_positions)),
        (label(chat::PROTECTED), format!("{}/{}", tally.protected_positions, tally.open_positions)),
        (label(period.label()), profit(realized(conn, member, &account, period)?)),
        (label(chat::PNL_TOTAL), profit(tally.net_pnl)),
        (label(chat::UNREALIZED), profit(tally.unrealized_pnl)),
        (label(chat::UNKNOWN_ORDERS), account.unknown_orders.to_string()),
        (label(chat::LAST_ERROR), last_error(&account, lang)),
    ];
    let mut body = table::pairs(&rows);
    if !account.bots.is_empty() {
        body.push(String::new());
    }
    for bot in &account.bots {
        let sign = if bot.running { "▶" } else { "■" };
        let state = if bot.running { chat::RUNNING } else { chat::STOPPED }.text(lang);
        let net = profit(bot.tally.net_pnl);
        body.push(format!("{sign} {} {} {} % {state} {net}", bot.bot, bot.symbol, bot.allocation_pct));
    }
    let halted = account.halt_reason.iter().map(|reason| chat::Sentence::HaltedBecause(reason).text(lang));
    let footer: Vec<String> = period.note(lang).into_iter().chain(halted).collect();
    Ok(sheet(member, "", &body, &footer))
}

pub(super) fn balance(conn: &Connection, member: &Member) -> Result<Answer, StoreError> {
    let Some(account) = standing(conn, member)? else { return Ok(sheet(member, "", &[], &[])) };
    let lang = member.lang;
    let margin: Quote = positions::list(conn, &own(member))?.iter().map(|position| position.margin).sum();
    let report = pnl::report(conn, &own(member))?;
    let book = report.accounts.iter().find(|row| row.book == book_of(&account));
    let label = |phrase: chat::Phrase| phrase.text(lang);
    let mut rows = vec![
        (label(chat::WALLET), amount_opt(account.wallet)),
        (label(chat::EQUITY), amount_opt(account.equity)),
        (label(chat::MARGIN), amount_opt(Some(margin))),
        (label(chat::UNREALIZED), profit(account.tally.unrealized_pnl)),
        (label(chat::REALIZED), profit(account.tally.net_pnl)),
        (label(chat::FEES), amount_opt(Some(account.tally.fees))),
    ];
    if let Some(book) = book {
        rows.push((label(chat::FUNDING), profit(book.funding)));
        rows.extend(book.initial_balance.map(|initial| (label(chat::INITIAL), amount_opt(Some(initial)))));
    }
    Ok(sheet(member, &account.quote_asset, &table::pairs(&rows), &[]))
}

pub(super) fn bots(conn: &Connection, member: &Member) -> Result<Answer, StoreError> {
    let lang = member.lang;
    let Some(account) = standing(conn, member)?.filter(|account| !account.bots.is_empty()) else {
        return Ok(Answer::plain(chat::NO_BOTS.text(lang)));
    };
    let mut body = Vec::new();
    for bot in &account.bots {
        let state = if bot.running { chat::RUNNING } else { chat::STOPPED }.text(lang);
        let strategy = bot.strategy.as_deref().unwrap_or("-");
        body.push(format!("{} ({state})", bot.bot));
        body.push(format!("  {} {strategy}, {} %", bot.symbol, bot.allocation_pct));
        let won = bot.tally.win_rate_pct.map_or_else(|| "-".to_owned(), |pct| percent(pct.decimal()));
        body.push(format!(
            "  {} {}, {} {won}, {} {}",
            chat::TRADES.text(lang),
            bot.tally.closed_trades,
            chat::WON.text(lang),
            chat::REALIZED.text(lang),
            profit(bot.tally.net_pnl)
        ));
        body.push(format!(
            "  {} {}, {} {}",
            chat::POSITIONS.text(lang),
            bot.tally.open_positions,
            chat::UNREALIZED.text(lang),
            profit(bot.tally.unrealized_pnl)
        ));
        body.extend(bot.last_error.as_ref().map(|error| format!("  ! {error}")));
    }
    let running = format!("{}/{} {}", account.bots_running, account.bots_active, chat::RUNNING.text(lang));
    let footer = [allocation_bar(account.allocation_pct.decimal())];
    Ok(sheet(member, &running, &body, &footer))
}

fn mode(account: &AccountStatus, dry_run: bool) -> chat::Phrase {
    match (account.mode, dry_run) {
        ("live", _) => chat::LIVE,
        ("paper", true) => chat::DRY_RUN_PAPER,
        ("paper", false) => chat::PAPER,
        (..) => chat::DRY_RUN,
    }
}

/// The worst of what keeps it from working.
fn state(account: &AccountStatus, lang: Lang) -> String {
    let phrase = if account.quarantined {
        chat::QUARANTINED
    } else if account.halted {
        chat::HALTED
    } else if account.breaker != "closed" {
        chat::BREAKER_OPEN
    } else if account.active {
        chat::STATE_OK
    } else {
        chat::INACTIVE
    };
    phrase.text(lang).to_owned()
}

fn last_error(account: &AccountStatus, lang: Lang) -> String {
    match (&account.last_error, account.last_error_at) {
        (Some(error), Some(at)) => format!("{} {error}", calendar::minute(at)),
        (Some(error), None) => error.clone(),
        (None, _) => chat::NONE.text(lang).to_owned(),
    }
}

fn book_of(account: &AccountStatus) -> BookKind {
    if account.mode == "live" { BookKind::Real } else { BookKind::Paper }
}

fn realized(
    conn: &Connection,
    member: &Member,
    account: &AccountStatus,
    period: &Period,
) -> Result<Quote, StoreError> {
    let since = match (period, account.last_cycle_at) {
        (Period::Since { at, .. }, _) => *at,
        (Period::Today, Some(now)) => Timestamp::from_ms(now.ms().div_euclid(DAY_MS).saturating_mul(DAY_MS)),
        (Period::Today, None) => return Ok(Quote::ZERO),
    };
    let days = daily::daily(conn, &Filter { since: Some(since), ..own(member) })?;
    let own =
        days.iter().filter(|day| day.book == book_of(account) && day.quote_asset == account.quote_asset);
    Ok(own.map(|day| day.net_pnl).sum())
}

//! What a chat is shown of its account. Reads one state, and nothing of any other account.

mod account;
mod grid;
mod history;
mod trading;

pub(in crate::notify) use account::Period;

use rusqlite::Connection;
use rust_decimal::Decimal;

use super::answer::{Answer, page};
use super::gate::Member;
use super::grammar::{Verb, View};
use crate::domain::figures;
use crate::domain::money::Quote;
use crate::notify::text::{Lang, chat};
use crate::store::StoreError;
use crate::store::queries::status::{self, AccountStatus};
use crate::store::queries::{Filter, snapshot};

/// The view as an answer, with its button.
pub(in crate::notify) fn show(conn: &Connection, member: &Member, view: &View) -> Result<Answer, StoreError> {
    let conn = snapshot(conn)?;
    let answer = match view {
        View::Status => account::status(&conn, member, &Period::Today)?,
        View::Balance => account::balance(&conn, member)?,
        View::Bots => account::bots(&conn, member)?,
        View::Positions => trading::positions(&conn, member)?,
        View::Orders => trading::orders(&conn, member)?,
        View::Grid(name) => grid::grid(&conn, member, name.as_deref())?,
        View::Pnl => history::pnl(&conn, member)?,
        View::Daily => history::daily(&conn, member)?,
        View::Why(symbol) => history::why(&conn, member, symbol.as_ref())?,
        View::Log => history::log(&conn, member)?,
        View::Help => help(member.lang),
    };
    Ok(answer.refreshable(view, member.lang))
}

/// As [`View::Status`] shows it, with the result of a period in place of the day's.
pub(in crate::notify) fn summary(
    conn: &Connection,
    member: &Member,
    period: &Period,
) -> Result<Answer, StoreError> {
    let conn = snapshot(conn)?;
    Ok(account::status(&conn, member, period)?.refreshable(&View::Status, member.lang))
}

fn help(lang: Lang) -> Answer {
    let lines: Vec<String> = Verb::ALL
        .iter()
        .map(|verb| {
            let word = format!("/{verb} {}", verb.usage());
            format!("{} - {}", word.trim_end(), chat::description(*verb).text(lang))
        })
        .collect();
    // Not in monospace: there the commands could not be tapped.
    let mut html = super::answer::escaped(&lines.join("\n"));
    html.push_str("\n\n");
    html.push_str(chat::CONFIRM_HELP.text(lang));
    Answer::html(html)
}

/// Only this account.
fn own(member: &Member) -> Filter {
    Filter { account: Some(member.account), ..Filter::default() }
}

/// How the account stands; `None` when it was removed meanwhile.
fn standing(conn: &Connection, member: &Member) -> Result<Option<AccountStatus>, StoreError> {
    Ok(status::status(conn, Some(member.account))?.accounts.into_iter().next())
}

/// Lines in monospace under the account's name.
fn sheet(member: &Member, what: &str, body: &[String], footer: &[String]) -> Answer {
    let headline = if what.is_empty() { member.name.clone() } else { format!("{}: {what}", member.name) };
    Answer::html(page(&headline, body, footer, member.lang))
}

fn amount(value: Quote) -> String {
    figures::fixed(value.decimal(), 2)
}

fn amount_opt(value: Option<Quote>) -> String {
    value.map_or_else(|| "-".to_owned(), amount)
}

fn profit(value: Quote) -> String {
    figures::signed(value.decimal(), 2)
}

fn percent(value: Decimal) -> String {
    format!("{} %", figures::fixed(value, 1))
}

const fn on_off(is_on: bool) -> chat::Phrase {
    if is_on { chat::ON } else { chat::OFF }
}

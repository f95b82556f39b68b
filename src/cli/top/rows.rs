//! Which rows a panel shows, and in which order.

use std::cmp::Reverse;

use super::snapshot::{Happening, Snapshot};
use super::view::{Panel, View};
use crate::domain::money::Quote;
use crate::store::queries::positions::PositionRow;
use crate::store::queries::status::{AccountStatus, BotStatus};

/// A bot, with its account.
pub(super) type BotRow<'a> = (&'a AccountStatus, &'a BotStatus);

/// What the rows of a panel can be ordered by; the first is what it begins with.
pub(super) const fn orders(panel: Panel) -> &'static [&'static str] {
    match panel {
        Panel::Accounts => &["name", "net", "unrealized", "equity", "open", "allocated"],
        Panel::Bots => &["name", "net", "unrealized", "trades"],
        Panel::Positions => &["opened", "unrealized", "symbol", "account"],
        Panel::Events => &["time"],
    }
}

pub(super) fn accounts<'a>(snapshot: &'a Snapshot, view: &View) -> Vec<&'a AccountStatus> {
    let mut rows: Vec<_> = snapshot
        .fleet
        .accounts
        .iter()
        .filter(|row| matches(view, [row.account.as_str(), row.exchange.as_str(), row.mode, health(row)]))
        .collect();
    // By name already; sums with the largest first.
    match view.order {
        1 => rows.sort_by_key(|row| Reverse(row.tally.net_pnl)),
        2 => rows.sort_by_key(|row| Reverse(row.tally.unrealized_pnl)),
        3 => rows.sort_by_key(|row| Reverse(row.equity)),
        4 => rows.sort_by_key(|row| Reverse(row.tally.open_positions)),
        5 => rows.sort_by_key(|row| Reverse(row.allocation_pct)),
        _ => {}
    }
    reversed(rows, view)
}

pub(super) fn bots<'a>(snapshot: &'a Snapshot, view: &View) -> Vec<BotRow<'a>> {
    let mut rows: Vec<BotRow<'a>> = snapshot
        .fleet
        .accounts
        .iter()
        .filter(|account| is_of(view, Some(&account.account)))
        .flat_map(|account| account.bots.iter().map(move |bot| (account, bot)))
        .filter(|(account, bot)| {
            let strategy = bot.strategy.as_deref().unwrap_or_default();
            matches(view, [account.account.as_str(), &bot.bot, strategy, &bot.symbol])
        })
        .collect();
    match view.order {
        1 => rows.sort_by_key(|(_, bot)| Reverse(bot.tally.net_pnl)),
        2 => rows.sort_by_key(|(_, bot)| Reverse(bot.tally.unrealized_pnl)),
        3 => rows.sort_by_key(|(_, bot)| Reverse(bot.tally.closed_trades)),
        _ => {}
    }
    reversed(rows, view)
}

pub(super) fn positions<'a>(snapshot: &'a Snapshot, view: &View) -> Vec<&'a PositionRow> {
    let mut rows: Vec<_> = snapshot
        .positions
        .iter()
        .filter(|row| is_of(view, Some(&row.account)))
        .filter(|row| {
            let bot = row.bot.as_deref().unwrap_or_default();
            matches(view, [row.account.as_str(), bot, row.symbol.as_str(), row.side.as_str()])
        })
        .collect();
    match view.order {
        1 => rows.sort_by_key(|row| Reverse(row.unrealized_pnl.unwrap_or(Quote::ZERO))),
        2 => rows.sort_by(|a, b| a.symbol.cmp(&b.symbol)),
        3 => rows.sort_by(|a, b| a.account.cmp(&b.account)),
        _ => {}
    }
    reversed(rows, view)
}

pub(super) fn events<'a>(snapshot: &'a Snapshot, view: &View) -> Vec<&'a Happening> {
    let rows = snapshot
        .events
        .iter()
        .filter(|row| is_of(view, row.account.as_deref()))
        .filter(|row| matches(view, [row.account.as_deref().unwrap_or_default(), row.source, &row.text]))
        .collect();
    reversed(rows, view)
}

/// The worst of what is wrong with an account, in a word.
pub(super) fn health(account: &AccountStatus) -> &'static str {
    if account.quarantined {
        "quarantined"
    } else if account.halted {
        "halted"
    } else if account.breaker != "closed" {
        "cut off"
    } else if account.active {
        "ok"
    } else {
        "inactive"
    }
}

/// What the rows of the panel are about, each once.
pub(super) fn keys(snapshot: &Snapshot, view: &View) -> Vec<String> {
    match view.panel {
        Panel::Accounts => accounts(snapshot, view).into_iter().map(|row| row.account.clone()).collect(),
        Panel::Bots => bots(snapshot, view).into_iter().map(|(account, bot)| bot_key(account, bot)).collect(),
        Panel::Positions => {
            positions(snapshot, view).into_iter().map(|row| row.id.as_str().to_owned()).collect()
        }
        Panel::Events => events(snapshot, view).into_iter().map(event_key).collect(),
    }
}

/// The row that is chosen: the first, until one was.
pub(super) fn chosen_index(keys: &[String], view: &View) -> Option<usize> {
    let chosen = view.chosen.as_ref().and_then(|chosen| keys.iter().position(|key| key == chosen));
    chosen.or_else(|| (!keys.is_empty()).then_some(0))
}

/// The account that the chosen row is about.
pub(super) fn chosen_account(snapshot: &Snapshot, view: &View) -> Option<String> {
    let at = chosen_index(&keys(snapshot, view), view)?;
    match view.panel {
        Panel::Accounts => accounts(snapshot, view).get(at).map(|row| row.account.clone()),
        Panel::Bots => bots(snapshot, view).get(at).map(|(account, _)| account.account.clone()),
        Panel::Positions => positions(snapshot, view).get(at).map(|row| row.account.clone()),
        Panel::Events => events(snapshot, view).get(at).and_then(|row| row.account.clone()),
    }
}

fn bot_key(account: &AccountStatus, bot: &BotStatus) -> String {
    format!("{}/{}", account.account, bot.bot)
}

fn event_key(event: &Happening) -> String {
    format!("{} {} {}", event.at.ms(), event.source, event.text)
}

fn is_of(view: &View, account: Option<&str>) -> bool {
    view.account.is_none() || view.account.as_deref() == account
}

fn matches<const N: usize>(view: &View, texts: [&str; N]) -> bool {
    let wanted = view.filter.to_lowercase();
    wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
}

fn reversed<T>(mut rows: Vec<T>, view: &View) -> Vec<T> {
    if view.is_reversed {
        rows.reverse();
    }
    rows
}

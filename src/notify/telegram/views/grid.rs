//! `/grid`: the lines around the price, what rests on them, and what the grid has earned.

use rusqlite::Connection;

use super::{profit, sheet};
use crate::control::grids::{self, GridOutlook};
use crate::domain::figures;
use crate::domain::kind::BotType;
use crate::domain::money::{Leverage, Price, Quote};
use crate::domain::side::Side;
use crate::engine::settings::PolicyLimits;
use crate::notify::telegram::answer::Answer;
use crate::notify::telegram::gate::Member;
use crate::notify::telegram::table;
use crate::notify::text::{Lang, chat};
use crate::store::bots::BotRow;
use crate::store::queries::grid::{self, GridView, LadderLine};
use crate::store::{StoreError, accounts, bots};

/// Lines above and below the price that a phone shows at a glance.
const LINES_AROUND: usize = 8;

/// A ladder that is there is drawn whatever limit was set since.
fn any_leverage() -> PolicyLimits {
    PolicyLimits { max_leverage: Leverage::try_new(Leverage::MAX).unwrap_or(Leverage::ONE) }
}

pub(super) fn grid(conn: &Connection, member: &Member, name: Option<&str>) -> Result<Answer, StoreError> {
    let lang = member.lang;
    let all = bots::list(conn, Some(member.account))?;
    let named = name.map(|name| all.iter().find(|bot| bot.name == name));
    let mut grids = all.iter().filter(|bot| bot.bot_type == BotType::Grid);
    let bot = match (named, name) {
        (Some(Some(bot)), _) if bot.bot_type == BotType::Grid => bot,
        (Some(Some(bot)), _) => return Ok(Answer::plain(&chat::Sentence::NotAGrid(&bot.name).text(lang))),
        (_, Some(name)) => {
            let error = StoreError::NotFound { what: "bot", name: name.to_owned() };
            return Ok(Answer::plain(&chat::refusal(&error.into(), lang)));
        }
        (_, None) => match (grids.next(), grids.next()) {
            (None, _) => return Ok(Answer::plain(chat::NO_GRID.text(lang))),
            (Some(bot), None) => bot,
            (Some(_), Some(_)) => return Ok(Answer::plain(chat::WHICH_GRID.text(lang))),
        },
    };
    let outlook = outlook(conn, member, bot)?;
    let planned: Vec<Price> =
        outlook.iter().flat_map(|outlook| &outlook.plan.lines).map(|line| line.price).collect();
    let Some(view) = grid::view(conn, bot.id, &planned)? else {
        return Ok(Answer::plain(chat::NO_GRID.text(lang)));
    };
    let waits = outlook.is_some_and(|outlook| outlook.waiting.is_some());
    let state = match (bot.is_running, waits) {
        (true, false) => chat::RUNNING,
        (true, true) => chat::WAITING,
        (false, _) => chat::STOPPED,
    };
    let what = format!("{} {}, {}", bot.name, bot.settings.symbol, state.text(lang));
    Ok(sheet(member, &what, &ladder(&view, lang), &footer(&view, lang)))
}

/// The grid as it is meant to be; `None` where the market does not allow it any more.
fn outlook(conn: &Connection, member: &Member, bot: &BotRow) -> Result<Option<GridOutlook>, StoreError> {
    let account = accounts::get(conn, member.account)?;
    // Nothing here depends on how old the last price is.
    Ok(grids::outlook(conn, &account, bot, any_leverage(), bot.updated_at).ok().flatten())
}

fn ladder(view: &GridView, lang: Lang) -> Vec<String> {
    let label = |phrase: chat::Phrase| phrase.text(lang);
    let above =
        view.current_price.map_or(0, |price| view.lines.iter().take_while(|line| line.price > price).count());
    let first = above.saturating_sub(LINES_AROUND);
    let last = view.lines.len().min(above.saturating_add(LINES_AROUND));
    let shown = view.lines.get(first..last).unwrap_or_default();
    let mut rows = Vec::new();
    for (index, line) in (first..).zip(shown) {
        if index == above {
            rows.push(price_row(view.current_price));
        }
        rows.push(row(line, lang));
    }
    if above == last {
        rows.push(price_row(view.current_price));
    }
    let header = [label(chat::LINE), label(chat::PRICE), label(chat::STATE), label(chat::PROFIT)];
    table::lines(&header, &rows, &[0, 1, 3])
}

fn price_row(price: Option<Price>) -> Vec<String> {
    vec![">".to_owned(), figures::price(price), String::new(), String::new()]
}

fn row(line: &LadderLine, lang: Lang) -> Vec<String> {
    let orders: Vec<_> = line
        .orders
        .iter()
        .map(|order| {
            let side = match order.side {
                Side::Buy => chat::BUY,
                Side::Sell => chat::SELL,
            };
            format!("{} {}", side.text(lang), order.qty.minus(order.filled_qty))
        })
        .collect();
    let earned = if line.profit == Quote::ZERO { String::new() } else { profit(line.profit) };
    vec![line.line.to_string(), figures::price(Some(line.price)), orders.join(" "), earned]
}

fn footer(view: &GridView, lang: Lang) -> Vec<String> {
    let label = |phrase: chat::Phrase| phrase.text(lang);
    let sums = &view.figures;
    let share = sums.profit_pct.map_or_else(String::new, |pct| format!(" ({pct} %)"));
    let daily = sums.profit_per_day.map_or_else(|| "-".to_owned(), profit);
    let unrealized = sums.unrealized_profit.map_or_else(|| "-".to_owned(), profit);
    vec![
        format!(
            "{} {}, {} {}, {} {}",
            label(chat::BUY),
            view.active_buys,
            label(chat::SELL),
            view.active_sells,
            label(chat::CYCLES),
            sums.cycles
        ),
        format!(
            "{} {}{share}, {} {daily}",
            label(chat::PROFIT),
            profit(sums.realized_profit),
            label(chat::PER_DAY)
        ),
        format!("{} {unrealized}", label(chat::UNREALIZED)),
    ]
}

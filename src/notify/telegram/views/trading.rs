//! `/positions`, `/orders`.

use rusqlite::Connection;

use super::{own, profit, sheet};
use crate::domain::figures;
use crate::domain::figures::signed;
use crate::domain::order::OrderStatus;
use crate::domain::side::{PositionSide, Side};
use crate::notify::telegram::answer::Answer;
use crate::notify::telegram::gate::Member;
use crate::notify::telegram::table;
use crate::notify::text::chat;
use crate::store::StoreError;
use crate::store::queries::{orders, positions};

pub(super) fn positions(conn: &Connection, member: &Member) -> Result<Answer, StoreError> {
    let lang = member.lang;
    let positions = positions::list(conn, &own(member))?;
    if positions.is_empty() {
        return Ok(Answer::plain(chat::NO_POSITIONS.text(lang)));
    }
    let mut body = Vec::new();
    for position in &positions {
        let side = match position.side {
            PositionSide::Long => chat::LONG,
            PositionSide::Short => chat::SHORT,
        };
        let bot = position.bot.as_deref().unwrap_or("-");
        let dry = if position.dry_run { " (dry)" } else { "" };
        body.push(format!(
            "{} {} {} x{}{dry}, {bot}",
            position.symbol,
            side.text(lang),
            position.qty,
            position.leverage
        ));
        body.push(format!(
            "  {} {} -> {}",
            chat::ENTRY.text(lang),
            figures::price(position.entry_price_avg),
            figures::price(position.mark_price)
        ));
        let move_pct =
            position.move_pct.map_or_else(String::new, |pct| format!(" ({} %)", signed(pct.decimal(), 2)));
        body.push(format!(
            "  {} {}{move_pct}",
            chat::UNREALIZED.text(lang),
            position.unrealized_pnl.map_or_else(|| "-".to_owned(), profit)
        ));
        body.push(format!(
            "  {} {}, {} {}",
            chat::STOP.text(lang),
            figures::price(position.stop_loss_price),
            chat::TARGET.text(lang),
            figures::price(position.take_profit_price)
        ));
    }
    let protected = positions.iter().filter(|position| position.protected).count();
    let footer = [format!("{} {protected}/{}", chat::PROTECTED.text(lang), positions.len())];
    Ok(sheet(member, chat::POSITIONS.text(lang), &body, &footer))
}

const WORKING: [OrderStatus; 5] = [
    OrderStatus::Intended,
    OrderStatus::Sent,
    OrderStatus::Unknown,
    OrderStatus::Open,
    OrderStatus::PartiallyFilled,
];

pub(super) fn orders(conn: &Connection, member: &Member) -> Result<Answer, StoreError> {
    let lang = member.lang;
    let mut working = Vec::new();
    for status in WORKING {
        working.extend(orders::list(conn, &own(member), Some(status))?.orders);
    }
    if working.is_empty() {
        return Ok(Answer::plain(chat::NO_ORDERS.text(lang)));
    }
    working.sort_by(|a, b| (b.decided_at, &b.id).cmp(&(a.decided_at, &a.id)));
    let rows: Vec<_> = working
        .iter()
        .map(|order| {
            let side = match order.side {
                Side::Buy => chat::BUY,
                Side::Sell => chat::SELL,
            };
            vec![
                order.symbol.to_string(),
                side.text(lang).to_owned(),
                order.purpose.to_string(),
                order.qty.to_string(),
                figures::price(order.price),
                order.status.to_string(),
            ]
        })
        .collect();
    let label = |phrase: chat::Phrase| phrase.text(lang);
    let header = [
        label(chat::SYMBOL),
        label(chat::SIDE),
        label(chat::PURPOSE),
        label(chat::QTY),
        label(chat::PRICE),
        label(chat::STATE),
    ];
    Ok(sheet(member, "", &table::lines(&header, &rows, &[3, 4]), &[]))
}

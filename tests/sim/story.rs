//! What a person needs to understand a run that failed.

use std::fmt::Write as _;

use crate::desk::Desk;
use crate::market::EPOCH;

impl Desk<'_> {
    /// The exchange's orders and trades, and what the journal has of them; times in ms since the beginning.
    pub(crate) fn story(&self) -> String {
        let mut text = format!("account {} {:?} hedge {}\n", self.id, self.plan.dialect, self.plan.hedge);
        for (index, order) in self.venue.orders.iter().enumerate() {
            let believed = self.journal.orders.get(&order.cid).map(|row| (row.status, row.filled_qty));
            let purpose = (order.key.bot, order.key.purpose, order.key.line());
            let price = order.sort.at();
            let _ = writeln!(
                text,
                "order X{index} {} {purpose:?} symbol {} {} {} {price:?} {}/{} {} believed {believed:?}, seen {:?}",
                order.cid,
                order.symbol,
                order.side,
                order.position_side,
                order.filled,
                order.lots,
                order.status,
                order.log.iter().map(|(at, status, _)| (at - EPOCH, *status)).collect::<Vec<_>>()
            );
        }
        for trade in &self.venue.trades {
            let of = trade.cid.as_ref().map(|cid| cid.as_str()[20..].to_owned());
            let booked = self.journal.fills.iter().position(|row| {
                let id = &row.fill.trade_id.0;
                *id == trade.number.to_string() || id.starts_with(&format!("{}/", trade.number))
            });
            let _ = writeln!(
                text,
                "{:>8} trade {} {of:?} symbol {} {} {} {} at {} {} booked {booked:?}",
                trade.at - EPOCH,
                trade.number,
                trade.symbol,
                trade.side,
                trade.position_side,
                trade.lots,
                trade.price,
                trade.cause
            );
        }
        for order in self.journal.orders.values() {
            let times = order.times;
            let _ = writeln!(
                text,
                "journal {} {:?} {} {} {} of {} decided {} finished {:?} {:?}",
                order.client_order_id,
                order.bot,
                order.purpose,
                order.status,
                order.filled_qty,
                order.qty,
                times.decided_at.ms() - EPOCH,
                times.finished_at.map(|at| at.ms() - EPOCH),
                order.end_reason
            );
        }
        for booked in &self.journal.fills {
            let fill = &booked.fill;
            let _ = writeln!(
                text,
                "{:>8} booked {} {} {} {} {} at {} position {:?}",
                fill.at.ms() - EPOCH,
                fill.trade_id,
                fill.client_order_id,
                fill.side,
                fill.position_side,
                fill.qty,
                fill.price,
                booked.position
            );
        }
        text
    }
}

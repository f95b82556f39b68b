//! What is stored beside what the fills say: each difference is noted with both values.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::fold::Folded;
use super::{
    ALLOCATIONS, AccountRow, BookState, BotRow, DOUBLES, Difference, ORDERS, ORPHANS, POSITIONS, STATISTICS,
    WALLETS,
};
use crate::domain::ids::ClientOrderId;
use crate::domain::money::{Pct, Qty, Quote};
use crate::domain::position::Position;
use crate::domain::time::Timestamp;
use crate::store::{StoreError, column};

/// Collects the differences of one account.
pub(super) struct Findings<'a> {
    pub(super) account: &'a AccountRow,
    pub(super) found: &'a mut Vec<Difference>,
}

impl Findings<'_> {
    pub(super) fn add(
        &mut self,
        check: &'static str,
        subject: &str,
        field: &'static str,
        stored: &str,
        recomputed: &str,
    ) {
        self.found.push(Difference {
            check,
            account: self.account.name.clone(),
            subject: subject.to_owned(),
            field,
            stored: stored.to_owned(),
            recomputed: recomputed.to_owned(),
        });
    }

    pub(super) fn compare<T: PartialEq + ToString>(
        &mut self,
        check: &'static str,
        subject: &str,
        field: &'static str,
        stored: &T,
        recomputed: &T,
    ) {
        if stored != recomputed {
            self.add(check, subject, field, &stored.to_string(), &recomputed.to_string());
        }
    }

    pub(super) fn positions(&mut self, stored: &[Position], folded: &Folded) {
        let mut known = BTreeSet::new();
        let mut open = BTreeMap::new();
        for position in stored {
            let subject = format!("position {}", position.id);
            match folded.positions.get(position.id.as_str()) {
                Some(from_fills) => self.position(&subject, position, from_fills),
                None => self.add(POSITIONS, &subject, "fills", "a position", "no fills"),
            }
            if position.closed_at.is_none()
                && let Some(bot) = position.bot
                && let Some(other) = open.insert((bot, &position.symbol, position.side), &position.id)
            {
                self.add(DOUBLES, &subject, "symbol", other.as_str(), "no other open position");
            }
            known.insert(position.id.as_str());
        }
        for id in folded.positions.keys().filter(|id| !known.contains(id.as_str())) {
            self.add(POSITIONS, &format!("position {id}"), "fills", "no position", "fills");
        }
    }

    fn position(&mut self, subject: &str, stored: &Position, folded: &Position) {
        self.compare(POSITIONS, subject, "symbol", &stored.symbol, &folded.symbol);
        self.compare(POSITIONS, subject, "side", &stored.side, &folded.side);
        let quantities: [(&'static str, Qty, Qty); 4] = [
            ("qty", stored.qty, folded.qty),
            ("first_entry_qty", stored.first_entry_qty, folded.first_entry_qty),
            ("entered_qty", stored.entered_qty, folded.entered_qty),
            ("exited_qty", stored.exited_qty, folded.exited_qty),
        ];
        for (field, stored, folded) in quantities {
            self.compare(POSITIONS, subject, field, &stored, &folded);
        }
        let amounts: [(&'static str, Quote, Quote); 5] = [
            ("cost", stored.cost, folded.cost),
            ("entered_notional", stored.entered_notional, folded.entered_notional),
            ("exited_notional", stored.exited_notional, folded.exited_notional),
            ("realized_pnl", stored.realized_pnl, folded.realized_pnl),
            ("fees", stored.fees, folded.fees),
        ];
        for (field, stored, folded) in amounts {
            self.compare(POSITIONS, subject, field, &stored, &folded);
        }
        self.compare(
            POSITIONS,
            subject,
            "last_entry_price",
            &stored.last_entry_price,
            &folded.last_entry_price,
        );
        self.compare(POSITIONS, subject, "opened_at", &stored.opened_at, &folded.opened_at);
        let time = |at: Option<Timestamp>| at.map_or_else(|| "open".to_owned(), |at| at.to_string());
        self.compare(POSITIONS, subject, "closed_at", &time(stored.closed_at), &time(folded.closed_at));
    }

    pub(super) fn bots(&mut self, bots: &[BotRow], folded: &Folded) {
        for bot in bots {
            let (subject, sums) = (format!("bot {}", bot.name), folded.bot(bot.id));
            self.compare(STATISTICS, &subject, "total_trades", &bot.sums.total_trades, &sums.total_trades);
            self.compare(
                STATISTICS,
                &subject,
                "winning_trades",
                &bot.sums.winning_trades,
                &sums.winning_trades,
            );
            self.compare(STATISTICS, &subject, "total_pnl", &bot.sums.total_pnl, &sums.total_pnl);
        }
    }

    pub(super) fn wallet(&mut self, book: &Result<BookState, String>, folded: &Folded) {
        let book = match book {
            Ok(book) => book,
            Err(error) => return self.add(WALLETS, "paper book", "state", error, "a paper book"),
        };
        if !book.has_untold_liquidation() {
            let expected = book.config.initial_balance + folded.paper_result;
            self.compare(WALLETS, "paper book", "wallet", &book.wallet, &expected);
        }
        // Our own cash follows from what the bots realized; the book's averages the costs of all bots on a symbol.
        if let Some(wallet) = self.account.wallet {
            let expected = book.config.initial_balance + folded.cash;
            self.compare(WALLETS, "account", "wallet", &wallet, &expected);
        }
    }

    /// What a real account began with, what was transferred, its funding and its fills make its cash.
    pub(super) fn live_wallet(&mut self, folded: &Folded) {
        if let Some(wallet) = self.account.wallet {
            self.compare(WALLETS, "account", "wallet", &wallet, &(folded.cash + folded.cash_without_fills));
        }
    }

    pub(super) fn allocation(&mut self, bots: &[BotRow]) {
        let active = bots.iter().filter(|bot| bot.is_active);
        let sum = active.fold(Pct::ZERO, |sum, bot| sum + bot.allocation);
        if sum > Pct::HUNDRED {
            self.add(ALLOCATIONS, "allocation", "allocation_percent", &sum.to_string(), "at most 100");
        }
    }

    /// Compares the totals of orders, and finds fills that have none; returns how many orders there are.
    pub(super) fn orders(&mut self, conn: &Connection, folded: &Folded) -> Result<u64, StoreError> {
        let mut statement = conn.prepare_cached(
            "SELECT client_order_id, filled_qty, filled_notional FROM orders WHERE account_id = ?1
             ORDER BY decided_at, client_order_id",
        )?;
        let mut rows = statement.query([self.account.id])?;
        let mut left: BTreeSet<&ClientOrderId> = folded.orders.keys().collect();
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let id: ClientOrderId = column::parsed(row, "client_order_id")?;
            let (qty, notional) = folded.orders.get(&id).copied().unwrap_or_default();
            let subject = format!("order {id}");
            self.compare(ORDERS, &subject, "filled_qty", &column::parsed(row, "filled_qty")?, &qty);
            let stored = column::parsed(row, "filled_notional")?;
            self.compare(ORDERS, &subject, "filled_notional", &stored, &notional);
            left.remove(&id);
            count += 1;
        }
        let lost = Lost::read(conn)?;
        for id in left.into_iter().filter(|id| !lost.has(id)) {
            self.add(ORPHANS, &format!("order {id}"), "order", "no order", "fills");
        }
        Ok(count)
    }
}

/// The times of orders that a restored copy does not know: from the copy's last cycle to its restore, or to the last cycle
/// of the database that it replaced: in a rehearsal the exchange's clock, which orders go by, is ahead of ours. What they
/// were filled by is booked all the same.
struct Lost(Vec<(i64, i64)>);

impl Lost {
    fn read(conn: &Connection) -> Result<Self, StoreError> {
        let mut statement = conn.prepare_cached(
            "SELECT coalesce(json_extract(\"after\", '$.last_cycle_at'), 0),
                    max(at, coalesce(json_extract(\"after\", '$.replaced_last_cycle_at'), 0)) FROM audit_log
             WHERE action = 'restore_database'",
        )?;
        let spans = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self(spans.collect::<Result<_, _>>()?))
    }

    fn has(&self, id: &ClientOrderId) -> bool {
        let decided_at = id.key().map(|key| key.cycle.get());
        decided_at.is_some_and(|at| self.0.iter().any(|(from, until)| (*from..=*until).contains(&at)))
    }
}

//! An account's fills, folded in the order they were booked.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};
use serde::Serialize;

use super::AccountRow;
use crate::domain::fill::Fill;
use crate::domain::ids::{BotId, ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Qty, Quote};
use crate::domain::position::{Applied, Position};
use crate::domain::side::{PositionMode, PositionSide};
use crate::store::queries::fills::{booking_order, fill};
use crate::store::{StoreError, column};

/// A bot's statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BotSums {
    pub total_trades: u32,
    pub winning_trades: u32,
    /// Realized profit less fees, of open positions too.
    pub total_pnl: Quote,
}

/// A fill that does not do what is stored of it.
pub(super) struct Misfit {
    pub(super) subject: String,
    pub(super) stored: String,
    pub(super) recomputed: String,
}

/// What follows from all fills of an account.
#[derive(Default)]
pub(super) struct Folded {
    pub(super) fills: u64,
    pub(super) positions: BTreeMap<String, Position>,
    bots: BTreeMap<BotId, BotSums>,
    /// Filled quantity and notional.
    pub(super) orders: BTreeMap<ClientOrderId, (Qty, Quote)>,
    pub(super) misfits: Vec<Misfit>,
    /// What the fills and the funding of the paper book did to its wallet.
    pub(super) paper_result: Quote,
    /// What the booked fills did to the account's cash by our own ledger, in the life it leads now.
    pub(super) cash: Quote,
    /// Funding and adjustments of an account that trades for real.
    pub(super) cash_without_fills: Quote,
    /// The exchange's positions: of all bots together.
    nets: BTreeMap<(Symbol, PositionSide), Position>,
}

/// A row of `fills`.
struct Booked {
    fill: Fill,
    bot: Option<BotId>,
    position: Option<String>,
    realized_pnl: Quote,
    dry_run: bool,
    /// When it was booked, counted; those without a number were booked first, in the order of the exchange.
    number: i64,
    /// The paper book has executed it, the account has not heard of it yet.
    is_pending: bool,
}

impl Folded {
    pub(super) fn of(conn: &Connection, account: &AccountRow) -> Result<Self, StoreError> {
        let mut folded = Self::default();
        let mode = account.book_mode();
        for booked in booked(conn, account)? {
            if booked.is_pending {
                folded.settle(&booked.fill, mode);
                continue;
            }
            folded.fills += 1;
            let sums = folded.orders.entry(booked.fill.client_order_id.clone()).or_default();
            sums.0 = sums.0.plus(booked.fill.qty);
            sums.1 += booked.fill.price.notional(booked.fill.qty);
            let is_paper = account.is_paper || booked.dry_run;
            if is_paper {
                folded.settle(&booked.fill, mode);
            }
            folded.book(&booked, is_paper != account.is_live);
        }
        if account.is_paper {
            folded.paper_result += funding(conn, account)?;
        } else {
            folded.cash_without_fills = funding(conn, account)? + adjustments(conn, account)?;
        }
        Ok(folded)
    }

    /// A bot without fills has empty statistics.
    pub(super) fn bot(&self, id: u32) -> BotSums {
        self.bots.get(&BotId::new(id)).copied().unwrap_or_default()
    }

    /// What the fill did to the wallet: the exchange keeps one position a symbol and side for all bots, or what is left
    /// of both sides.
    fn settle(&mut self, fill: &Fill, mode: PositionMode) {
        self.paper_result -= fill.fee.cash();
        let key = match mode {
            PositionMode::Hedge => (fill.symbol.clone(), fill.position_side),
            PositionMode::OneWay => (fill.symbol.clone(), PositionSide::Long),
        };
        let net = self.nets.remove(&key).filter(Position::is_open);
        let side = match (mode, &net) {
            (PositionMode::Hedge, _) => fill.position_side,
            (PositionMode::OneWay, Some(net)) => net.side,
            (PositionMode::OneWay, None) => PositionSide::opened_by(fill.side),
        };
        let fill = Fill { position_side: side, ..fill.clone() };
        let Some(mut net) = net else {
            if fill.side == side.entry_side() {
                self.nets.insert(key, Position::open(None, Leverage::ONE, &fill));
            }
            return;
        };
        match net.apply(&fill) {
            Applied::Increased => {}
            Applied::Reduced { realized_pnl } => self.paper_result += realized_pnl,
            Applied::Closed { realized_pnl, excess } => {
                self.paper_result += realized_pnl;
                if !excess.is_zero() && mode == PositionMode::OneWay {
                    let rest = Fill { qty: excess, position_side: side.opposite(), ..fill };
                    net = Position::open(None, Leverage::ONE, &rest);
                }
            }
        }
        self.nets.insert(key, net);
    }

    fn book(&mut self, booked: &Booked, moves_cash: bool) {
        if moves_cash {
            self.cash -= booked.fill.fee.cash();
        }
        let Some(id) = &booked.position else {
            return self.expect(booked, Quote::ZERO);
        };
        match self.apply(id, booked) {
            Ok(applied) => {
                let (realized, is_closed) = match applied {
                    Applied::Increased => (Quote::ZERO, false),
                    Applied::Reduced { realized_pnl } => (realized_pnl, false),
                    Applied::Closed { realized_pnl, .. } => (realized_pnl, true),
                };
                if moves_cash {
                    self.cash += realized;
                }
                self.expect(booked, realized);
                let won = is_closed
                    && self.positions.get(id).is_some_and(|position| position.net_pnl() > Quote::ZERO);
                if let Some(bot) = booked.bot {
                    let sums = self.bots.entry(bot).or_default();
                    sums.total_pnl += realized - booked.fill.fee.known_value();
                    sums.total_trades += u32::from(is_closed);
                    sums.winning_trades += u32::from(won);
                }
            }
            Err(why) => self.misfit(booked, why),
        }
    }

    /// Applies the fill to its position; the reason when it does not fit.
    fn apply(&mut self, id: &str, booked: &Booked) -> Result<Applied, String> {
        let fill = &booked.fill;
        let is_entry = fill.side == fill.position_side.entry_side();
        match self.positions.get_mut(id) {
            // Before fills were numbered, a late fill of the opening order began a new life under the same id.
            Some(position) if position.is_open() || !is_entry => Ok(position.apply(fill)),
            Some(_) | None if is_entry => {
                let id = id.parse().map_err(|_| format!("position id `{id}` cannot be read"))?;
                let position = Position { id, ..Position::open(booked.bot, Leverage::ONE, fill) };
                self.positions.insert(position.id.as_str().to_owned(), position);
                Ok(Applied::Increased)
            }
            Some(_) | None => Err("closes a position that was not open".to_owned()),
        }
    }

    fn expect(&mut self, booked: &Booked, realized: Quote) {
        if booked.realized_pnl != realized {
            self.misfit(booked, realized.to_string());
        }
    }

    fn misfit(&mut self, booked: &Booked, recomputed: String) {
        self.misfits.push(Misfit {
            subject: format!("fill {} {}", booked.fill.symbol, booked.fill.trade_id),
            stored: booked.realized_pnl.to_string(),
            recomputed,
        });
    }
}

/// All fills of the account in the order they were booked, with those of the paper book that are not booked yet.
fn booked(conn: &Connection, account: &AccountRow) -> Result<Vec<Booked>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM fills WHERE account_id = ?1")?;
    let rows = statement.query_map(params![account.id], |row| {
        Ok(Booked {
            fill: fill(row)?,
            bot: row.get::<_, Option<u32>>("bot_id")?.map(BotId::new),
            position: row.get("position_id")?,
            realized_pnl: column::parsed(row, "realized_pnl")?,
            dry_run: row.get("dry_run")?,
            number: row.get("number")?,
            is_pending: false,
        })
    })?;
    let mut fills = rows.collect::<Result<Vec<_>, _>>()?;
    if let Some(Ok(book)) = &account.book {
        let key = |fill: &Fill| (fill.symbol.clone(), fill.trade_id.clone(), fill.client_order_id.clone());
        let known: BTreeSet<(Symbol, TradeId, ClientOrderId)> =
            fills.iter().map(|booked| key(&booked.fill)).collect();
        let is_pending = |fill: &&Fill| !known.contains(&key(fill));
        let pending = book.fills.iter().filter(is_pending);
        fills.extend(pending.map(|fill| Booked {
            fill: fill.clone(),
            bot: None,
            position: None,
            realized_pnl: Quote::ZERO,
            dry_run: true,
            number: i64::MAX,
            is_pending: true,
        }));
    }
    fills.sort_by_cached_key(|booked| (booked.number, booking_order(booked.fill.at, &booked.fill.trade_id)));
    Ok(fills)
}

fn funding(conn: &Connection, account: &AccountRow) -> Result<Quote, StoreError> {
    let mut statement = conn.prepare_cached("SELECT amount FROM funding_payments WHERE account_id = ?1")?;
    let rows = statement.query_map(params![account.id], |row| column::parsed(row, "amount"))?;
    Ok(rows.collect::<Result<Vec<Quote>, _>>()?.into_iter().sum())
}

fn adjustments(conn: &Connection, account: &AccountRow) -> Result<Quote, StoreError> {
    let mut statement = conn.prepare_cached("SELECT amount FROM cash_adjustments WHERE account_id = ?1")?;
    let rows = statement.query_map(params![account.id], |row| column::parsed(row, "amount"))?;
    Ok(rows.collect::<Result<Vec<Quote>, _>>()?.into_iter().sum())
}

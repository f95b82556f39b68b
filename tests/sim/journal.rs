//! What is durable: the rows that a turn writes and what a restart reads of them, as the store does it
//! (`store::journal`), in memory.

use std::collections::{BTreeMap, BTreeSet};

use tradefleet::domain::ids::{BotId, ClientOrderId};
use tradefleet::domain::order::{Order, OrderStatus};
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::booked::{BOOKED_MIN, BookedTrade, kept_since};
use tradefleet::engine::grid::rows::{GridFill, GridLineRow};
use tradefleet::engine::grid::state::GridState;
use tradefleet::engine::orders::{ENDED_MAX, ENDED_MIN};
use tradefleet::engine::state::{DurableState, SavedAccount};
use tradefleet::engine::turn::{BookedFill, CashAdjustment, PositionRow, Record};

#[derive(Default)]
pub(crate) struct Journal {
    pub orders: BTreeMap<ClientOrderId, Order>,
    pub fills: Vec<BookedFill>,
    keys: BTreeSet<(String, String, String)>,
    pub positions: BTreeMap<ClientOrderId, PositionRow>,
    pub grid_fills: Vec<GridFill>,
    /// The lines of each grid as they were last told.
    pub lines: BTreeMap<BotId, BTreeMap<u16, GridLineRow>>,
    /// Grids whose ladder was replaced, and how many fills may have been booked then.
    pub reseated: BTreeSet<(BotId, usize)>,
    /// So many fills were booked when the state was last written.
    fills_before: usize,
    pub state: DurableState,
    pub last_cycle: Option<Timestamp>,
    pub funding: Vec<tradefleet::domain::funding::FundingPayment>,
    pub adjustments: Vec<CashAdjustment>,
    pub out_of_sync: u32,
    /// How often an order went from one status to another.
    pub edges: BTreeMap<(OrderStatus, OrderStatus), u64>,
}

impl Journal {
    /// Writes what a turn recorded. An error is what the database would refuse, or what must never be written.
    pub(crate) fn write(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::OrderIntended(order) => {
                let before = self.orders.insert(order.client_order_id.clone(), order.clone());
                if before.is_some() {
                    return Err(format!("id {} is used twice", order.client_order_id));
                }
            }
            Record::OrderChanged { order, .. } => {
                let row = self.orders.get_mut(&order.client_order_id);
                let row = row.ok_or_else(|| format!("{} was never intended", order.client_order_id))?;
                if !row.status.may_become(order.status) {
                    return Err(format!(
                        "{} goes from {} to {}",
                        row.client_order_id, row.status, order.status
                    ));
                }
                *self.edges.entry((row.status, order.status)).or_default() += 1;
                *row = order.clone();
            }
            Record::Fill(booked) => {
                let fill = &booked.fill;
                let key =
                    (fill.symbol.to_string(), fill.trade_id.0.clone(), fill.client_order_id.to_string());
                if !self.keys.insert(key) {
                    return Err(format!("fill {} is booked twice", booked.fill.trade_id));
                }
                self.fills.push(booked.clone());
            }
            Record::Funding(payment) => {
                if self.funding.iter().any(|known| known.id == payment.id) {
                    return Err(format!("funding {} is booked twice", payment.id));
                }
                self.funding.push(payment.clone());
            }
            Record::CashAdjustment(adjustment) => self.adjustments.push(*adjustment),
            Record::Position(row) => drop(self.positions.insert(row.position.id.clone(), row.clone())),
            Record::Notice(notice) => {
                let is_loss = notice.kind == tradefleet::engine::turn::NoticeKind::OutOfSync;
                self.out_of_sync += u32::from(is_loss);
            }
            Record::GridFill(fill) => self.grid_fills.push(fill.clone()),
            Record::GridLines(told) => {
                let lines = self.lines.entry(told.bot).or_default();
                lines.extend(told.changed.iter().map(|row| (row.line, row.clone())));
                lines.retain(|line, _| *line < told.count);
            }
            Record::BotStats(_)
            | Record::BotError { .. }
            | Record::BotStopped { .. }
            | Record::BotClosed { .. }
            | Record::SymbolClosed { .. }
            | Record::Equity { .. }
            | Record::Decision(_)
            | Record::StateChanged => {}
        }
        Ok(())
    }

    /// Writes what the machine remembers beside its rows.
    pub(crate) fn remember(&mut self, state: DurableState) {
        // What becomes durable together may be several turns: whether it was before or after their fills is not told.
        let then = self.fills_before..=self.fills.len();
        for (bot, grid) in &state.grids {
            let before = self.state.grids.get(bot);
            let held = |before: &GridState| !before.lots.is_empty() || !grid.lots.is_empty();
            if before.is_some_and(|before| before.ladder != grid.ladder && held(before)) {
                self.reseated.extend(then.clone().map(|fills| (*bot, fills)));
            }
        }
        self.fills_before = self.fills.len();
        self.state = state;
    }

    /// What a restart finds.
    pub(crate) fn load(&self) -> SavedAccount {
        let json = serde_json::to_string(&self.state).unwrap();
        let durable: DurableState = serde_json::from_str(&json).unwrap();
        let since = durable.retold_since();
        let retold = |at: Timestamp| since.is_some_and(|since| at >= since);
        let kept = |at: Timestamp| kept_since(since).is_some_and(|since| at >= since);
        let mut ended: Vec<Order> =
            self.orders.values().filter(|order| order.times.finished_at.is_some()).cloned().collect();
        ended.sort_by_key(|order| std::cmp::Reverse((order.times.decided_at, order.client_order_id.clone())));
        let mut index = 0;
        ended.retain(|order| {
            index += 1;
            index <= ENDED_MIN || order.times.finished_at.is_some_and(retold)
        });
        ended.truncate(ENDED_MAX);
        ended.reverse();
        let mut fills: Vec<&BookedFill> = self.fills.iter().collect();
        fills.sort_by_key(|booked| {
            let id = &booked.fill.trade_id.0;
            std::cmp::Reverse((booked.fill.at, id.len(), id.clone()))
        });
        let remembered = fills.iter().enumerate().filter(|(age, row)| *age < BOOKED_MIN || kept(row.fill.at));
        let mut booked: Vec<BookedTrade> = remembered.map(|(_, row)| BookedTrade::of(&row.fill)).collect();
        booked.reverse();
        let is_open = |row: &&PositionRow| row.position.is_open() && row.position.bot.is_some();
        let is_working = |order: &&Order| !order.status.is_final();
        SavedAccount {
            positions: self.positions.values().filter(is_open).cloned().collect(),
            working: self.orders.values().filter(is_working).cloned().collect(),
            ended,
            booked,
            durable,
        }
    }
}

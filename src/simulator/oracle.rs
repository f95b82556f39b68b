//! The oracle: what every account must own, reckoned from its executions alone.
//!
//! Independent of the book's arithmetic on purpose, so that the two can prove each other wrong: plain double entry.
//! Bought and sold quantity moves a signed holding and its signed cost; cash pays for both; what a closing trade
//! brings beyond its share of the cost is profit. At any time: cash + cost of all holdings = wallet. The share of a
//! partial close is rounded to 16 decimals, the rule of all books here.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::account::Account;
use super::accounts_file::{AccountSpec, FeeAsset};
use super::funding::FundingRecord;
use super::order::{Conditional, FillRecord};
use crate::domain::fee::Paid;
use crate::domain::instrument::Symbol;
use crate::domain::side::{PositionMode, PositionSide, Side};
use crate::domain::time::Timestamp;

const SHARE_DECIMALS: u32 = 16;

/// Which holding of a symbol: the net one, or one of a hedged pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leg {
    Net,
    Long,
    Short,
}

impl Leg {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Long => "long",
            Self::Short => "short",
        }
    }
}

/// Positive when long. The cost of a short holding is negative: it was received.
#[derive(Debug, Clone, Copy, Default)]
struct Holding {
    qty: Decimal,
    cost: Decimal,
}

/// The ledger of one account.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    cash: Decimal,
    /// From the cash.
    fees: Decimal,
    realized: Decimal,
    funding: Decimal,
    initial: Decimal,
    /// Paid in other assets than the cash.
    fees_in_kind: BTreeMap<String, Decimal>,
    /// What it had of the asset it pays its fees in.
    fee_asset: Option<FeeAsset>,
    holdings: BTreeMap<(Symbol, Leg), Holding>,
}

impl Ledger {
    pub(super) fn new(spec: &AccountSpec) -> Self {
        let initial = spec.balance.decimal();
        Self {
            cash: initial,
            fees: Decimal::ZERO,
            realized: Decimal::ZERO,
            funding: Decimal::ZERO,
            initial,
            fees_in_kind: BTreeMap::new(),
            fee_asset: spec.fee_terms(),
            holdings: BTreeMap::new(),
        }
    }

    pub(super) fn record(&mut self, fill: &FillRecord, mode: PositionMode) {
        let leg = match (mode, fill.position_side) {
            (PositionMode::OneWay, _) => Leg::Net,
            (PositionMode::Hedge, PositionSide::Long) => Leg::Long,
            (PositionMode::Hedge, PositionSide::Short) => Leg::Short,
        };
        let bought = match fill.side {
            Side::Buy => fill.qty.decimal(),
            Side::Sell => -fill.qty.decimal(),
        };
        let price = fill.price.decimal();
        let holding = self.holdings.entry((fill.symbol.clone(), leg)).or_default();
        self.realized += holding.trade(bought, price);
        if holding.qty.is_zero() {
            self.holdings.remove(&(fill.symbol.clone(), leg));
        }
        self.cash -= bought * price;
        match fill.fee.paid() {
            Paid::FromCash => {
                self.cash -= fill.fee.amount();
                self.fees += fill.fee.amount();
            }
            Paid::InKind { .. } => {
                *self.fees_in_kind.entry(fill.fee.asset().to_owned()).or_default() += fill.fee.amount();
            }
        }
    }

    pub(super) fn fund(&mut self, payment: &FundingRecord) {
        self.cash += payment.amount.decimal();
        self.funding += payment.amount.decimal();
    }

    /// What must be left of the asset that fees are paid in.
    fn left_for_fees(&self) -> Option<(&str, Decimal)> {
        let terms = self.fee_asset.as_ref()?;
        let paid = self.fees_in_kind.get(&terms.asset).copied().unwrap_or_default();
        Some((&terms.asset, terms.balance - paid))
    }

    fn wallet(&self) -> Decimal {
        self.initial + self.realized - self.fees + self.funding
    }

    /// What does not agree: with itself, or with the account's book.
    pub(super) fn disagreement(&self, account: &Account) -> Option<String> {
        let name = &account.spec.name;
        let cost: Decimal = self.holdings.values().map(|holding| holding.cost).sum();
        if self.cash + cost != self.wallet() {
            return Some(format!(
                "{name}: cash {} + cost {cost} is not the wallet {}",
                self.cash,
                self.wallet()
            ));
        }
        let book = account.balance().wallet.decimal();
        if book != self.wallet() {
            return Some(format!("{name}: the book's wallet is {book}, the oracle's {}", self.wallet()));
        }
        let left = account.fee_wallet().map(|wallet| (wallet.asset.as_str(), wallet.balance));
        if left != self.left_for_fees() {
            return Some(format!(
                "{name}: it has {left:?} for fees, by the oracle {:?}",
                self.left_for_fees()
            ));
        }
        let signed = |side, qty: Decimal| if side == PositionSide::Long { qty } else { -qty };
        let held: Vec<(&Symbol, Decimal)> = account
            .positions()
            .iter()
            .map(|held| (&held.symbol, signed(held.side, held.qty.decimal())))
            .collect();
        let known: Vec<(&Symbol, Decimal)> =
            self.holdings.iter().map(|((symbol, _), holding)| (symbol, holding.qty)).collect();
        (held != known).then(|| format!("{name}: the book holds {held:?}, the oracle {known:?}"))
    }

    /// The ledger with the orders and fills it is about; all amounts are decimal text.
    pub(super) fn to_json(&self, account: &Account) -> Value {
        let positions: Vec<Value> = self
            .holdings
            .iter()
            .map(|((symbol, leg), holding)| {
                json!({ "symbol": symbol.as_str(), "leg": leg.as_str(), "qty": text(holding.qty),
                        "cost": text(holding.cost) })
            })
            .collect();
        json!({
            "account": account.spec.name,
            "initial": text(self.initial),
            "cash": text(self.cash),
            "fees": text(self.fees),
            "fees_in_kind": amounts(self.fees_in_kind.iter().map(|(asset, paid)| (asset.as_str(), *paid))),
            "fee_wallet": amounts(self.left_for_fees().into_iter()),
            "funding": text(self.funding),
            "funding_payments": account.funding().iter().map(funding_json).collect::<Vec<_>>(),
            "realized": text(self.realized),
            "wallet": text(self.wallet()),
            "positions": positions,
            "orders": account.orders().map(order_json).collect::<Vec<_>>(),
            "open_conditionals": account.open_conditionals().map(|conditional| json!({
                "id": conditional.id, "client_id": conditional.client_id, "symbol": conditional.symbol.as_str(),
                "side": conditional.side.as_str(), "position_side": conditional.position_side.as_str(),
                "qty": conditional.qty.map(|qty| qty.to_string()),
            })).collect::<Vec<_>>(),
            "conditionals": account.conditionals().map(conditional_json).collect::<Vec<_>>(),
            "fills": account.fills().iter().map(fill_json).collect::<Vec<_>>(),
        })
    }
}

impl Holding {
    /// Takes a trade in; returns the profit of what it closed.
    fn trade(&mut self, bought: Decimal, price: Decimal) -> Decimal {
        let same_way = self.qty.is_zero() || self.qty.is_sign_positive() == bought.is_sign_positive();
        if same_way {
            self.qty += bought;
            self.cost += bought * price;
            return Decimal::ZERO;
        }
        let (held, traded) = (self.qty.abs(), bought.abs());
        let closed = held.min(traded);
        let share =
            if closed == held { self.cost } else { (self.cost * (closed / held)).round_dp(SHARE_DECIMALS) };
        let worth = if self.qty.is_sign_positive() { closed * price } else { -closed * price };
        self.cost -= share;
        self.qty += if bought.is_sign_positive() { closed } else { -closed };
        if traded > closed {
            let rest = if bought.is_sign_positive() { traded - closed } else { closed - traded };
            *self = Self { qty: rest, cost: rest * price };
        }
        worth - share
    }
}

fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

/// Decimal text by asset.
fn amounts<'a>(amounts: impl Iterator<Item = (&'a str, Decimal)>) -> Value {
    Value::Object(amounts.map(|(asset, amount)| (asset.to_owned(), text(amount).into())).collect())
}

fn funding_json(payment: &FundingRecord) -> Value {
    json!({
        "id": payment.id, "symbol": payment.symbol.as_str(), "amount": payment.amount.to_string(),
        "at": payment.at.ms(),
    })
}

fn order_json(order: &super::order::OrderRecord) -> Value {
    json!({
        "order_id": order.id, "client_id": order.client_id, "symbol": order.symbol.as_str(),
        "side": order.side.as_str(), "position_side": order.position_side.as_str(), "kind": order.kind.as_str(),
        "price": order.kind.price().map(|price| price.to_string()), "qty": order.qty.to_string(), "status": order.status.as_str(), "filled_qty": order.filled_qty.to_string(),
        "reduce_only": order.reduce_only, "created_at": order.created_at.ms(), "updated_at": order.updated_at.ms(),
    })
}

/// With the time it waited: from `created_at` to `updated_at`, or still, while it is `is_open`.
fn conditional_json(conditional: &Conditional) -> Value {
    json!({
        "id": conditional.id, "client_id": conditional.client_id, "symbol": conditional.symbol.as_str(),
        "side": conditional.side.as_str(), "qty": conditional.qty.map(|qty| qty.to_string()),
        "is_open": conditional.is_open(), "created_at": conditional.created_at.ms(),
        "updated_at": conditional.updated_at.ms(), "triggered_at": conditional.triggered_at.map(Timestamp::ms),
        "reason": conditional.reason,
    })
}

fn fill_json(fill: &FillRecord) -> Value {
    json!({
        "trade_id": fill.trade_id, "order_id": fill.order_id, "client_id": fill.client_id,
        "symbol": fill.symbol.as_str(), "side": fill.side.as_str(), "position_side": fill.position_side.as_str(),
        "qty": fill.qty.to_string(), "price": fill.price.to_string(), "fee": text(fill.fee.amount()),
        "fee_asset": fill.fee.asset(),
        "realized": fill.realized.to_string(), "at": fill.at.ms(),
    })
}

//! One account: its book, and what an exchange knows beside it (ids on the wire, history, settings).
//!
//! The book names orders by ids of its own; here they stand beside the wire's. What happens is collected in `events`
//! until the exchange takes them. Trading is in `trading`, conditional orders in `triggers`.

use std::collections::{BTreeMap, BTreeSet};

use super::accounts_file::AccountSpec;
use super::event::{AccountEvent, AccountIndex, Happening};
use super::fee_wallet::FeeWallet;
use super::funding::FundingRecord;
use super::order::{Conditional, FillRecord, OrderRecord};
use crate::domain::ids::{AccountId, ClientOrderId, CycleId, OrderKey};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Qty, Quote};
use crate::domain::order::Purpose;
use crate::domain::side::{PositionMode, PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::matching::book::{Book, BookBalance};
use crate::matching::config::BookConfig;
use crate::matching::net_position::NetPosition;

/// Leverage of a symbol that nobody set.
pub const DEFAULT_LEVERAGE: u8 = 20;

/// Where an account's own counters begin.
#[derive(Debug, Clone, Copy)]
pub struct FirstIds {
    pub order: u64,
    pub conditional: u64,
    pub trade: u64,
    pub income: u64,
}

/// What an account has set for a symbol.
#[derive(Debug, Clone, Copy)]
pub struct SymbolSettings {
    pub leverage: Leverage,
    /// A label only: the book's margin is crossed.
    pub isolated: bool,
}

/// See the module.
pub struct Account {
    pub spec: AccountSpec,
    pub(super) index: AccountIndex,
    pub(super) book: Book,
    pub(super) orders: BTreeMap<u64, OrderRecord>,
    pub(super) open: BTreeSet<u64>,
    /// The newest order of each client id.
    pub(super) by_client_id: BTreeMap<String, u64>,
    /// The order of each id that the book knows it by.
    pub(super) by_book_id: BTreeMap<ClientOrderId, u64>,
    pub(super) conditionals: BTreeMap<u64, Conditional>,
    pub(super) waiting: BTreeSet<u64>,
    pub(super) conditional_by_client_id: BTreeMap<String, u64>,
    pub(super) fills: Vec<FillRecord>,
    pub(super) funding: Vec<FundingRecord>,
    pub(super) fee_wallet: Option<FeeWallet>,
    pub(super) settings: BTreeMap<Symbol, SymbolSettings>,
    pub(super) multi_assets: bool,
    pub(super) next: FirstIds,
    pub(super) next_book_id: i64,
    /// Time of the last step that the book was given.
    pub(super) last_step: Timestamp,
    pub(super) events: Vec<AccountEvent>,
    /// The symbols under which the exchange looks for it.
    pub(super) indexed: BTreeSet<Symbol>,
    /// Client ids that were used by more than one order.
    pub(super) duplicate_client_ids: u64,
}

impl Account {
    pub fn new(spec: AccountSpec, index: AccountIndex, first: FirstIds, quote_asset: &str) -> Self {
        let book = Book::new(book_config(&spec, quote_asset, spec.balance, spec.position_mode));
        let fee_wallet = spec.fee_terms().and_then(|terms| FeeWallet::open(&terms, quote_asset));
        Self {
            spec,
            index,
            book,
            orders: BTreeMap::new(),
            open: BTreeSet::new(),
            by_client_id: BTreeMap::new(),
            by_book_id: BTreeMap::new(),
            conditionals: BTreeMap::new(),
            waiting: BTreeSet::new(),
            conditional_by_client_id: BTreeMap::new(),
            fills: Vec::new(),
            funding: Vec::new(),
            fee_wallet,
            settings: BTreeMap::new(),
            multi_assets: false,
            next: first,
            next_book_id: 1,
            last_step: Timestamp::default(),
            events: Vec::new(),
            indexed: BTreeSet::new(),
            duplicate_client_ids: 0,
        }
    }

    pub const fn index(&self) -> AccountIndex {
        self.index
    }

    pub fn order(&self, id: u64) -> Option<&OrderRecord> {
        self.orders.get(&id)
    }

    /// The newest order with this client id.
    pub fn order_by_client_id(&self, client_id: &str) -> Option<&OrderRecord> {
        self.by_client_id.get(client_id).and_then(|id| self.orders.get(id))
    }

    /// All orders ever, oldest first.
    pub fn orders(&self) -> impl DoubleEndedIterator<Item = &OrderRecord> {
        self.orders.values()
    }

    pub fn open_orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.open.iter().filter_map(|id| self.orders.get(id))
    }

    pub fn conditional(&self, id: u64) -> Option<&Conditional> {
        self.conditionals.get(&id)
    }

    pub fn conditional_by_client_id(&self, client_id: &str) -> Option<&Conditional> {
        self.conditional_by_client_id.get(client_id).and_then(|id| self.conditionals.get(id))
    }

    /// All conditional orders ever, oldest first.
    pub fn conditionals(&self) -> impl DoubleEndedIterator<Item = &Conditional> {
        self.conditionals.values()
    }

    pub fn open_conditionals(&self) -> impl Iterator<Item = &Conditional> {
        self.waiting.iter().filter_map(|id| self.conditionals.get(id))
    }

    /// All fills ever, oldest first.
    pub fn fills(&self) -> &[FillRecord] {
        &self.fills
    }

    /// All funding ever, oldest first.
    pub fn funding(&self) -> &[FundingRecord] {
        &self.funding
    }

    /// What it pays its fees from, if not from the cash.
    pub const fn fee_wallet(&self) -> Option<&FeeWallet> {
        self.fee_wallet.as_ref()
    }

    /// Sorted by (symbol, side).
    pub fn positions(&self) -> &[NetPosition] {
        self.book.positions()
    }

    pub fn position(&self, symbol: &Symbol, side: PositionSide) -> Option<&NetPosition> {
        self.positions().iter().find(|held| held.symbol == *symbol && held.side == side)
    }

    pub fn balance(&self) -> BookBalance {
        self.book.balance()
    }

    pub fn position_mode(&self) -> PositionMode {
        self.book.config().position_mode
    }

    pub const fn is_multi_assets(&self) -> bool {
        self.multi_assets
    }

    pub fn settings(&self, symbol: &Symbol) -> SymbolSettings {
        let leverage = Leverage::try_new(DEFAULT_LEVERAGE).unwrap_or(Leverage::ONE);
        self.settings.get(symbol).copied().unwrap_or(SymbolSettings { leverage, isolated: false })
    }

    /// Spot: quote currency that is neither spent on what is held nor locked in open buy orders.
    pub fn free_cash(&self) -> Quote {
        self.cash() - self.locked_cash()
    }

    /// Spot: quote currency, locked or not: the wallet less the cost of what is held.
    pub fn cash(&self) -> Quote {
        self.balance().wallet - self.positions().iter().map(|held| held.cost).sum()
    }

    /// Spot: quote currency in open buy orders, without fees.
    pub fn locked_cash(&self) -> Quote {
        let buys = self.open_orders().filter(|order| order.side == Side::Buy);
        buys.filter_map(|order| Some(order.kind.price()?.notional(order.remaining_qty()))).sum()
    }

    /// Spot: what of `symbol` waits in open sell orders.
    pub fn locked_qty(&self, symbol: &Symbol) -> Qty {
        let sells = self.open_orders().filter(|order| order.side == Side::Sell && order.symbol == *symbol);
        sells.fold(Qty::ZERO, |sum, order| sum.plus(order.remaining_qty()))
    }

    /// Symbols in which the market's moves can concern the account.
    pub(super) fn interests(&self) -> BTreeSet<Symbol> {
        let orders = self.open_orders().map(|order| &order.symbol);
        let positions = self.positions().iter().map(|held| &held.symbol);
        let waiting = self.open_conditionals().map(|conditional| &conditional.symbol);
        orders.chain(positions).chain(waiting).cloned().collect()
    }

    pub(super) fn emit(&mut self, at: Timestamp, happening: Happening) {
        self.events.push(AccountEvent { account: self.index, at, happening });
    }

    /// An id that the book has not seen.
    pub(super) fn book_id(&mut self) -> ClientOrderId {
        let cycle = CycleId::at(Timestamp::from_ms(self.next_book_id));
        self.next_book_id += 1;
        let account = AccountId::new(u32::try_from(self.index.0).unwrap_or(u32::MAX));
        ClientOrderId::new(&OrderKey {
            account,
            bot: None,
            cycle,
            purpose: Purpose::Entry,
            leg: 0,
            attempt: 1,
        })
    }

    /// Starts a new book with the same money under another position mode; only sound without orders and positions.
    pub(super) fn reopen(&mut self, mode: PositionMode) {
        let config = self.book.config();
        let config = book_config(&self.spec, &config.quote_asset, self.book.balance().wallet, mode);
        self.book = Book::new(config);
        self.by_book_id.clear();
    }
}

fn book_config(spec: &AccountSpec, quote_asset: &str, balance: Quote, mode: PositionMode) -> BookConfig {
    BookConfig {
        quote_asset: quote_asset.to_owned(),
        initial_balance: balance,
        maker_fee_pct: spec.maker_fee_pct,
        taker_fee_pct: spec.taker_fee_pct,
        slippage_pct: spec.slippage_pct,
        participation_pct: spec.participation_pct,
        position_mode: mode,
    }
}

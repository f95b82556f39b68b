//! Results per account and bot, and their sums per quote asset.
//!
//! On a paper book these agree to the last digit: initial balance + net realized profit of all fills + funding +
//! unrealized profit = equity; on a real one, with its adjustments in place of an initial balance. The wallet is the exchange's figure: where two bots hold the same side of a symbol the
//! exchange averages their entries, so until both are closed it may realize other parts of the same profit.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::Filter;
use super::fees;
use super::tally::{BookKind, Tally, TallyKey, tallies};
use crate::domain::fee::{FeeSum, FeeSums};
use crate::domain::ids::AccountId;
use crate::domain::kind::ExchangeKind;
use crate::domain::money::Quote;
use crate::store::{StoreError, column};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PnlReport {
    /// Ordered by (account, book).
    pub accounts: Vec<AccountPnl>,
    /// Ordered by (quote asset, book).
    pub totals: Vec<AssetPnl>,
}

/// One account's results on one book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountPnl {
    pub account: String,
    pub exchange: String,
    pub book: BookKind,
    pub quote_asset: String,
    #[serde(flatten)]
    pub tally: Tally,
    /// The fees of the tally by the asset they were paid in; what no price was known for is in no other figure.
    pub fees_by_asset: Vec<FeeSum>,
    /// Received when positive.
    pub funding: Quote,
    /// What a real account began with, and what came (or went) since without a fill or funding of ours.
    pub adjustments: Quote,
    /// Of the paper book.
    pub initial_balance: Option<Quote>,
    /// As the exchange last said; `None` before the first run, and for the book that is not in use.
    pub wallet: Option<Quote>,
    pub equity: Option<Quote>,
    /// Ordered by name.
    pub bots: Vec<BotPnl>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BotPnl {
    /// `None` for positions released to the operator.
    pub bot: Option<String>,
    pub removed: bool,
    #[serde(flatten)]
    pub tally: Tally,
    /// The fees of the tally by the asset they were paid in; what no price was known for is in no other figure.
    pub fees_by_asset: Vec<FeeSum>,
}

/// The sum over the accounts of one quote asset and book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssetPnl {
    pub quote_asset: String,
    pub book: BookKind,
    pub accounts: u64,
    #[serde(flatten)]
    pub tally: Tally,
    /// The fees of the tally by the asset they were paid in; what no price was known for is in no other figure.
    pub fees_by_asset: Vec<FeeSum>,
    pub funding: Quote,
    pub initial_balance: Quote,
    pub equity: Quote,
}

/// An account's figures that do not come from its positions.
#[derive(Debug, Clone)]
pub(super) struct Purse {
    pub(super) account: String,
    pub(super) exchange: String,
    /// Whose wallet it is: that of the book in use.
    pub(super) book: BookKind,
    pub(super) paper_asset: Option<String>,
    pub(super) initial_balance: Option<Quote>,
    pub(super) wallet: Option<Quote>,
}

impl Purse {
    pub(super) fn is_paper_account(&self) -> bool {
        self.exchange == "paper"
    }

    fn empty(&mut self) {
        self.wallet = None;
        self.initial_balance = None;
    }

    /// The currency of a book: the paper book's own, else the exchange's.
    pub(super) fn quote_asset(&self, book: BookKind) -> &str {
        match (book, &self.paper_asset) {
            (BookKind::Paper, Some(asset)) => asset,
            (BookKind::Paper, None) | (BookKind::Real, _) => {
                ExchangeKind::from_word(&self.exchange).unwrap_or(ExchangeKind::Paper).quote_asset()
            }
        }
    }

    /// What a book is worth; `None` for the book that is not in use.
    pub(super) fn equity(&self, book: BookKind, tally: &Tally, funding: Quote) -> Option<Quote> {
        let wallet = self.wallet.filter(|_| book == self.book)?;
        Some(match (book, self.initial_balance) {
            (BookKind::Paper, Some(initial)) => initial + tally.net_pnl + funding + tally.unrealized_pnl,
            (BookKind::Paper, None) | (BookKind::Real, _) => wallet + tally.unrealized_pnl,
        })
    }
}

/// Results of the accounts and bots that the filter matches. `limit` has no meaning here. Balances are given only
/// where nothing but the account restricts the result.
pub fn report(conn: &Connection, filter: &Filter) -> Result<PnlReport, StoreError> {
    let mut purses = purses(conn, filter.account)?;
    let is_whole = filter.bot.is_none() && filter.symbol.is_none() && filter.since.is_none();
    if !is_whole {
        // What a part of the account made says nothing about its equity.
        purses.values_mut().for_each(Purse::empty);
    }
    let papers = purses.iter().map(|(id, purse)| (*id, purse.is_paper_account())).collect();
    let tallies = tallies(conn, &papers, filter)?;
    let in_kind = fees::in_kind(conn, &papers, filter)?;
    let (funding, adjustments) =
        if is_whole { (funding(conn)?, adjustments(conn)?) } else { (BTreeMap::new(), BTreeMap::new()) };
    let bots = bot_names(conn, filter.account)?;
    let mut accounts = Vec::new();
    for (id, purse) in &purses {
        for book in [BookKind::Paper, BookKind::Real] {
            let own: Vec<(&TallyKey, &Tally)> =
                tallies.range((*id, None, book)..).take_while(|(key, _)| key.0 == *id).collect();
            let own: Vec<_> = own.into_iter().filter(|(key, _)| key.2 == book).collect();
            if own.is_empty() && (book != purse.book || !is_whole) {
                continue;
            }
            let cash = CashWithoutFills {
                funding: funding.get(&(*id, book)).copied().unwrap_or_default(),
                adjustments: adjustments
                    .get(id)
                    .filter(|_| book == BookKind::Real)
                    .copied()
                    .unwrap_or_default(),
            };
            accounts.push(account_pnl((purse, book), &own, &in_kind, &bots, cash));
        }
    }
    accounts.sort_by(|a, b| (&a.account, a.book).cmp(&(&b.account, b.book)));
    let totals = totals(&accounts);
    Ok(PnlReport { accounts, totals })
}

type BotNames = BTreeMap<u32, (String, bool)>;

/// What moved the cash of a book beside its fills.
#[derive(Clone, Copy)]
struct CashWithoutFills {
    funding: Quote,
    adjustments: Quote,
}

/// The fees of a tally: what was paid in kind, and the rest from the cash.
fn by_asset(tally: &Tally, in_kind: Option<&FeeSums>, quote_asset: &str) -> FeeSums {
    let mut sums = in_kind.cloned().unwrap_or_default();
    sums.add_cash(quote_asset, tally.fees - sums.value());
    sums
}

fn account_pnl(
    (purse, book): (&Purse, BookKind),
    own: &[(&TallyKey, &Tally)],
    in_kind: &BTreeMap<TallyKey, FeeSums>,
    names: &BotNames,
    cash: CashWithoutFills,
) -> AccountPnl {
    let mut sum = Tally::default();
    let mut fees = FeeSums::default();
    let mut bots = Vec::new();
    for (key, tally) in own {
        let bot = key.1;
        sum.add(tally);
        let own_fees = by_asset(tally, in_kind.get(key), purse.quote_asset(book));
        fees.add_all(own_fees.iter());
        let name = bot.and_then(|bot| names.get(&bot)).cloned();
        bots.push(BotPnl {
            removed: name.as_ref().is_some_and(|(_, removed)| *removed),
            bot: name.map(|(name, _)| name),
            tally: **tally,
            fees_by_asset: own_fees.into_list(),
        });
    }
    bots.sort_by(|a, b| (&a.bot, a.removed).cmp(&(&b.bot, b.removed)));
    AccountPnl {
        account: purse.account.clone(),
        exchange: purse.exchange.clone(),
        book,
        quote_asset: purse.quote_asset(book).to_owned(),
        tally: sum,
        fees_by_asset: fees.into_list(),
        funding: cash.funding,
        adjustments: cash.adjustments,
        initial_balance: purse.initial_balance.filter(|_| book == BookKind::Paper),
        wallet: purse.wallet.filter(|_| book == purse.book),
        equity: purse.equity(book, &sum, cash.funding),
        bots,
    }
}

fn totals(accounts: &[AccountPnl]) -> Vec<AssetPnl> {
    let mut totals: BTreeMap<(&str, BookKind), (AssetPnl, FeeSums)> = BTreeMap::new();
    for account in accounts {
        let (total, fees) = totals.entry((&account.quote_asset, account.book)).or_insert_with(|| {
            let total = AssetPnl {
                quote_asset: account.quote_asset.clone(),
                book: account.book,
                accounts: 0,
                tally: Tally::default(),
                fees_by_asset: Vec::new(),
                funding: Quote::ZERO,
                initial_balance: Quote::ZERO,
                equity: Quote::ZERO,
            };
            (total, FeeSums::default())
        });
        fees.add_all(&account.fees_by_asset);
        total.accounts += 1;
        total.tally.add(&account.tally);
        total.funding += account.funding;
        total.initial_balance += account.initial_balance.unwrap_or_default();
        total.equity += account.equity.unwrap_or_default();
    }
    let with_fees =
        |(total, fees): (AssetPnl, FeeSums)| AssetPnl { fees_by_asset: fees.into_list(), ..total };
    totals.into_values().map(with_fees).collect()
}

/// Accounts that were not removed, by id.
pub(super) fn purses(
    conn: &Connection,
    account: Option<AccountId>,
) -> Result<BTreeMap<u32, Purse>, StoreError> {
    // An open book keeps the balance it was opened with, whatever the setting says since.
    let mut statement = conn.prepare_cached(
        "SELECT a.id, a.name, a.exchange, coalesce(s.dry_run, 1) AS dry_run, p.quote_asset, st.wallet,
                coalesce(json_extract(k.state, '$.inner.config.initial_balance'), p.initial_balance) AS initial_balance
         FROM accounts a
         LEFT JOIN account_settings s ON s.account_id = a.id
         LEFT JOIN paper_settings p ON p.account_id = a.id
         LEFT JOIN paper_books k ON k.account_id = a.id
         LEFT JOIN account_state st ON st.account_id = a.id
         WHERE a.removed_at IS NULL AND (?1 IS NULL OR a.id = ?1)",
    )?;
    let rows = statement
        .query_map(params![account.map(AccountId::get)], |row| Ok((row.get("id")?, purse_from_row(row)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn purse_from_row(row: &Row<'_>) -> rusqlite::Result<Purse> {
    let exchange: String = row.get("exchange")?;
    let is_paper = exchange == "paper" || row.get("dry_run")?;
    Ok(Purse {
        account: row.get("name")?,
        exchange,
        book: BookKind::of(is_paper),
        paper_asset: row.get("quote_asset")?,
        initial_balance: column::parsed_opt(row, "initial_balance")?,
        wallet: column::parsed_opt(row, "wallet")?,
    })
}

/// Funding is the real exchange's; the paper book of a paper account may have it too.
pub(super) fn funding(conn: &Connection) -> Result<BTreeMap<(u32, BookKind), Quote>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT f.account_id, a.exchange = 'paper' AS is_paper, f.amount
         FROM funding_payments f JOIN accounts a ON a.id = f.account_id",
    )?;
    let mut rows = statement.query([])?;
    let mut sums: BTreeMap<(u32, BookKind), Quote> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let amount: Quote = column::parsed(row, "amount")?;
        *sums.entry((row.get("account_id")?, BookKind::of(row.get("is_paper")?))).or_default() += amount;
    }
    Ok(sums)
}

fn adjustments(conn: &Connection) -> Result<BTreeMap<u32, Quote>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT account_id, amount FROM cash_adjustments")?;
    let mut rows = statement.query([])?;
    let mut sums: BTreeMap<u32, Quote> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        *sums.entry(row.get("account_id")?).or_default() += column::parsed(row, "amount")?;
    }
    Ok(sums)
}

fn bot_names(conn: &Connection, account: Option<AccountId>) -> Result<BotNames, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, name, is_active = 0 FROM bot_instances WHERE ?1 IS NULL OR account_id = ?1",
    )?;
    let rows = statement.query_map(params![account.map(AccountId::get)], |row| {
        Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

//! Fees by the asset they were paid in.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::Filter;
use super::fills::{self, FillRow};
use super::tally::{TallyKey, key};
use crate::domain::fee::{FeeSum, FeeSums};
use crate::domain::ids::{AccountId, ClientOrderId};
use crate::store::StoreError;

/// Of these fills; ordered by asset.
pub(super) fn of_fills(fills: &[FillRow]) -> Vec<FeeSum> {
    let mut sums = FeeSums::default();
    for fill in fills {
        sums.add_amount(&fill.fee_asset, fill.fee, fill.fee_value);
    }
    sums.into_list()
}

/// Of an order's fills; ordered by asset.
pub(super) fn of_order(conn: &Connection, order: &ClientOrderId) -> Result<Vec<FeeSum>, StoreError> {
    Ok(of_fills(&fills::of_order(conn, order)?))
}

/// What was paid in kind for the positions that the filter matches; `since` is about the time they were closed. Rows
/// of fills that were paid from the cash are not looked at: there are very many.
pub(super) fn in_kind(
    conn: &Connection,
    papers: &BTreeMap<u32, bool>,
    filter: &Filter,
) -> Result<BTreeMap<TallyKey, FeeSums>, StoreError> {
    let mut conditions = filter.conditions("f");
    conditions.and_plain("f.fee_in_kind = 1");
    if let Some(since) = filter.since {
        conditions.and("(p.closed_at >= ? OR p.closed_at IS NULL)", since.ms());
    }
    let sql = format!(
        "SELECT p.account_id, p.bot_id, p.dry_run, f.fee, f.fee_asset, f.fee_price, f.fee_in_kind
         FROM fills f INDEXED BY fills_fee_in_kind JOIN bot_positions p ON p.id = f.position_id{}",
        conditions.sql()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(conditions.params()))?;
    let mut sums: BTreeMap<TallyKey, FeeSums> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        sums.entry(key(row, papers)?).or_default().add(&fills::fee(row)?);
    }
    Ok(sums)
}

/// Of all fills of an account, by asset; only those in dry run, or only the others, where `dry_run` says so.
pub fn of_account(
    conn: &Connection,
    account: AccountId,
    dry_run: Option<bool>,
) -> Result<Vec<FeeSum>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT fee, fee_asset, fee_in_kind, fee_price FROM fills
         WHERE account_id = ?1 AND dry_run = coalesce(?2, dry_run)",
    )?;
    let mut rows = statement.query(params![account.get(), dry_run])?;
    let mut sums = FeeSums::default();
    while let Some(row) = rows.next()? {
        sums.add(&fills::fee(row)?);
    }
    Ok(sums.into_list())
}

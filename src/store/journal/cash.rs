//! Cash that comes and goes without a fill.

use rusqlite::{Connection, params};

use super::super::StoreError;
use crate::domain::funding::FundingPayment;
use crate::domain::ids::AccountId;
use crate::engine::turn::CashAdjustment;

/// Refused by the primary key when the payment was booked before.
pub(super) fn write_funding(
    conn: &Connection,
    account: AccountId,
    payment: &FundingPayment,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO funding_payments (account_id, symbol, exchange_id, amount, asset, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        account.get(),
        payment.symbol.as_str(),
        payment.id,
        payment.amount.to_string(),
        payment.symbol.quote_asset(),
        payment.at.ms(),
    ])?;
    Ok(())
}

pub(super) fn write_adjustment(
    conn: &Connection,
    account: AccountId,
    adjustment: CashAdjustment,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO cash_adjustments (account_id, at, kind, amount) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        account.get(),
        adjustment.at.ms(),
        adjustment.kind.as_str(),
        adjustment.amount.to_string()
    ])?;
    Ok(())
}

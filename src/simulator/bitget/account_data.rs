//! What an account has: money, positions, its key.

use serde_json::{Value, json};

use super::market_data::listed;
use super::order_query::{Page, page_of};
use super::order_rows::mode_word;
use super::{Call, Reply};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Quote};
use crate::matching::net_position::NetPosition;
use crate::simulator::account::Account;
use crate::simulator::accounts_file::Permission;
use crate::simulator::funding::FundingRecord;
use crate::simulator::venue::Venue;

/// The business type of a bill.
const FUNDING: &str = "contract_settle_fee";

pub(super) fn key_info(call: &Call<'_>) -> Reply {
    let info = call.venue.with(call.account, |account| {
        let spec = &account.spec;
        let words = [
            (Permission::Read, "readonly"),
            (Permission::Trade, "trade"),
            (Permission::Withdraw, "withdraw"),
        ];
        let authorities: Vec<&str> =
            words.into_iter().filter(|(permission, _)| spec.may(*permission)).map(|(_, word)| word).collect();
        let uid = spec.uid.unwrap_or(10_000_000 + u64::try_from(account.index().0).unwrap_or_default());
        json!({
            "userId": uid.to_string(), "inviterId": "", "channelCode": "", "channel": "",
            "ips": if spec.ip_restricted { "127.0.0.1" } else { "" }, "authorities": authorities,
            "parentId": 0, "traderType": "not_trader", "regisTime": "1600000000000",
        })
    });
    Ok(info.unwrap_or_default())
}

/// One symbol's settings with the account's money.
pub(super) fn account(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let row = call.venue.with(call.account, |account| {
        let mut row = money(account);
        let settings = account.settings(&symbol);
        let leverage = settings.leverage.get();
        if let Some(fields) = row.as_object_mut() {
            fields.insert("crossedMarginLeverage".to_owned(), json!(leverage));
            fields.insert("isolatedLongLever".to_owned(), json!(leverage));
            fields.insert("isolatedShortLever".to_owned(), json!(leverage));
            fields.insert("marginMode".to_owned(), json!(margin_word(settings.isolated)));
            fields.insert("posMode".to_owned(), json!(mode_word(account.position_mode())));
        }
        row
    });
    Ok(row.unwrap_or_default())
}

pub(super) fn accounts(call: &Call<'_>) -> Reply {
    if !call.params.is_usdt()? {
        return Ok(json!([]));
    }
    Ok(Value::from_iter(call.venue.with(call.account, money)))
}

fn money(account: &Account) -> Value {
    let balance = account.balance();
    let equity = (balance.wallet + balance.unrealized).to_string();
    let (available, unrealized) = (balance.available.to_string(), balance.unrealized.to_string());
    json!({
        "marginCoin": "USDT", "locked": "0", "available": available, "crossedMaxAvailable": available,
        "isolatedMaxAvailable": available, "maxTransferOut": available, "accountEquity": equity,
        "usdtEquity": equity, "btcEquity": "0", "crossedRiskRate": "0", "unrealizedPL": unrealized, "coupon": "0",
        "crossedUnrealizedPL": unrealized, "isolatedUnrealizedPL": "", "assetMode": "single",
    })
}

/// Funding, newest first; nothing else is listed.
pub(super) fn bills(call: &Call<'_>) -> Reply {
    let page = Page::read(call)?;
    let before: Option<u64> = call.params.parse("idLessThan")?;
    let is_listed = call.params.get("businessType").is_none_or(|kind| kind == FUNDING);
    let rows = call.venue.with(call.account, |account| {
        let mut balance = account.balance().wallet;
        let mut rows = Vec::new();
        for payment in account.funding().iter().rev() {
            let is_wanted =
                before.is_none_or(|before| payment.id < before) && page.has(&payment.symbol, payment.at);
            if is_wanted && rows.len() < page.limit {
                rows.push(bill(payment, balance));
            }
            balance -= payment.amount;
        }
        rows
    });
    let rows = rows.filter(|_| is_listed).unwrap_or_default();
    Ok(page_of("bills", rows, "billId"))
}

/// `balance`: as it would be had nothing but funding come since.
fn bill(payment: &FundingRecord, balance: Quote) -> Value {
    json!({
        "billId": payment.id.to_string(), "symbol": payment.symbol.as_str(), "amount": payment.amount.to_string(),
        "fee": "0", "feeByCoupon": "", "businessType": FUNDING, "coin": "USDT", "balance": balance.to_string(),
        "cTime": payment.at.ms().to_string(),
    })
}

pub(super) fn positions(call: &Call<'_>) -> Reply {
    if !call.params.is_usdt()? {
        return Ok(json!([]));
    }
    Ok(Value::Array(position_rows(call.venue, call, None)))
}

pub(super) fn position(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    Ok(Value::Array(position_rows(call.venue, call, Some(&symbol))))
}

fn position_rows(venue: &Venue, call: &Call<'_>, symbol: Option<&Symbol>) -> Vec<Value> {
    let held = venue.with(call.account, |account| account.positions().to_vec()).unwrap_or_default();
    held.iter()
        .filter(|held| symbol.is_none_or(|symbol| held.symbol == *symbol))
        .filter_map(|held| {
            let mark = venue.price(&held.symbol)?;
            venue.with(call.account, |account| position_row(account, held, mark))
        })
        .collect()
}

pub(super) fn position_row(account: &Account, held: &NetPosition, mark: Price) -> Value {
    let settings = account.settings(&held.symbol);
    let qty = held.qty.to_string();
    json!({
        "marginCoin": "USDT", "symbol": held.symbol.as_str(), "holdSide": held.side.as_str(), "openDelegateSize": "0",
        "marginSize": held.cost.margin_at(settings.leverage).to_string(), "available": qty, "locked": "0",
        "total": qty, "leverage": settings.leverage.to_string(), "achievedProfits": "0",
        "openPriceAvg": held.entry_price_avg().map_or_else(String::new, |price| price.to_string()),
        "marginMode": margin_word(settings.isolated), "posMode": mode_word(account.position_mode()),
        "unrealizedPL": held.unrealized_pnl(mark).to_string(), "liquidationPrice": "0", "keepMarginRate": "0.005",
        "markPrice": mark.to_string(), "marginRatio": "0", "breakEvenPrice": "0", "totalFee": "",
        "deductedFee": "0", "takeProfit": "", "stopLoss": "", "takeProfitId": "", "stopLossId": "",
        "assetMode": "single", "autoMargin": "off", "grant": "", "cTime": "1700000000000", "uTime": "1700000000000",
    })
}

pub(super) const fn margin_word(isolated: bool) -> &'static str {
    if isolated { "isolated" } else { "crossed" }
}

//! What an account owns and has set.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::error::Error;
use super::market_data::listed;
use super::{Call, Reply};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Price, Quote};
use crate::domain::side::{PositionMode, PositionSide};
use crate::simulator::account::{Account, SymbolSettings};
use crate::simulator::accounts_file::Permission;

/// The part of its notional that a position must be backed by, as the book has it.
const MAINTENANCE: Decimal = Decimal::from_parts(5, 0, 0, false, 3);

/// One line of a position list; flat ones are listed too where a list has all symbols.
#[derive(Debug, Clone)]
pub(super) struct PositionLine {
    pub(super) symbol: Symbol,
    /// `BOTH`, `LONG` or `SHORT`.
    pub(super) side: &'static str,
    /// Negative when short.
    pub(super) amount: Decimal,
    pub(super) entry: Decimal,
    mark: Decimal,
    pub(super) profit: Decimal,
    margin: Decimal,
    settings: SymbolSettings,
}

/// The lines of a symbol: one in one-way mode, two hedged.
pub(super) fn position_lines(account: &Account, symbol: &Symbol, mark: Option<Price>) -> Vec<PositionLine> {
    let settings = account.settings(symbol);
    let flat = |side| PositionLine {
        symbol: symbol.clone(),
        side,
        amount: Decimal::ZERO,
        entry: Decimal::ZERO,
        mark: mark.map_or(Decimal::ZERO, Price::decimal),
        profit: Decimal::ZERO,
        margin: Decimal::ZERO,
        settings,
    };
    let mut lines = match account.position_mode() {
        PositionMode::OneWay => vec![flat("BOTH")],
        PositionMode::Hedge => vec![flat("LONG"), flat("SHORT")],
    };
    for held in account.positions().iter().filter(|held| held.symbol == *symbol) {
        let side = side_word(account.position_mode(), held.side);
        if let Some(line) = lines.iter_mut().find(|line| line.side == side) {
            let qty = held.qty.decimal();
            line.amount = if held.side == PositionSide::Long { qty } else { -qty };
            line.entry = held.entry_price_avg().map_or(Decimal::ZERO, Price::decimal);
            line.profit = mark.map_or(Decimal::ZERO, |mark| held.unrealized_pnl(mark).decimal());
            line.margin = held.cost.margin_at(settings.leverage).decimal();
        }
    }
    lines
}

pub(super) const fn side_word(mode: PositionMode, side: PositionSide) -> &'static str {
    match (mode, side) {
        (PositionMode::OneWay, _) => "BOTH",
        (PositionMode::Hedge, PositionSide::Long) => "LONG",
        (PositionMode::Hedge, PositionSide::Short) => "SHORT",
    }
}

impl PositionLine {
    fn notional(&self) -> Decimal {
        self.amount * self.mark
    }

    fn account_json(&self) -> Value {
        json!({
            "symbol": self.symbol.as_str(), "positionSide": self.side, "positionAmt": text(self.amount),
            "unrealizedProfit": text(self.profit), "isolatedMargin": "0", "notional": text(self.notional()),
            "isolatedWallet": "0", "initialMargin": text(self.margin),
            "maintMargin": text(self.notional().abs() * MAINTENANCE), "updateTime": 0,
        })
    }

    fn risk_json(&self) -> Value {
        json!({
            "symbol": self.symbol.as_str(), "positionSide": self.side, "positionAmt": text(self.amount),
            "entryPrice": text(self.entry), "breakEvenPrice": text(self.entry), "markPrice": text(self.mark),
            "unRealizedProfit": text(self.profit), "liquidationPrice": "0", "isolatedMargin": "0",
            "notional": text(self.notional()), "marginAsset": "USDT", "isolatedWallet": "0",
            "initialMargin": text(self.margin), "maintMargin": text(self.notional().abs() * MAINTENANCE),
            "positionInitialMargin": text(self.margin), "openOrderInitialMargin": "0", "adl": 1,
            "bidNotional": "0", "askNotional": "0", "updateTime": 0,
        })
    }

    /// The form of version 2, which names the settings too.
    fn with_settings(&self, mut line: Value) -> Value {
        if let Some(fields) = line.as_object_mut() {
            fields.insert("leverage".to_owned(), json!(self.settings.leverage.to_string()));
            fields.insert(
                "marginType".to_owned(),
                json!(if self.settings.isolated { "isolated" } else { "cross" }),
            );
            fields.insert("isolated".to_owned(), json!(self.settings.isolated));
            fields.insert("isAutoAddMargin".to_owned(), json!("false"));
            fields.insert("maxNotionalValue".to_owned(), json!("1000000"));
        }
        line
    }
}

fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

/// The lines of all listed symbols, or of one; with `held_only`, of those with a position or an open order.
fn lines(call: &Call<'_>, held_only: bool) -> Result<Vec<PositionLine>, Error> {
    let one = call.params.get("symbol").map(|_| listed(call.venue, call.params)).transpose()?;
    let symbols = call.venue.all_rules().into_iter().map(|rules| rules.instrument.symbol);
    let priced: Vec<(Symbol, Option<Price>)> = symbols
        .filter(|symbol| one.as_ref().is_none_or(|one| one == symbol))
        .map(|symbol| (symbol.clone(), call.venue.price(&symbol)))
        .collect();
    let lines = call.venue.with(call.account, |account| {
        let is_ordered = |symbol: &Symbol| account.open_orders().any(|order| order.symbol == *symbol);
        let of = |(symbol, mark): &(Symbol, Option<Price>)| position_lines(account, symbol, *mark);
        let wanted = |line: &PositionLine| !held_only || !line.amount.is_zero() || is_ordered(&line.symbol);
        priced.iter().flat_map(of).filter(wanted).collect()
    });
    Ok(lines.unwrap_or_default())
}

pub(super) fn account(call: &Call<'_>) -> Reply {
    let positions = lines(call, true)?.iter().map(PositionLine::account_json).collect::<Vec<_>>();
    Ok(account_json(call, &positions))
}

pub(super) fn account_with_settings(call: &Call<'_>) -> Reply {
    let of = |line: &PositionLine| {
        let mut json = line.with_settings(line.account_json());
        if let Some(fields) = json.as_object_mut() {
            fields.insert("entryPrice".to_owned(), json!(text(line.entry)));
        }
        json
    };
    let positions: Vec<Value> = lines(call, false)?.iter().map(of).collect();
    Ok(account_json(call, &positions))
}

fn account_json(call: &Call<'_>, positions: &[Value]) -> Value {
    let money = call.venue.with(call.account, Money::of).unwrap_or_default();
    let Money { wallet, unrealized, available } = money;
    let [wallet, unrealized, available] = [wallet, unrealized, available].map(text);
    let margin_balance = text(money.wallet + money.unrealized);
    let used = text(money.wallet + money.unrealized - money.available);
    let mut assets = vec![json!({
        "asset": "USDT", "walletBalance": wallet, "unrealizedProfit": unrealized,
        "marginBalance": margin_balance, "maintMargin": "0", "initialMargin": used,
        "positionInitialMargin": used, "openOrderInitialMargin": "0", "crossWalletBalance": wallet,
        "crossUnPnl": unrealized, "availableBalance": available, "maxWithdrawAmount": available,
        "marginAvailable": true, "updateTime": call.venue.now().ms(),
    })];
    assets.extend(fee_balance(call).map(|(asset, left)| {
        json!({
            "asset": asset, "walletBalance": left, "unrealizedProfit": "0", "marginBalance": left,
            "maintMargin": "0", "initialMargin": "0", "positionInitialMargin": "0",
            "openOrderInitialMargin": "0", "crossWalletBalance": left, "crossUnPnl": "0",
            "availableBalance": left, "maxWithdrawAmount": left, "marginAvailable": false,
            "updateTime": call.venue.now().ms(),
        })
    }));
    json!({
        "feeTier": 0, "canTrade": true, "canDeposit": true, "canWithdraw": true, "updateTime": 0,
        "multiAssetsMargin": false, "tradeGroupId": -1,
        "totalInitialMargin": used, "totalMaintMargin": "0", "totalWalletBalance": wallet,
        "totalUnrealizedProfit": unrealized, "totalMarginBalance": margin_balance,
        "totalPositionInitialMargin": used, "totalOpenOrderInitialMargin": "0", "totalCrossWalletBalance": wallet,
        "totalCrossUnPnl": unrealized, "availableBalance": available, "maxWithdrawAmount": available,
        "assets": assets,
        "positions": positions,
    })
}

#[derive(Debug, Clone, Copy, Default)]
struct Money {
    wallet: Decimal,
    unrealized: Decimal,
    available: Decimal,
}

impl Money {
    fn of(account: &Account) -> Self {
        let balance = account.balance();
        let available = balance.available.max(Quote::ZERO).decimal();
        Self { wallet: balance.wallet.decimal(), unrealized: balance.unrealized.decimal(), available }
    }
}

pub(super) fn balance(call: &Call<'_>) -> Reply {
    let Money { wallet, unrealized, available } =
        call.venue.with(call.account, Money::of).unwrap_or_default();
    let line = |asset: &str, [wallet, unrealized, available]: [String; 3], is_margin: bool| {
        json!({
            "accountAlias": format!("sim{}", uid(call)), "asset": asset, "balance": wallet,
            "crossWalletBalance": wallet, "crossUnPnl": unrealized, "availableBalance": available,
            "maxWithdrawAmount": available, "marginAvailable": is_margin, "updateTime": call.venue.now().ms(),
        })
    };
    let mut lines = vec![line("USDT", [wallet, unrealized, available].map(text), true)];
    lines.extend(
        fee_balance(call).map(|(asset, left)| line(&asset, [left.clone(), "0".to_owned(), left], false)),
    );
    Ok(Value::Array(lines))
}

/// What there is of the asset that fees are paid in.
fn fee_balance(call: &Call<'_>) -> Option<(String, String)> {
    let of =
        |account: &Account| account.fee_wallet().map(|wallet| (wallet.asset.clone(), text(wallet.balance)));
    call.venue.with(call.account, of).flatten()
}

pub(super) fn position_risk(call: &Call<'_>) -> Reply {
    Ok(lines(call, true)?.iter().map(PositionLine::risk_json).collect())
}

pub(super) fn position_risk_with_settings(call: &Call<'_>) -> Reply {
    Ok(lines(call, false)?.iter().map(|line| line.with_settings(line.risk_json())).collect())
}

pub(super) fn symbol_config(call: &Call<'_>) -> Reply {
    let mut lines = lines(call, false)?;
    lines.dedup_by(|one, other| one.symbol == other.symbol);
    let of = |line: &PositionLine| {
        json!({
            "symbol": line.symbol.as_str(), "marginType": if line.settings.isolated { "ISOLATED" } else { "CROSSED" },
            "isAutoAddMargin": false, "leverage": line.settings.leverage.get(), "maxNotionalValue": "1000000",
        })
    };
    Ok(lines.iter().map(of).collect())
}

pub(super) fn leverage_bracket(call: &Call<'_>) -> Reply {
    let one = call.params.get("symbol").map(|_| listed(call.venue, call.params)).transpose()?;
    let rules = call.venue.all_rules().into_iter().map(|rules| rules.instrument.symbol);
    let symbols = rules.filter(|symbol| one.as_ref().is_none_or(|one| one == symbol));
    let bracket = json!([{
        "bracket": 1, "initialLeverage": Leverage::MAX, "notionalCap": 1_000_000_000_i64, "notionalFloor": 0,
        "maintMarginRatio": 0.005, "cum": 0.0,
    }]);
    Ok(symbols
        .map(|symbol| json!({ "symbol": symbol.as_str(), "notionalCoef": "1.00", "brackets": bracket }))
        .collect())
}

pub(super) fn commission_rate(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let rates =
        call.venue.with(call.account, |account| (account.spec.maker_fee_pct, account.spec.taker_fee_pct));
    let (maker, taker) = rates.unwrap_or_default();
    Ok(json!({
        "symbol": symbol.as_str(), "makerCommissionRate": text(maker.fraction()),
        "takerCommissionRate": text(taker.fraction()),
    }))
}

pub(super) fn account_config(call: &Call<'_>) -> Reply {
    Ok(json!({
        "feeTier": 0, "canTrade": true, "canDeposit": true, "canWithdraw": true, "updateTime": 0, "tradeGroupId": -1,
        "dualSidePosition": is_hedged(call), "multiAssetsMargin": is_multi_assets(call),
    }))
}

pub(super) fn position_mode(call: &Call<'_>) -> Reply {
    Ok(json!({ "dualSidePosition": is_hedged(call) }))
}

pub(super) fn multi_assets(call: &Call<'_>) -> Reply {
    Ok(json!({ "multiAssetsMargin": is_multi_assets(call) }))
}

fn is_hedged(call: &Call<'_>) -> bool {
    call.venue.with(call.account, Account::position_mode) == Some(PositionMode::Hedge)
}

fn is_multi_assets(call: &Call<'_>) -> bool {
    call.venue.with(call.account, Account::is_multi_assets) == Some(true)
}

pub(super) fn order_limits(_: &Call<'_>) -> Reply {
    Ok(json!([
        { "rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": super::ORDERS_10S.max },
        { "rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": super::ORDERS_1M.max },
    ]))
}

pub(super) fn key_restrictions(call: &Call<'_>) -> Reply {
    let spec = call.venue.with(call.account, |account| account.spec.clone());
    let spec = spec.ok_or_else(Error::bad_symbol)?;
    let withdraws = spec.may(Permission::Withdraw);
    Ok(json!({
        "ipRestrict": spec.ip_restricted, "createTime": 1_698_645_219_000_i64,
        "enableReading": spec.may(Permission::Read), "enableFutures": spec.may(Permission::Trade),
        "enableWithdrawals": withdraws, "enableInternalTransfer": withdraws, "permitsUniversalTransfer": withdraws,
        "enableSpotAndMarginTrading": false, "enableMargin": false, "enableVanillaOptions": false,
        "enablePortfolioMarginTrading": false, "enableFixApiTrade": false, "enableFixReadOnly": false,
    }))
}

fn uid(call: &Call<'_>) -> u64 {
    let made = 10_000_001_u64.saturating_add(call.account.0 as u64);
    call.venue.with(call.account, |account| account.spec.uid).flatten().unwrap_or(made)
}

/// The spot account of the same key: empty, but it tells the account's own id.
pub(super) fn spot_account(call: &Call<'_>) -> Reply {
    Ok(json!({
        "uid": uid(call), "accountType": "SPOT", "canTrade": false, "canWithdraw": false, "canDeposit": false,
        "makerCommission": 0, "takerCommission": 0, "updateTime": 0, "permissions": ["SPOT"], "balances": [],
    }))
}

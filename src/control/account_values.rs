//! `key=value` of an account: its settings, its paper terms, its way out to the exchange.

use super::turn::Diff;
use super::{Assignment, ControlError};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::{Leverage, Quote};
use crate::domain::spelling;
use crate::engine::settings::{AccountSettings, MarginMode, PaperSettings, PolicyLimits, SettingKey};
use crate::store::accounts::AccountRow;

/// Keys beside the two tables of settings.
const OWN_KEYS: [&str; 2] = ["proxy", "bind_address"];

/// Every key that `account set` takes.
pub(super) fn known_keys() -> impl Iterator<Item = &'static str> {
    let name = |spec: &SettingKey| spec.key;
    let settings = AccountSettings::KEYS.iter().map(name);
    settings.chain(PaperSettings::KEYS.iter().map(name)).chain(OWN_KEYS)
}

/// Sets one key of the row in memory.
pub(super) fn assign(
    row: &mut AccountRow,
    assignment: &Assignment,
    limits: PolicyLimits,
) -> Result<(), ControlError> {
    let Assignment { key, value } = assignment;
    let is_in = |keys: &[SettingKey], key: &str| keys.iter().any(|spec| spec.key == key);
    if let Some(paper_key) = key.strip_prefix("paper.") {
        return assign_paper(row, paper_key, value);
    }
    match key.as_str() {
        key if is_in(AccountSettings::KEYS, key) => {
            row.settings.set(key, value, limits)?;
            require_sense(row.exchange, key, &row.settings)
        }
        key if is_in(PaperSettings::KEYS, key) => assign_paper(row, key, value),
        "proxy" => {
            row.proxy = optional(
                value,
                "proxy",
                "http://HOST:PORT or socks5://HOST:PORT without a password, or none",
                is_proxy,
            )?;
            Ok(())
        }
        "bind_address" => {
            let is_address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
            row.bind_address =
                optional(value, "bind_address", "an IP address of this machine, or none", is_address)?;
            Ok(())
        }
        unknown => {
            let hint = spelling::hint_or_all(unknown, known_keys());
            Err(ControlError::UnknownAccountKey { key: unknown.to_owned(), hint })
        }
    }
}

/// The paper book of an exchange's account holds what is paid with there.
fn assign_paper(row: &mut AccountRow, key: &str, value: &str) -> Result<(), ControlError> {
    row.paper_settings.set(key, value)?;
    let allowed = match row.exchange {
        ExchangeKind::Paper => return Ok(()),
        ExchangeKind::Binance | ExchangeKind::Bitget => "USDT, which is paid with there",
        ExchangeKind::Upbit => "KRW, which is paid with there",
    };
    let quote_asset = &row.paper_settings.quote_asset;
    if key != "quote_asset" || quote_asset == row.exchange.quote_asset() {
        return Ok(());
    }
    Err(ControlError::BadValue { key: "quote_asset", value: quote_asset.clone(), allowed })
}

/// What differs between two states of an account.
pub(super) fn diff(before: &AccountRow, after: &AccountRow) -> Diff {
    let mut diff = Diff::default();
    for spec in AccountSettings::KEYS {
        diff.compare(spec.key, before.settings.get(spec.key), after.settings.get(spec.key));
    }
    for spec in PaperSettings::KEYS {
        let key = format!("paper.{}", spec.key);
        diff.compare(&key, before.paper_settings.get(spec.key), after.paper_settings.get(spec.key));
    }
    diff.compare("proxy", before.proxy.clone(), after.proxy.clone());
    diff.compare("bind_address", before.bind_address.clone(), after.bind_address.clone());
    diff
}

/// What an account of this exchange starts with.
pub(super) fn adapt_defaults(row: &mut AccountRow) {
    match row.exchange {
        ExchangeKind::Upbit => {
            row.settings.leverage = Leverage::ONE;
            // 10,000 would be a few dollars there.
            row.paper_settings.initial_balance = Quote::new(10_000_000.into());
            "KRW".clone_into(&mut row.paper_settings.quote_asset);
        }
        ExchangeKind::Binance | ExchangeKind::Bitget | ExchangeKind::Paper => {}
    }
}

pub(super) const fn is_spot(exchange: ExchangeKind) -> bool {
    match exchange {
        ExchangeKind::Upbit => true,
        ExchangeKind::Binance | ExchangeKind::Bitget | ExchangeKind::Paper => false,
    }
}

/// Refuses what a spot exchange cannot do.
fn require_sense(exchange: ExchangeKind, key: &str, settings: &AccountSettings) -> Result<(), ControlError> {
    if !is_spot(exchange) {
        return Ok(());
    }
    let why = match key {
        "leverage" if settings.leverage > Leverage::ONE => "nothing is borrowed there: leverage is 1",
        "margin_mode" if settings.margin_mode == MarginMode::Isolated => "there is no margin",
        _ => return Ok(()),
    };
    let value = settings.get(key).unwrap_or_default();
    Err(ControlError::SpotOnly { exchange, key: key.to_owned(), value, why })
}

/// `none` is no value; anything else must pass.
fn optional(
    value: &str,
    key: &'static str,
    allowed: &'static str,
    is_allowed: impl Fn(&str) -> bool,
) -> Result<Option<String>, ControlError> {
    match value.trim() {
        "none" | "" => Ok(None),
        text if is_allowed(text) => Ok(Some(text.to_owned())),
        // A password may be in it: it is not repeated.
        text if text.contains('@') => {
            Err(ControlError::BadValue { key, value: "…@…".to_owned(), allowed })
        }
        text => Err(ControlError::BadValue { key, value: text.to_owned(), allowed }),
    }
}

/// Credentials would be stored in the clear, so a proxy with them is refused.
fn is_proxy(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("socks5://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['@', ' ', '\t']))
}

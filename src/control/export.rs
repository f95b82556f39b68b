//! The fleet as the file that [`super::import`] reads, without secrets.

use rusqlite::Connection;

use super::{ControlError, grids, names, strategies};
use crate::domain::kind::ExchangeKind;
use crate::engine::settings::{AccountSettings, BotSettings, GridDraft, PaperSettings, SettingKey};
use crate::store::accounts::AccountRow;
use crate::store::{bots, strategies as strategy_rows, telegram_bots};

/// Writes the accounts with their bots, and every strategy that is not built in. Secrets become references to
/// environment variables of the account's name.
pub fn export(conn: &Connection, accounts: &[AccountRow]) -> Result<String, ControlError> {
    let mut lines = vec![
        "# tradefleet accounts; read by `tradefleet account import FILE`.".to_owned(),
        "# Secrets are not part of an export: set the variables named here before an import.".to_owned(),
    ];
    for row in strategy_rows::list(conn)?.into_iter().filter(|row| !row.is_builtin) {
        lines.push("\n[[strategies]]".to_owned());
        lines.push(pair("name", &row.name));
        lines.push(pair("kind", &row.kind));
        lines.extend(row.timeframe.map(|timeframe| pair("timeframe", timeframe.as_str())));
        let all = strategies::strategy_params(&row)?.to_json();
        lines.push("[strategies.params]".to_owned());
        let set = all.as_object().into_iter().flatten().filter(|(key, _)| row.params.contains_key(*key));
        lines.extend(set.map(|(key, value)| format!("{key} = {value}")));
    }
    for account in accounts {
        account_lines(conn, account, &mut lines)?;
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}

fn account_lines(
    conn: &Connection,
    account: &AccountRow,
    lines: &mut Vec<String>,
) -> Result<(), ControlError> {
    lines.push("\n[[accounts]]".to_owned());
    lines.push(pair("name", &account.name));
    lines.push(pair("exchange", account.exchange.as_str()));
    let secrets: &[&str] = match account.exchange {
        ExchangeKind::Paper => &[],
        ExchangeKind::Binance | ExchangeKind::Upbit => &["api_key", "api_secret"],
        ExchangeKind::Bitget => &["api_key", "api_secret", "passphrase"],
    };
    lines.extend(secrets.iter().map(|field| pair(field, &variable(&account.name, field))));
    lines.extend(account.proxy.as_deref().map(|proxy| pair("proxy", proxy)));
    lines.extend(account.bind_address.as_deref().map(|address| pair("bind_address", address)));
    let tags: Vec<_> = account.tags.iter().map(|tag| quoted(tag)).collect();
    lines.push(format!("tags = [{}]", tags.join(", ")));
    lines.push(format!("active = {}", account.is_active));
    lines.push("[accounts.settings]".to_owned());
    lines.extend(settings(AccountSettings::KEYS, |key| account.settings.get(key)));
    lines.push("[accounts.paper]".to_owned());
    lines.extend(settings(PaperSettings::KEYS, |key| account.paper_settings.get(key)));
    if let Some(bot) = telegram_bots::find(conn, account.id)? {
        lines.push("[accounts.telegram]".to_owned());
        lines.push(pair("bot_token", &variable(&account.name, "bot_token")));
        lines.push(format!("chat_id = {}", bot.chat_id));
        let users = telegram_bots::users(conn, account.id)?;
        if !users.is_empty() {
            let users: Vec<_> = users.iter().map(ToString::to_string).collect();
            lines.push(format!("users = [{}]", users.join(", ")));
        }
        lines.extend(bot.language.map(|language| pair("language", &language)));
    }
    for bot in bots::list(conn, Some(account.id))? {
        lines.push("[[accounts.bots]]".to_owned());
        lines.push(pair("name", &bot.name));
        if let Some(id) = bot.strategy_id {
            lines.push(pair("strategy", &strategy_rows::get(conn, id)?.name));
        }
        lines.push(format!("start = {}", bot.is_running));
        let grid = grids::draft_of(conn, bot.id)?;
        let is_grid = grid.is_some();
        if is_grid {
            lines.push(pair("type", bot.bot_type.as_str()));
        }
        let own = |key: &str| bot.settings.get(key).filter(|_| grids::check_key(key, is_grid).is_ok());
        lines.extend(settings(BotSettings::KEYS, own));
        if let Some(grid) = grid {
            lines.push("[accounts.bots.grid]".to_owned());
            lines.extend(settings(GridDraft::KEYS, |key| grid.get(key)));
        }
    }
    Ok(())
}

fn settings<'k>(
    keys: &'k [SettingKey],
    value: impl Fn(&str) -> Option<String> + 'k,
) -> impl Iterator<Item = String> + 'k {
    keys.iter().filter_map(move |spec| Some(bare_or_quoted(spec.key, &value(spec.key)?)))
}

/// Flags and numbers bare, everything else as text.
fn bare_or_quoted(key: &str, value: &str) -> String {
    match value {
        text if key == "description" => pair(key, text),
        "on" => format!("{key} = true"),
        "off" => format!("{key} = false"),
        number if number.parse::<rust_decimal::Decimal>().is_ok() => format!("{key} = {number}"),
        text => pair(key, text),
    }
}

fn pair(key: &str, text: &str) -> String {
    format!("{key} = {}", quoted(text))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// `env:TRADEFLEET_<ACCOUNT>_<FIELD>`, in what a shell accepts; another for every account. Small letters, digits and
/// `-` say which name it was. Any other name is marked, in small letters, which no plain one has.
fn variable(account: &str, field: &str) -> String {
    let word = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    let is_plain = account.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    let mark = if is_plain { String::new() } else { format!("_x{}", names::mark(account)) };
    format!("env:TRADEFLEET_{}{mark}_{}", word(account), word(field))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::variable;

    #[test]
    fn each_account_has_variables_of_its_own() {
        assert_eq!(variable("fam-1", "api_key"), "env:TRADEFLEET_FAM_1_API_KEY");
        let names = ["fam-1", "fam_1", "fam.1", "FAM-1", "Fam-1", "가족", "회사", "가-1", "_", "__"];
        let variables: BTreeSet<_> = names.iter().map(|name| variable(name, "api_key")).collect();
        assert_eq!(variables.len(), names.len(), "{variables:?}");
        let is_word = |text: &str| text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
        assert!(variables.iter().all(|text| text.strip_prefix("env:").is_some_and(is_word)), "{variables:?}");
    }
}

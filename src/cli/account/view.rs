//! What `account list` and `account show` print.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cli::bot::effective::{Effective, Strategies, effective};
use crate::cli::output::Tone;
use crate::cli::{CliError, Context, figures};
use crate::domain::fee::FeeSum;
use crate::domain::figures::allocation_bar;
use crate::domain::ids::AccountId;
use crate::domain::instrument::Symbol;
use crate::domain::kind::ExchangeKind;
use crate::domain::money::Pct;
use crate::engine::settings::{AccountSettings, PaperSettings, SettingKey};
use crate::engine::state::External;
use crate::store::accounts::{self, AccountRow};
use crate::store::bots::{self, BotRow};
use crate::store::latches::{self, AccountHealth};
use crate::store::queries::fees;
use crate::store::{holdings, journal, telegram_bots};

/// One word for how the account trades.
const fn mode(account: &AccountRow) -> &'static str {
    match (account.exchange, account.settings.dry_run) {
        (_, true) => "dry run",
        (ExchangeKind::Paper, false) => "paper",
        (ExchangeKind::Binance | ExchangeKind::Bitget | ExchangeKind::Upbit, false) => "live",
    }
}

/// The `dry_run` of the fills on the book that the account trades on now (`None`: of all), and the book's currency.
fn book_in_use(account: &AccountRow) -> (Option<bool>, String) {
    match (account.exchange, account.settings.dry_run) {
        (ExchangeKind::Paper, _) => (None, account.paper_settings.quote_asset.clone()),
        (_, true) => (Some(true), account.paper_settings.quote_asset.clone()),
        (exchange, false) => (Some(false), exchange.quote_asset().to_owned()),
    }
}

/// One word for how it fares, worst first.
const fn state(account: &AccountRow, health: &AccountHealth) -> (&'static str, Tone) {
    if health.quarantined_at.is_some() {
        ("quarantined", Tone::Bad)
    } else if health.halted_at.is_some() {
        ("halted", Tone::Warning)
    } else if !account.is_active {
        ("inactive", Tone::Faint)
    } else {
        ("active", Tone::Good)
    }
}

pub(super) fn list(tag: Option<&str>, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = store.conn();
    let rows = match tag {
        Some(tag) => accounts::tagged(conn, tag)?,
        None => accounts::list(conn)?,
    };
    let columns = ["NAME", "EXCHANGE", "MODE", "STATE", "BOTS", "ALLOCATION", "TAGS"];
    let mut table = context.out.new_table(&columns, &[]);
    let mut documents = Vec::new();
    let mut all_bots: BTreeMap<AccountId, Vec<BotRow>> = BTreeMap::new();
    for bot in bots::list(conn, None)? {
        all_bots.entry(bot.account_id).or_default().push(bot);
    }
    for row in &rows {
        let bots = all_bots.remove(&row.id).unwrap_or_default();
        let running = bots.iter().filter(|bot| bot.is_running).count();
        let used = bots.iter().fold(Pct::ZERO, |sum, bot| sum + bot.settings.allocation_percent);
        let (state, tone) = state(row, &latches::health(conn, row.id)?);
        if context.out.is_json() {
            documents.push(json!({
                "name": row.name, "id": row.id, "exchange": row.exchange, "mode": mode(row), "state": state,
                "active": row.is_active, "dry_run": row.settings.dry_run, "bots": bots.len(),
                "bots_running": running, "allocation_percent": used, "tags": row.tags,
            }));
            continue;
        }
        table.add_row([
            row.name.clone(),
            row.exchange.to_string(),
            mode(row).to_owned(),
            context.out.paint(tone, state),
            format!("{running}/{} running", bots.len()),
            allocation_bar(used.decimal()),
            row.tags.join(","),
        ]);
    }
    if context.out.is_json() {
        return context.out.json(&json!({ "accounts": documents }));
    }
    if rows.is_empty() {
        context.out.note("no accounts yet: tradefleet account add NAME --exchange paper");
        return Ok(());
    }
    context.out.table(&table)
}

/// An account with everything that is shown of it.
struct Page {
    account: AccountRow,
    health: AccountHealth,
    bots: Vec<(BotRow, Effective)>,
    allocation: rust_decimal::Decimal,
    open_positions: u32,
    chat_id: Option<i64>,
    /// What it has paid on the book in use, by asset.
    fees: Vec<FeeSum>,
    quote_asset: String,
    /// Somebody else's holdings and orders, by symbol.
    external: BTreeMap<Symbol, External>,
}

pub(super) fn show(name: &str, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = store.conn();
    let account = accounts::find(conn, name)?;
    let limits = context.config()?.limits;
    let strategies = Strategies::read(conn)?;
    let bots = bots::list(conn, Some(account.id))?
        .into_iter()
        .map(|bot| {
            let effective = effective(&strategies, &account, &bot, limits);
            (bot, effective)
        })
        .collect();
    let (dry_run, quote_asset) = book_in_use(&account);
    let fees = fees::of_account(conn, account.id, dry_run)?;
    let page = Page {
        fees,
        quote_asset,
        health: latches::health(conn, account.id)?,
        external: journal::external_of(conn, account.id)?,
        allocation: bots::allocation_used(conn, account.id)?.decimal(),
        open_positions: holdings::open_of_account(conn, account.id)?,
        chat_id: telegram_bots::find(conn, account.id)?.map(|bot| bot.chat_id),
        account,
        bots,
    };
    if context.out.is_json() { context.out.json(&page.to_json()) } else { page.print(context) }
}

fn document(keys: &[SettingKey], value: impl Fn(&str) -> Option<String>) -> Value {
    let pairs = keys.iter().filter_map(|spec| Some((spec.key.to_owned(), Value::from(value(spec.key)?))));
    Value::Object(pairs.collect::<Map<_, _>>())
}

impl Page {
    fn to_json(&self) -> Value {
        let (account, health) = (&self.account, &self.health);
        json!({
            "name": account.name, "id": account.id, "exchange": account.exchange, "mode": mode(account),
            "state": state(account, health).0, "active": account.is_active, "tags": account.tags,
            "keys": {
                "api_key": account.api_key.is_some(), "api_secret": account.api_secret.is_some(),
                "passphrase": account.passphrase.is_some(),
            },
            "proxy": account.proxy, "bind_address": account.bind_address,
            "telegram_chat_id": self.chat_id,
            "settings": document(AccountSettings::KEYS, |key| account.settings.get(key)),
            "paper": document(PaperSettings::KEYS, |key| account.paper_settings.get(key)),
            "equity": health.equity, "open_positions": self.open_positions,
            "fees": self.fees, "external": self.external,
            "halted_at": health.halted_at, "halt_reason": health.halt_reason, "halt_flatten": health.halt_flatten,
            "quarantined_at": health.quarantined_at, "quarantine_reason": health.quarantine_reason,
            "breaker": health.breaker, "last_error": health.last_error, "last_error_at": health.last_error_at,
            "last_cycle_at": health.last_cycle_at,
            "allocation_percent": self.allocation.normalize().to_string(),
            "bots": self.bots.iter().map(|(bot, effective)| effective.to_json(bot)).collect::<Vec<_>>(),
        })
    }

    fn print(&self, context: &Context) -> Result<(), CliError> {
        let (out, account, health) = (&context.out, &self.account, &self.health);
        let (state, tone) = state(account, health);
        out.line(format!(
            "{}  {} on {}, {}",
            out.paint(Tone::Strong, &account.name),
            mode(account),
            account.exchange,
            out.paint(tone, state)
        ))?;
        let yes = |is_set: bool| if is_set { "set" } else { "none" };
        out.line(format!(
            "keys          api_key {}, api_secret {}, passphrase {}",
            yes(account.api_key.is_some()),
            yes(account.api_secret.is_some()),
            yes(account.passphrase.is_some())
        ))?;
        let at = |at: Option<crate::domain::time::Timestamp>| at.map(|at| at.to_string());
        for (label, value) in [
            ("tags", (!account.tags.is_empty()).then(|| account.tags.join(", "))),
            ("proxy", account.proxy.clone()),
            ("bind address", account.bind_address.clone()),
            ("telegram chat", self.chat_id.map(|chat| chat.to_string())),
            ("equity", health.equity.clone()),
            ("open", Some(format!("{} positions", self.open_positions))),
            ("last cycle", at(health.last_cycle_at)),
            ("halted", at(health.halted_at)),
            ("halt reason", health.halt_reason.clone()),
            ("quarantined", at(health.quarantined_at)),
            ("because", health.quarantine_reason.clone()),
            ("breaker", health.breaker.clone()),
            ("last error", health.last_error.clone()),
        ] {
            if let Some(value) = value {
                out.line(format!("{label:<14}{value}"))?;
            }
        }
        for sum in &self.fees {
            out.line(format!("{:<14}{}", "fees", figures::fee_sum(sum, &self.quote_asset)))?;
        }
        for (symbol, others) in &self.external {
            let (long, short, orders) = (others.long, others.short, others.open_orders);
            let what = format!("{symbol}: long {long}, short {short}, {orders} orders; left alone");
            out.line(format!("{:<14}{what}", "external"))?;
        }
        out.line(format!("{:<14}{}", "allocation", allocation_bar(self.allocation)))?;
        out.line("")?;
        let mut settings = out.new_table(&["SETTING", "VALUE", "MEANING"], &[1]);
        for spec in AccountSettings::KEYS {
            settings.add_row([
                spec.key,
                &account.settings.get(spec.key).unwrap_or_default(),
                spec.description,
            ]);
        }
        for spec in PaperSettings::KEYS {
            let value = account.paper_settings.get(spec.key).unwrap_or_default();
            settings.add_row([format!("paper.{}", spec.key), value, spec.description.to_owned()]);
        }
        out.table(&settings)?;
        if self.bots.is_empty() {
            return Ok(());
        }
        out.line("")?;
        out.table(&crate::cli::bot::effective::table(*out, self.bots.iter().map(|(bot, it)| (None, bot, it))))
    }
}

//! From TOML to a [`Fleet`]: every key known, every value in range, all mistakes reported with their lines.

use std::collections::BTreeMap;

use super::{Fleet, ImportOptions, PlannedAccount, secrets};
use crate::config::document::{self, Entry, Fields, Node, Problem, Problems, table_of};
use crate::control::command::{NewAccount, NewBotSpec, NewStrategy, TelegramValues};
use crate::control::strategies::parse_timeframe;
use crate::control::{AccountKeys, Assignment};
use crate::domain::kind::{BotType, ExchangeKind};
use crate::engine::settings::{AccountSettings, BotSettings, GridDraft, PaperSettings};
use crate::strategy::{StrategyKind, StrategyParams};
use crate::vault::Secret;

pub(super) fn fleet(text: &str, options: ImportOptions<'_>) -> Result<Fleet, Vec<Problem>> {
    let entries = document::parse(text)?;
    let mut reader = Reader { options, problems: Problems::default() };
    let fleet = reader.fleet(&entries);
    reader.problems.into_result(fleet)
}

struct Reader<'o> {
    options: ImportOptions<'o>,
    problems: Problems,
}

impl Reader<'_> {
    fn fleet(&mut self, entries: &[Entry]) -> Fleet {
        let mut fields = Fields::new("the file", entries);
        let strategies = fields.list("strategies", &mut self.problems);
        let accounts = fields.list("accounts", &mut self.problems);
        fields.finish(&mut self.problems);
        if strategies.is_empty() && accounts.is_empty() {
            self.problems.add(1, "the file has no [[accounts]] and no [[strategies]]");
        }
        let fleet = Fleet {
            strategies: strategies.iter().filter_map(|node| self.strategy(node)).collect(),
            accounts: accounts.iter().filter_map(|node| self.account(node)).collect(),
        };
        self.check_keys_differ(&fleet.accounts);
        fleet
    }

    /// Two accounts that trade on one exchange with one key are one account, with two books.
    fn check_keys_differ(&mut self, accounts: &[PlannedAccount]) {
        let mut seen = BTreeMap::new();
        for account in accounts {
            let Some(key) = &account.keys.api_key else { continue };
            let (name, exchange) = (account.new.name.as_str(), account.new.exchange);
            if let Some(first) = seen.insert((exchange, key.expose()), name) {
                let message = format!("accounts `{first}` and `{name}` have the same API key of {exchange}");
                self.problems.add(account.line, message);
            }
        }
    }

    fn strategy(&mut self, node: &Node) -> Option<(usize, NewStrategy)> {
        let mut fields = Fields::new("[[strategies]]", table_of("strategies", node, &mut self.problems)?);
        let name = self.required(&mut fields, "name", node.line);
        let kind = self.required(&mut fields, "kind", node.line);
        let timeframe = fields.scalar("timeframe", &mut self.problems);
        let params = fields.table("params", &mut self.problems);
        fields.finish(&mut self.problems);
        let kind: StrategyKind = match kind?.parse() {
            Ok(kind) => kind,
            Err(error) => {
                self.problems.add(node.line, error);
                return None;
            }
        };
        let timeframe = timeframe.and_then(|(text, line)| match parse_timeframe(text) {
            Ok(timeframe) => timeframe,
            Err(error) => {
                self.problems.add(line, error);
                None
            }
        });
        let mut checked = StrategyParams::new(kind);
        let values = self.values(params, |key, value| checked.set(key, value).map_err(|e| e.to_string()));
        if let Err(error) = checked.validate() {
            self.problems.add(node.line, error);
        }
        Some((node.line, NewStrategy { name: name?.to_owned(), kind, timeframe, values }))
    }

    fn account(&mut self, node: &Node) -> Option<PlannedAccount> {
        let mut fields = Fields::new("[[accounts]]", table_of("accounts", node, &mut self.problems)?);
        let name = self.required(&mut fields, "name", node.line);
        let exchange = self.required(&mut fields, "exchange", node.line);
        let place = name.unwrap_or("account");
        let mut keys = AccountKeys {
            api_key: self.secret(&mut fields, "api_key", place),
            api_secret: self.secret(&mut fields, "api_secret", place),
            passphrase: self.secret(&mut fields, "passphrase", place),
            bot_token: None,
        };
        let is_active = self.flag(&mut fields, "active").unwrap_or(true);
        let tags = self.texts(&mut fields, "tags");
        let mut values = Vec::new();
        for key in ["proxy", "bind_address"] {
            let given = fields.scalar(key, &mut self.problems);
            values.extend(given.map(|(text, _)| Assignment::new(key, text)));
        }
        let settings = fields.table("settings", &mut self.problems);
        values.extend(self.settings(settings));
        let paper = fields.table("paper", &mut self.problems);
        values.extend(self.paper(paper));
        let telegram = fields.take("telegram").and_then(|node| self.telegram(node, place, &mut keys));
        let bots = fields.list("bots", &mut self.problems);
        fields.finish(&mut self.problems);
        let bots = bots.iter().filter_map(|node| self.bot(node, place)).collect();
        let exchange = exchange?;
        let Some(kind) = ExchangeKind::from_word(exchange) else {
            let known: Vec<_> = ExchangeKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let message = format!("exchange = `{exchange}` is not allowed: {}", known.join(", "));
            self.problems.add(node.line, message);
            return None;
        };
        let new = NewAccount { name: name?.to_owned(), exchange: kind, values, tags };
        Some(PlannedAccount { line: node.line, new, keys, is_active, telegram, bots })
    }

    fn settings(&mut self, entries: &[Entry]) -> Vec<Assignment> {
        let mut scratch = AccountSettings::default();
        let limits = self.options.limits;
        self.values(entries, |key, value| scratch.set(key, value, limits).map_err(|error| error.to_string()))
    }

    fn paper(&mut self, entries: &[Entry]) -> Vec<Assignment> {
        let mut scratch = PaperSettings::default();
        let mut values =
            self.values(entries, |key, value| scratch.set(key, value).map_err(|e| e.to_string()));
        for value in &mut values {
            value.key = format!("paper.{}", value.key);
        }
        values
    }

    fn telegram(
        &mut self,
        node: &Node,
        place: &str,
        keys: &mut AccountKeys,
    ) -> Option<(usize, TelegramValues)> {
        let mut fields = Fields::new("[accounts.telegram]", table_of("telegram", node, &mut self.problems)?);
        keys.bot_token = self.secret(&mut fields, "bot_token", place);
        let chat_id = self.required(&mut fields, "chat_id", node.line);
        if keys.bot_token.is_none() && fields.take("bot_token").is_none() {
            self.problems.add(node.line, "`bot_token` is missing in [accounts.telegram]");
        }
        let users = self.texts(&mut fields, "users");
        let language = fields.scalar("language", &mut self.problems).map(|(text, _)| text.to_owned());
        fields.finish(&mut self.problems);
        let chat_id = self.number("chat_id", chat_id?, node.line)?;
        let users: Option<Vec<i64>> =
            users.iter().map(|user| self.number("users", user, node.line)).collect();
        let users = users.filter(|users| !users.is_empty());
        Some((
            node.line,
            TelegramValues { chat_id: Some(chat_id), users, language, ..TelegramValues::default() },
        ))
    }

    fn number(&mut self, key: &str, text: &str, line: usize) -> Option<i64> {
        let number = text.parse().ok();
        if number.is_none() {
            self.problems.add(line, format!("{key} = `{text}` is not a whole number"));
        }
        number
    }

    fn bot(&mut self, node: &Node, account: &str) -> Option<(usize, NewBotSpec)> {
        let entries = table_of("bots", node, &mut self.problems)?;
        let mut own = Fields::new("[[accounts.bots]]", entries);
        let name = self.required(&mut own, "name", node.line);
        let strategy = own.scalar("strategy", &mut self.problems).map(|(text, _)| text.to_owned());
        let start = self.flag(&mut own, "start").unwrap_or(false);
        let bot_type = self.bot_type(&mut own);
        let is_setting = |entry: &&Entry| BotSettings::KEYS.iter().any(|spec| spec.key == entry.key);
        let settings: Vec<Entry> = entries.iter().filter(is_setting).cloned().collect();
        let limits = self.options.limits;
        let mut scratch = BotSettings::default();
        let mut values = self.values(&settings, |key, value| {
            scratch.set(key, value, limits).map_err(|error| error.to_string())
        });
        let mut grid = GridDraft::default();
        let entries = own.table("grid", &mut self.problems);
        values.extend(
            self.values(entries, |key, value| {
                grid.set(key, value, limits).map_err(|error| error.to_string())
            }),
        );
        for spec in BotSettings::KEYS {
            own.take(spec.key);
        }
        own.finish(&mut self.problems);
        Some((
            node.line,
            NewBotSpec {
                account: account.to_owned(),
                name: name?.to_owned(),
                bot_type,
                strategy,
                values,
                start,
            },
        ))
    }

    fn bot_type(&mut self, fields: &mut Fields<'_>) -> BotType {
        let Some((text, line)) = fields.scalar("type", &mut self.problems) else { return BotType::AiTrend };
        BotType::from_word(text).unwrap_or_else(|| {
            self.problems.add(line, format!("type = `{text}` is not allowed: ai_trend or grid"));
            BotType::AiTrend
        })
    }

    /// Plain values by key; each passes through `check`.
    fn values(
        &mut self,
        entries: &[Entry],
        mut check: impl FnMut(&str, &str) -> Result<(), String>,
    ) -> Vec<Assignment> {
        let mut values = Vec::new();
        for entry in entries {
            let Some(text) = entry.node.scalar() else {
                let kind = entry.node.kind();
                self.problems.add(entry.line, format!("`{}` is {kind}, not a single value", entry.key));
                continue;
            };
            match check(&entry.key, text) {
                Ok(()) => values.push(Assignment::new(entry.key.as_str(), text)),
                Err(message) => self.problems.add(entry.line, message),
            }
        }
        values
    }

    fn required<'a>(&mut self, fields: &mut Fields<'a>, key: &'static str, line: usize) -> Option<&'a str> {
        let found = fields.take(key);
        match found.map(|node| (node.scalar(), node.line)) {
            Some((Some(text), _)) => return Some(text),
            Some((None, line)) => self.problems.add(line, format!("`{key}` is not a single value")),
            None => self.problems.add(line, format!("`{key}` is missing")),
        }
        None
    }

    fn flag(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<bool> {
        let (text, line) = fields.scalar(key, &mut self.problems)?;
        let flag = text.parse().ok();
        if flag.is_none() {
            self.problems.add(line, format!("{key} = `{text}` is not allowed: true or false"));
        }
        flag
    }

    fn texts(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Vec<String> {
        let nodes = fields.list(key, &mut self.problems);
        nodes
            .iter()
            .filter_map(|node| {
                let text = node.scalar().map(str::to_owned);
                if text.is_none() {
                    self.problems.add(node.line, format!("`{key}` holds {}, not texts", node.kind()));
                }
                text
            })
            .collect()
    }

    fn secret(&mut self, fields: &mut Fields<'_>, key: &'static str, place: &str) -> Option<Secret> {
        let (reference, line) = fields.scalar(key, &mut self.problems)?;
        match secrets::resolve(reference, &format!("{key} of {place}"), self.options) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                self.problems.add(line, format!("{key}: {problem}"));
                None
            }
        }
    }
}

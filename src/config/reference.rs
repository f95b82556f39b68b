//! The reference of every key and setting as a Markdown page, made from the tables that the program reads by.

use std::fmt::Write;

use super::reload::is_live;
use super::{Config, ConfigKey, KEYS};
use crate::engine::settings::{AccountSettings, BotSettings, PaperSettings, SettingKey};

const HEAD: &str = "\
# Configuration reference

Made by `tradefleet config reference` from the tables that the program itself reads by; a test compares this page with
them. After a change of a key: `cargo run -- config reference > docs/config.md`.

What is common to all accounts is in `config.toml` in the home folder; each key is optional. `tradefleet init` writes the
file with every key at its default, commented out; `tradefleet config check` finds all mistakes at once, with their lines;
`tradefleet config show` prints what is in effect and where it comes from. Unknown keys are refused.

*Reload* says what a running daemon does when it is told to read the file again (`systemctl reload tradefleet`, or SIGHUP):
`at once`, or `next start`.
";

const INSTRUMENTS: &str = "\
## [instruments.SYMBOL]

The exchange's own rules of a symbol are replaced by what is set here. None has a default; all take effect with the next
start.

| key | type | allowed | meaning |
|---|---|---|---|
| `tick` | decimal | above 0 | prices are multiples of it |
| `step` | decimal | above 0 | quantities are multiples of it |
| `min_qty` | decimal | 0 or more | least quantity of an order |
| `min_notional` | decimal | 0 or more | least price x quantity of an order, quote currency |
";

/// The kind of a value, as the file writes it.
pub fn kind(spec: &ConfigKey, default: &str) -> &'static str {
    if spec.is_list {
        "list of texts"
    } else if default.starts_with('"') {
        "text"
    } else if matches!(default, "true" | "false") {
        "true or false"
    } else {
        "number"
    }
}

/// The whole page.
pub fn markdown() -> String {
    let defaults = Config::default();
    let mut page = HEAD.to_owned();
    let mut section = "";
    for spec in KEYS {
        let Some((own_section, name)) = spec.key.split_once('.') else { continue };
        if own_section != section {
            section = own_section;
            // Writing to a String cannot fail.
            let _ = write!(
                page,
                "\n## [{section}]\n\n| key | type | default | allowed | meaning | reload |\n|---|---|---|---|---|---|\n"
            );
        }
        let default = defaults.get(spec.key).unwrap_or_default();
        let (kind, reload) = (kind(spec, &default), if is_live(spec.key) { "at once" } else { "next start" });
        let (allowed, meaning) = (cell(spec.allowed), cell(spec.description));
        let _ = writeln!(page, "| `{name}` | {kind} | `{default}` | {allowed} | {meaning} | {reload} |");
    }
    let _ = write!(page, "\n{INSTRUMENTS}");
    let account = AccountSettings::default();
    let title = "Settings of an account\n\nIn the database, set by `tradefleet account set NAME KEY=VALUE`, by import or by chat; they take effect with the\nnext cycle.";
    settings(&mut page, title, AccountSettings::KEYS, |key| account.get(key));
    let paper = PaperSettings::default();
    let title = "The paper book of an account\n\nOf accounts of the exchange `paper` and of accounts in dry run; set by `tradefleet account set` too.";
    settings(&mut page, title, PaperSettings::KEYS, |key| paper.get(key));
    let bot = BotSettings::default();
    let title =
        "Settings of a bot\n\nIn the database, set by `tradefleet bot set NAME KEY=VALUE --account ACCOUNT`.";
    settings(&mut page, title, BotSettings::KEYS, |key| bot.get(key));
    page
}

fn settings(page: &mut String, title: &str, keys: &[SettingKey], value: impl Fn(&str) -> Option<String>) {
    let _ = write!(page, "\n## {title}\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n");
    for spec in keys {
        let default = value(spec.key).filter(|value| !value.is_empty());
        let default = default.map_or_else(String::new, |value| format!("`{value}`"));
        let (allowed, meaning) = (cell(spec.allowed), cell(spec.description));
        let _ = writeln!(page, "| `{}` | {default} | {allowed} | {meaning} |", spec.key);
    }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

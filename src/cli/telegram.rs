//! `telegram set|show|test|remove`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::Tone;
use super::secrets::TokenArgs;
use super::write::{self, Request, WriteArgs};
use super::{CliError, Context, Exit, figures, runtime, when};
use crate::control::command::TelegramValues;
use crate::control::{AccountKeys, Assignment, Command};
use crate::notify::telegram::answer::Answer;
use crate::notify::telegram::api::{Api, ApiError, Line};
use crate::notify::text::{Lang, chat};
use crate::store::accounts::AccountRow;
use crate::store::telegram_bots::{self, TelegramBotRow};
use crate::store::{Store, StoreError, accounts, ignored_updates};
use crate::vault::Field;

/// Ignored updates that are shown.
const IGNORED_SHOWN: u32 = 20;

#[derive(Debug, Args)]
pub(super) struct TelegramArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Give an account its Telegram bot and chat, or change them
    Set(SetArgs),
    /// Show the accounts' bots, and what was ignored lately
    Show {
        /// Only this account
        account: Option<String>,
    },
    /// Ask Telegram whose token it is, and send a message to the chat
    Test { account: String },
    /// Take an account's bot away
    Remove {
        account: String,
        #[command(flatten)]
        write: WriteArgs,
    },
}

#[derive(Debug, Args)]
struct SetArgs {
    account: String,
    /// The chat: a person's number, or a group's (below 0)
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    chat: Option<i64>,
    /// Who may give commands; may be repeated. Without any it is the person of a private chat, and nobody in a group
    #[arg(long = "user", value_name = "ID", allow_negative_numbers = true)]
    users: Vec<i64>,
    /// Nobody but the person of the private chat any more
    #[arg(long, conflicts_with = "users")]
    no_users: bool,
    /// en, ko, or default for what the configuration says
    #[arg(long = "lang", value_name = "LANG")]
    language: Option<String>,
    /// At which hour the day is summed up: 0 to 23, or off
    #[arg(long, value_name = "HOUR")]
    daily_hour: Option<String>,
    /// In which time zone that hour is: UTC, Asia/Seoul, Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// How a kind of notice is told: entry=silent, dca=off, exit=on; may be repeated
    #[arg(long = "notify", value_name = "KIND=on|silent|off", value_parser = write::assignment)]
    notices: Vec<Assignment>,
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    write: WriteArgs,
}

impl SetArgs {
    /// As `notice set` takes them.
    fn notices(&self) -> Vec<Assignment> {
        let daily = [("daily_hour", &self.daily_hour), ("time_zone", &self.time_zone)];
        let daily =
            daily.into_iter().filter_map(|(key, value)| Some(Assignment::new(key, value.as_deref()?)));
        self.notices.iter().cloned().chain(daily).collect()
    }
}

pub(super) fn run(args: &TelegramArgs, context: &Context) -> Result<(), CliError> {
    match &args.verb {
        Verb::Set(args) => set(args, context),
        Verb::Show { account } => show(account.as_deref(), context),
        Verb::Test { account } => test(account, context),
        Verb::Remove { account, write } => {
            write::run(context, &Command::RemoveTelegram { account: account.clone() }, *write)
        }
    }
}

fn set(args: &SetArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let account = accounts::find(store.conn(), &args.account)?;
    let has_token = telegram_bots::find(store.conn(), account.id)?.is_some();
    let keys =
        AccountKeys { bot_token: args.token.read_or_ask(!has_token, context)?, ..AccountKeys::default() };
    let users = (args.no_users || !args.users.is_empty()).then(|| args.users.clone());
    let values = TelegramValues {
        chat_id: args.chat,
        users,
        language: args.language.clone(),
        notices: args.notices(),
    };
    if values == TelegramValues::default() && keys.is_empty() {
        return Err(CliError::usage("nothing was given to set").hint(
            "--chat ID, --user ID, --lang ko, --daily-hour 9, --notify entry=silent, --token-env NAME",
        ));
    }
    let command = Command::SetTelegram { account: args.account.clone(), values };
    let request =
        Request { command: &command, keys: &keys, is_rehearsal: args.write.dry_run, confirmed: false };
    let (store, applied) = request.apply(context)?;
    write::report(context, &store, &applied, args.write.dry_run)?;
    let after = telegram_bots::find(store.conn(), account.id)?;
    if after.is_some_and(|bot| bot.chat_id < 0) && telegram_bots::users(store.conn(), account.id)?.is_empty()
    {
        context.out.note("in a group nobody may give commands before --user ID names who");
    }
    Ok(())
}

fn show(account: Option<&str>, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = store.conn();
    let rows = match account {
        Some(name) => vec![bot_of(&store, name)?],
        None => telegram_bots::list(conn)?
            .into_iter()
            .map(|bot| Ok((accounts::get(conn, bot.account_id)?, bot)))
            .collect::<Result<Vec<_>, StoreError>>()?,
    };
    let columns = ["ACCOUNT", "CHAT", "USERS", "LANGUAGE", "LAST UPDATE", "MUTED UNTIL"];
    let mut table = context.out.new_table(&columns, &[1]);
    let mut documents = Vec::new();
    for (account, bot) in &rows {
        let users = telegram_bots::users(conn, account.id)?;
        let state = telegram_bots::state(conn, account.id)?;
        documents.push(json!({
            "account": account.name, "chat_id": bot.chat_id, "users": users, "language": bot.language,
            "last_update_id": state.last_update_id, "last_update_at": state.last_update_at,
            "muted_until": state.muted_until,
        }));
        let users: Vec<_> = users.iter().map(ToString::to_string).collect();
        table.add_row([
            account.name.clone(),
            bot.chat_id.to_string(),
            users.join(","),
            bot.language.clone().unwrap_or_else(|| "default".to_owned()),
            when::minute_opt(state.last_update_at),
            when::minute_opt(state.muted_until),
        ]);
    }
    let ignored = ignored_updates::list(conn, IGNORED_SHOWN)?;
    if context.out.is_json() {
        let ignored: Vec<_> = ignored
            .iter()
            .map(|row| {
                json!({
                    "at": row.at, "bot_id": row.bot_id, "update_id": row.update_id, "chat_id": row.chat_id,
                    "user_id": row.user_id, "reason": row.reason,
                })
            })
            .collect();
        return context.out.json(&json!({ "accounts": documents, "ignored": ignored }));
    }
    if rows.is_empty() {
        return context.out.line("no account has a Telegram bot; `tradefleet telegram set` gives it one");
    }
    context.out.table(&table)?;
    if account.is_some() || ignored.is_empty() {
        return Ok(());
    }
    context.out.line(format!("\n{}", context.out.paint(Tone::Strong, "ignored lately")))?;
    let mut table = context.out.new_table(&["AT", "BOT", "CHAT", "USER", "WHY"], &[]);
    for row in &ignored {
        table.add_row([
            when::minute(row.at),
            row.bot_id.to_string(),
            figures::or_dash(row.chat_id),
            figures::or_dash(row.user_id),
            row.reason.clone(),
        ]);
    }
    context.out.table(&table)
}

fn bot_of(store: &Store, name: &str) -> Result<(AccountRow, TelegramBotRow), CliError> {
    let account = accounts::find(store.conn(), name)?;
    let bot = telegram_bots::find(store.conn(), account.id)?.ok_or_else(|| {
        CliError::new(Exit::NotFound, format!("account `{name}` has no Telegram bot"))
            .hint(format!("tradefleet telegram set {name} --chat ID --token-env NAME"))
    })?;
    Ok((account, bot))
}

/// One thing that was tried.
struct Step {
    name: &'static str,
    outcome: Result<String, ApiError>,
}

fn test(name: &str, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let (account, bot) = bot_of(&store, name)?;
    let token = context.unlock(&store)?.open(account.id, Field::BotToken, &bot.bot_token)?;
    let config = &context.config()?.telegram;
    let lang =
        bot.language.as_deref().or(Some(&config.language)).and_then(Lang::from_word).unwrap_or_default();
    let steps = match Line::open(&config.api_url) {
        Ok(line) => {
            let api = line.bot(&token);
            runtime::block_on(try_out(&api, bot.chat_id, &account.name, lang))?
        }
        Err(error) => vec![Step { name: "address", outcome: Err(error) }],
    };
    let failure = steps.iter().find_map(|step| step.outcome.as_ref().err().cloned());
    if context.out.is_json() {
        let steps: Vec<_> = steps.iter().map(Step::to_json).collect();
        context.out.json(&json!({ "ok": failure.is_none(), "account": account.name, "steps": steps }))?;
    } else {
        for step in &steps {
            step.print(context)?;
        }
    }
    match failure {
        None => Ok(()),
        Some(error @ (ApiError::Unavailable { .. } | ApiError::Throttled { .. })) => {
            Err(CliError::new(Exit::NoExchange, error.to_string()))
        }
        Some(error @ (ApiError::Unauthorized | ApiError::Conflict | ApiError::Refused { .. })) => {
            Err(CliError::refused(error.to_string())
                .hint("is the token right, and has the person of the chat pressed Start?"))
        }
    }
}

async fn try_out(api: &Api, chat_id: i64, account: &str, lang: Lang) -> Vec<Step> {
    let name = api.name().await;
    let is_known = name.is_ok();
    let mut steps = vec![Step { name: "getMe", outcome: name.map(|name| format!("@{name}")) }];
    if is_known {
        let text = chat::Sentence::Test(account).text(lang);
        let sent = api.send(chat_id, &Answer::plain(&text)).await;
        steps.push(Step { name: "sendMessage", outcome: sent.map(|()| format!("chat {chat_id}")) });
    }
    steps
}

impl Step {
    fn to_json(&self) -> serde_json::Value {
        let detail = self.outcome.as_ref().map_or_else(ToString::to_string, Clone::clone);
        json!({ "step": self.name, "ok": self.outcome.is_ok(), "detail": detail })
    }

    fn print(&self, context: &Context) -> Result<(), CliError> {
        let out = context.out;
        match &self.outcome {
            Ok(detail) => out.line(format!("{} {}: {detail}", out.paint(Tone::Good, "ok  "), self.name)),
            Err(error) => out.line(format!("{} {}: {error}", out.paint(Tone::Bad, "fail"), self.name)),
        }
    }
}

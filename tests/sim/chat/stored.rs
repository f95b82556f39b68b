//! The two accounts in the database, and what it holds of them.

use tradefleet::domain::kind::{BotType, ExchangeKind};
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::settings::BotSettings;
use tradefleet::notify::telegram::gate::Member;
use tradefleet::notify::text::Lang;
use tradefleet::store::telegram_bots::TelegramBotRow;
use tradefleet::store::{Store, accounts, bots, latches, telegram_bots};

use super::BEGIN;
use super::model::{ACCOUNTS, Account, CHATS, MEMBERS};

const KEYS: [&str; 3] = ["entry_pct", "leverage", "exit_cooldown_h"];

/// Adds an account with its chat and a stopped bot.
pub(super) fn settle_in(conn: &rusqlite::Connection, name: &str) -> Member {
    let index = ACCOUNTS.iter().position(|known| *known == name).unwrap();
    let now = Timestamp::from_ms(BEGIN);
    let account = accounts::insert(conn, name, ExchangeKind::Paper, now).unwrap();
    let settings = BotSettings::default();
    let new = bots::NewBot {
        account_id: account,
        strategy_id: None,
        name: "trend".to_owned(),
        bot_type: BotType::AiTrend,
        settings,
    };
    bots::insert(conn, &new, now).unwrap();
    let (chat_id, bot_token) = (CHATS[index], "sealed".to_owned());
    telegram_bots::put(conn, &TelegramBotRow { account_id: account, bot_token, chat_id, language: None })
        .unwrap();
    let users = if chat_id > 0 { Vec::new() } else { MEMBERS[index].to_vec() };
    Member { account, name: name.to_owned(), chat_id, users, lang: Lang::En }
}

/// What the store holds of an account, in the model's words.
pub(super) fn in_store(store: &Store, name: &str) -> Account {
    let conn = store.conn();
    let row = accounts::find(conn, name).unwrap();
    let setting = |key: &str| row.settings.get(key).unwrap();
    let health = latches::health(conn, row.id).unwrap();
    let chat = telegram_bots::state(conn, row.id).unwrap();
    let sql = "SELECT count(*) FROM telegram_replies WHERE account_id = ?1";
    let answers: i64 = conn.query_row(sql, [row.id.get()], |row| row.get(0)).unwrap();
    Account {
        settings: KEYS.iter().map(|key| (*key, setting(key).parse().unwrap())).collect(),
        auto_exit: setting("auto_exit") == "on",
        is_running: bots::find(conn, row.id, "trend").unwrap().is_running,
        halt: health.halted_at.map(|_| (health.halt_reason.unwrap_or_default(), health.halt_flatten)),
        strikes: chat.wrong_confirms,
        muted_until: chat.muted_until.map(Timestamp::ms),
        answers: u64::try_from(answers).unwrap(),
    }
}

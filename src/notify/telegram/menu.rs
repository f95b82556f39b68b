//! The menu of commands, as Telegram shows it.

use super::api::{Api, ApiError};
use super::grammar::Verb;
use crate::notify::text::{Lang, chat};

/// Registers it in every language; who uses Telegram in another one sees `default`.
pub(super) async fn register(api: &Api, default: Lang) -> Result<(), ApiError> {
    api.set_menu(entries(default), None).await?;
    for lang in Lang::ALL {
        api.set_menu(entries(*lang), Some(lang.as_str())).await?;
    }
    Ok(())
}

fn entries(lang: Lang) -> Vec<(String, String)> {
    Verb::ALL
        .iter()
        .map(|verb| (verb.as_str().to_owned(), chat::description(*verb).text(lang).to_owned()))
        .collect()
}

//! A bot as `--bot key=value,...` gives it, before it is known what its keys mean.

use crate::cli::CliError;
use crate::domain::kind::BotType;

/// See the module. Of keys that are given twice, the later one counts, as everywhere.
pub(super) struct Typed<'a> {
    pub(super) name: Option<String>,
    bot_type: Option<&'a str>,
    /// All other keys, under the names of settings.
    pub(super) pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Typed<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, CliError> {
        let mut typed = Self { name: None, bot_type: None, pairs: Vec::new() };
        for part in text.split(',') {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| CliError::usage(format!("--bot: `{part}` is not KEY=VALUE")))?;
            match key.trim() {
                "name" => typed.name = Some(value.to_owned()),
                "type" => typed.bot_type = Some(value),
                "allocation" => typed.pairs.push(("allocation_percent", value)),
                key => typed.pairs.push((key, value)),
            }
        }
        Ok(typed)
    }

    /// Bots follow signals where nothing else is said.
    pub(super) fn bot_type(&self) -> Result<BotType, CliError> {
        let Some(word) = self.bot_type else { return Ok(BotType::AiTrend) };
        BotType::from_word(word.trim()).ok_or_else(|| {
            let known: Vec<&str> = BotType::ALL.iter().map(|known| known.as_str()).collect();
            CliError::usage(format!("--bot: type = `{word}` is not allowed: {}", known.join(" or ")))
        })
    }
}

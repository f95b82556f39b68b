//! Why a change was refused, in the reader's language. The English text is the error's own.

use crate::control::ControlError;
use crate::engine::settings::SettingError;
use crate::notify::text::Lang;
use crate::store::StoreError;

/// What went wrong, and what is allowed.
pub fn refusal(error: &ControlError, lang: Lang) -> String {
    match lang {
        Lang::En => error.to_string(),
        Lang::Ko => korean(error).unwrap_or_else(|| error.to_string()),
    }
}

/// `None` for what a chat cannot cause, and for failures of the machine, which are told as they are.
fn korean(error: &ControlError) -> Option<String> {
    Some(match error {
        ControlError::Setting(SettingError::UnknownKey { key, .. })
        | ControlError::UnknownAccountKey { key, .. }
        | ControlError::UnknownNoticeKey { key, .. } => format!("`{key}` 설정은 없습니다"),
        ControlError::Setting(SettingError::BadValue { key, value, allowed }) => {
            format!("{key} = `{value}` 은(는) 허용되지 않습니다. 허용 범위: {}", range(allowed))
        }
        ControlError::BadValue { key, value, allowed } => {
            format!("{key} = `{value}` 은(는) 허용되지 않습니다. 허용 범위: {}", range(allowed))
        }
        ControlError::Allocation { requested, free } => format!(
            "배분 {} % 은(는) 너무 큽니다. 남은 배분은 {} % 입니다",
            requested.normalize(),
            free.normalize()
        ),
        ControlError::SwitchWithPositions { open, .. } => {
            format!("열린 포지션이 {open}개 있어 dry_run 을 바꿀 수 없습니다. 먼저 청산하세요 (/flatten)")
        }
        ControlError::SpotOnly { key, value, .. } => {
            format!("{key} = `{value}` 은(는) 현물 거래소에서 의미가 없습니다")
        }
        ControlError::ForeignSymbol { symbol, example, .. } => {
            format!("`{symbol}` 은(는) 이 거래소의 심볼이 아닙니다 (예: {example})")
        }
        ControlError::NoBot { name: Some(name) }
        | ControlError::Store(StoreError::NotFound { what: "bot", name }) => {
            format!("`{name}` 봇이 없습니다")
        }
        ControlError::NoBot { name: None } => "봇이 없습니다".to_owned(),
        ControlError::NothingOpen { symbol, open, .. } if open.is_empty() => {
            format!("`{symbol}` 을(를) 보유한 봇이 없습니다. 열린 포지션이 없습니다")
        }
        ControlError::NothingOpen { symbol, open, .. } => {
            format!("`{symbol}` 을(를) 보유한 봇이 없습니다. 열린 심볼: {}", open.join(", "))
        }
        ControlError::Store(StoreError::NotFound { what: "strategy", name }) => {
            format!("`{name}` 전략이 없습니다")
        }
        ControlError::Store(_)
        | ControlError::Vault(_)
        | ControlError::Param(_)
        | ControlError::BadName { .. }
        | ControlError::KeysMissing { .. }
        | ControlError::TokenMissing { .. }
        | ControlError::KeysUnused { .. }
        | ControlError::Unconfirmed { .. }
        | ControlError::NothingSelected { .. }
        | ControlError::BotHoldsPositions { .. }
        | ControlError::AccountBusy { .. }
        | ControlError::ChangedMeanwhile { .. }
        | ControlError::NoTelegram { .. }
        | ControlError::ChatTaken { .. }
        | ControlError::BuiltIn { .. }
        | ControlError::StrategyInUse { .. }
        | ControlError::NothingToSet
        | ControlError::GridIncomplete { .. }
        | ControlError::GridRefused { .. }
        | ControlError::GridHolds { .. }
        | ControlError::BelowGrids { .. }
        | ControlError::OtherType { .. }
        | ControlError::NotAGrid { .. }
        | ControlError::Import { .. } => return None,
    })
}

/// `above 0 to 100` is `0 초과 100 이하`; words that are typed stay as they are.
fn range(allowed: &str) -> String {
    let bounds = |text: &str| -> Option<(String, String)> {
        let (low, high) = text.split_once(" to ")?;
        let high: String = high.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        (!high.is_empty()).then(|| (low.to_owned(), high))
    };
    match bounds(allowed) {
        Some((low, high)) => match low.strip_prefix("above ") {
            Some(low) => format!("{low} 초과 {high} 이하"),
            None => format!("{low} 이상 {high} 이하"),
        },
        None => allowed.replace(" or ", " 또는 "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_said_in_korean() {
        assert_eq!(range("above 0 to 100"), "0 초과 100 이하");
        assert_eq!(range("1 to 20 (limits.max_leverage in the configuration)"), "1 이상 20 이하");
        assert_eq!(range("on or off"), "on 또는 off");
    }
}

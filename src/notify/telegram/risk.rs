//! Whether a change raises risk, so that a button is asked for: judged by what would change, not by the words used.

use rust_decimal::Decimal;

use crate::control::{Change, Command};

/// What makes a key riskier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Riskier {
    Higher,
    Lower,
    On,
    Off,
    /// To this word.
    Word(&'static str),
    Any,
}

/// Keys of accounts and bots that can raise risk. `auto_exit` is judged apart: it matters where something is open.
const KEYS: &[(&str, Riskier)] = &[
    ("dry_run", Riskier::Off),
    ("entry_pct", Riskier::Higher),
    ("leverage", Riskier::Higher),
    ("max_leverage", Riskier::Higher),
    ("max_positions", Riskier::Higher),
    ("allocation_percent", Riskier::Higher),
    ("long_sl_pct", Riskier::Higher),
    ("short_sl_pct", Riskier::Higher),
    ("stop_loss_percent", Riskier::Higher),
    ("exit_cooldown_h", Riskier::Lower),
    ("dca_enabled", Riskier::On),
    ("dca_pct", Riskier::Lower),
    ("dca1_pct", Riskier::Higher),
    ("dca2_pct", Riskier::Higher),
    ("dca3_pct", Riskier::Higher),
    ("margin_mode", Riskier::Word("cross")),
    ("symbol", Riskier::Any),
    ("strategy", Riskier::Any),
];

/// Whether `command`, which would make these changes, needs a person's second word.
pub(super) fn needs_confirmation(command: &Command, changes: &[Change], holds_positions: bool) -> bool {
    // They close what is open, or let everything trade again.
    let is_grave = matches!(
        command,
        Command::ClosePositions { .. } | Command::Resume { .. } | Command::Halt { flatten: true, .. }
    );
    if is_grave {
        !changes.is_empty()
    } else {
        changes.iter().any(|change| raises_risk(change, holds_positions))
    }
}

fn raises_risk(change: &Change, holds_positions: bool) -> bool {
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    if change.key == "auto_exit" {
        // The stops of what is open are taken back.
        return holds_positions && after == Some("off");
    }
    let Some((_, riskier)) = KEYS.iter().find(|(key, _)| *key == change.key) else { return false };
    match riskier {
        Riskier::On => after == Some("on"),
        Riskier::Off => after == Some("off"),
        Riskier::Word(word) => after == Some(word),
        Riskier::Any => true,
        Riskier::Higher => compared(before, after).is_none_or(|(before, after)| after > before),
        Riskier::Lower => compared(before, after).is_none_or(|(before, after)| after < before),
    }
}

/// What is no number on one side (`inherit`) cannot be judged, and is asked about.
fn compared(before: Option<&str>, after: Option<&str>) -> Option<(Decimal, Decimal)> {
    Some((before?.parse().ok()?, after?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Selection;
    use crate::engine::settings::{AccountSettings, BotSettings};

    fn raises(key: &str, before: &str, after: &str) -> bool {
        raises_risk(&changed(key, before, after), true)
    }

    fn changed(key: &str, before: &str, after: &str) -> Change {
        Change {
            action: "set_account",
            subject: "account a".to_owned(),
            key: key.to_owned(),
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
        }
    }

    #[test]
    fn raising_asks_and_lowering_does_not() {
        for (key, low, high) in [
            ("dry_run", "on", "off"),
            ("auto_exit", "on", "off"),
            ("entry_pct", "9.5", "10"),
            ("leverage", "9", "10"),
            ("max_positions", "9", "10"),
            ("allocation_percent", "10", "10.5"),
            ("exit_cooldown_h", "2", "1.5"),
            ("dca_enabled", "off", "on"),
            ("dca_pct", "2", "1"),
            ("long_sl_pct", "3", "4"),
            ("margin_mode", "isolated", "cross"),
        ] {
            assert!(raises(key, low, high), "{key} {low} -> {high}");
            assert!(!raises(key, high, low), "{key} {high} -> {low}");
        }
        assert!(raises("stop_loss_percent", "5", "inherit"), "unknown is asked about");
        assert!(!raises("long_tp_pct", "3", "9"));
        assert!(!raises_risk(&changed("auto_exit", "on", "off"), false), "with nothing open");
    }

    #[test]
    fn closing_and_resuming_ask() {
        let accounts = Selection::one("a");
        let some = [changed("halt", "no", "halted")];
        let halt = |flatten| Command::Halt { accounts: accounts.clone(), flatten, reason: String::new() };
        assert!(!needs_confirmation(&halt(false), &some, true));
        assert!(needs_confirmation(&halt(true), &some, true));
        assert!(needs_confirmation(&Command::Resume { accounts }, &some, false));
    }

    #[test]
    fn every_key_is_one_that_can_be_set() {
        let known = |key: &str| {
            key == "strategy"
                || AccountSettings::KEYS.iter().chain(BotSettings::KEYS).any(|spec| spec.key == key)
        };
        assert!(KEYS.iter().all(|(key, _)| known(key)), "{KEYS:?}");
    }
}

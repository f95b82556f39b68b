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
    /// The stops of what is open are taken back.
    OffWhileHolding,
    /// To this word.
    Word(&'static str),
    Any,
    Never,
}

/// Every key of accounts, bots and grids. What is not here is asked about.
const KEYS: &[(&str, Riskier)] = &[
    // Of accounts; some of bots and grids as well.
    ("dry_run", Riskier::Off),
    ("auto_exit", Riskier::OffWhileHolding),
    ("entry_pct", Riskier::Higher),
    ("leverage", Riskier::Higher),
    ("max_positions", Riskier::Higher),
    ("long_tp_pct", Riskier::Never),
    ("long_sl_pct", Riskier::Higher),
    ("short_tp_pct", Riskier::Never),
    ("short_sl_pct", Riskier::Higher),
    ("exit_cooldown_h", Riskier::Lower),
    ("dca_enabled", Riskier::On),
    ("dca_pct", Riskier::Lower),
    ("dca1_pct", Riskier::Higher),
    ("dca2_pct", Riskier::Higher),
    ("dca3_pct", Riskier::Higher),
    ("margin_mode", Riskier::Word("cross")),
    // Of bots.
    ("description", Riskier::Never),
    ("symbol", Riskier::Any),
    ("strategy", Riskier::Any),
    ("allocation_percent", Riskier::Higher),
    ("max_leverage", Riskier::Higher),
    ("stop_loss_percent", Riskier::Higher),
    ("take_profit_percent", Riskier::Never),
    ("telegram_notify", Riskier::Never),
    // Of grids. A ladder is another one with each of its lines, and whether that one risks more is for people to say.
    ("lower", Riskier::Any),
    ("upper", Riskier::Any),
    ("grids", Riskier::Any),
    ("mode", Riskier::Any),
    ("investment", Riskier::Higher),
    ("direction", Riskier::Any),
    ("trigger", Riskier::Any),
    ("stop_upper", Riskier::Any),
    ("stop_lower", Riskier::Any),
    ("buy_in", Riskier::Any),
    ("close_on_stop", Riskier::Off),
    ("exchange_stop", Riskier::Off),
];

/// Whether `command`, which would make these changes, needs a person's second word.
pub(super) fn needs_confirmation(command: &Command, changes: &[Change], holds_positions: bool) -> bool {
    // They close what is open, or let everything trade again.
    let is_grave = matches!(
        command,
        Command::ClosePositions { .. } | Command::Resume { .. } | Command::Halt { flatten: true, .. }
    );
    // Within the limits that are set.
    let is_within_limits = command.only_calms() || matches!(command, Command::StartBots { .. });
    if is_grave {
        !changes.is_empty()
    } else {
        !is_within_limits && changes.iter().any(|change| raises_risk(change, holds_positions))
    }
}

fn raises_risk(change: &Change, holds_positions: bool) -> bool {
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    let Some((_, riskier)) = KEYS.iter().find(|(key, _)| *key == change.key) else { return true };
    match riskier {
        Riskier::On => after == Some("on"),
        Riskier::Off => after == Some("off"),
        Riskier::OffWhileHolding => holds_positions && after == Some("off"),
        Riskier::Word(word) => after == Some(word),
        Riskier::Any => true,
        Riskier::Never => false,
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
    use crate::control::{BotSelection, Selection};
    use crate::engine::settings::{AccountSettings, BotSettings, GridDraft, SettingKey};

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

    fn settable() -> impl Iterator<Item = &'static str> {
        let tables: [&[SettingKey]; 3] = [AccountSettings::KEYS, BotSettings::KEYS, GridDraft::KEYS];
        tables.into_iter().flatten().map(|spec| spec.key).chain(["strategy"])
    }

    #[test]
    fn every_key_that_can_be_set_is_judged_and_no_other() {
        for key in settable() {
            let judged = KEYS.iter().filter(|(known, _)| *known == key).count();
            assert_eq!(judged, 1, "{key}: say what makes it riskier");
        }
        for (key, _) in KEYS {
            assert!(settable().any(|known| known == *key), "{key} cannot be set");
        }
        assert!(raises("not_judged_yet", "1", "0"), "what is not known is asked about");
    }

    #[test]
    fn a_grid_that_risks_more_asks() {
        for (key, before, after) in [
            ("lower", "100", "90"),
            ("upper", "200", "190"),
            ("grids", "10", "20"),
            ("mode", "arithmetic", "geometric"),
            ("investment", "500", "5000"),
            ("direction", "long", "neutral"),
            ("trigger", "150", "none"),
            ("stop_upper", "210", "none"),
            ("stop_lower", "90", "none"),
            ("buy_in", "off", "on"),
            ("close_on_stop", "on", "off"),
            ("exchange_stop", "on", "off"),
            ("leverage", "1", "2"),
        ] {
            assert!(raises(key, before, after), "{key} {before} -> {after}");
        }
        for (key, before, after) in [
            ("investment", "5000", "500"),
            ("close_on_stop", "off", "on"),
            ("exchange_stop", "off", "on"),
            ("leverage", "2", "1"),
        ] {
            assert!(!raises(key, before, after), "{key} {before} -> {after}");
        }
    }

    #[test]
    fn what_is_harmless_stays_without_a_question() {
        for key in ["long_tp_pct", "short_tp_pct", "take_profit_percent", "description", "telegram_notify"] {
            assert!(!raises(key, "1", "2") && !raises(key, "2", "1"), "{key}");
        }
        let bots = || BotSelection { accounts: Selection::one("a"), name: None };
        let running = [changed("running", "off", "on"), changed("close_requested", "on", "-")];
        assert!(!needs_confirmation(&Command::StartBots { bots: bots() }, &running, true));
        assert!(!needs_confirmation(&Command::StopBots { bots: bots(), close: false }, &running, true));
        let set = Command::SetBots { bots: bots(), values: Vec::new() };
        assert!(needs_confirmation(&set, &[changed("stop_lower", "90", "none")], false));
    }
}

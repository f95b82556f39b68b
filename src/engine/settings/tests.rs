//! Every key can be read back as it was set, and bad values name the key, the value and what is allowed.

use super::*;

const LIMITS: PolicyLimits = PolicyLimits { max_leverage: Leverage::ONE };

fn limits() -> PolicyLimits {
    PolicyLimits { max_leverage: Leverage::try_new(20).unwrap() }
}

#[test]
fn every_key_reads_back() {
    let account = AccountSettings::default();
    let mut copy = account.clone();
    for spec in AccountSettings::KEYS {
        copy.set(spec.key, &account.get(spec.key).unwrap(), limits()).unwrap();
    }
    assert_eq!(copy, account);
    let paper = PaperSettings::default();
    let mut copy = paper.clone();
    for spec in PaperSettings::KEYS {
        copy.set(spec.key, &paper.get(spec.key).unwrap()).unwrap();
    }
    assert_eq!(copy, paper);
    let bot = BotSettings::default();
    let mut copy = bot.clone();
    for spec in BotSettings::KEYS {
        copy.set(spec.key, &bot.get(spec.key).unwrap(), limits()).unwrap();
    }
    assert_eq!(copy, bot);
}

#[test]
fn bad_account_values_are_named_and_change_nothing() {
    let cases = [
        (
            "leverage",
            "21",
            "leverage = `21` is not allowed: 1 to 20 (limits.max_leverage in the configuration)",
        ),
        ("entry_pct", "-5", "entry_pct = `-5` is not allowed: above 0 to 100"),
        ("entry_pct", "NaN", "entry_pct = `NaN` is not allowed: above 0 to 100"),
        ("dry_run", "maybe", "dry_run = `maybe` is not allowed: on or off"),
        ("margin_mode", "crossed", "margin_mode = `crossed` is not allowed: cross or isolated"),
        ("levrage", "5", "unknown account setting `levrage` (did you mean `leverage`?)"),
    ];
    for (key, value, message) in cases {
        let mut settings = AccountSettings::default();
        let error = settings.set(key, value, limits()).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(settings, AccountSettings::default());
    }
}

#[test]
fn bad_bot_values_are_named() {
    let mut bot = BotSettings::default();
    for (key, value) in [
        ("allocation_percent", "100.01"),
        ("allocation_percent", "0"),
        ("allocation_percent", "1.00001"),
        ("max_positions", "21"),
        ("max_leverage", "2"),
        ("symbol", "btc usdt"),
        ("stop_loss_percent", "-1"),
    ] {
        let error = bot.set(key, value, LIMITS).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains(value), "{error}");
    }
    bot.set("stop_loss_percent", "inherit", LIMITS).unwrap();
    assert_eq!(bot.stop_loss_percent, None);
}

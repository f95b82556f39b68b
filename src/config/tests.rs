//! A file's errors are all found at once, and what the program writes it can read.

use super::*;

#[test]
fn the_template_reads_back_as_the_defaults_commented_or_not() {
    let template = Config::template();
    assert_eq!(LoadedConfig::parse(&template).unwrap(), LoadedConfig::default());
    let active: String = template
        .lines()
        .filter_map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            (bare.starts_with('[') || bare.contains(" = ")).then(|| format!("{bare}\n"))
        })
        .collect();
    let mut loaded = LoadedConfig::parse(&active).unwrap();
    assert_eq!(loaded.from_file.len(), KEYS.len() + 4);
    loaded.config.instruments.clear();
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn all_errors_are_reported_with_their_lines() {
    let text = "[log]\nlevl = 'info'\nformat = 'xml'\n[limits]\nmax_leverage = 101\n[logs]\n\
                [instruments.btc]\ntick = 1\n[instruments.ETHUSDT]\ntick = 0\ntik = 1\n";
    let problems: Vec<_> = LoadedConfig::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "line 2: unknown key `levl` in section [log] (did you mean `level`?)",
            "line 3: log.format = `xml` is not allowed: human or json",
            "line 5: limits.max_leverage = `101` is not allowed: 1 to 100",
            "line 6: unknown key `logs` in the configuration (did you mean `log`?)",
            "line 7: symbol `btc` is not 2 to 30 characters of A-Z, 0-9, `-` and `_`",
            "line 10: instruments.ETHUSDT.tick: price `0` must be above 0",
            "line 11: unknown key `tik` in section [instruments.ETHUSDT] (did you mean `tick`?)",
        ]
    );
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    for text in [
        "log = 1",
        "[engine]\nenabled = 'perhaps'",
        "[universe]\nanchors = [['X']]",
        "[limits]\nmax_leverage = [5]",
        "[universe]\nmin_quote_volume = -1",
        "[gates]\nfast_bars = 200\nslow_bars = 50",
        "[gates]\nstrength_min = nan",
    ] {
        assert!(LoadedConfig::parse(text).is_err(), "{text}");
    }
}

#[test]
fn sources_are_known() {
    let loaded = LoadedConfig::parse("[engine]\nequity_interval_minutes = 1_0\n").unwrap();
    assert_eq!(loaded.config.engine.equity_interval.ms(), 600_000);
    let from_file: Vec<_> = loaded.rows().into_iter().filter(|row| row.2).collect();
    assert_eq!(from_file, [("engine.equity_interval_minutes".to_owned(), "10".to_owned(), true)]);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[\\[\\]a-z.=\"'0-9 \n#-]{0,200}") {
        // Whatever it is, it is read or refused with at least one problem.
        proptest::prop_assert!(LoadedConfig::parse(&text).map_or_else(|problems| !problems.is_empty(), |_| true));
    }
}

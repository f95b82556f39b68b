//! What people write for the program: the configuration, a file of accounts, a command line.

use std::path::Path;

use clap::Parser;
use tradefleet::cli::Cli;
use tradefleet::config::document::Problem;
use tradefleet::config::{Config, LoadedConfig};
use tradefleet::control::ControlError;
use tradefleet::control::import::{Fleet, ImportOptions};

use super::{limits, text};

pub(crate) const ARGUMENTS: &str = "tradefleet account set main entry_pct=12.5 leverage=10\n\
    tradefleet bot add trend --account alpha --strategy ema_cross --symbol BTCUSDT --allocation 40 --start\n\
    tradefleet run --synthetic --seed 7\ntradefleet orders --account main --since 2h --json\n\
    tradefleet backtest --kind macd --symbol BTCUSDT --timeframe 1h --from 2024-01-01";

/// The template as it is, and with every key active.
pub(crate) fn configuration_seeds() -> Vec<Vec<u8>> {
    let template = Config::template();
    let active = template.lines().filter_map(|line| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        (bare.starts_with('[') || bare.contains(" = ")).then(|| format!("{bare}\n"))
    });
    vec![active.collect::<String>().into(), template.into()]
}

pub(crate) fn configuration(bytes: &[u8]) -> bool {
    let text = text(bytes);
    match LoadedConfig::parse(text) {
        Ok(loaded) => !loaded.rows().is_empty(),
        Err(problems) => {
            assert_lines_exist(&problems, text);
            false
        }
    }
}

pub(crate) fn accounts_seeds() -> Vec<Vec<u8>> {
    vec![include_str!("../../../accounts.example.toml").replace("file:", "env:").into()]
}

pub(crate) fn accounts_file(bytes: &[u8]) -> bool {
    let text = text(bytes);
    // It may name any file of the machine.
    if text.contains("file:") {
        return false;
    }
    let options = ImportOptions { base: Path::new("."), placeholders: true, limits: limits() };
    match Fleet::read(text, options) {
        Ok(fleet) => {
            let _ = (fleet.has_secrets(), fleet.account_names(), fleet.bot_count());
            true
        }
        Err(ControlError::Import { problems }) => {
            assert_lines_exist(&problems, text);
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// A mistake is told with a line that there is.
fn assert_lines_exist(problems: &[Problem], text: &str) {
    let last = text.lines().count().max(1);
    assert!(!problems.is_empty());
    assert!(problems.iter().all(|problem| (1..=last).contains(&problem.line)), "{problems:?}");
}

pub(crate) fn arguments(bytes: &[u8]) -> bool {
    Cli::try_parse_from(text(bytes).split(' ')).is_ok()
}

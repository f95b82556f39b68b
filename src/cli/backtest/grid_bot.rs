//! `--bot type=grid,...`: the settings of `bot add --type grid`, under the same keys.

use super::bots::bad;
use super::typed::Typed;
use crate::backtest::setup::BotSetup;
use crate::cli::CliError;
use crate::control::{ControlError, grids};
use crate::engine::settings::{BotSettings, GridDraft, PolicyLimits};

/// Keys of `--bot` that describe a strategy.
const OF_STRATEGIES: [&str; 2] = ["kind", "timeframe"];

/// A bot that works a grid. What its settings come to together is judged where it is played.
pub(super) fn of(
    typed: Typed<'_>,
    (mut settings, limits): (BotSettings, PolicyLimits),
) -> Result<BotSetup, CliError> {
    let mut draft = GridDraft::default();
    for (key, value) in typed.pairs {
        if OF_STRATEGIES.contains(&key) || key.starts_with("param.") {
            return Err(CliError::usage(format!(
                "--bot: `{key}` describes a strategy, and a grid follows none"
            ))
            .hint("its bars are those that are stepped: `--timeframe`, `--detail-timeframe`"));
        }
        grids::check_key(key, true).map_err(bad)?;
        if GridDraft::KEYS.iter().any(|known| known.key == key) {
            draft.set(key, value, limits).map_err(bad)?;
        } else {
            settings.set(key, value, limits).map_err(bad)?;
        }
    }
    let symbol = grids::symbol_of(&settings).map_err(bad)?;
    let config = draft.finish().map_err(|missing| {
        bad(ControlError::GridIncomplete { missing: missing.join(", ") })
            .hint("e.g. type=grid,lower=50000,upper=60000,grids=20,investment=1000")
    })?;
    let name = typed.name.unwrap_or_else(|| format!("grid {symbol}"));
    Ok(BotSetup::grid(&name, config, settings))
}

//! A grid's settings as flags of `bot add` and `bot set`.

use clap::Args;

use crate::control::Assignment;

#[derive(Debug, Args)]
#[command(next_help_heading = "Grid")]
pub(super) struct GridArgs {
    /// Lowest line
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    lower: Option<String>,
    /// Highest line
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    upper: Option<String>,
    /// Lines, both bounds included: 2 to 100
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    grids: Option<String>,
    /// arithmetic (equal steps) or geometric (equal ratios) [default: arithmetic]
    #[arg(long)]
    mode: Option<String>,
    /// Own money in the grid: margin and fees of all its lines, in quote currency
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    investment: Option<String>,
    /// long, short or neutral; long on spot [default: long]
    #[arg(long)]
    direction: Option<String>,
    /// Nothing is placed until the price has reached this; none = at once
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    trigger: Option<String>,
    /// Stop when the price reaches this, above the range
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    stop_upper: Option<String>,
    /// Stop when the price reaches this, below the range
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    stop_lower: Option<String>,
    /// Buy at the start what the lines above the price would sell
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    buy_in: Option<String>,
    /// A stop closes what the grid holds
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    close_on_stop: Option<String>,
    /// Of its orders; at most the account's [default: 1]
    #[arg(long, value_name = "TIMES", allow_negative_numbers = true)]
    leverage: Option<String>,
    /// The stop of the whole holding rests at the exchange too; futures
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    exchange_stop: Option<String>,
}

impl GridArgs {
    /// What was given, under the keys of the settings.
    pub(super) fn assignments(self) -> Vec<Assignment> {
        let given = [
            ("lower", self.lower),
            ("upper", self.upper),
            ("grids", self.grids),
            ("mode", self.mode),
            ("investment", self.investment),
            ("direction", self.direction),
            ("trigger", self.trigger),
            ("stop_upper", self.stop_upper),
            ("stop_lower", self.stop_lower),
            ("buy_in", self.buy_in),
            ("close_on_stop", self.close_on_stop),
            ("leverage", self.leverage),
            ("exchange_stop", self.exchange_stop),
        ];
        given.into_iter().filter_map(|(key, value)| Some(Assignment::new(key, value?))).collect()
    }
}

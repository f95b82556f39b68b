//! Grid bots: which ladder a seed gives them, and what people make of it later.

use tradefleet::domain::instrument::Instrument;
use tradefleet::domain::money::{Leverage, Price, Quote};
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::grid::plan::{Plan, Terms};
use tradefleet::engine::grid::state::GridSetup;
use tradefleet::engine::grid::{Direction, GridConfig, GridMode};
use tradefleet::engine::settings::PaperSettings;

use crate::dialect::Dialect;
use crate::faults::scaled;
use crate::market::START;
use crate::pcg::Pcg;
use crate::units::{Ticks, price_of, ticks_of};

/// A ladder around the price at which the market begins, narrow enough for it to wander over.
pub(crate) fn setup(dialect: Dialect, pcg: &mut Pcg) -> GridSetup {
    let spot = dialect.is_spot();
    // In the KRW market prices from 100 on keep to whole KRW.
    let (spacing, count) = if spot { (100, pcg.within(3, 5)) } else { (pcg.within(8, 40), pcg.within(3, 9)) };
    let lower = START - spacing * pcg.within(1, count - 1);
    let upper = lower + spacing * (count - 1);
    let directions = [Direction::Long, Direction::Short, Direction::Neutral];
    let direction = directions[usize::try_from(pcg.below(3)).unwrap()];
    let direction = if spot { Direction::Long } else { direction };
    let is_there = |pcg: &mut Pcg, of: u32, at: Ticks| (pcg.below(of) == 0).then(|| price_of(at));
    let trigger_at = (START + pcg.within(-spacing, spacing)).clamp(lower, upper);
    let trigger = is_there(pcg, 5, trigger_at);
    let stop_lower = is_there(pcg, 3, lower - spacing);
    let stop_upper = is_there(pcg, 3, upper + spacing);
    let has_its_stop = match direction {
        Direction::Long => stop_lower.is_some(),
        Direction::Short => stop_upper.is_some(),
        Direction::Neutral => stop_lower.is_some() && stop_upper.is_some(),
    };
    let config = GridConfig {
        lower: price_of(lower),
        upper: price_of(upper),
        count: u16::try_from(count).unwrap(),
        mode: if pcg.flips() || spot { GridMode::Arithmetic } else { GridMode::Geometric },
        investment: Quote::new(pcg.within(100, 300).into()),
        direction,
        trigger,
        stop_upper,
        stop_lower,
        buy_in: pcg.flips() && direction != Direction::Neutral,
        close_on_stop: pcg.flips(),
        leverage: if spot {
            Leverage::ONE
        } else {
            Leverage::try_new(u8::try_from(pcg.within(1, 2)).unwrap()).unwrap()
        },
        exchange_stop: pcg.flips() && has_its_stop && !spot,
    };
    let terms = Terms::of_account(dialect.kind(), false, &PaperSettings::default());
    GridSetup { config, terms, repair_asked_at: None }
}

/// What a person makes of a grid: moved, with a line more or less, with other money, or to be repaired. `None` where the
/// market would not allow it.
pub(crate) fn edited(
    setup: &GridSetup,
    how: u32,
    instrument: &Instrument,
    now: Timestamp,
) -> Option<GridSetup> {
    let mut edited = setup.clone();
    let config = &mut edited.config;
    let steps = i64::from(config.count) - 1;
    let spacing = (ticks_of(config.upper) - ticks_of(config.lower)) / steps;
    match how % 4 {
        0 => edited.repair_asked_at = Some(now),
        1 => {
            let by = if how & 4 == 0 { spacing } else { -spacing };
            let moved = |price: Price| price_of(ticks_of(price) + by);
            (config.lower, config.upper) = (moved(config.lower), moved(config.upper));
            config.stop_lower = config.stop_lower.map(moved);
            config.stop_upper = config.stop_upper.map(moved);
            config.trigger = None;
        }
        2 => {
            let more = how & 4 == 0;
            config.count = if more { config.count + 1 } else { config.count - 1 };
            config.upper = price_of(ticks_of(config.upper) + if more { spacing } else { -spacing });
            config.stop_upper = config.stop_upper.map(|_| price_of(ticks_of(config.upper) + spacing));
            config.trigger = None;
        }
        _ => config.investment = Quote::new(scaled(how, 100, 300).into()),
    }
    Plan::of(&edited.config, instrument, edited.terms).is_ok().then_some(edited)
}

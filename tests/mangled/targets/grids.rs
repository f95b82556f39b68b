//! The arithmetic of grids, beside one of whole numbers: a plan keeps the promises of its page, or is refused.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use tradefleet::domain::instrument::{Instrument, Symbol};
use tradefleet::domain::money::{Pct, Price, Quote};
use tradefleet::engine::grid::plan::{Plan, Terms};
use tradefleet::engine::grid::{Direction, GridConfig, GridMode, ladder};
use tradefleet::engine::settings::GridDraft;

use super::{limits, text};

/// What is wished of a grid, and what its market asks for.
pub(crate) const WISHES: &str = "lower=100 upper=200 grids=11 investment=1000 tick=0.1 step=0.001\n\
    lower=100 upper=200 grids=11 investment=1000 tick=0.01 step=0.001 mode=geometric leverage=5 direction=neutral\n\
    lower=90000000 upper=110000000 grids=20 investment=5000000 symbol=KRW-BTC tick=1000 step=0.00000001 min_notional=5000 spot=on fee=0.05\n\
    lower=1.0531 upper=1.2 grids=40 investment=333.33 tick=0.0001 step=1 min_qty=1 min_notional=5 direction=short stop_upper=1.3 close_on_stop=on\n\
    lower=20000 upper=90000.5 grids=100 investment=100000 tick=0.1 step=0.001 mode=geometric trigger=50000 fee=-0.01 leverage=20";

/// Beyond this, amounts times ten to the power of their decimals do not fit an `i128`.
const COMPARED_MAX: Decimal = rust_decimal::dec!(1_000_000_000_000);

pub(crate) fn plan(bytes: &[u8]) -> bool {
    let Some((config, instrument, terms)) = wish(text(bytes)) else { return false };
    let Ok(plan) = Plan::of(&config, &instrument, terms) else { return false };
    assert_eq!(plan.lines.len(), usize::from(config.count));
    assert_eq!(plan.round_trips.len() + 1, plan.lines.len());
    assert!(plan.lines.windows(2).all(|pair| pair[0].price < pair[1].price), "{plan:?}");
    assert!(plan.lines.iter().all(|line| is_multiple(line.price.decimal(), plan.tick.decimal())), "{plan:?}");
    assert!(is_multiple(plan.qty_per_line.decimal(), instrument.step.decimal()), "{plan:?}");
    assert!(plan.qty_per_line >= instrument.min_qty && !plan.qty_per_line.is_zero(), "{plan:?}");
    assert!(plan.round_trips.iter().all(|trip| trip.net > Quote::ZERO), "{plan:?}");
    assert!(plan.needed <= config.investment, "{} of {}", plan.needed, config.investment);
    if config.upper.decimal() < COMPARED_MAX && plan.qty_per_line.decimal() < COMPARED_MAX {
        assert_whole_numbers_agree(&plan, &config);
    }
    if config.mode == GridMode::Arithmetic {
        assert_even(&plan, &config);
    }
    for anchor in [None, Some(config.lower), Some(config.upper)] {
        let rungs = ladder::rungs(&plan.lines, config.direction, anchor);
        assert_eq!(rungs.len(), plan.round_trips.len());
        assert!(rungs.iter().all(|rung| rung.entry != rung.exit));
    }
    true
}

/// Reads `key=value` words; `None` where one is no such thing, or one that must be there is missing.
fn wish(text: &str) -> Option<(GridConfig, Instrument, Terms)> {
    let mut draft = GridDraft::default();
    let mut instrument = Instrument {
        symbol: Symbol::try_new("BTCUSDT").ok()?,
        tick: "0.1".parse().ok()?,
        step: "0.001".parse().ok()?,
        min_qty: "0.001".parse().ok()?,
        min_notional: Quote::ZERO,
    };
    let fee = |text: &str| text.parse::<Pct>().ok();
    let mut terms = Terms { maker_fee_pct: fee("0.02")?, taker_fee_pct: fee("0.05")?, spot: false };
    for word in text.split(' ') {
        let (key, value) = word.split_once('=')?;
        match key {
            "symbol" => instrument.symbol = Symbol::try_new(value).ok()?,
            "tick" => instrument.tick = value.parse().ok()?,
            "step" => instrument.step = value.parse().ok()?,
            "min_qty" => instrument.min_qty = value.parse().ok()?,
            "min_notional" => instrument.min_notional = value.parse().ok()?,
            // What an account's settings allow.
            "fee" => terms.maker_fee_pct = fee(value).filter(|pct| pct.decimal().abs() <= Decimal::ONE)?,
            "spot" => terms.spot = value == "on",
            _ => draft.set(key, value, limits()).ok()?,
        }
    }
    let is_traded = !instrument.step.is_zero() && instrument.min_notional >= Quote::ZERO;
    Some((draft.finish().ok().filter(|_| is_traded)?, instrument, terms))
}

fn is_multiple(value: Decimal, of: Decimal) -> bool {
    let scale = value.normalize().scale().max(of.normalize().scale());
    match (units(value, scale), units(of, scale)) {
        (Some(value), Some(of)) => value % of == 0,
        _ => true,
    }
}

/// A decimal as a whole number of its `scale`-th decimals, where there is one.
fn units(value: Decimal, scale: u32) -> Option<i128> {
    let value = value.normalize();
    let more = scale.checked_sub(value.scale())?;
    value.mantissa().checked_mul(10_i128.checked_pow(more)?)
}

/// Notional and profits, counted in the last decimals that prices, quantities and fees have.
fn assert_whole_numbers_agree(plan: &Plan, config: &GridConfig) {
    let price = |price: Price| units(price.decimal(), 12);
    let Some(qty) = units(plan.qty_per_line.decimal(), 10) else { return };
    let entries: Option<i128> = plan
        .round_trips
        .iter()
        .map(|trip| price(if config.direction == Direction::Long { trip.low } else { trip.high }))
        .sum();
    let Some(notional) = entries.and_then(|entries| entries.checked_mul(qty)) else { return };
    // With fewer digits than a decimal has, nothing was rounded.
    if notional < 10_i128.pow(28)
        && let Some(told) = units(plan.notional.decimal(), 22)
    {
        assert_eq!(told, notional, "{plan:?}");
    }
    for trip in &plan.round_trips {
        let (Some(low), Some(high)) = (price(trip.low), price(trip.high)) else { continue };
        let sold_less_bought = (high - low).checked_mul(qty).filter(|whole| *whole < 10_i128.pow(28));
        let told = trip.net + trip.fees;
        if let (Some(earned), Some(told)) = (sold_less_bought, units(told.decimal(), 22)) {
            assert_eq!(told, earned, "{trip:?}");
        }
    }
}

/// Equal steps: no line is further than half a tick from its place.
fn assert_even(plan: &Plan, config: &GridConfig) {
    let (Some(lower), Some(upper), Some(tick)) =
        (config.lower.decimal().to_f64(), config.upper.decimal().to_f64(), plan.tick.decimal().to_f64())
    else {
        return;
    };
    for line in &plan.lines {
        let share = f64::from(line.index) / f64::from(config.count - 1);
        let place = lower + (upper - lower) * share;
        let off = (line.price.decimal().to_f64().unwrap() - place).abs();
        // A line lies at one tick at least.
        assert!(
            off <= tick * 0.501 + upper * 1e-12 || line.price == plan.tick,
            "{line:?} is {off} off {place}"
        );
    }
}

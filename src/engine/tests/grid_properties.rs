//! Grids of every kind on random paths, killed at any step, against [`super::grid_models`].

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::fixtures::*;
use super::grid_models::{FillModel, PathModel, booked_profit};
use super::grid_setup::*;
use super::rig::{Fate, Rig};
use crate::domain::money::{Leverage, Price};
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::side::PositionSide;
use crate::engine::config::AccountConfig;
use crate::engine::grid::fixtures::plain;
use crate::engine::grid::ladder::is_sellable;
use crate::engine::grid::{Direction, GridConfig, GridMode};
use crate::engine::turn::BookedFill;
use crate::matching::config::BookConfig;

/// A bar's prices in ticks of 0.1, each from the one before; what goes wrong; and the request before which the machine
/// is killed.
#[derive(Debug, Clone)]
struct Bar {
    moves: [i64; 4],
    fate: Option<(bool, u8)>,
    crash_in: Option<u8>,
    cancels_fail: bool,
}

fn bars(most: i64) -> impl Strategy<Value = Vec<Bar>> {
    let bar = (
        prop::array::uniform4(-most..=most),
        prop::option::weighted(0.2, (any::<bool>(), 0_u8..4)),
        prop::option::weighted(0.2, 0_u8..12),
        prop::bool::weighted(0.05),
    );
    let bar =
        bar.prop_map(|(moves, fate, crash_in, cancels_fail)| Bar { moves, fate, crash_in, cancels_fail });
    prop::collection::vec(bar, 10..50)
}

const DIRECTIONS: [Direction; 3] = [Direction::Long, Direction::Short, Direction::Neutral];

/// Grids around, above or below the price of 100 at which they are added.
fn grids() -> impl Strategy<Value = GridConfig> {
    let direction = prop::sample::select(&DIRECTIONS);
    let shape = (80_i64..98, 102_i64..125, 2_u16..14, any::<bool>(), direction, any::<bool>(), 1_u8..4);
    let waits = (prop_oneof![3 => Just(0_i64), 1 => -40_i64..40], prop::option::weighted(0.3, 0_i64..=100));
    let stops = (prop::bool::weighted(0.3), prop::bool::weighted(0.3), any::<bool>());
    (shape, waits, stops).prop_map(|(shape, (shift, trigger), (stop_lower, stop_upper, close_on_stop))| {
        let (lower, upper, count, geometric, direction, buy_in, leverage) = shape;
        let (lower, upper) = (lower + shift, upper + shift);
        let price = |price: i64| Price::try_new(price.into()).unwrap();
        // A part of the range in %, on the tick.
        let inside = |pct: i64| Decimal::from(lower) + Decimal::new((upper - lower) * pct, 2).round_dp(1);
        GridConfig {
            lower: price(lower),
            upper: price(upper),
            count,
            mode: if geometric { GridMode::Geometric } else { GridMode::Arithmetic },
            direction,
            trigger: trigger.map(|pct| Price::try_new(inside(pct)).unwrap()),
            stop_lower: stop_lower.then(|| price(lower - 2)),
            stop_upper: stop_upper.then(|| price(upper + 2)),
            buy_in: buy_in && direction != Direction::Neutral,
            close_on_stop: close_on_stop && (stop_lower || stop_upper),
            leverage: Leverage::try_new(leverage).unwrap(),
            ..plain(("90", "110"), 5, "400")
        }
    })
}

fn flat(ticks: i64) -> String {
    Decimal::new(ticks, 1).to_string()
}

/// Plays a bar with all that goes wrong in it, and looks again, as the daemon does every few seconds.
fn play(rig: &mut Rig, bar: &Bar, prices: [&str; 4]) {
    let fates = [Fate::Refused, Fate::NotSent, Fate::LostAnswer, Fate::LostOrder];
    rig.fates.clear();
    if let Some((is_exit, fate)) = bar.fate {
        let purpose = if is_exit { Purpose::GridExit } else { Purpose::GridEntry };
        rig.fates.push_back((purpose, fates[usize::from(fate)]));
    }
    rig.cancels_fail = bar.cancels_fail;
    rig.crash_in = bar.crash_in;
    rig.bar(prices, &[]);
    rig.check_one_order_a_line();
    rig.fates.clear();
    rig.cancels_fail = false;
    // What would have crossed is offered beyond the market with the next look, and a kill may have come between.
    for _ in 0..3 {
        rig.look_again(&[]);
        rig.check_one_order_a_line();
    }
}

/// Where a grid is worked, and what the market is like.
#[derive(Debug, Clone, Copy, Default)]
struct World {
    /// An exchange that answers late, not the paper book.
    live: bool,
    /// Orders are filled in parts.
    partial: bool,
    /// Long only, without leverage.
    spot: bool,
    /// Fees are paid in another asset.
    bnb: bool,
}

fn worlds() -> impl Strategy<Value = World> {
    (any::<bool>(), any::<bool>(), prop::bool::weighted(0.3), any::<bool>())
        .prop_map(|(live, partial, spot, bnb)| World { live, partial, spot, bnb })
}

fn setup(mut grid: GridConfig, world: World) -> Rig {
    if world.spot {
        (grid.direction, grid.leverage) = (Direction::Long, Leverage::ONE);
    }
    let mut config = grid_account(grid);
    config.venue.consistent_snapshots = !world.live;
    config.venue.may_hold_external = world.live;
    config.venue.resend_is_safe = !world.live;
    config.venue.spot = world.spot;
    edit_setup(&mut config, |setup| setup.terms.spot = world.spot);
    let terms = BookConfig { participation_pct: world.partial.then(|| pct("0.4")), ..book_terms(&config) };
    let mut rig = Rig::on(config, terms);
    if world.bnb {
        rig.pay_fees_in_bnb();
    }
    rig
}

/// After quiet each line has exactly what it lacks.
fn check_ladder(rig: &Rig, at: Price) {
    let (plan, state) = (rig.grid_plan(), rig.grid_state());
    if !state.is_started || !rig.config.bots[&ONE].is_running {
        assert_eq!(rig.ladder(), [""; 0], "it waits, or has stopped");
        return;
    }
    let instrument = &rig.config.instruments[&symbol(BTC)];
    for rung in rig.rungs() {
        let lot = state.lots.get(rung.side, rung.line).qty;
        let entries = rig.on_line(rung.line, Purpose::GridEntry);
        let exits = rig.on_line(rung.line, Purpose::GridExit);
        let is_long = rung.side == PositionSide::Long;
        let is_waiting = !entries.is_empty() && !lot.is_zero();
        let must_close = !is_waiting && is_sellable(lot, rung.exit, instrument, plan.terms.spot);
        // What is left of an exit rests on, however little it is.
        if must_close || !exits.is_empty() {
            let [(qty, price)] = exits[..] else { panic!("{rung:?} holds {lot} and has {exits:?}") };
            assert!(is_waiting || qty == lot, "{rung:?} holds {lot}, sells {qty}");
            assert!(if is_long { price >= rung.exit } else { price <= rung.exit }, "{rung:?} {price}");
        } else if !is_waiting {
            let is_against = !rig.held_on(ONE, BTC, rung.side.opposite()).is_zero();
            let may_open = rung.can_rest(at) && !is_against;
            assert_eq!(entries.len(), usize::from(may_open), "{rung:?} at {at}: {entries:?}");
            for (qty, price) in entries {
                assert_eq!(qty, plan.qty_per_line);
                assert!(if is_long { price <= rung.entry } else { price >= rung.entry }, "{rung:?} {price}");
            }
        }
    }
}

/// Long enough for every doubt to end and every pause to pass; the price stays.
fn quiet(rig: &mut Rig, at: &str) {
    // What the price has reached fills, however thin the market was.
    rig.book.set_terms(&book_terms(&rig.config));
    for _ in 0..12 {
        rig.price(at);
        rig.look_again(&[]);
        rig.recover();
    }
}

fn last_ticks(config: &AccountConfig) -> (i64, i64) {
    let grid = &config.bots[&ONE].grid.as_ref().unwrap().config;
    let ticks = |price: Price| i64::try_from(price.decimal() * Decimal::TEN).unwrap();
    (ticks(grid.lower) - 40, ticks(grid.upper) + 40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_path_of_prices_gives_what_the_model_says(grid in grids(), script in bars(25), bnb: bool) {
        let mut rig = setup(grid, World { bnb, ..World::default() });
        let (low, high) = last_ticks(&rig.config);
        let mut ticks = 1_000;
        let mut model = PathModel::new(&rig, Decimal::new(ticks, 1));
        for bar in &script {
            ticks = (ticks + bar.moves[0]).clamp(low, high);
            let at = flat(ticks);
            // Kills alone lose nothing: what was on its way is asked for and goes on.
            let quiet = Bar { fate: None, crash_in: None, cancels_fail: false, ..bar.clone() };
            play(&mut rig, &Bar { crash_in: bar.crash_in, ..quiet.clone() }, [&at; 4]);
            model.trade(Decimal::new(ticks, 1));
            rig.check_lots();
            // What was refused when it was sent again may be there for all the machine knows: it waits, then tries anew.
            let is_in_doubt = rig.orders.values().any(|order| order.status == OrderStatus::Unknown);
            for _ in 0..if is_in_doubt { 4 } else { 0 } {
                play(&mut rig, &quiet, [&at; 4]);
                model.trade(Decimal::new(ticks, 1));
            }
        }
        model.check(&rig);
    }

    #[test]
    fn whatever_happens_the_ladder_ends_right_and_profit_is_what_the_fills_say(
        grid in grids(),
        script in bars(40),
        world in worlds(),
    ) {
        let mut rig = setup(grid, world);
        let (low, high) = last_ticks(&rig.config);
        let mut ticks = 1_000;
        for bar in &script {
            let [open, high, low, close] = bar_prices(&mut ticks, bar.moves, (low, high));
            play(&mut rig, bar, [&open, &high, &low, &close]);
            rig.check_lots();
        }
        let at = flat(ticks);
        quiet(&mut rig, &at);
        rig.check_lots();
        check_ladder(&rig, at.parse().unwrap());
        let model = FillModel::of(&rig);
        let is_of_line = |fill: &BookedFill| fill.fill.client_order_id.key().unwrap().line().is_some();
        // What a stop has closed is in no line's fills.
        if rig.fills.iter().all(is_of_line) {
            for (line, (net, _)) in &model.lines {
                let side = if net.is_sign_negative() { PositionSide::Short } else { PositionSide::Long };
                prop_assert_eq!(rig.grid_state().lots.get(side, *line).qty.decimal(), net.abs(), "line {}", line);
            }
        }
        // Of lines that hold nothing, the profit that is booked is the money that was moved.
        let is_flat = |line: u16| model.lines.get(&line).is_some_and(|(net, _)| net.is_zero());
        let moved: Decimal = model.lines.values().filter(|(net, _)| net.is_zero()).map(|(_, cash)| *cash).sum();
        prop_assert_eq!(booked_profit(&rig, &is_flat), moved.normalize());
        prop_assert_eq!(rig.noticed(crate::engine::turn::NoticeKind::OutOfSync), 0);
    }
}

/// Open, high, low and close of a wandering bar.
fn bar_prices(ticks: &mut i64, moves: [i64; 4], (low, high): (i64, i64)) -> [String; 4] {
    let [open, middle, other, close] = moves.map(|by| {
        *ticks = (*ticks + by).clamp(low, high);
        *ticks
    });
    let top = open.max(middle).max(other).max(close);
    let bottom = open.min(middle).min(other).min(close);
    [open, top, bottom, close].map(flat)
}

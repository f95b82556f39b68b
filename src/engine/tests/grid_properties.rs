//! Grids against models that know nothing of the machine: one that follows a path of prices, and one that follows the
//! book's fills whatever the exchange does to the orders.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::fixtures::*;
use super::grid_setup::*;
use super::rig::{Fate, Rig};
use crate::domain::money::{Leverage, Price, Quote};
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide;
use crate::engine::config::AccountConfig;
use crate::engine::grid::ladder::is_sellable;
use crate::engine::grid::{Direction, GridConfig, GridMode};
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

fn grids() -> impl Strategy<Value = GridConfig> {
    (80_i64..98, 102_i64..125, 2_u16..14, any::<bool>(), 0_u8..3, any::<bool>(), 1_u8..4).prop_map(
        |(lower, upper, count, geometric, direction, buy_in, leverage)| {
            let direction = [Direction::Long, Direction::Short, Direction::Neutral][usize::from(direction)];
            GridConfig {
                lower: Price::try_new(lower.into()).unwrap(),
                upper: Price::try_new(upper.into()).unwrap(),
                count,
                mode: if geometric { GridMode::Geometric } else { GridMode::Arithmetic },
                investment: quote("400"),
                direction,
                buy_in: buy_in && direction != Direction::Neutral,
                leverage: Leverage::try_new(leverage).unwrap(),
                ..grid()
            }
        },
    )
}

/// A long grid on a path of single prices. Whatever the path, this is all that can happen to it.
struct PathModel {
    /// (buys at, sells at)
    lines: Vec<(Decimal, Decimal)>,
    qty: Decimal,
    /// What each line paid, with its fee, while it holds.
    holds: Vec<Option<Decimal>>,
    buys: Vec<bool>,
    sells: Vec<bool>,
    profit: Decimal,
}

impl PathModel {
    fn new(rig: &Rig, at: Decimal) -> Self {
        let plan = rig.grid_plan();
        let prices: Vec<Decimal> = plan.lines.iter().map(|line| line.price.decimal()).collect();
        let lines: Vec<_> = prices.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let mut model = Self {
            holds: vec![None; lines.len()],
            buys: vec![false; lines.len()],
            sells: vec![false; lines.len()],
            lines,
            qty: plan.qty_per_line.decimal(),
            profit: Decimal::ZERO,
        };
        model.arm(at);
        model
    }

    /// The market trades at one price: what rests there or beyond fills at the market, then the lines are armed anew.
    fn trade(&mut self, at: Decimal) {
        let fee = |price: Decimal| price * self.qty * Decimal::new(2, 4);
        for (index, (buy, sell)) in self.lines.iter().enumerate() {
            if self.buys[index] && at <= *buy {
                self.holds[index] = Some(at * self.qty + fee(at));
                self.buys[index] = false;
            } else if self.sells[index] && at >= *sell {
                let cost = self.holds[index].take().unwrap();
                self.profit += at * self.qty - fee(at) - cost;
                self.sells[index] = false;
            }
        }
        self.arm(at);
    }

    fn arm(&mut self, at: Decimal) {
        for (index, (buy, _)) in self.lines.iter().enumerate() {
            let holds = self.holds[index].is_some();
            self.sells[index] = holds;
            self.buys[index] |= !holds && at > *buy;
        }
    }
}

fn flat(ticks: i64) -> String {
    Decimal::new(ticks, 1).to_string()
}

/// Plays a bar with all that goes wrong in it, and looks again, as the daemon does every few seconds.
fn play(rig: &mut Rig, bar: &Bar, prices: [&str; 4], crashes: bool) {
    let fates = [Fate::Refused, Fate::NotSent, Fate::LostAnswer, Fate::LostOrder];
    rig.fates.clear();
    if let Some((is_exit, fate)) = bar.fate {
        let purpose = if is_exit { Purpose::GridExit } else { Purpose::GridEntry };
        rig.fates.push_back((purpose, fates[usize::from(fate)]));
    }
    rig.cancels_fail = bar.cancels_fail;
    rig.crash_in = bar.crash_in.filter(|_| crashes);
    rig.bar(prices, &[]);
    rig.check_one_order_a_line();
    rig.fates.clear();
    rig.cancels_fail = false;
    rig.look_again(&[]);
    rig.check_one_order_a_line();
}

fn setup(grid: GridConfig, live: bool, partial: bool) -> Rig {
    let mut config = grid_account(grid);
    config.venue.consistent_snapshots = !live;
    config.venue.may_hold_external = live;
    config.venue.resend_is_safe = !live;
    let terms = BookConfig { participation_pct: partial.then(|| pct("0.4")), ..book_terms(&config) };
    Rig::on(config, terms)
}

/// What the fills of the book say, line by line: what is held, what it cost with its fees, and what was earned.
#[derive(Default)]
struct FillModel {
    held: BTreeMap<u16, (Decimal, Decimal)>,
    earned: Decimal,
    open_cash: Decimal,
}

impl FillModel {
    fn of(rig: &Rig) -> Self {
        let mut model = Self::default();
        for part in &rig.grid_fills {
            let (qty, price, fee) = (part.qty.decimal(), part.price.decimal(), part.fee.decimal());
            let held = model.held.entry(part.line).or_default();
            let cash = if part.side == crate::domain::side::Side::Buy { -price * qty } else { price * qty };
            model.open_cash += cash - fee;
            if part.profit.is_none() {
                held.0 += qty;
                held.1 += cash - fee;
            } else {
                held.0 -= qty;
                held.1 += cash - fee;
            }
            if held.0.is_zero() {
                // A lot that is closed has earned exactly the money that it moved.
                model.earned += held.1;
                held.1 = Decimal::ZERO;
            }
        }
        model.held.retain(|_, (qty, _)| !qty.is_zero());
        model
    }
}

fn booked_profit(rig: &Rig, lines: &dyn Fn(u16) -> bool) -> Quote {
    rig.grid_fills.iter().filter(|part| lines(part.line)).filter_map(|part| part.profit).sum()
}

/// After quiet each line has exactly what it lacks.
fn check_ladder(rig: &Rig, at: Price) {
    let (plan, state) = (rig.grid_plan(), rig.grid_state());
    let instrument = &rig.config.instruments[&symbol(BTC)];
    let held_side = rig.position(ONE, BTC).map(|held| held.side);
    for rung in rig.rungs() {
        let lot = state.lots.get(rung.line).qty;
        let entries = rig.on_line(rung.line, Purpose::GridEntry);
        let exits = rig.on_line(rung.line, Purpose::GridExit);
        let is_long = rung.side == PositionSide::Long;
        let is_waiting = !entries.is_empty() && !lot.is_zero();
        if is_sellable(lot, rung.exit, instrument, false) && (!is_waiting || !exits.is_empty()) {
            let [(qty, price)] = exits[..] else { panic!("{rung:?} holds {lot} and has {exits:?}") };
            assert!(is_waiting || qty == lot, "{rung:?} holds {lot}, sells {qty}");
            assert!(if is_long { price >= rung.exit } else { price <= rung.exit }, "{rung:?} {price}");
        } else if !is_waiting {
            let may_open = rung.can_rest(at) && held_side.is_none_or(|side| side == rung.side);
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
    fn a_path_of_prices_gives_what_the_model_says(grid in grids(), script in bars(25)) {
        let mut rig = setup(GridConfig { direction: Direction::Long, buy_in: false, ..grid }, false, false);
        let (low, high) = last_ticks(&rig.config);
        let mut ticks = 1_000;
        let mut model = PathModel::new(&rig, Decimal::new(ticks, 1));
        for bar in &script {
            ticks = (ticks + bar.moves[0]).clamp(low, high);
            let at = flat(ticks);
            // Kills alone lose nothing: what was on its way is asked for and goes on.
            let bar = Bar { fate: None, cancels_fail: false, ..bar.clone() };
            play(&mut rig, &bar, [&at; 4], true);
            model.trade(Decimal::new(ticks, 1));
            rig.check_lots();
        }
        let state = rig.grid_state();
        for (line, (holds, (buys, sells))) in
            (0_u16..).zip(model.holds.iter().zip(model.buys.iter().zip(&model.sells)))
        {
            let lot = state.lots.get(line);
            let held = if holds.is_some() { model.qty } else { Decimal::ZERO };
            prop_assert_eq!(lot.qty.decimal(), held, "line {}", line);
            prop_assert_eq!(rig.on_line(line, Purpose::GridEntry).len(), usize::from(*buys), "line {}", line);
            prop_assert_eq!(rig.on_line(line, Purpose::GridExit).len(), usize::from(*sells), "line {}", line);
        }
        prop_assert_eq!(booked_profit(&rig, &|_| true).decimal(), model.profit.normalize());
    }

    #[test]
    fn whatever_happens_the_ladder_ends_right_and_profit_is_what_the_fills_say(
        grid in grids(),
        script in bars(40),
        live: bool,
        partial: bool,
    ) {
        let mut rig = setup(grid, live, partial);
        let (low, high) = last_ticks(&rig.config);
        let mut ticks = 1_000;
        for bar in &script {
            let [open, high, low, close] = bar_prices(&mut ticks, bar.moves, (low, high));
            play(&mut rig, bar, [&open, &high, &low, &close], true);
            rig.check_lots();
        }
        let at = flat(ticks);
        quiet(&mut rig, &at);
        rig.check_lots();
        check_ladder(&rig, at.parse().unwrap());
        let model = FillModel::of(&rig);
        for (line, (qty, _)) in &model.held {
            prop_assert_eq!(rig.grid_state().lots.get(*line).qty.decimal(), *qty, "line {}", line);
        }
        // Of lines that hold nothing, every part of their profit is booked.
        let is_flat = |line: u16| !model.held.contains_key(&line);
        let flat_cash: Decimal = rig.grid_fills.iter().filter(|part| is_flat(part.line)).map(|part| {
            let notional = part.price.decimal() * part.qty.decimal();
            let cash = if part.side == crate::domain::side::Side::Buy { -notional } else { notional };
            cash - part.fee.decimal()
        }).sum();
        prop_assert_eq!(booked_profit(&rig, &is_flat).decimal(), flat_cash.normalize());
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

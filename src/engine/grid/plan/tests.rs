//! Plans by hand, refusals with their arithmetic, and what holds for every plan.

use proptest::prelude::*;

use super::*;
use crate::domain::instrument::Symbol;
use crate::engine::grid::GridMode;
use crate::engine::grid::fixtures::{plain, terms};

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

fn btc() -> Instrument {
    Instrument {
        symbol: Symbol::try_new("BTCUSDT").unwrap(),
        tick: price("0.1"),
        step: "0.001".parse().unwrap(),
        min_qty: "0.001".parse().unwrap(),
        min_notional: "5".parse().unwrap(),
    }
}

fn config() -> GridConfig {
    plain(("100", "200"), 5, "1000")
}

fn texts(config: &GridConfig, instrument: &Instrument, terms: Terms) -> Vec<String> {
    Plan::of(config, instrument, terms).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_plan_by_hand() {
    let plan = Plan::of(&config(), &btc(), terms()).unwrap();
    let lines: Vec<_> = plan.lines.iter().map(|line| format!("{}:{}", line.index, line.price)).collect();
    assert_eq!(lines, ["0:100", "1:125", "2:150", "3:175", "4:200"]);
    // 1000 / ((100 + 125 + 150 + 175) x 1.0002) = 1.8178..., rounded down to 0.001.
    assert_eq!(plan.qty_per_line.to_string(), "1.817");
    assert_eq!(plan.per_grid_amount.to_string(), "250");
    assert_eq!(plan.notional.to_string(), "999.35");
    assert_eq!(plan.needed.to_string(), "999.54987");
    // 1.817 x 25 - 1.817 x 0.0002 x (100 + 125) = 45.425 - 0.081765
    let trip = plan.round_trips[0];
    assert_eq!((trip.fees.to_string(), trip.net.to_string()), ("0.081765".into(), "45.343235".into()));
    assert_eq!(trip.net_pct.to_string(), "24.955");
    assert_eq!(plan.net_range(), (plan.round_trips[3].net, plan.round_trips[0].net));
}

#[test]
fn leverage_carries_more_and_a_short_grid_enters_above() {
    let leveraged = GridConfig { leverage: Leverage::try_new(5).unwrap(), ..config() };
    let plan = Plan::of(&leveraged, &btc(), terms()).unwrap();
    // 1000 x 5 / (550 x (1 + 0.0002 x 5))
    assert_eq!(plan.qty_per_line.to_string(), "9.081");
    for direction in [Direction::Short, Direction::Neutral] {
        let plan = Plan::of(&GridConfig { direction, ..config() }, &btc(), terms()).unwrap();
        // 1000 / ((125 + 150 + 175 + 200) x 1.0002)
        assert_eq!(plan.qty_per_line.to_string(), "1.538");
    }
}

#[test]
fn the_ticks_of_krw_markets_grow_with_the_price() {
    let krw = Instrument {
        symbol: Symbol::try_new("KRW-XRP").unwrap(),
        tick: price("0.1"),
        min_notional: "5000".parse().unwrap(),
        ..btc()
    };
    let wide = GridConfig {
        lower: price("90"),
        upper: price("110"),
        count: 4,
        investment: "100000".parse().unwrap(),
        ..config()
    };
    let spot = Terms { spot: true, ..terms() };
    let lines = |config: &GridConfig| {
        let plan = Plan::of(config, &krw, spot).unwrap();
        plan.lines.iter().map(|line| line.price.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(lines(&wide), "90 97 103 110");
    assert_eq!(lines(&GridConfig { upper: price("99"), ..wide }), "90 93 96 99");
}

#[test]
fn every_refusal_has_its_arithmetic() {
    let with = |change: fn(&mut GridConfig)| {
        let mut config = config();
        change(&mut config);
        config
    };
    let cases: &[(GridConfig, &[&str])] = &[
        (with(|c| c.lower = price("200")), &["lower = 200 must be below upper = 200"]),
        (with(|c| c.count = 1), &["grids = 1 is not allowed: 2 to 100 lines"]),
        (with(|c| c.count = 101), &["grids = 101 is not allowed: 2 to 100 lines"]),
        (with(|c| c.investment = Quote::ZERO), &["investment = 0 must be above 0"]),
        (
            with(|c| (c.upper, c.count) = (price("100.3"), 10)),
            &[
                "lines 0 and 1 would both lie at 100: the tick is 0.1, and 10 lines from 100 to 100.3 leave less than that \
               between them; at most 4 lines fit, or widen the range",
            ],
        ),
        (
            with(|c| (c.upper, c.count) = (price("100.04"), 2)),
            &[
                "lines 0 and 1 would both lie at 100: the tick is 0.1, and 2 lines from 100 to 100.04 leave less than that \
               between them; not even 2 lines fit: widen the range",
            ],
        ),
        (
            with(|c| c.investment = "0.5".parse().unwrap()),
            &[
                "investment = 0.5 gives 0 a line, below the smallest quantity 0.001; at least 0.55011 is needed for 5 lines",
                "investment = 0.5 gives 0 a line, at 100 an order of 0, below the smallest order 5; at least 27.5055 is \
                 needed for 5 lines",
            ],
        ),
        (with(|c| c.trigger = Some(price("99.9"))), &["trigger = 99.9 must be inside the range, 100 to 200"]),
        (with(|c| c.stop_upper = Some(price("200"))), &["stop_upper = 200 must be above upper = 200"]),
        (with(|c| c.stop_lower = Some(price("150"))), &["stop_lower = 150 must be below lower = 100"]),
        (with(|c| c.close_on_stop = true), &["close_on_stop needs a stop: give stop_lower or stop_upper"]),
        (
            with(|c| {
                (c.exchange_stop, c.direction, c.stop_lower) = (true, Direction::Short, Some(price("90")));
            }),
            &["exchange_stop needs the stop on the losing side of a short grid: give stop_upper"],
        ),
        (
            with(|c| (c.direction, c.buy_in) = (Direction::Neutral, true)),
            &[
                "buy_in makes no sense for a neutral grid: it starts with nothing, and is long below and short above that price",
            ],
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(texts(config, &btc(), terms()), *expected, "{config:?}");
    }
}

#[test]
fn spacing_must_beat_both_fees_and_says_how_many_lines_would() {
    let dear = Terms { maker_fee_pct: "0.1".parse().unwrap(), ..terms() };
    let narrow = GridConfig { upper: price("101"), count: 6, ..config() };
    assert_eq!(
        texts(&narrow, &btc(), dear),
        [
            "the spacing does not pay the fees: between lines at 100.8 and 101 a round trip of 1 earns 0.2 and costs 0.1 % of \
          100.8 and of 101 = 0.2018, so -0.0018 is left; at most 4 lines fit, or widen the range"
        ]
    );
    assert!(Plan::of(&GridConfig { count: 4, ..narrow }, &btc(), dear).is_ok());
}

#[test]
fn all_problems_are_told_at_once_and_spot_is_long_without_leverage() {
    let config = GridConfig {
        lower: price("300"),
        count: 1,
        direction: Direction::Short,
        leverage: Leverage::try_new(3).unwrap(),
        exchange_stop: true,
        ..config()
    };
    let keys: Vec<_> = Plan::of(&config, &btc(), Terms { spot: true, ..terms() })
        .unwrap_err()
        .iter()
        .map(PlanRefusal::key)
        .collect();
    assert_eq!(keys, ["lower", "grids", "direction", "leverage", "exchange_stop"]);
}

#[test]
fn where_it_would_start_is_judged_by_what_is_known() {
    let config = GridConfig { leverage: Leverage::try_new(5).unwrap(), ..config() };
    assert!(Surroundings::default().refusals(&config).is_empty());
    let around = Surroundings {
        price: Some(price("99.9")),
        equity: Some(("5000".parse().unwrap(), "10".parse().unwrap())),
        max_leverage: Leverage::try_new(3).ok(),
    };
    let texts: Vec<_> = around.refusals(&config).iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "investment = 1000 is above the bot's capital: 10 % of the equity 5000 = 500",
            "leverage = 5 is above the 3 that this bot may use",
            "the price 99.9 is outside the range, 100 to 200, and no trigger is set: the grid would have nothing to trade; \
             move the range, or give a trigger inside it",
        ]
    );
    let waits = GridConfig { trigger: Some(price("150")), ..config };
    assert_eq!(around.refusals(&waits).len(), 2);
}

fn configs() -> impl Strategy<Value = (GridConfig, Instrument, Terms)> {
    let bounds = (1_i64..1_000_000, 1_i64..2_000_000, 0_u32..6);
    let kind = (2_u16..=100, any::<bool>(), 0_u8..3, 1_u8..=20);
    let market = (1_i64..200, 0_u32..6, -20_i64..200);
    (bounds, kind, 1_i64..10_000_000, market).prop_map(|(bounds, kind, investment, market)| {
        let (lower, width, scale) = bounds;
        let (count, is_geometric, direction, leverage) = kind;
        let (tick, tick_scale, fee) = market;
        let instrument = Instrument {
            tick: Price::try_new(Decimal::new(tick, tick_scale)).unwrap(),
            step: Qty::try_new(Decimal::new(tick, 3)).unwrap(),
            ..btc()
        };
        let config = GridConfig {
            lower: Price::try_new(Decimal::new(lower, scale)).unwrap(),
            upper: Price::try_new(Decimal::new(lower + width, scale)).unwrap(),
            count,
            mode: if is_geometric { GridMode::Geometric } else { GridMode::Arithmetic },
            investment: Quote::new(Decimal::new(investment, 1)),
            direction: [Direction::Long, Direction::Short, Direction::Neutral][usize::from(direction)],
            leverage: Leverage::try_new(leverage).unwrap(),
            ..config()
        };
        (config, instrument, Terms { maker_fee_pct: Pct::try_new(Decimal::new(fee, 3)).unwrap(), ..terms() })
    })
}

/// `price` on the nearest tick, by another way.
fn nearest(price: Price, tick: Price) -> Price {
    let half = tick.decimal() / Decimal::TWO;
    let ticks = ((price.decimal() + half) / tick.decimal()).floor().max(Decimal::ONE);
    Price::try_new(ticks * tick.decimal()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_holds_for_every_plan((config, instrument, terms) in configs()) {
        let Ok(plan) = Plan::of(&config, &instrument, terms) else { return Ok(()) };
        let prices: Vec<Price> = plan.lines.iter().map(|line| line.price).collect();
        prop_assert_eq!(prices.len(), usize::from(config.count));
        prop_assert_eq!(prices[0], nearest(config.lower, instrument.tick));
        prop_assert_eq!(prices[prices.len() - 1], nearest(config.upper, instrument.tick));
        for (index, line) in plan.lines.iter().enumerate() {
            prop_assert_eq!(usize::from(line.index), index);
            prop_assert!(instrument.check_price(line.price).is_ok());
        }
        prop_assert!(prices.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", prices);
        evenly_spaced(&config, &prices, instrument.tick)?;

        prop_assert!(instrument.check_qty(plan.qty_per_line).is_ok());
        prop_assert!(plan.needed <= config.investment, "{} of {}", plan.needed, config.investment);
        let grids = Decimal::from(config.count - 1);
        prop_assert!(plan.per_grid_amount.decimal() * grids <= config.investment.decimal());
        // One step more would not be paid for.
        let more = Sizing { qty: plan.qty_per_line, ..Sizing::of(&config, &instrument, terms.maker_fee_pct, &prices) };
        prop_assert!(more.needed_for(plan.qty_per_line.plus(instrument.step)) > config.investment);

        for (trip, pair) in plan.round_trips.iter().zip(prices.windows(2)) {
            prop_assert_eq!((trip.low, trip.high), (pair[0], pair[1]));
            prop_assert!(trip.net > Quote::ZERO);
            prop_assert!(instrument.check_notional(entry_price(config.direction, pair[0], pair[1]), plan.qty_per_line).is_ok());
            let qty = plan.qty_per_line.decimal();
            let rate = terms.maker_fee_pct.decimal() / Decimal::ONE_HUNDRED;
            let (low, high) = (pair[0].decimal(), pair[1].decimal());
            prop_assert_eq!(trip.net.decimal(), qty * high * (Decimal::ONE - rate) - qty * low * (Decimal::ONE + rate));
        }
    }

    #[test]
    fn what_is_refused_would_have_been_wrong((config, instrument, terms) in configs()) {
        for refusal in Plan::of(&config, &instrument, terms).err().unwrap_or_default() {
            match refusal {
                PlanRefusal::SpacingBelowFees { earned, fees, net, fits, .. } => {
                    prop_assert!(net <= Quote::ZERO && earned - fees == net);
                    if let Some(count) = fits {
                        let again = Plan::of(&GridConfig { count, ..config.clone() }, &instrument, terms);
                        let keys: Vec<_> = again.err().unwrap_or_default().iter().map(PlanRefusal::key).collect();
                        prop_assert!(!keys.contains(&"grids"), "{count}: {keys:?}");
                    }
                }
                PlanRefusal::BelowMinQty { needed, .. } | PlanRefusal::BelowMinNotional { needed, .. } => {
                    prop_assert!(needed > config.investment, "{refusal}");
                }
                PlanRefusal::LinesCollapse { .. } => {}
                other @ (PlanRefusal::BoundsReversed { .. }
                | PlanRefusal::Count { .. }
                | PlanRefusal::NothingInvested { .. }
                | PlanRefusal::BeyondDecimals { .. }
                | PlanRefusal::TriggerOutside { .. }
                | PlanRefusal::StopUpperInside { .. }
                | PlanRefusal::StopLowerInside { .. }
                | PlanRefusal::NothingToCloseOn
                | PlanRefusal::NoStopToRest { .. }
                | PlanRefusal::ExchangeStopOnSpot
                | PlanRefusal::NotLongOnSpot { .. }
                | PlanRefusal::LeverageOnSpot { .. }
                | PlanRefusal::LeverageAbove { .. }
                | PlanRefusal::BuyInNeutral
                | PlanRefusal::AboveCapital { .. }
                | PlanRefusal::PriceOutside { .. }) => prop_assert!(false, "{other} of {config:?}"),
            }
        }
    }
}

/// Steps, or ratios, that differ only by what the rounding to ticks moved.
fn evenly_spaced(config: &GridConfig, prices: &[Price], tick: Price) -> Result<(), TestCaseError> {
    let tick = tick.decimal();
    let ends = (config.lower.decimal(), config.upper.decimal());
    let grids = Decimal::from(config.count - 1);
    for pair in prices.windows(3) {
        let [low, middle, high] = [pair[0].decimal(), pair[1].decimal(), pair[2].decimal()];
        match config.mode {
            // Half a tick each; a bound below one tick, by up to a whole one.
            GridMode::Arithmetic => {
                let step = (ends.1 - ends.0) / grids;
                prop_assert!((middle - low - step).abs() <= tick * Decimal::TWO, "{low} {middle}: {step}");
            }
            // Each is within half a tick of a geometric sequence, in which middle^2 = low x high.
            GridMode::Geometric => {
                let moved = tick * (low + middle * Decimal::TWO + high + tick);
                prop_assert!((middle * middle - low * high).abs() <= moved, "{low} {middle} {high}");
            }
        }
    }
    Ok(())
}

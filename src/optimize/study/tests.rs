//! Studies over a synthetic market: trials are backtests, and interruptions leave no trace.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::backtest::columns::Columns;
use crate::backtest::driver::play;
use crate::backtest::results::Results;
use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::money::Pct;
use crate::domain::time::{Timeframe, Timestamp};
use crate::engine::settings::SymbolScope;
use crate::market::instruments::derive_instrument;
use crate::market::synthetic::{SyntheticConfig, SyntheticMarket};
use crate::optimize::search::Method;
use crate::optimize::space::tests::setup;
use crate::optimize::windows::WalkForward;

const START: Timestamp = Timestamp::from_ms(1_767_225_600_000);

fn study(given: &[(&str, &str)], method: Method, trials: Option<usize>) -> Study {
    let config = SyntheticConfig { steps: Some(500), ..SyntheticConfig::with_default_symbols(5, START) };
    let mut source = SyntheticMarket::new(config).unwrap();
    let symbols: Vec<Symbol> = source.symbols().take(3).cloned().collect();
    let mut candles: Vec<Vec<Candle>> = vec![Vec::new(); symbols.len()];
    while let Some(row) = source.next_row() {
        for (of, candle) in candles.iter_mut().zip(row) {
            of.push(candle);
        }
    }
    let series = symbols.iter().zip(&candles);
    let columns =
        series.clone().map(|(symbol, of)| (symbol.clone(), Columns::of(Timeframe::M1, of).unwrap()));
    let market = Market::new(columns.collect()).unwrap();
    let mut base = setup();
    base.settings = Setup::plain_settings();
    base.instruments =
        series.map(|(symbol, of)| (symbol.clone(), derive_instrument(symbol, of).unwrap())).collect();
    base.bots[0].settings.symbol = SymbolScope::Universe;
    base.bots[0].settings.allocation_percent = Pct::HUNDRED;
    let given: Vec<_> = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let space = Space::parse(&given, &base).unwrap();
    let windows =
        WalkForward { windows: 2, ratio: 2, anchored: false }.windows(market.span(None, None)).unwrap();
    Study {
        market,
        base,
        space,
        windows,
        objective: Objective::Return,
        bounds: Bounds { min_trades: 1, max_drawdown: None },
        plan: Plan { method, trials, seed: 3 },
    }
}

/// All trials by number, on so many cores, going on from `known`, stopped after `most` more.
fn run(study: &Study, cores: usize, known: &BTreeMap<u32, TrialRow>, most: usize) -> BTreeMap<u32, TrialRow> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores).build().unwrap();
    let heard = Mutex::new(known.clone());
    let count = AtomicUsize::new(0);
    let stop = || count.load(Ordering::Relaxed) >= most;
    let hear = |row: TrialRow| {
        count.fetch_add(1, Ordering::Relaxed);
        assert!(heard.lock().unwrap().insert(row.number, row).is_none());
    };
    pool.install(|| study.search(known, &stop, &hear)).unwrap();
    heard.into_inner().unwrap()
}

#[test]
fn every_trial_is_the_backtest_of_its_settings_and_span() {
    let given = [("fast", "3..4"), ("slow", "9,14"), ("leverage", "2,5"), ("exit_on_cross", "on,off")];
    let study = study(&given, Method::Grid, None);
    let rows = run(&study, 2, &BTreeMap::new(), usize::MAX);
    assert_eq!(rows.len(), 16);
    let mut trades = 0;
    for row in rows.values() {
        let point = study.space.find(&row.values).unwrap();
        let mut setup = study.space.setup(&study.base, &point).unwrap();
        for (window, found) in study.windows.iter().zip(&row.windows) {
            for (span, figures) in
                [(window.inside, &found.inside), (window.outside.unwrap(), found.outside.as_ref().unwrap())]
            {
                setup.from = study.market.at(span.0).map(|at| at.minus(Timeframe::M1.duration()));
                setup.to = study.market.at(span.1 - 1);
                let played = play(&study.market, &setup, Stride::EveryBar).unwrap();
                let wanted = Results::of(&study.market, &setup, &played);
                assert_eq!(figures.final_equity, wanted.summary.final_equity);
                assert_eq!(figures.trades as usize, wanted.trades.len());
                assert_eq!(figures.sharpe, wanted.summary.ratios.sharpe);
                assert_eq!((figures.from_ms, figures.to_ms), (wanted.from_ms, wanted.to_ms));
                trades += wanted.trades.len();
            }
        }
    }
    assert!(trades > 50, "{trades}");
}

#[test]
fn neither_cores_nor_interruptions_change_anything() {
    for method in [Method::Grid, Method::Smart] {
        let trials = (method == Method::Smart).then_some(34);
        let study = study(&[("fast", "3..6"), ("slow", "9..13"), ("signal_ttl_bars", "1,2")], method, trials);
        let calm = run(&study, 1, &BTreeMap::new(), usize::MAX);
        let mut known = BTreeMap::new();
        for most in [1, 9, 7, usize::MAX] {
            known = run(&study, 3, &known, most);
        }
        assert_eq!(known, calm, "{method}");
    }
}

#[test]
fn a_foreign_trial_is_noticed() {
    let study = study(&[("fast", "3..5")], Method::Grid, None);
    let row = TrialRow { number: 2, values: vec!["9".to_owned()], windows: Vec::new() };
    let error = study.search(&BTreeMap::from([(2, row)]), &|| false, &|_| {}).unwrap_err();
    assert!(matches!(error, StudyError::Different { number: 2, .. }), "{error}");
}

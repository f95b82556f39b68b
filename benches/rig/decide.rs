//! How long account machines take to decide, without a store or an exchange.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;

use tradefleet::domain::fee::Fee;
use tradefleet::domain::fill::{Fill, Liquidity};
use tradefleet::domain::ids::{AccountId, BotId, CycleId, StrategyId, TradeId};
use tradefleet::domain::instrument::{Instrument, Symbol};
use tradefleet::domain::market::MarketStep;
use tradefleet::domain::money::{Leverage, Price, Quote};
use tradefleet::domain::order::Order;
use tradefleet::domain::scope::Scope;
use tradefleet::domain::side::PositionSide;
use tradefleet::domain::time::{DurationMs, Timeframe, Timestamp};
use tradefleet::engine::config::{AccountConfig, BotConfig, Venue};
use tradefleet::engine::cycle::Cycle;
use tradefleet::engine::event::{Event, PlaceAnswer, Snapshot};
use tradefleet::engine::machine::AccountMachine;
use tradefleet::engine::settings::{AccountSettings, BotSettings, PolicyLimits};
use tradefleet::engine::state::SavedAccount;
use tradefleet::engine::turn::{Request, Turn};
use tradefleet::signal::{Confidence, Gates, Signal, SignalKey};
use tradefleet::strategy::ExitPlan;

use super::timing::{Pair, nanoseconds_each, paired};

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
const START: Timestamp = Timestamp::from_ms(1_767_225_600_000);
/// Cycles of one measurement of machines that have nothing to do.
const CYCLES: u32 = 20;

/// Nanoseconds an account and cycle, three bots each; the baseline looks up the last price of each bot's symbol.
pub(crate) struct DecideTimes {
    /// Nothing held, no signal.
    pub(crate) flat: Pair,
    /// Three positions held, each with its stop loss and take profit at rest; none is due.
    pub(crate) holding: Pair,
    /// Nothing held, and a signal on which each of the three bots enters.
    pub(crate) entering: Pair,
}

/// Measures `accounts` machines that are handled one after the other, as a cycle does.
pub(crate) fn measure(accounts: u32, rounds: usize) -> anyhow::Result<DecideTimes> {
    let scene = Scene::new()?;
    let mut flat = scene.machines(accounts);
    let mut holding = scene.machines(accounts);
    for machine in &mut holding {
        scene.open_positions(machine);
    }
    let mut at = START.plus(Timeframe::M1.duration());
    let mut idle = |machines: &mut [AccountMachine]| {
        let cycles: Vec<Cycle> = (0..CYCLES)
            .map(|_| {
                at = at.plus(Timeframe::M1.duration());
                scene.cycle(at, false)
            })
            .collect();
        nanoseconds_each(accounts * CYCLES, || {
            for cycle in &cycles {
                for machine in &mut *machines {
                    black_box(machine.handle(cycle.at, Event::Cycle(cycle)));
                }
            }
        })
    };
    let lookups = || Ok(scene.look_prices_up(accounts));
    let flat = paired(rounds, || Ok(idle(&mut flat)), lookups)?;
    let holding = paired(rounds, || Ok(idle(&mut holding)), lookups)?;
    let entering = paired(rounds, || scene.enter(accounts), lookups)?;
    Ok(DecideTimes { flat, holding, entering })
}

/// One market and one configuration for all accounts.
struct Scene {
    symbols: Vec<Symbol>,
    prices: Arc<BTreeMap<Symbol, Price>>,
    config: AccountConfig,
}

impl Scene {
    fn new() -> anyhow::Result<Self> {
        let symbols = SYMBOLS.map(Symbol::try_new).into_iter().collect::<Result<Vec<_>, _>>()?;
        let price: Price = "100".parse()?;
        let limits = PolicyLimits { max_leverage: Leverage::try_new(20)? };
        let mut instruments = BTreeMap::new();
        let mut bots = BTreeMap::new();
        for (symbol, number) in symbols.iter().zip(1..) {
            let rules = Instrument {
                symbol: symbol.clone(),
                tick: "0.01".parse()?,
                step: "0.001".parse()?,
                min_qty: "0.001".parse()?,
                min_notional: "5".parse()?,
            };
            instruments.insert(symbol.clone(), rules);
            let mut settings = BotSettings::default();
            settings.set("symbol", symbol.as_str(), limits)?;
            let bot = BotConfig {
                id: BotId::new(number),
                name: symbol.to_string(),
                strategy: Some(StrategyId::new(number)),
                exit_plan: ExitPlan::NONE,
                grid: None,
                settings,
                is_running: true,
                close_requested: false,
            };
            bots.insert(bot.id, Arc::new(bot));
        }
        let config = AccountConfig {
            settings: AccountSettings { auto_exit: true, ..AccountSettings::default() },
            limits,
            bots,
            instruments: Arc::new(instruments),
            halt: None,
            close_symbols: BTreeMap::new(),
            released: BTreeSet::new(),
            venue: Venue {
                spot: false,
                hedge: true,
                conditional_orders: true,
                resend_is_safe: true,
                consistent_snapshots: true,
                may_hold_external: false,
                horizon: DurationMs::from_secs(5),
            },
            close_if_unprotected: true,
            // None falls due while it is measured.
            equity_interval: DurationMs::from_secs(10_000_000_000),
        };
        let prices = symbols.iter().map(|symbol| (symbol.clone(), price)).collect();
        Ok(Self { symbols, prices: Arc::new(prices), config })
    }

    /// Machines that have seen an empty exchange and a first quiet cycle.
    fn machines(&self, count: u32) -> Vec<AccountMachine> {
        let snapshot = || Snapshot {
            taken_at: START,
            covers: Scope::All,
            open_orders: Vec::new(),
            external_orders: BTreeMap::new(),
            positions: Vec::new(),
            fills: Vec::new(),
            external_fills: Vec::new(),
        };
        let first = self.cycle(START, false);
        (1..=count)
            .map(|number| {
                let account = AccountId::new(number);
                let mut machine =
                    AccountMachine::restore(account, self.config.clone(), SavedAccount::default());
                drop(machine.handle(START, Event::Snapshot(snapshot())));
                let wallet = Quote::new(10_000.into());
                drop(machine.handle(START, Event::Wallet { at: START, wallet }));
                drop(machine.handle(START, Event::Cycle(&first)));
                machine
            })
            .collect()
    }

    fn cycle(&self, at: Timestamp, with_signals: bool) -> Cycle {
        let signals = if with_signals { self.signals(at) } else { Vec::new() };
        Cycle {
            id: CycleId::at(at),
            at,
            step: Arc::new(MarketStep { at, price_bars: Vec::new(), closed_bars: Vec::new() }),
            prices: Arc::clone(&self.prices),
            signals,
            representatives: Arc::default(),
            timeframes: Arc::default(),
            gates: Gates::OPEN,
            universe: Arc::default(),
            entries_enabled: true,
        }
    }

    /// A long entry for each bot.
    fn signals(&self, at: Timestamp) -> Vec<Arc<Signal>> {
        let signal = |(symbol, price): (&Symbol, &Price), number| Signal {
            key: SignalKey {
                strategy: StrategyId::new(number),
                symbol: symbol.clone(),
                timeframe: Timeframe::M1,
            },
            bar_close_at: at,
            price: *price,
            entry: Some(PositionSide::Long),
            exit_long: false,
            exit_short: false,
            confidence: Confidence::new(1.0),
            reason: "golden cross".to_owned(),
            conditions: Vec::new(),
            expires_at: at.plus(Timeframe::M1.duration()),
        };
        self.prices.iter().zip(1..).map(|(known, number)| Arc::new(signal(known, number))).collect()
    }

    /// Enters with every bot, fills at once, and lets the protective orders rest.
    fn open_positions(&self, machine: &mut AccountMachine) {
        let cycle = self.cycle(START.plus(Timeframe::M1.duration()), true);
        let turn = machine.handle(cycle.at, Event::Cycle(&cycle));
        self.obey(machine, cycle.at, turn);
    }

    /// An exchange that takes every order and fills those that open.
    fn obey(&self, machine: &mut AccountMachine, at: Timestamp, turn: Turn) {
        for request in turn.requests {
            let Request::Place(id) = request else { continue };
            let Some(order) = machine.order(&id).cloned() else { continue };
            let answer = PlaceAnswer::Accepted { exchange_order_id: id.to_string() };
            let answered = machine.handle(at, Event::PlaceAnswered { id, sent_at: at, answer });
            self.obey(machine, at, answered);
            if let (true, Some(price)) = (order.purpose.increases(), self.prices.get(&order.symbol)) {
                let filled = machine.handle(at, Event::Fill(fill(&order, *price, at)));
                self.obey(machine, at, filled);
            }
        }
    }

    fn enter(&self, accounts: u32) -> anyhow::Result<f64> {
        let mut machines = self.machines(accounts);
        let cycle = self.cycle(START.plus(Timeframe::M1.duration()), true);
        let mut orders = 0;
        let each = nanoseconds_each(accounts, || {
            for machine in &mut machines {
                orders += black_box(machine.handle(cycle.at, Event::Cycle(&cycle))).requests.len();
            }
        });
        let expected = machines.len() * self.symbols.len();
        anyhow::ensure!(orders == expected, "{orders} of {expected} entries");
        Ok(each)
    }

    fn look_prices_up(&self, accounts: u32) -> f64 {
        nanoseconds_each(accounts * CYCLES, || {
            for _ in 0..accounts * CYCLES {
                for symbol in &self.symbols {
                    black_box(self.prices.get(black_box(symbol)));
                }
            }
        })
    }
}

fn fill(order: &Order, price: Price, at: Timestamp) -> Fill {
    Fill {
        trade_id: TradeId(order.client_order_id.to_string()),
        client_order_id: order.client_order_id.clone(),
        symbol: order.symbol.clone(),
        side: order.side,
        position_side: order.position_side,
        price,
        qty: order.qty,
        fee: Fee::from_cash(Quote::ZERO, "USDT"),
        liquidity: Liquidity::Taker,
        at,
    }
}

//! What a seed decides before anything happens: the exchange, the accounts' settings, how long it lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tradefleet::daemon::roster;
use tradefleet::domain::ids::{BotId, StrategyId};
use tradefleet::domain::instrument::{Instrument, Symbol};
use tradefleet::domain::money::{Leverage, Pct};
use tradefleet::domain::time::DurationMs;
use tradefleet::engine::config::{AccountConfig, BotConfig};
use tradefleet::engine::settings::{AccountSettings, BotSettings, PolicyLimits, SymbolScope};
use tradefleet::strategy::ExitPlan;

use crate::dialect::Dialect;
use crate::faults::Fault;
use crate::grids;
use crate::mutants::Mutant;
use crate::pcg::Pcg;
use crate::units::{price_of, qty_of, quote_of};
use crate::venue::Rules;

/// Seconds between two cycles.
pub(crate) const PERIOD: i64 = 2_000;

/// One run, as a person names it.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub seed: u64,
    pub without: Vec<Fault>,
    /// Cycles with faults; `None`: as many as the seed says.
    pub cycles: Option<i64>,
    pub mutant: Option<Mutant>,
    /// The store is written beside the journal, and must recover the same.
    pub is_mirrored: bool,
}

impl Wish {
    pub(crate) const fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        Self { seed, without: Vec::new(), cycles: None, mutant, is_mirrored: false }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub dialect: Dialect,
    pub hedge: bool,
    pub accounts: u32,
    pub cycles: i64,
    /// Our clocks are behind the exchange's by so much, in ms.
    pub offset: i64,
    /// Signals in a thousand cycles and bots.
    pub signals: u32,
    /// Two bots may meet on one side of a symbol.
    pub shares: bool,
    /// There is an account in dry run too.
    pub has_paper: bool,
}

impl Plan {
    pub(crate) fn of(wish: &Wish) -> Self {
        let mut pcg = Pcg::new(wish.seed, 3);
        let dialect = Dialect::of(pcg.next());
        let hedge = pcg.flips() && !dialect.is_spot();
        let accounts = if pcg.below(4) == 0 { 2 } else { 1 };
        let cycles = pcg.within(40, 200);
        let offset = pcg.within(-45_000, 45_000);
        let clocks_differ = !wish.without.contains(&Fault::ClockOffset) && pcg.flips();
        let signals = u32::try_from(pcg.within(30, 250)).unwrap();
        let shares = pcg.below(5) == 0;
        // Wrong protocols are about real exchanges.
        let has_paper = pcg.below(4) == 0 && wish.mutant.is_none();
        Self {
            dialect,
            hedge,
            accounts,
            cycles: wish.cycles.unwrap_or(cycles).min(cycles),
            offset: if clocks_differ { offset } else { 0 },
            signals,
            shares,
            has_paper,
        }
    }

    /// The configuration of an account, as the database has it.
    pub(crate) fn config(&self, seed: u64, account: u32) -> AccountConfig {
        let mut pcg = Pcg::new(seed, 10 + u64::from(account));
        let limits = PolicyLimits { max_leverage: Leverage::try_new(20).unwrap() };
        let mut settings = AccountSettings::default();
        let pct = |pcg: &mut Pcg, from, to| format!("{}.{}", pcg.within(from, to), pcg.below(10));
        let cooldown = ["0", "0.002", "0.02", "0.05"][usize::try_from(pcg.below(4)).unwrap()];
        let values = [
            ("dry_run", "off".to_owned()),
            ("auto_exit", if pcg.below(8) == 0 { "off" } else { "on" }.to_owned()),
            ("exit_cooldown_h", cooldown.to_owned()),
            ("dca_enabled", if pcg.flips() { "on" } else { "off" }.to_owned()),
            ("dca_pct", pct(&mut pcg, 1, 2)),
            ("entry_pct", pct(&mut pcg, 10, 60)),
            ("leverage", pcg.within(1, 20).to_string()),
            ("max_positions", pcg.within(1, 4).to_string()),
            ("long_tp_pct", pct(&mut pcg, 1, 4)),
            ("long_sl_pct", pct(&mut pcg, 1, 4)),
            ("short_tp_pct", pct(&mut pcg, 1, 4)),
            ("short_sl_pct", pct(&mut pcg, 1, 4)),
        ];
        for (key, value) in values {
            settings.set(key, &value, limits).unwrap();
        }
        let bots = (1..=2).map(|n| self.bot(&mut pcg, account, n));
        let bots: BTreeMap<BotId, Arc<BotConfig>> = bots.map(|bot| (bot.id, Arc::new(bot))).collect();
        AccountConfig {
            settings,
            limits,
            bots,
            instruments: Arc::new(self.instruments(Rules {
                tick: 1,
                step: 1,
                min_notional: 5 * 10_i128.pow(10),
            })),
            halt: None,
            close_symbols: BTreeMap::new(),
            released: BTreeSet::new(),
            venue: roster::venue(false, &self.dialect.capabilities(self.hedge)),
            close_if_unprotected: true,
            equity_interval: DurationMs::from_secs(3_600),
        }
    }

    fn bot(&self, pcg: &mut Pcg, account: u32, number: u32) -> BotConfig {
        let symbols = self.dialect.symbols();
        let symbol = if self.shares { pcg.below(2) } else { number - 1 };
        let trails = pcg.below(3) == 0;
        let some_pct = |value: i64| Some(Pct::try_new(rust_decimal::Decimal::new(value, 1)).unwrap());
        let exit_plan = ExitPlan {
            trail_activation_pct: if trails { some_pct(8) } else { None },
            trail_pct: if trails { some_pct(6) } else { None },
            ..ExitPlan::NONE
        };
        let grid = (number == 2 && pcg.below(5) < 2).then(|| Arc::new(grids::setup(self.dialect, pcg)));
        BotConfig {
            id: BotId::new(account * 10 + number),
            name: format!("bot-{number}"),
            strategy: grid.is_none().then(|| StrategyId::new(number)),
            exit_plan,
            settings: BotSettings {
                symbol: SymbolScope::One(symbols[usize::try_from(symbol).unwrap()].clone()),
                allocation_percent: Pct::try_new(50.into()).unwrap(),
                ..BotSettings::default()
            },
            is_running: true,
            close_requested: false,
            grid,
        }
    }

    pub(crate) fn instruments(&self, rules: Rules) -> BTreeMap<Symbol, Instrument> {
        let instrument = |symbol: Symbol| Instrument {
            symbol,
            tick: price_of(rules.tick),
            step: qty_of(rules.step),
            min_qty: qty_of(rules.step),
            min_notional: quote_of(rules.min_notional),
        };
        self.dialect.symbols().map(|symbol| (symbol.clone(), instrument(symbol))).into_iter().collect()
    }
}

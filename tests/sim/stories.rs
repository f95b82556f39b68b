//! Short lives of an account, told in full: what signals come, where the price goes, what people want, second by second.

use std::sync::Arc;

use tradefleet::domain::ids::StrategyId;
use tradefleet::domain::money::{Leverage, Pct, Quote};
use tradefleet::domain::order::{OrderStatus, Purpose};
use tradefleet::domain::side::PositionSide;
use tradefleet::domain::time::{DurationMs, Timeframe, Timestamp};
use tradefleet::engine::config::Halt;
use tradefleet::engine::grid::plan::Terms;
use tradefleet::engine::grid::state::GridSetup;
use tradefleet::engine::grid::{Direction, GridConfig, GridMode};
use tradefleet::engine::settings::PaperSettings;
use tradefleet::signal::{Confidence, Signal, SignalKey};
use tradefleet::strategy::ExitPlan;

use crate::desk::Desk;
use crate::dialect::Dialect;
use crate::market::{EPOCH, START};
use crate::units::{Ticks, price_of};

/// What happens at a second.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// The first bot's strategy, or the second's, says so.
    Enter(u32, PositionSide),
    Exit(u32),
    /// Leave this side and take the other.
    Reverse(u32, PositionSide),
    Halt,
    CloseBot,
    CloseSymbol,
    Set(&'static str, &'static str),
}

pub(crate) struct Story {
    pub name: &'static str,
    pub seconds: i64,
    /// By second, in ticks, of both symbols: from then on.
    pub prices: &'static [(i64, Ticks)],
    pub settings: &'static [(&'static str, &'static str)],
    pub trails: bool,
    /// The first bot is a grid of so many lines, so many ticks apart.
    pub grid: Option<(u16, Ticks)>,
    pub acts: &'static [(i64, Act)],
    /// Orders that must have been filled or placed: without them it is another story.
    pub filled: &'static [Purpose],
    pub placed: &'static [(Purpose, usize)],
    pub needs_shorts: bool,
}

const BUY: (i64, Act) = (4, Act::Enter(1, PositionSide::Long));
const FLAT: &[(i64, Ticks)] = &[(0, 10_000)];

const PLAIN: Story = Story {
    name: "",
    seconds: 16,
    prices: FLAT,
    settings: &[],
    trails: false,
    grid: None,
    acts: &[BUY],
    filled: &[Purpose::Entry],
    placed: &[],
    needs_shorts: false,
};

pub(crate) const STORIES: &[Story] = &[
    Story { name: "entry", ..PLAIN },
    Story {
        name: "two entries",
        acts: &[BUY, (4, Act::Enter(2, PositionSide::Long))],
        placed: &[(Purpose::Entry, 2)],
        ..PLAIN
    },
    Story {
        name: "exit",
        seconds: 24,
        acts: &[BUY, (14, Act::Exit(1))],
        filled: &[Purpose::Entry, Purpose::Exit],
        ..PLAIN
    },
    Story {
        name: "reversal",
        seconds: 26,
        acts: &[BUY, (14, Act::Reverse(1, PositionSide::Long))],
        filled: &[Purpose::Entry, Purpose::Exit],
        placed: &[(Purpose::Entry, 2)],
        needs_shorts: true,
        ..PLAIN
    },
    Story {
        name: "take profit",
        seconds: 24,
        prices: &[(0, 10_000), (14, 10_400)],
        placed: &[(Purpose::Entry, 1)],
        ..PLAIN
    },
    Story {
        name: "stop loss",
        seconds: 24,
        prices: &[(0, 10_000), (14, 9_600)],
        placed: &[(Purpose::Entry, 1)],
        ..PLAIN
    },
    Story {
        name: "dca",
        seconds: 26,
        prices: &[(0, 10_000), (14, 9_850)],
        settings: &[("dca_enabled", "on"), ("dca_pct", "1")],
        filled: &[Purpose::Entry, Purpose::Dca1],
        ..PLAIN
    },
    Story {
        name: "stop move",
        seconds: 30,
        prices: &[(0, 10_000), (12, 10_120), (18, 10_180), (22, 10_240)],
        trails: true,
        placed: &[(Purpose::Entry, 1)],
        ..PLAIN
    },
    Story {
        name: "halt with flatten",
        seconds: 26,
        acts: &[BUY, (4, Act::Enter(2, PositionSide::Long)), (13, Act::Halt)],
        ..PLAIN
    },
    Story { name: "bot closed", seconds: 24, acts: &[BUY, (13, Act::CloseBot)], ..PLAIN },
    Story { name: "symbol closed", seconds: 24, acts: &[BUY, (13, Act::CloseSymbol)], ..PLAIN },
    Story {
        name: "grid start",
        grid: Some((100, 20)),
        acts: &[],
        filled: &[],
        placed: &[(Purpose::GridEntry, 29)],
        ..PLAIN
    },
    Story {
        name: "grid fill",
        seconds: 28,
        prices: &[(0, 10_000), (12, 9_890), (20, 10_010)],
        grid: Some((6, 100)),
        acts: &[],
        filled: &[Purpose::GridEntry, Purpose::GridExit],
        ..PLAIN
    },
    Story { name: "setting", seconds: 24, acts: &[BUY, (13, Act::Set("long_sl_pct", "2.5"))], ..PLAIN },
];

impl Story {
    pub(crate) fn happens_on(&self, dialect: Dialect) -> bool {
        !(self.needs_shorts && dialect.is_spot())
    }

    pub(crate) fn price(&self, second: i64) -> Ticks {
        self.prices.iter().rev().find(|(from, _)| *from <= second).unwrap().1
    }

    /// The account as the story wants it.
    pub(crate) fn settle(&self, desk: &mut Desk<'_>) {
        desk.plan.signals = 0;
        desk.plan.shares = false;
        let usual = [
            ("auto_exit", "on"),
            ("exit_cooldown_h", "0"),
            ("dca_enabled", "off"),
            ("entry_pct", "20"),
            ("leverage", "5"),
            ("max_positions", "4"),
            ("long_tp_pct", "3"),
            ("long_sl_pct", "3"),
            ("short_tp_pct", "3"),
            ("short_sl_pct", "3"),
        ];
        for (key, value) in usual.iter().chain(self.settings) {
            desk.db.settings.set(key, value, desk.db.limits).unwrap();
        }
        let some_pct = |value: i64| Some(Pct::try_new(rust_decimal::Decimal::new(value, 1)).unwrap());
        let trailing =
            ExitPlan { trail_activation_pct: some_pct(8), trail_pct: some_pct(6), ..ExitPlan::NONE };
        for (number, bot) in (1..).zip(desk.db.bots.values_mut()) {
            let bot = Arc::make_mut(bot);
            bot.exit_plan = if self.trails { trailing } else { ExitPlan::NONE };
            let grid = self.grid.filter(|_| number == 1);
            bot.grid = grid.map(|grid| Arc::new(ladder(desk.venue.dialect, grid)));
            bot.strategy = grid.is_none().then(|| StrategyId::new(number));
        }
        desk.told = desk.db.clone();
    }

    /// What happens at this second, before the account lives through it.
    pub(crate) fn act(&self, second: i64, desk: &mut Desk<'_>) {
        for (_, act) in self.acts.iter().filter(|(at, _)| *at == second) {
            match *act {
                Act::Enter(bot, side) => say(desk, second, bot, (Some(side), None)),
                Act::Exit(bot) => say(desk, second, bot, (None, Some(PositionSide::Long))),
                Act::Reverse(bot, side) => say(desk, second, bot, (Some(other(side)), Some(side))),
                Act::Halt => desk.db.halt = Some(Halt { reason: "a story".to_owned(), flatten: true }),
                Act::CloseBot => {
                    let bot = desk.db.bots.values_mut().next().unwrap();
                    Arc::make_mut(bot).close_requested = true;
                }
                Act::CloseSymbol => {
                    let symbol = desk.venue.dialect.symbols()[0].clone();
                    desk.db.close_symbols.insert(symbol, Timestamp::from_ms(EPOCH + second * 1_000));
                }
                Act::Set(key, value) => desk.db.settings.set(key, value, desk.db.limits).unwrap(),
            }
            desk.db_changed = true;
        }
    }

    /// Whether it has come as it was told.
    pub(crate) fn was_told(&self, desk: &Desk<'_>) -> Result<(), String> {
        for purpose in self.filled {
            let is_filled = |order: &&tradefleet::domain::order::Order| {
                order.purpose == *purpose && order.status == OrderStatus::Filled
            };
            if !desk.journal.orders.values().any(|order| is_filled(&order)) {
                return Err(format!("{}: no {purpose} was filled", self.name));
            }
        }
        for (purpose, least) in self.placed {
            let count = desk.journal.orders.values().filter(|order| order.purpose == *purpose).count();
            if count < *least {
                return Err(format!("{}: {count} {purpose} orders", self.name));
            }
        }
        Ok(())
    }
}

/// A long grid with the price in its middle.
fn ladder(dialect: Dialect, (count, spacing): (u16, Ticks)) -> GridSetup {
    // In the KRW market prices from 100 on keep to whole KRW, and without leverage fewer lines get the smallest order each.
    let (count, spacing) =
        if dialect.is_spot() { (count.min(60), spacing.max(100)) } else { (count, spacing) };
    let lower = START - spacing * i64::from(count / 2);
    let config = GridConfig {
        lower: price_of(lower),
        upper: price_of(lower + spacing * i64::from(count - 1)),
        count,
        mode: GridMode::Arithmetic,
        investment: Quote::new(if count > 10 { 480.into() } else { 150.into() }),
        direction: Direction::Long,
        trigger: None,
        stop_upper: None,
        stop_lower: None,
        buy_in: false,
        close_on_stop: false,
        leverage: if dialect.is_spot() { Leverage::ONE } else { Leverage::try_new(2).unwrap() },
        exchange_stop: false,
    };
    let terms = Terms::of_account(dialect.kind(), false, &PaperSettings::default());
    GridSetup { config, terms, repair_asked_at: None }
}

fn other(side: PositionSide) -> PositionSide {
    if side == PositionSide::Long { PositionSide::Short } else { PositionSide::Long }
}

fn say(
    desk: &mut Desk<'_>,
    second: i64,
    bot: u32,
    (entry, exit): (Option<PositionSide>, Option<PositionSide>),
) {
    let symbol = desk.venue.dialect.symbols()[usize::try_from(bot - 1).unwrap()].clone();
    let at = Timestamp::from_ms(EPOCH + second * 1_000);
    let key = SignalKey { strategy: StrategyId::new(bot), symbol, timeframe: Timeframe::M1 };
    desk.signals.retain(|known| known.key != key);
    desk.signals.push(Arc::new(Signal {
        key,
        bar_close_at: at,
        price: price_of(desk.market.price(usize::try_from(bot - 1).unwrap(), at.ms())),
        entry,
        exit_long: exit == Some(PositionSide::Long),
        exit_short: exit == Some(PositionSide::Short),
        confidence: Confidence::new(0.8),
        reason: String::new(),
        conditions: Vec::new(),
        expires_at: at.plus(DurationMs::from_secs(30)),
    }));
}

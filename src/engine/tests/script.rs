//! Random settings and random lives of an account with two bots on two symbols.

use proptest::prelude::*;

use super::fixtures::*;
use super::rig::{Fate, Rig};
use crate::domain::order::Purpose;
use crate::domain::side::{PositionMode, PositionSide};
use crate::engine::config::AccountConfig;
use crate::matching::config::BookConfig;
use crate::matching::fixtures as paper;
use crate::signal::Signal;
use crate::strategy::ExitPlan;

/// One minute: the moves of both symbols, in 0.1 %, what each bot's strategy says, and what goes wrong.
#[derive(Debug, Clone)]
pub(super) struct Minute {
    moves: [[i64; 3]; 2],
    wishes: [u8; 2],
    fate: Option<(u8, u8)>,
    pub cancels_fail: bool,
    crash_in: Option<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub hedge: bool,
    /// A real exchange, or paper.
    pub live: bool,
    pub resends: bool,
    pub auto_exit: bool,
    pub dca: bool,
    pub trails: bool,
    pub entry_pct: u32,
    pub leverage: u8,
    pub allocations: [u32; 2],
    pub max_positions: [u32; 2],
    pub stop_pct: u32,
    pub participation: bool,
}

pub(super) fn minutes() -> impl Strategy<Value = Vec<Minute>> {
    let moves = prop::array::uniform2(prop::array::uniform3(-25_i64..=25));
    let trouble = prop::option::weighted(0.1, (0_u8..6, 0_u8..4));
    let crash = prop::option::weighted(0.1, 0_u8..5);
    let minute = (moves, prop::array::uniform2(0_u8..9), trouble, prop::bool::weighted(0.05), crash)
        .prop_map(|(moves, wishes, fate, cancels_fail, crash_in)| Minute {
            moves,
            wishes,
            fate,
            cancels_fail,
            crash_in,
        });
    prop::collection::vec(minute, 5..40)
}

pub(super) fn setups() -> impl Strategy<Value = Setup> {
    let flags = prop::array::uniform7(any::<bool>());
    let numbers = (1_u32..=100, 1_u8..=20, 1_u32..100, 1_u32..=4, 1_u32..=3, 1_u32..8);
    (flags, numbers).prop_map(
        |(
            [hedge, live, resends, auto_exit, dca, trails, participation],
            (entry_pct, leverage, first, all, own, stop),
        )| {
            Setup {
                hedge,
                live,
                resends: resends && !live,
                auto_exit,
                dca,
                trails,
                entry_pct,
                leverage,
                allocations: [first, 100 - first],
                max_positions: [all, own],
                stop_pct: stop,
                participation,
            }
        },
    )
}

impl Setup {
    pub(super) fn rig(&self) -> Rig {
        let mode = if self.hedge { PositionMode::Hedge } else { PositionMode::OneWay };
        let terms = BookConfig {
            taker_fee_pct: pct("0.05"),
            slippage_pct: pct("0.02"),
            participation_pct: self.participation.then(|| pct("2")),
            ..paper::config(mode)
        };
        Rig::on(self.config(), terms)
    }

    fn config(&self) -> AccountConfig {
        let mut config = account();
        config.venue.hedge = self.hedge;
        config.venue.resend_is_safe = self.resends;
        config.venue.consistent_snapshots = !self.live;
        config.venue.may_hold_external = self.live;
        let flag = |on: bool| if on { "on" } else { "off" };
        let (entry, leverage) = (self.entry_pct.to_string(), self.leverage.to_string());
        let (limit, stop) = (self.max_positions[0].to_string(), self.stop_pct.to_string());
        set(
            &mut config,
            &[
                ("auto_exit", flag(self.auto_exit)),
                ("dca_enabled", flag(self.dca)),
                ("entry_pct", &entry),
                ("leverage", &leverage),
                ("max_positions", &limit),
                ("long_sl_pct", &stop),
                ("short_sl_pct", &stop),
                ("dca_pct", "1.5"),
                ("exit_cooldown_h", "0.05"),
            ],
        );
        add_bot(&mut config, bot(2));
        for (bot, allocation) in [ONE, TWO].into_iter().zip(self.allocations) {
            let (share, own) = (allocation.to_string(), self.max_positions[1].to_string());
            let keys = [("allocation_percent", &*share), ("max_positions", &own), ("max_leverage", "20")];
            set_bot(&mut config, bot, &keys);
        }
        if self.trails {
            let plan = ExitPlan {
                min_hold_bars: 2,
                trail_activation_pct: Some(pct("2")),
                trail_pct: Some(pct("1")),
                ..ExitPlan::NONE
            };
            edit_bot(&mut config, ONE, |bot| bot.exit_plan = plan);
        }
        config
    }
}

impl Minute {
    /// Lives through the minute. `crashes` decides whether what is drawn of them happens.
    pub(super) fn play(&self, rig: &mut Rig, crashes: bool) {
        let purposes = [Purpose::Entry, Purpose::Dca1, Purpose::StopLoss, Purpose::TakeProfit, Purpose::Exit];
        let fates = [Fate::Refused, Fate::NotSent, Fate::LostAnswer, Fate::LostOrder];
        rig.fates.clear();
        if let Some((purpose, fate)) = self.fate {
            let purpose = purposes.get(usize::from(purpose)).copied().unwrap_or(Purpose::Entry);
            rig.fates.push_back((purpose, fates[usize::from(fate)]));
        }
        rig.cancels_fail = self.cancels_fail;
        rig.crash_in = self.crash_in.filter(|_| crashes);
        let at = minute(rig.at + 1);
        let wishes: Vec<Signal> =
            (1..).zip(self.wishes).filter_map(|(strategy, wish)| said(strategy, wish, at)).collect();
        let [btc, eth] = self.moves;
        let (btc, eth) = (bar_from(rig, BTC, btc), bar_from(rig, ETH, eth));
        rig.step(
            &[(BTC, btc.each_ref().map(String::as_str)), (ETH, eth.each_ref().map(String::as_str))],
            &wishes,
        );
    }
}

fn said(strategy: u32, wish: u8, at: crate::domain::time::Timestamp) -> Option<Signal> {
    use PositionSide::{Long, Short};
    Some(match wish {
        0 | 1 => signal(strategy, BTC, at, Some(Long)),
        2 => signal(strategy, BTC, at, Some(Short)),
        3 => signal(strategy, ETH, at, Some(Long)),
        4 => signal(strategy, ETH, at, Some(Short)),
        5 => exit_signal(strategy, BTC, at, Long),
        6 => exit_signal(strategy, BTC, at, Short),
        _ => return None,
    })
}

/// Open, high, low and close: three moves from the last close, each from the one before.
fn bar_from(rig: &Rig, name: &str, moves: [i64; 3]) -> [String; 4] {
    let last = rig.prices[&symbol(name)].decimal() * rust_decimal::Decimal::TEN;
    let mut ticks = i64::try_from(last).unwrap();
    let [open, middle, close] = moves.map(|permille| {
        ticks = (ticks + ticks * permille / 1_000).max(50);
        ticks
    });
    let (high, low) = (open.max(middle).max(close), open.min(middle).min(close));
    [open, high, low, close].map(|ticks| rust_decimal::Decimal::new(ticks, 1).to_string())
}

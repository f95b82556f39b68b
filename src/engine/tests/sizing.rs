//! From capital to quantity, and when there is none.

use std::sync::Arc;

use super::fixtures::*;
use super::rig::Rig;
use crate::domain::money::{Leverage, Quote};
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::side::PositionSide;
use crate::engine::config::AccountConfig;
use crate::engine::decision::Code;
use crate::engine::event::{Event, NetPosition, Snapshot};

/// Bot 1 enters long at `price`: the quantity, leverage and margin, or why not.
fn entry_at(config: AccountConfig, price: &str) -> Result<(String, u8, Quote), Code> {
    let mut rig = Rig::new(config);
    rig.price(price);
    rig.enter(1, PositionSide::Long);
    match rig.intents.first() {
        Some(order) => {
            assert_eq!(order.purpose, Purpose::Entry);
            Ok((order.qty.to_string(), order.leverage.get(), order.reserved_margin))
        }
        None => Err(rig.skips()[0]),
    }
}

#[test]
fn an_entry_is_capital_x_entry_pct_x_leverage_rounded_down() {
    // price, account keys, bot keys -> quantity, leverage, margin
    type Case =
        (&'static str, &'static [(&'static str, &'static str)], &'static [(&'static str, &'static str)]);
    let cases: [(Case, (&str, u8, &str)); 6] = [
        (("100", &[], &[]), ("1", 10, "10")),
        // 100 / 30.1 = 3.3222...
        (("30.1", &[], &[]), ("3.32", 10, "9.9932")),
        (("100", &[("entry_pct", "2.55")], &[]), ("0.25", 10, "2.5")),
        (("100", &[], &[("allocation_percent", "33.3")]), ("3.33", 10, "33.3")),
        (("100", &[("leverage", "3")], &[("max_leverage", "20")]), ("0.3", 3, "10")),
        (("100", &[("leverage", "20")], &[("max_leverage", "7")]), ("0.7", 7, "10")),
    ];
    for ((price, keys, bot_keys), (qty, leverage, margin)) in cases {
        let mut config = account();
        set(&mut config, keys);
        set_bot(&mut config, ONE, bot_keys);
        let entry = entry_at(config, price);
        assert_eq!(entry, Ok((qty.to_owned(), leverage, quote(margin))), "{price} {keys:?} {bot_keys:?}");
    }
}

#[test]
fn the_policy_limits_leverage_even_below_settings_that_were_once_allowed() {
    let mut config = account();
    config.limits.max_leverage = Leverage::try_new(4).unwrap();
    assert_eq!(entry_at(config, "100"), Ok(("0.4".to_owned(), 4, quote("10"))));
}

#[test]
fn a_spot_account_has_no_leverage_and_no_shorts() {
    let mut config = account();
    config.venue.spot = true;
    assert_eq!(entry_at(config.clone(), "100"), Ok(("0.1".to_owned(), 1, quote("10"))));
    let mut rig = Rig::new(config);
    rig.enter(1, PositionSide::Short);
    assert_eq!(rig.skips(), [Code::NoShortsOnSpot]);
    assert!(rig.intents.is_empty());
}

#[test]
fn what_is_below_a_minimum_is_skipped_with_its_code() {
    // 0.1 % of 100 at leverage 10 is a notional of 1: below the minimum notional of 5.
    // At 20,000 a notional of 100 is 0.005: below the step, so nothing.
    for (entry_pct, price) in [("0.1", "100"), ("10", "20000")] {
        let mut config = account();
        set(&mut config, &[("entry_pct", entry_pct)]);
        assert_eq!(entry_at(config, price), Err(Code::BelowMinimum), "{entry_pct} % at {price}");
    }
}

#[test]
fn what_exceeds_the_bots_capital_is_skipped() {
    let mut config = account();
    set(&mut config, &[("entry_pct", "60")]);
    let mut rig = Rig::new(config);
    rig.open_six();
    let at = minute(rig.at + 1);
    rig.step(&[(BTC, ["100"; 4]), (ETH, ["100"; 4])], &[signal(1, ETH, at, Some(PositionSide::Long))]);
    assert_eq!(rig.skips(), [Code::CapitalExhausted]);
    assert_eq!(rig.intents.len(), 1, "60 of 100 are in use, another 60 do not fit");
}

#[test]
fn a_bot_may_use_all_of_its_capital_but_no_more() {
    let mut config = account();
    set(&mut config, &[("entry_pct", "50")]);
    let mut rig = Rig::new(config);
    let at = minute(rig.at + 1);
    let both = [BTC, ETH].map(|name| signal(1, name, at, Some(PositionSide::Long)));
    rig.step(&[(BTC, ["100"; 4]), (ETH, ["100"; 4])], &both);
    assert_eq!(rig.intended(Purpose::Entry), ["5", "5"]);
}

#[test]
fn capital_follows_equity() {
    let mut rig = Rig::new(account());
    rig.open_long();
    // +10 on 1 BTC: equity 1,010, capital 101, margin 10.1, notional 101 at 100.
    rig.price("110");
    let at = minute(rig.at + 1);
    rig.step(&[(BTC, ["110"; 4]), (ETH, ["100"; 4])], &[signal(1, ETH, at, Some(PositionSide::Long))]);
    assert_eq!(rig.last_order(Purpose::Entry).qty.to_string(), "1.01");
    assert_eq!(rig.machine.equity(), Some(quote("1010")));
    assert_eq!(rig.machine.wallet(), Some(quote("1000")));
}

#[test]
fn a_refused_entry_gives_its_margin_back() {
    let mut config = account();
    set(&mut config, &[("entry_pct", "100")]);
    let mut rig = Rig::new(config);
    rig.fates.push_back((Purpose::Entry, super::rig::Fate::Refused));
    rig.enter(1, PositionSide::Long);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Rejected]);
    rig.enter(1, PositionSide::Long);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Rejected, OrderStatus::Open]);
}

impl Rig {
    /// Has bot 1 hold 6 BTC: 60 of its capital of 100.
    fn open_six(&mut self) {
        self.enter(1, PositionSide::Long);
        self.price("100");
        assert_eq!(self.held().to_string(), "6");
    }
}

#[test]
fn symbols_of_running_bots_are_known_with_their_leverage_unless_somebody_else_holds_them() {
    let mut config = account();
    config.settings.leverage = Leverage::try_new(4).unwrap();
    config.venue.may_hold_external = true;
    config.venue.consistent_snapshots = false;
    for bot in config.bots.values_mut() {
        Arc::make_mut(bot).settings.set("symbol", BTC, config.limits).unwrap();
    }
    let mut rig = Rig::new(config.clone());
    let known = |rig: &Rig| -> Vec<(String, u8)> {
        rig.machine.entry_leverages().map(|(symbol, leverage)| (symbol.to_string(), leverage.get())).collect()
    };
    assert!(known(&rig).contains(&(BTC.to_owned(), 4)));
    let theirs = NetPosition { symbol: symbol(BTC), side: PositionSide::Long, qty: "1".parse().unwrap() };
    let snapshot = Snapshot { positions: vec![theirs], ..rig.snapshot() };
    rig.handle(Event::Snapshot(snapshot));
    assert!(known(&rig).iter().all(|(symbol, _)| symbol != BTC));
    for bot in config.bots.values_mut() {
        Arc::make_mut(bot).is_running = false;
    }
    assert_eq!(known(&Rig::new(config)), []);
}

#[test]
fn on_a_spot_exchange_nothing_is_bought_that_could_not_be_sold_at_its_stop() {
    for (spot, min_notional, codes) in
        [(true, "98", vec![Code::BelowMinimum]), (true, "95", vec![]), (false, "98", vec![])]
    {
        let mut config = account();
        config.venue.spot = spot;
        set(&mut config, &[("leverage", "1"), ("entry_pct", "100")]);
        let instruments = Arc::make_mut(&mut config.instruments);
        instruments.get_mut(&symbol(BTC)).unwrap().min_notional = quote(min_notional);
        let mut rig = Rig::new(config);
        // 1 BTC at 100, its stop at 97.
        rig.enter(1, PositionSide::Long);
        assert_eq!(rig.skips(), codes, "spot {spot}, {min_notional}");
    }
}

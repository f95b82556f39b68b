//! Cash that comes and goes without a fill, and the two lives of an account: on paper and for real.

use super::fixtures::*;
use super::live::live;
use super::rig::Rig;
use crate::domain::funding::FundingPayment;
use crate::domain::side::PositionSide::Long;
use crate::domain::time::Timestamp;
use crate::engine::event::Event;
use crate::engine::turn::CashAdjustmentKind::{Opening, TransferOrExternal};

fn payment(id: &str, amount: &str, at: Timestamp) -> FundingPayment {
    FundingPayment { id: id.to_owned(), symbol: symbol(BTC), amount: quote(amount), at }
}

#[test]
fn funding_is_booked_once_by_its_id() {
    let mut rig = Rig::new(live());
    let from = rig.machine.funding_since().unwrap();
    let hour = |n: i64| minute(60 * n);
    for _restart in 0..2 {
        for (id, amount, at) in [
            ("early", "9", Timestamp::from_ms(from.ms() - 1)),
            ("a", "-1.5", hour(1)),
            ("b", "0.25", hour(1)),
            ("c", "2", hour(8)),
        ] {
            rig.handle(Event::Funding(payment(id, amount, at)));
        }
        assert_eq!(rig.machine.wallet(), Some(quote("1000.75")));
        assert_eq!(rig.funding.len(), 3);
        assert_eq!(rig.machine.funding_since(), Some(from), "until all of it was told");
        rig.crash();
    }
    for asked in [hour(8), hour(7)] {
        rig.handle(Event::FundingAsked { at: asked });
        assert_eq!(rig.machine.funding_since(), Some(hour(7)), "with an hour for what is told late");
        for (id, amount, at) in [("c", "2", hour(8)), ("a", "-1.5", hour(1))] {
            rig.handle(Event::Funding(payment(id, amount, at)));
        }
        assert_eq!(rig.funding.len(), 3);
        rig.crash();
    }
    let paper = Rig::new(account());
    assert_eq!(paper.machine.funding_since(), None, "the paper book settles its own");
}

fn paid_in(rig: &mut Rig, wallet: &str) {
    rig.handle(Event::Wallet { at: rig.now, wallet: quote(wallet) });
}

#[test]
fn unexplained_cash_is_booked_while_the_bots_are_flat() {
    let mut rig = Rig::new(live());
    let kinds = |rig: &Rig| -> Vec<_> {
        rig.adjustments.iter().map(|made| (made.kind, made.amount.to_string())).collect()
    };
    assert_eq!(kinds(&rig), [(Opening, "1000".to_owned())]);
    for (secs, wallet, own) in [
        (0, "1250.5", "1000"),
        // Not the same difference.
        (5, "1250", "1000"),
        // Too soon.
        (4, "1250", "1000"),
        (1, "1250", "1250"),
        (5, "1250", "1250"),
    ] {
        rig.wait(secs);
        paid_in(&mut rig, wallet);
        assert_eq!(rig.machine.wallet(), Some(quote(own)), "{wallet} after {secs} s");
    }
    assert_eq!(kinds(&rig)[1..], [(TransferOrExternal, "250".to_owned())]);

    rig.enter(1, Long);
    rig.price("100");
    for _ in 0..2 {
        rig.wait(5);
        paid_in(&mut rig, "90");
    }
    assert_eq!(rig.machine.wallet(), Some(quote("1250")), "profits of what is held cannot be told from it");
}

#[test]
fn paper_and_real_trading_share_nothing_but_the_ids() {
    let mut rig = Rig::new(account());
    rig.open_long();
    let paper_ids = rig.intents.len();
    rig.handle(Event::Fill({
        let entry = rig.fills[0].fill.clone();
        crate::domain::fill::Fill {
            trade_id: crate::domain::ids::TradeId("P9".to_owned()),
            side: Long.exit_side(),
            price: "110".parse().unwrap(),
            ..entry
        }
    }));
    assert_eq!(rig.machine.wallet(), Some(quote("1010")));

    // It goes live: another exchange with another wallet. The store gives it none of the paper rows.
    let paper_book = std::mem::replace(
        &mut rig.book,
        crate::matching::book::Book::new(crate::matching::fixtures::config(
            crate::domain::side::PositionMode::OneWay,
        )),
    );
    rig.config = live();
    rig.crash();
    assert_eq!(rig.machine.wallet(), None);
    let state = rig.machine.durable_state();
    assert!(state.entry_guards.is_empty() && state.left_at.is_empty() && state.blocked.is_empty());
    rig.recover();
    assert_eq!(rig.machine.wallet(), Some(quote("1000")));
    assert!(rig.machine.durable_state().swept_until.is_some());
    rig.enter(1, Long);
    assert_eq!(rig.intents.len(), paper_ids + 1, "its id is new: the harness refuses a repeated one");
    rig.price("100");

    rig.book = paper_book;
    rig.config = account();
    rig.crash();
    assert_eq!(rig.machine.wallet(), Some(quote("1010")), "the paper cash was only set aside");
    assert_eq!(rig.machine.durable_state().swept_until, None);
    assert_eq!(rig.machine.funding_since(), None);
}

//! Who goes, who waits and for what; and over random loads: no limit is ever exceeded, protection is not delayed.

use proptest::prelude::*;

use super::super::block::BlockCause;
use super::*;
use crate::domain::time::DurationMs;

const WEIGHT: Bucket = Bucket { scope: LimitScope::Address, name: "weight" };
const ORDERS: Bucket = Bucket { scope: LimitScope::Account, name: "orders" };

fn limit(bucket: Bucket, amount: u32, window_ms: i64, reserve_pct: u8) -> Limit {
    Limit { bucket, amount, window: DurationMs::from_ms(window_ms), reserve_pct }
}

fn charge(bucket: Bucket, amount: u32) -> Charge {
    Charge { bucket, amount }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn account(n: u32) -> Option<AccountId> {
    (n > 0).then(|| AccountId::new(n))
}

/// 10 a second for the address, 2 of them kept back.
fn ledger() -> Ledger {
    Ledger::new(&[limit(WEIGHT, 10, 1_000, 20), limit(ORDERS, 2, 1_000, 0)])
}

fn ask(ledger: &mut Ledger, ms: i64, lane: Lane, amount: u32) -> Verdict {
    ledger.ask(at(ms), account(1), lane, &[charge(WEIGHT, amount)])
}

fn waits(verdict: Verdict) -> Ticket {
    let Verdict::Waits(ticket) = verdict else { panic!("{verdict:?}") };
    ticket
}

fn admitted(ledger: &mut Ledger, ms: i64) -> Vec<Ticket> {
    ledger.advance(at(ms));
    let mut settled = ledger.take_settled();
    settled.retain(|ticket| ledger.fate(*ticket) == Fate::Admitted);
    settled
}

#[test]
fn each_lane_stops_at_its_share() {
    let mut ledger = ledger();
    assert_eq!(ask(&mut ledger, 0, Lane::Entry, 8), Verdict::Admitted);
    waits(ask(&mut ledger, 0, Lane::History, 1));
    waits(ask(&mut ledger, 0, Lane::Entry, 1));
    assert_eq!(ask(&mut ledger, 0, Lane::Cancel, 1), Verdict::Admitted);
    waits(ask(&mut ledger, 0, Lane::Cancel, 1));
    assert_eq!(ask(&mut ledger, 0, Lane::Protect, 1), Verdict::Admitted);
    let ticket = waits(ask(&mut ledger, 0, Lane::Protect, 1));
    assert_eq!(ledger.fate(ticket), Fate::Waiting { turn: at(1_000) });
}

#[test]
fn higher_lanes_go_first_and_within_a_lane_who_came_first() {
    let mut ledger = ledger();
    ask(&mut ledger, 0, Lane::Protect, 10);
    let history = waits(ask(&mut ledger, 1, Lane::History, 4));
    let first = waits(ask(&mut ledger, 2, Lane::Entry, 4));
    let second = waits(ask(&mut ledger, 3, Lane::Entry, 1));
    let protect = waits(ask(&mut ledger, 4, Lane::Protect, 4));
    assert_eq!(admitted(&mut ledger, 999), []);
    assert_eq!(admitted(&mut ledger, 1_000), [protect, first], "a small one does not overtake");
    assert_eq!(admitted(&mut ledger, 2_000), [second, history]);
}

#[test]
fn nobody_overtakes_those_who_wait() {
    let mut ledger = ledger();
    ask(&mut ledger, 0, Lane::Entry, 7);
    let big = waits(ask(&mut ledger, 0, Lane::Entry, 2));
    waits(ask(&mut ledger, 0, Lane::Entry, 1));
    ledger.withdraw(at(0), big);
    assert_eq!(ledger.take_settled().len(), 1, "who waited behind it fits now");
}

#[test]
fn a_limit_of_one_account_holds_up_no_other() {
    let mut ledger = ledger();
    let both = [charge(WEIGHT, 1), charge(ORDERS, 1)];
    for _ in 0..2 {
        assert_eq!(ledger.ask(at(0), account(1), Lane::Entry, &both), Verdict::Admitted);
    }
    let stuck = waits(ledger.ask(at(0), account(1), Lane::Entry, &both));
    for _ in 0..2 {
        assert_eq!(ledger.ask(at(0), account(2), Lane::Entry, &both), Verdict::Admitted);
    }
    assert_eq!(admitted(&mut ledger, 1_000), [stuck]);
}

#[test]
fn who_moves_on_to_the_address_keeps_its_rank() {
    let mut ledger = ledger();
    let both = [charge(WEIGHT, 1), charge(ORDERS, 2)];
    assert_eq!(ledger.ask(at(0), account(1), Lane::Entry, &both), Verdict::Admitted);
    let early = waits(ledger.ask(at(0), account(1), Lane::Entry, &both));
    ask(&mut ledger, 0, Lane::Entry, 7);
    let late = waits(ask(&mut ledger, 0, Lane::Entry, 8));
    assert_eq!(admitted(&mut ledger, 1_000), [early]);
    assert_eq!(admitted(&mut ledger, 2_000), [late]);
}

#[test]
fn what_leaves_just_before_the_turn_counts_on_both_sides_of_it() {
    let mut ledger = ledger();
    assert_eq!(ask(&mut ledger, 740, Lane::Protect, 3), Verdict::Admitted);
    assert_eq!(ask(&mut ledger, 760, Lane::Protect, 6), Verdict::Admitted);
    waits(ask(&mut ledger, 1_000, Lane::Protect, 5));
    let mut rested = self::ledger();
    assert_eq!(ask(&mut rested, 999, Lane::Protect, 10), Verdict::Admitted);
    assert_eq!(ask(&mut rested, 2_000, Lane::Protect, 10), Verdict::Admitted, "but not for ever");
}

#[test]
fn the_use_an_exchange_tells_corrects_ours_upward() {
    let mut ledger = ledger();
    ask(&mut ledger, 100, Lane::Entry, 5);
    let told = |used| [Usage::Used { bucket: WEIGHT, amount: used }];
    ledger.observe(at(400), account(1), &told(2));
    assert_eq!(ledger.headroom(at(400))[0].used, 5);
    ledger.observe(at(500), account(1), &told(8));
    waits(ask(&mut ledger, 500, Lane::Entry, 1));
    ledger.observe(at(500), account(1), &[Usage::Remaining { bucket: WEIGHT, amount: 0 }]);
    waits(ask(&mut ledger, 500, Lane::Protect, 1));

    let mut fresh = self::ledger();
    ask(&mut fresh, 900, Lane::History, 1);
    fresh.observe(at(1_100), account(1), &told(10));
    assert_eq!(fresh.headroom(at(1_100))[0].used, 1, "that was the window before");
}

#[test]
fn a_ban_stops_everything_and_a_guess_leaves_protection() {
    let mut ledger = ledger();
    ask(&mut ledger, 0, Lane::Entry, 8);
    let waiting = waits(ask(&mut ledger, 0, Lane::Entry, 1));
    ledger.block(at(0), Ban { account: None, until: at(500), cause: BlockCause::TooMany });
    assert_eq!(ledger.take_settled(), [waiting]);
    assert_eq!(ledger.fate(waiting), Fate::Blocked { until: at(500) });
    assert_eq!(ask(&mut ledger, 1, Lane::Cancel, 1), Verdict::Blocked { until: at(500) });
    assert_eq!(ask(&mut ledger, 1, Lane::Protect, 2), Verdict::Admitted);
    for cause in [BlockCause::RetryAfter, BlockCause::Banned] {
        ledger.block(at(2), Ban { account: None, until: at(3_000), cause });
        assert_eq!(ask(&mut ledger, 2, Lane::Protect, 1), Verdict::Blocked { until: at(3_000) });
    }
    ledger.block(at(2), Ban { account: None, until: at(2_500), cause: BlockCause::Banned });
    assert_eq!(ask(&mut ledger, 2_999, Lane::Protect, 1), Verdict::Blocked { until: at(3_000) });
    assert_eq!(ask(&mut ledger, 3_000, Lane::Protect, 1), Verdict::Admitted);
    assert_eq!(ledger.bans(at(3_000)), []);
}

#[test]
fn a_block_of_one_account_is_its_own_affair() {
    let mut ledger = ledger();
    ledger.block(at(0), Ban { account: account(1), until: at(500), cause: BlockCause::Banned });
    assert_eq!(ask(&mut ledger, 0, Lane::Protect, 1), Verdict::Blocked { until: at(500) });
    let weight = [charge(WEIGHT, 1)];
    assert_eq!(ledger.ask(at(0), account(2), Lane::History, &weight), Verdict::Admitted);
    assert_eq!(ledger.ask(at(0), None, Lane::History, &weight), Verdict::Admitted);
}

#[test]
fn new_limits_count_what_is_used_and_let_go_who_fits() {
    let mut ledger = ledger();
    ask(&mut ledger, 0, Lane::Entry, 8);
    let waiting = waits(ask(&mut ledger, 0, Lane::Entry, 2));
    let more = waits(ask(&mut ledger, 0, Lane::Entry, 3));
    ledger.set_limits(at(10), &[limit(WEIGHT, 12, 1_000, 0)]);
    assert_eq!(ledger.take_settled(), [waiting]);
    assert_eq!(ledger.fate(more), Fate::Waiting { turn: at(1_000) });
    ledger.set_limits(at(20), &[limit(WEIGHT, 12, 60_000, 0)]);
    assert_eq!(ledger.fate(more), Fate::Waiting { turn: at(60_000) });
    ledger.set_limits(at(30), &[]);
    assert_eq!(ledger.take_settled(), [more], "a bucket without a limit is not limited");
}

#[test]
fn a_charge_beyond_the_limit_waits_for_an_untouched_window() {
    let mut ledger = ledger();
    ask(&mut ledger, 0, Lane::Entry, 1);
    let big = waits(ask(&mut ledger, 0, Lane::Entry, 40));
    assert_eq!(admitted(&mut ledger, 1_000), [big]);
    waits(ask(&mut ledger, 1_000, Lane::Protect, 1));
}

#[test]
fn a_clock_that_was_set_back_forgets_no_use_and_recovers() {
    let mut ledger = ledger();
    ask(&mut ledger, 100_000, Lane::Protect, 10);
    let waiting = waits(ask(&mut ledger, 5_000, Lane::Protect, 1));
    assert_eq!(ledger.fate(waiting), Fate::Waiting { turn: at(6_000) });
    assert_eq!(admitted(&mut ledger, 6_000), [waiting]);
}

#[test]
fn headroom_shows_the_address_and_the_worst_account() {
    let mut ledger = ledger();
    let rooms = ledger.headroom(at(0));
    assert_eq!(rooms.len(), 1, "no account has used anything yet");
    for (n, amount) in [(1, 1), (2, 2), (3, 1)] {
        ledger.ask(at(1_200), account(n), Lane::Entry, &[charge(WEIGHT, 1), charge(ORDERS, amount)]);
    }
    let rooms = ledger.headroom(at(1_300));
    assert_eq!((rooms[0].bucket, rooms[0].account, rooms[0].used), (WEIGHT, None, 3));
    assert_eq!((rooms[1].bucket, rooms[1].account, rooms[1].used), (ORDERS, account(2), 2));
    assert_eq!((rooms[1].amount, rooms[1].resets_at), (2, at(2_000)));
}

const LANES: [Lane; 5] = [Lane::Protect, Lane::Cancel, Lane::Entry, Lane::Reconcile, Lane::History];
const ADDRESS_AMOUNT: u32 = 20;
const RESERVE_PCT: u8 = 40;
/// What no lower lane takes: cancels may use half of the reserve of 8.
const KEPT_FOR_PROTECT: u32 = 4;
const ACCOUNT_AMOUNT: u32 = 12;

#[derive(Debug, Clone)]
struct Load {
    pause_ms: i64,
    account: u32,
    lane: usize,
    weight: u32,
    /// How long the request is under way.
    transit_ms: i64,
    gives_up: bool,
}

fn load() -> impl Strategy<Value = Load> {
    (0..220_i64, 0..3_u32, 0..5_usize, 1..5_u32, 0..250_i64, prop::bool::weighted(0.1)).prop_map(
        |(pause_ms, account, lane, weight, transit_ms, gives_up)| Load {
            pause_ms,
            account,
            lane,
            weight,
            transit_ms,
            gives_up,
        },
    )
}

/// A ledger under load, and what arrived at the exchange.
struct Rehearsal {
    ledger: Ledger,
    now: i64,
    waiting: BTreeMap<Ticket, Load>,
    /// By window of arrival: of the address, and of each account.
    arrived: BTreeMap<(i64, Option<u32>), u32>,
    /// Weight that protection was admitted with, by the window it left in and whether it was late there.
    protected: BTreeMap<i64, (u32, u32)>,
}

impl Rehearsal {
    fn new() -> Self {
        let limits =
            [limit(WEIGHT, ADDRESS_AMOUNT, 1_000, RESERVE_PCT), limit(ORDERS, ACCOUNT_AMOUNT, 2_000, 0)];
        Self {
            ledger: Ledger::new(&limits),
            now: 1_000_000,
            waiting: BTreeMap::new(),
            arrived: BTreeMap::new(),
            protected: BTreeMap::new(),
        }
    }

    fn step(&mut self, load: &Load) -> Result<(), TestCaseError> {
        self.now += load.pause_ms;
        self.ledger.advance(at(self.now));
        self.collect();
        let lane = LANES[load.lane];
        let mut charges = vec![charge(WEIGHT, load.weight)];
        // Protection is judged by the address alone.
        if lane != Lane::Protect {
            charges.push(charge(ORDERS, load.weight));
        }
        let first = self.waiting.values().all(|waiting| LANES[waiting.lane] != Lane::Protect);
        let must_go = lane == Lane::Protect && first && self.protect_use() + load.weight <= KEPT_FOR_PROTECT;
        let verdict = self.ledger.ask(at(self.now), account(load.account), lane, &charges);
        match verdict {
            Verdict::Admitted => self.leaves(load),
            Verdict::Waits(ticket) if load.gives_up => self.ledger.withdraw(at(self.now), ticket),
            Verdict::Waits(ticket) => {
                self.waiting.insert(ticket, load.clone());
            }
            Verdict::Blocked { .. } => prop_assert!(false, "nothing was blocked"),
        }
        prop_assert!(!must_go || verdict == Verdict::Admitted, "protection was delayed by the others");
        self.collect();
        Ok(())
    }

    /// What protection has used of the current window, with what was late in the one before.
    fn protect_use(&self) -> u32 {
        let window = self.now.div_euclid(1_000);
        let used = self.protected.get(&window).map_or(0, |(used, _)| *used);
        let late = self.protected.get(&(window - 1)).map_or(0, |(_, late)| *late);
        used + late
    }

    fn collect(&mut self) {
        for ticket in self.ledger.take_settled() {
            if let Some(load) = self.waiting.remove(&ticket) {
                assert_eq!(self.ledger.fate(ticket), Fate::Admitted);
                self.leaves(&load);
            }
        }
    }

    fn leaves(&mut self, load: &Load) {
        let arrival = self.now + load.transit_ms;
        *self.arrived.entry((arrival.div_euclid(1_000), None)).or_default() += load.weight;
        if LANES[load.lane] == Lane::Protect {
            let (used, late) = self.protected.entry(self.now.div_euclid(1_000)).or_default();
            *used += load.weight;
            *late += if self.now.rem_euclid(1_000) >= 750 { load.weight } else { 0 };
        } else {
            let window = arrival.div_euclid(2_000);
            *self.arrived.entry((window, Some(load.account))).or_default() += load.weight;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_window_is_ever_exceeded_and_nobody_waits_for_ever(loads in prop::collection::vec(load(), 1..150)) {
        let mut rehearsal = Rehearsal::new();
        for load in &loads {
            rehearsal.step(load)?;
        }
        for _ in 0..400 {
            rehearsal.now += 500;
            rehearsal.ledger.advance(at(rehearsal.now));
            rehearsal.collect();
        }
        prop_assert!(rehearsal.waiting.is_empty(), "the load has ended and some still wait");
        for ((window, account), used) in &rehearsal.arrived {
            let amount = if account.is_some() { ACCOUNT_AMOUNT } else { ADDRESS_AMOUNT };
            prop_assert!(*used <= amount, "{used} of {amount} in window {window} of {account:?}");
        }
    }

    #[test]
    fn who_waits_is_let_go_in_the_order_of_lanes(lanes in prop::collection::vec(0..5_usize, 1..40)) {
        let mut ledger = Ledger::new(&[limit(WEIGHT, 5, 1_000, 0)]);
        ask(&mut ledger, 0, Lane::Protect, 5);
        let mut expected: Vec<(Lane, Ticket)> = lanes
            .iter()
            .map(|lane| (LANES[*lane], waits(ask(&mut ledger, 1, LANES[*lane], 1))))
            .collect();
        expected.sort();
        let mut went = Vec::new();
        for second in 1..=40 {
            went.extend(admitted(&mut ledger, second * 1_000));
        }
        prop_assert_eq!(went, expected.into_iter().map(|(_, ticket)| ticket).collect::<Vec<_>>());
    }
}

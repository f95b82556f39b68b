//! Pictures of a small fleet, and what keys do to them.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rust_decimal::{Decimal, dec};

use super::snapshot::Happening;
use super::view::{Mode, Panel};
use super::*;
use crate::domain::ids::{AccountId, ClientOrderId, CycleId, OrderKey};
use crate::domain::money::{Leverage, Pct, Price, Quote};
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::turn::Severity;
use crate::store::queries::Tally;
use crate::store::queries::gauges::Gauges;
use crate::store::queries::positions::PositionRow;
use crate::store::queries::status::{
    AccountStatus, BotStatus, DaemonStatus, FleetStatus, FleetTotals, RunCounters,
};

const NOW: Timestamp = Timestamp::from_ms(1_655_262_000_000);

fn bot(name: &str, net: Decimal) -> BotStatus {
    BotStatus {
        bot: name.to_owned(),
        strategy: Some("macd".to_owned()),
        symbol: "BTCUSDT".to_owned(),
        running: true,
        allocation_pct: Pct::try_new(dec!(40)).unwrap(),
        last_trade_at: None,
        last_error: None,
        tally: Tally { net_pnl: Quote::new(net), ..Tally::default() },
    }
}

fn account(name: &str, mode: &'static str, net: Decimal) -> AccountStatus {
    AccountStatus {
        account: name.to_owned(),
        exchange: "binance".to_owned(),
        mode,
        active: true,
        halted: false,
        halted_at: None,
        halt_reason: None,
        quarantined: false,
        quarantined_at: None,
        quarantine_reason: None,
        breaker: "closed".to_owned(),
        last_error: None,
        last_error_at: None,
        last_cycle_at: Some(NOW),
        quote_asset: "USDT".to_owned(),
        wallet: None,
        equity: Some(Quote::new(dec!(10000) + net)),
        allocation_pct: Pct::try_new(dec!(40)).unwrap(),
        bots_active: 1,
        bots_running: 1,
        unknown_orders: 0,
        tally: Tally {
            net_pnl: Quote::new(net),
            open_positions: 1,
            protected_positions: u64::from(mode == "live"),
            ..Tally::default()
        },
        bots: vec![bot("trend", net)],
    }
}

fn position(leg: u16, account: &str, symbol: &str) -> PositionRow {
    let key = OrderKey {
        account: AccountId::new(1),
        bot: None,
        cycle: CycleId::at(NOW),
        purpose: Purpose::Entry,
        leg,
        attempt: 1,
    };
    PositionRow {
        id: ClientOrderId::new(&key),
        account: account.to_owned(),
        bot: Some("trend".to_owned()),
        symbol: symbol.parse().unwrap(),
        side: PositionSide::Long,
        leverage: Leverage::ONE,
        qty: "0.5".parse().unwrap(),
        cost: Quote::new(dec!(50)),
        entry_price_avg: Some(Price::try_new(dec!(100)).unwrap()),
        mark_price: Some(Price::try_new(dec!(101)).unwrap()),
        mark_at: Some(NOW),
        unrealized_pnl: Some(Quote::new(dec!(0.5))),
        move_pct: Some(Pct::try_new(dec!(1)).unwrap()),
        margin: Quote::new(dec!(50)),
        realized_pnl: Quote::ZERO,
        fees: Quote::ZERO,
        fees_by_asset: Vec::new(),
        stop_loss_price: None,
        take_profit_price: None,
        protected: false,
        dca_level: 0,
        dry_run: true,
        opened_at: NOW,
        held_ms: Some(DurationMs::from_secs(60)),
        timeframe: None,
        bars_held: None,
        fills: Vec::new(),
    }
}

fn event(ms: i64, account: &str, text: &str) -> Happening {
    Happening {
        at: NOW.minus(DurationMs::from_ms(ms)),
        source: "order",
        severity: Severity::Info,
        account: Some(account.to_owned()),
        text: text.to_owned(),
    }
}

fn fleet() -> Snapshot {
    let mut halted = account("gamma", "live", dec!(0));
    halted.halted = true;
    let daemon = DaemonStatus {
        live: true,
        pid: 7,
        host: "h".to_owned(),
        version: "0.1.0".to_owned(),
        source: "exchanges".to_owned(),
        since: NOW,
        heartbeat_at: NOW.minus(DurationMs::from_ms(500)),
        released_at: None,
        http_address: None,
        run: RunCounters {
            last_cycle_at: Some(NOW.minus(DurationMs::from_ms(1_700))),
            ..RunCounters::default()
        },
    };
    Snapshot {
        now: NOW,
        fleet: FleetStatus {
            daemon: Some(daemon),
            accounts: vec![account("alpha", "paper", dec!(-12.5)), account("beta", "live", dec!(40)), halted],
            totals: FleetTotals {
                accounts: 3,
                halted: 1,
                bots_active: 3,
                bots_running: 3,
                ..FleetTotals::default()
            },
            limits: Vec::new(),
            bans: Vec::new(),
            backup: None,
        },
        positions: vec![position(1, "alpha", "BTCUSDT"), position(2, "beta", "ETHUSDT")],
        gauges: Gauges {
            open_positions: 3,
            protected_positions: 2,
            notices: vec![("pending".to_owned(), 4), ("dead".to_owned(), 1)],
            ..Gauges::default()
        },
        events: vec![
            event(1, "alpha", "entry buy BTCUSDT filled"),
            event(2, "beta", "stop_loss sell ETHUSDT open"),
        ],
        open_alerts: 2,
    }
}

fn picture(view: &View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let frame =
        terminal.draw(|frame| draw::draw(frame.buffer_mut(), &fleet(), view, Palette::new(false))).unwrap();
    draw::lines(frame.buffer)
}

#[track_caller]
fn has(lines: &[String], words: &[&str]) {
    let found = lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "no line has {words:?}:\n{}", lines.join("\n"));
}

fn typed(view: &mut View, text: &str) {
    for character in text.chars() {
        assert_eq!(view.press(Key::Char(character), &fleet()), Act::Nothing);
    }
}

#[test]
fn a_small_terminal_shows_what_matters() {
    let lines = picture(&View::default(), 80, 24);
    assert_eq!(lines.len(), 24);
    has(&lines, &["tradefleet", "running", "pid 7", "2022-06-15 03:00 UTC"]);
    has(&lines, &["halted 1", "bots 3/3", "protected 2/3"]);
    has(&lines, &["cycle lag 1.200s", "outbox 4 (1 dead)", "alerts 2"]);
    has(&lines, &["ACCOUNT", "MODE", "HEALTH", "EQUITY", "ALLOCATED", "SAFE"]);
    has(&lines, &["alpha", "paper", "ok", "9987.50", "[##...] 40 %", "1/1", "0/1", "-12.50"]);
    has(&lines, &["gamma", "live", "halted"]);
    has(&lines, &["02:59:59", "alpha", "entry buy BTCUSDT filled"]);
    has(&lines, &["? help", "q quit"]);
}

#[test]
fn a_wide_one_shows_more_and_none_is_too_small() {
    let lines = picture(&View::default(), 200, 50);
    has(&lines, &["EXCHANGE", "UNKNOWN", "NET", "UNREALIZED"]);
    has(&lines, &["beta", "binance", "[####......] 40 %", "+40.00"]);
    has(&lines, &["positions of alpha"]);
    has(&lines, &["BTCUSDT", "unprotected"]);
    for (width, height) in [(1, 1), (10, 3), (40, 10), (80, 8), (500, 200)] {
        for panel in Panel::ALL {
            for mode in [Mode::Browse, Mode::Help, Mode::Filter, Mode::Confirm("beta".to_owned())] {
                let view = View { panel, mode, ..View::default() };
                assert_eq!(picture(&view, width, height).len(), usize::from(height));
            }
        }
    }
}

#[test]
fn keys_open_panels_filter_and_sort() {
    let (mut view, snapshot) = (View::default(), fleet());
    typed(&mut view, "s");
    assert_eq!(rows::keys(&snapshot, &view), ["beta", "gamma", "alpha"]);
    typed(&mut view, "S");
    assert_eq!(rows::keys(&snapshot, &view), ["alpha", "gamma", "beta"]);
    typed(&mut view, "/LIVE");
    assert_eq!(view.press(Key::Enter, &snapshot), Act::Nothing);
    assert_eq!(rows::keys(&snapshot, &view), ["gamma", "beta"]);
    has(&picture(&view, 80, 24), &["by net reversed", "/LIVE"]);
    view.press(Key::Esc, &snapshot);
    assert_eq!(rows::keys(&snapshot, &view).len(), 3);
    for (panel, title) in [(Panel::Bots, "STRATEGY"), (Panel::Positions, "ENTRY"), (Panel::Events, "WHAT")] {
        view.press(Key::Tab, &snapshot);
        assert_eq!(view.panel, panel);
        has(&picture(&view, 120, 24), &[title]);
    }
    // Keys of the browser are letters while a filter is typed.
    typed(&mut view, "/qh");
    assert_eq!((view.filter.as_str(), &view.mode), ("qh", &Mode::Filter));
    has(&picture(&view, 80, 24), &["filter: qh"]);
    has(&picture(&view, 80, 24), &["nothing matches"]);
}

#[test]
fn the_chosen_row_stays_chosen_and_enter_keeps_to_its_account() {
    let (mut view, mut snapshot) = (View::default(), fleet());
    view.press(Key::Down, &snapshot);
    assert_eq!(rows::chosen_account(&snapshot, &view).as_deref(), Some("beta"));
    snapshot.fleet.accounts.insert(0, account("aardvark", "paper", dec!(0)));
    assert_eq!(rows::chosen_account(&snapshot, &view).as_deref(), Some("beta"));
    view.press(Key::Enter, &snapshot);
    assert_eq!((view.panel, rows::keys(&snapshot, &view)), (Panel::Bots, vec!["beta/trend".to_owned()]));
    typed(&mut view, "3");
    assert_eq!(rows::positions(&snapshot, &view).len(), 1);
    view.press(Key::Esc, &snapshot);
    assert_eq!(rows::positions(&snapshot, &view).len(), 2);
    view.press(Key::End, &snapshot);
    view.press(Key::PageUp, &snapshot);
    assert_eq!(rows::chosen_account(&snapshot, &view).as_deref(), Some("alpha"));
}

#[test]
fn a_halt_needs_a_plain_yes() {
    let (mut view, snapshot) = (View::default(), fleet());
    view.press(Key::Down, &snapshot);
    typed(&mut view, "h");
    has(&picture(&view, 80, 24), &["Halt beta?"]);
    for key in [Key::Enter, Key::Esc, Key::Char('n'), Key::Char('h')] {
        view.mode = Mode::Confirm("beta".to_owned());
        assert_eq!(view.press(key, &snapshot), Act::Nothing);
        assert_eq!(view.mode, Mode::Browse);
    }
    typed(&mut view, "h");
    assert_eq!(view.press(Key::Char('y'), &snapshot), Act::Halt("beta".to_owned()));
    assert_eq!(view.press(Key::Char('q'), &snapshot), Act::Quit);
    assert_eq!(View { mode: Mode::Filter, ..View::default() }.press(Key::Interrupt, &snapshot), Act::Quit);
}

#[test]
fn nobody_is_halted_where_there_is_nobody() {
    let mut snapshot = fleet();
    snapshot.fleet.accounts.clear();
    let mut view = View::default();
    view.press(Key::Char('h'), &snapshot);
    assert_eq!((&view.mode, view.message.as_deref()), (&Mode::Browse, Some("no account is chosen")));
}

#[test]
fn only_colours_need_colours() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 30));
    draw::draw(&mut buffer, &fleet(), &View::default(), Palette::new(false));
    let plain = |color| color == ratatui::style::Color::Reset;
    assert!(buffer.content.iter().all(|cell| plain(cell.fg) && plain(cell.bg)));
    let without = draw::lines(&buffer);
    draw::draw(&mut buffer, &fleet(), &View::default(), Palette::new(true));
    assert!(buffer.content.iter().any(|cell| !plain(cell.fg)));
    assert_eq!(draw::lines(&buffer), without);
}

#[test]
fn sizes_are_checked() {
    assert_eq!(size("80x24"), Ok(Size { width: 80, height: 24 }));
    for text in ["80", "x", "80x", "5x5", "80x99999", "-1x10"] {
        assert!(size(text).is_err(), "{text}");
    }
}

//! The columns of each panel: what a row shows, how wide, and from which width of the screen on.

use rust_decimal::Decimal;

use super::rows::{self, BotRow};
use super::snapshot::Happening;
use crate::cli::output::Tone;
use crate::cli::{figures, when};
use crate::domain::figures::{allocation_bar, signed};
use crate::domain::money::Quote;
use crate::engine::turn::Severity;
use crate::store::queries::positions::PositionRow;
use crate::store::queries::status::AccountStatus;

/// How a column takes its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Fixed(u16),
    /// What the others leave, but at least so much.
    Rest(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) width: Width,
    pub(super) is_right: bool,
    /// Narrower screens leave it out.
    pub(super) from: u16,
    /// Screens of this width and wider have a better one.
    pub(super) until: u16,
}

impl Column {
    pub(super) const fn fits(&self, width: u16) -> bool {
        self.from <= width && width < self.until
    }

    const fn until(self, until: u16) -> Self {
        Self { until, ..self }
    }
}

const fn left(title: &'static str, width: Width, from: u16) -> Column {
    Column { title, width, is_right: false, from, until: u16::MAX }
}

const fn right(title: &'static str, width: u16, from: u16) -> Column {
    Column { title, width: Fixed(width), is_right: true, from, until: u16::MAX }
}

use Width::{Fixed, Rest};

/// A cell's text and what it means.
pub(super) type CellText = (String, Option<Tone>);

pub(super) const ACCOUNTS: [Column; 13] = [
    left("ACCOUNT", Rest(8), 0),
    left("MODE", Fixed(7), 0),
    left("EXCHANGE", Fixed(8), 100),
    left("HEALTH", Fixed(11), 0),
    right("EQUITY", 11, 0),
    left("ALLOCATED", Fixed(13), 66).until(100),
    left("ALLOCATED", Fixed(19), 100),
    right("BOTS", 5, 72),
    right("OPEN", 4, 90),
    right("SAFE", 5, 0),
    right("UNKNOWN", 7, 120),
    right("NET", 9, 78),
    right("UNREALIZED", 11, 110),
];

/// The cells of an account, one for each of [`ACCOUNTS`].
pub(super) fn account(row: &AccountStatus) -> [CellText; 13] {
    let unsafe_positions = row.tally.open_positions.saturating_sub(row.tally.protected_positions);
    let health = rows::health(row);
    [
        plain(&row.account),
        (row.mode.to_owned(), (row.mode == "live").then_some(Tone::Warning)),
        plain(&row.exchange),
        (health.to_owned(), Some(health_tone(health))),
        plain(&figures::balance_opt(row.equity)),
        plain(&short_bar(row.allocation_pct.decimal())),
        plain(&allocation_bar(row.allocation_pct.decimal())),
        plain(&format!("{}/{}", row.bots_running, row.bots_active)),
        plain(&row.tally.open_positions),
        (
            format!("{}/{}", row.tally.protected_positions, row.tally.open_positions),
            (unsafe_positions > 0).then_some(Tone::Warning),
        ),
        (row.unknown_orders.to_string(), (row.unknown_orders > 0).then_some(Tone::Warning)),
        profit(row.tally.net_pnl),
        profit(row.tally.unrealized_pnl),
    ]
}

pub(super) const BOTS: [Column; 10] = [
    left("ACCOUNT", Rest(8), 0),
    left("BOT", Rest(8), 0),
    left("STATE", Fixed(7), 0),
    left("STRATEGY", Fixed(12), 100),
    left("SYMBOL", Fixed(10), 0),
    right("SHARE", 7, 60),
    right("OPEN", 4, 70),
    right("TRADES", 6, 80),
    right("NET", 11, 0),
    right("UNREALIZED", 11, 100),
];

pub(super) fn bot((account, bot): BotRow<'_>) -> [CellText; 10] {
    let (state, tone) = match (&bot.last_error, bot.running) {
        (Some(_), true) => ("failing", Tone::Bad),
        (None, true) => ("running", Tone::Good),
        (_, false) => ("stopped", Tone::Faint),
    };
    [
        plain(&account.account),
        plain(&bot.bot),
        (state.to_owned(), Some(tone)),
        plain(&figures::or_dash(bot.strategy.as_ref())),
        plain(&bot.symbol),
        plain(&format!("{} %", bot.allocation_pct)),
        plain(&bot.tally.open_positions),
        plain(&bot.tally.closed_trades),
        profit(bot.tally.net_pnl),
        profit(bot.tally.unrealized_pnl),
    ]
}

pub(super) const POSITIONS: [Column; 13] = [
    left("ACCOUNT", Rest(8), 0),
    left("BOT", Rest(6), 70),
    left("SYMBOL", Fixed(10), 0),
    left("SIDE", Fixed(5), 0),
    left("BOOK", Fixed(4), 100),
    right("QTY", 11, 0),
    right("ENTRY", 11, 80),
    right("MARK", 11, 90),
    right("MOVE", 8, 0),
    right("UNREALIZED", 11, 110),
    left("STOP", Fixed(12), 0),
    right("TARGET", 11, 130),
    right("HELD", 8, 120),
];

pub(super) fn position(row: &PositionRow) -> [CellText; 13] {
    let (stop, tone) = if row.protected {
        (figures::price(row.stop_loss_price), Tone::Good)
    } else {
        ("unprotected".to_owned(), Tone::Warning)
    };
    [
        plain(&row.account),
        plain(&figures::or_dash(row.bot.as_ref())),
        plain(&row.symbol),
        plain(&row.side),
        plain(&if row.dry_run { "dry" } else { "real" }),
        plain(&row.qty),
        plain(&figures::price(row.entry_price_avg)),
        plain(&figures::price(row.mark_price)),
        row.move_pct.map_or_else(
            || plain(&"-"),
            |pct| (format!("{}%", signed(pct.decimal(), 2)), tone_of(Quote::new(pct.decimal()))),
        ),
        row.unrealized_pnl.map_or_else(|| plain(&"-"), profit),
        (stop, Some(tone)),
        plain(&figures::price(row.take_profit_price)),
        plain(&row.held_ms.map_or_else(|| "-".to_owned(), when::span)),
    ]
}

pub(super) const EVENTS: [Column; 4] = [
    left("TIME (UTC)", Fixed(19), 0),
    left("FROM", Fixed(6), 60),
    left("ACCOUNT", Fixed(10), 0),
    left("WHAT", Rest(10), 0),
];

pub(super) fn event(row: &Happening) -> [CellText; 4] {
    let tone = match row.severity {
        Severity::Info => None,
        Severity::Warning => Some(Tone::Warning),
        Severity::Critical => Some(Tone::Bad),
    };
    let time: String = when::millisecond(row.at).chars().take(19).collect();
    [
        (time, Some(Tone::Faint)),
        (row.source.to_owned(), Some(Tone::Faint)),
        plain(&figures::or_dash(row.account.as_ref())),
        (row.text.clone(), tone),
    ]
}

/// The bar at half its length.
fn short_bar(percent: Decimal) -> String {
    let bar = allocation_bar(percent);
    let (cells, number) = bar.split_once(']').unwrap_or((&bar, ""));
    let cells: String = cells.trim_start_matches('[').chars().step_by(2).collect();
    format!("[{cells}]{number}")
}

fn plain(value: &(impl ToString + ?Sized)) -> CellText {
    (value.to_string(), None)
}

fn profit(amount: Quote) -> CellText {
    (signed(amount.decimal(), 2), tone_of(amount))
}

fn tone_of(amount: Quote) -> Option<Tone> {
    match amount.cmp(&Quote::ZERO) {
        std::cmp::Ordering::Less => Some(Tone::Bad),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Tone::Good),
    }
}

fn health_tone(health: &str) -> Tone {
    match health {
        "ok" => Tone::Good,
        "halted" => Tone::Warning,
        "inactive" => Tone::Faint,
        _ => Tone::Bad,
    }
}

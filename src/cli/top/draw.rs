//! Draws a snapshot as a view wants it. The same two give the same picture.

use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, StatefulWidget, Table, TableState, Widget, Wrap};

use super::columns::{self, CellText, Column, Width};
use super::rows;
use super::snapshot::Snapshot;
use super::view::{Mode, Panel, View};
use crate::cli::output::Tone;
use crate::cli::{figures, limits, when};
use crate::store::queries::status::DaemonStatus;

/// With fewer lines there is no feed below the table.
const FEED_FROM_HEIGHT: u16 = 16;
/// From this width on the feed shares its lines with the chosen account's positions.
const SPLIT_FROM_WIDTH: u16 = 130;

/// What a meaning looks like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    has_color: bool,
}

impl Palette {
    pub(super) const fn new(has_color: bool) -> Self {
        Self { has_color }
    }

    fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        match (tone, self.has_color) {
            (Tone::Good, true) => plain.fg(Color::Green),
            (Tone::Warning, true) => plain.fg(Color::Yellow),
            (Tone::Bad, true) => plain.fg(Color::Red),
            (Tone::Faint, true) => plain.add_modifier(Modifier::DIM),
            (Tone::Good | Tone::Faint, false) => plain,
            // Without colours what matters still stands out.
            (Tone::Warning | Tone::Bad | Tone::Strong, _) => plain.add_modifier(Modifier::BOLD),
        }
    }

    fn span(self, tone: Option<Tone>, text: impl Into<String>) -> Span<'static> {
        let style = tone.map_or_else(Style::new, |tone| self.style(tone));
        Span::styled(text.into(), style)
    }
}

pub(super) fn draw(buffer: &mut Buffer, snapshot: &Snapshot, view: &View, palette: Palette) {
    let area = buffer.area;
    let [title, gauges, tabs, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(area);
    let picture = Picture { snapshot, view, palette };
    picture.title(title, buffer);
    picture.gauges(gauges, buffer);
    picture.tabs(tabs, buffer);
    picture.body(body, buffer);
    picture.foot(foot, buffer);
    match &view.mode {
        Mode::Help => popup(HELP, "keys", area, buffer),
        Mode::Confirm(account) => {
            let text = format!(
                "Halt {account}?\n\nIt opens nothing from now on, and its working orders are cancelled. Open \
                 positions are kept with their stops. `tradefleet resume {account}` ends it.\n\ny: halt    any other \
                 key: no"
            );
            popup(&text, "halt", area, buffer);
        }
        Mode::Browse | Mode::Filter => {}
    }
}

/// The picture as text, without spaces at the ends of lines.
pub(super) fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    (area.top()..area.bottom())
        .map(|y| {
            let line: String = (area.left()..area.right())
                .filter_map(|x| buffer.cell((x, y)).map(ratatui::buffer::Cell::symbol))
                .collect();
            line.trim_end().to_owned()
        })
        .collect()
}

const HELP: &str = "\
Tab, 1-4     accounts, bots, positions, events
up down j k  choose a row; PgUp PgDn Home End
Enter        only the chosen account; Esc: all
/            filter rows by text; Esc: no filter
s            sort by the next column; S: reverse
h            halt the chosen account (asks)
?            this help
q, Ctrl-C    quit

SAFE counts positions with a stop at the exchange.
All figures are read from the database.";

struct Picture<'a> {
    snapshot: &'a Snapshot,
    view: &'a View,
    palette: Palette,
}

impl Picture<'_> {
    fn title(&self, area: Rect, buffer: &mut Buffer) {
        let mut spans =
            vec![self.palette.span(Some(Tone::Strong), "tradefleet "), self.palette.span(None, " ")];
        spans.extend(self.daemon(self.snapshot.fleet.daemon.as_ref()));
        let now = format!("{} UTC", when::minute(self.snapshot.now));
        let [left, right] =
            Layout::horizontal([Constraint::Min(0), Constraint::Length(20)]).spacing(1).areas(area);
        Line::from(spans).render(left, buffer);
        Line::from(now).alignment(Alignment::Right).render(right, buffer);
    }

    fn daemon(&self, daemon: Option<&DaemonStatus>) -> Vec<Span<'static>> {
        let Some(daemon) = daemon else {
            return vec![self.palette.span(Some(Tone::Faint), "no daemon has ever run")];
        };
        if !daemon.live {
            let word = if daemon.released_at.is_some() { "daemon not running" } else { "daemon died" };
            let tone = if daemon.released_at.is_some() { Tone::Faint } else { Tone::Bad };
            return vec![self.palette.span(Some(tone), word)];
        }
        let age = self.snapshot.now.since(daemon.heartbeat_at).max(crate::domain::time::DurationMs::ZERO);
        vec![
            self.palette.span(Some(Tone::Good), "running "),
            self.palette.span(
                None,
                format!("pid {}, {}, sign of life {} ago", daemon.pid, daemon.source, when::span(age)),
            ),
        ]
    }

    /// Two lines of figures that should be near nothing, or near all.
    fn gauges(&self, area: Rect, buffer: &mut Buffer) {
        let totals = &self.snapshot.fleet.totals;
        let bad = |count: u64| (count > 0).then_some(Tone::Warning);
        let gauges = &self.snapshot.gauges;
        let unsafe_positions = gauges.open_positions.saturating_sub(gauges.protected_positions);
        let mut first = vec![
            self.gauge("accounts", &format!("{}/{}", gauges.accounts.ok, totals.accounts), None),
            self.gauge("halted", &totals.halted, bad(totals.halted)),
            self.gauge("quarantined", &totals.quarantined, bad(totals.quarantined)),
            self.gauge("bots", &format!("{}/{}", totals.bots_running, totals.bots_active), None),
            self.gauge(
                "protected",
                &format!("{}/{}", gauges.protected_positions, gauges.open_positions),
                bad(unsafe_positions),
            ),
        ];
        for total in totals.by_asset.iter().filter(|_| area.width >= 100) {
            let name = format!("{} {}", total.book.as_str(), total.quote_asset);
            first.push(self.gauge(&name, &figures::balance(total.equity), None));
        }
        let (pending, dead) = self.snapshot.outbox();
        let lag = self.snapshot.cycle_lag().map_or_else(|| "-".to_owned(), when::span);
        let mut second = vec![
            self.gauge("cycle lag", &lag, None),
            self.gauge("unknown orders", &totals.unknown_orders, bad(totals.unknown_orders)),
            self.gauge(
                "outbox",
                &if dead > 0 { format!("{pending} ({dead} dead)") } else { pending.to_string() },
                bad(dead),
            ),
            self.gauge(
                "alerts",
                &self.snapshot.open_alerts,
                bad(u64::try_from(self.snapshot.open_alerts).unwrap_or(0)),
            ),
            self.headroom(),
        ];
        second.extend(
            limits::bans(&self.snapshot.fleet.bans)
                .iter()
                .map(|ban| vec![self.palette.span(Some(Tone::Bad), ban.clone())]),
        );
        let lines: Vec<Line<'_>> = [first, second]
            .into_iter()
            .map(|gauges| Line::from(gauges.join(&self.palette.span(None, "  "))))
            .collect();
        Paragraph::new(lines).render(area, buffer);
    }

    fn headroom(&self) -> Vec<Span<'static>> {
        let Some((row, left)) = self.snapshot.least_headroom() else {
            return self.gauge("rate left", "-", None);
        };
        let tone = (left < 20).then_some(Tone::Warning);
        self.gauge("rate left", &format!("{left} % ({} {})", row.exchange, row.bucket), tone)
    }

    fn gauge(&self, name: &str, value: &(impl ToString + ?Sized), tone: Option<Tone>) -> Vec<Span<'static>> {
        vec![
            self.palette.span(Some(Tone::Faint), format!("{name} ")),
            self.palette.span(tone.or(Some(Tone::Strong)), value.to_string()),
        ]
    }

    fn tabs(&self, area: Rect, buffer: &mut Buffer) {
        let mut spans = Vec::new();
        for (number, panel) in (1..).zip(Panel::ALL) {
            let text = format!(" {number} {} ", panel.title());
            let style = if panel == self.view.panel {
                Style::new().add_modifier(Modifier::REVERSED)
            } else {
                self.palette.style(Tone::Faint)
            };
            spans.push(Span::styled(text, style));
        }
        let order = rows::orders(self.view.panel).get(self.view.order).copied().unwrap_or_default();
        let reversed = if self.view.is_reversed { " reversed" } else { "" };
        let mut words = vec![format!("by {order}{reversed}")];
        words.extend(self.view.account.as_ref().map(|account| format!("only {account}")));
        words.extend((!self.view.filter.is_empty()).then(|| format!("/{}", self.view.filter)));
        Line::from(spans).render(area, buffer);
        Line::from(words.join("  ")).alignment(Alignment::Right).render(area, buffer);
    }

    fn body(&self, area: Rect, buffer: &mut Buffer) {
        if self.view.panel == Panel::Events || area.height < FEED_FROM_HEIGHT - 5 {
            return self.panel(area, buffer);
        }
        let [table, below] = Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]).areas(area);
        self.panel(table, buffer);
        let feed = if area.width >= SPLIT_FROM_WIDTH && self.view.panel == Panel::Accounts {
            let [feed, holdings] =
                Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2).areas(below);
            self.holdings(holdings, buffer);
            feed
        } else {
            below
        };
        self.feed(feed, buffer);
    }

    fn panel(&self, area: Rect, buffer: &mut Buffer) {
        let (snapshot, view) = (self.snapshot, self.view);
        let keys = rows::keys(snapshot, view);
        let chosen = rows::chosen_index(&keys, view);
        match view.panel {
            Panel::Accounts => {
                let rows = rows::accounts(snapshot, view).into_iter().map(columns::account);
                self.table(&columns::ACCOUNTS, rows, chosen, area, buffer);
            }
            Panel::Bots => {
                let rows = rows::bots(snapshot, view).into_iter().map(columns::bot);
                self.table(&columns::BOTS, rows, chosen, area, buffer);
            }
            Panel::Positions => {
                let rows = rows::positions(snapshot, view).into_iter().map(columns::position);
                self.table(&columns::POSITIONS, rows, chosen, area, buffer);
            }
            Panel::Events => {
                let rows = rows::events(snapshot, view).into_iter().map(columns::event);
                self.table(&columns::EVENTS, rows, chosen, area, buffer);
            }
        }
        if keys.is_empty() {
            let text = if view.filter.is_empty() { "nothing here" } else { "nothing matches the filter" };
            let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
            Paragraph::new(text).render(below, buffer);
        }
    }

    /// The newest events, of the chosen account where one was entered.
    fn feed(&self, area: Rect, buffer: &mut Buffer) {
        let view = View { panel: Panel::Events, account: self.view.account.clone(), ..View::default() };
        let area = headed("events", area, self.palette, buffer);
        let rows = rows::events(self.snapshot, &view).into_iter().take(usize::from(area.height));
        self.bare_table(&columns::EVENTS, rows.map(columns::event), area, buffer);
    }

    fn holdings(&self, area: Rect, buffer: &mut Buffer) {
        let Some(account) = rows::chosen_account(self.snapshot, self.view) else { return };
        let area = headed(&format!("positions of {account}"), area, self.palette, buffer);
        let view = View { panel: Panel::Positions, account: Some(account), ..View::default() };
        let rows = rows::positions(self.snapshot, &view).into_iter().take(usize::from(area.height));
        self.bare_table(&columns::POSITIONS, rows.map(columns::position), area, buffer);
    }

    fn table<const N: usize>(
        &self,
        columns: &[Column; N],
        rows: impl Iterator<Item = [CellText; N]>,
        chosen: Option<usize>,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let (shown, widths) = shown(columns, area.width);
        let header = Row::new(shown.iter().map(|column| aligned(column, column.title.into())))
            .style(self.palette.style(Tone::Strong));
        let table = Table::new(self.rows(columns, rows, area.width), widths)
            .header(header)
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
        let mut state = TableState::new().with_selected(chosen);
        StatefulWidget::render(table, area, buffer, &mut state);
    }

    fn bare_table<const N: usize>(
        &self,
        columns: &[Column; N],
        rows: impl Iterator<Item = [CellText; N]>,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let (_, widths) = shown(columns, area.width);
        Widget::render(Table::new(self.rows(columns, rows, area.width), widths), area, buffer);
    }

    fn rows<const N: usize>(
        &self,
        columns: &[Column; N],
        rows: impl Iterator<Item = [CellText; N]>,
        width: u16,
    ) -> Vec<Row<'static>> {
        rows.map(|cells| {
            let cells = columns.iter().zip(cells).filter(|(column, _)| column.fits(width));
            Row::new(cells.map(|(column, (text, tone))| {
                let cell = aligned(column, text);
                tone.map_or(cell.clone(), |tone| cell.style(self.palette.style(tone)))
            }))
        })
        .collect()
    }

    fn foot(&self, area: Rect, buffer: &mut Buffer) {
        let line = match (&self.view.message, &self.view.mode) {
            (Some(message), _) => self.palette.span(Some(Tone::Strong), message.clone()),
            (None, Mode::Filter) => {
                self.palette.span(Some(Tone::Strong), format!("filter: {}_", self.view.filter))
            }
            (None, Mode::Browse | Mode::Confirm(_) | Mode::Help) => self.palette.span(
                Some(Tone::Faint),
                "? help  Tab panel  Enter only this account  / filter  s sort  h halt  q quit",
            ),
        };
        Line::from(line).render(area, buffer);
    }
}

/// The columns that a width has room for, and their constraints.
fn shown(columns: &[Column], width: u16) -> (Vec<&Column>, Vec<Constraint>) {
    let shown: Vec<&Column> = columns.iter().filter(|column| column.fits(width)).collect();
    let widths = shown
        .iter()
        .map(|column| match column.width {
            Width::Fixed(width) => Constraint::Length(width),
            Width::Rest(least) => Constraint::Min(least),
        })
        .collect();
    (shown, widths)
}

fn aligned(column: &Column, text: String) -> Cell<'static> {
    let alignment = if column.is_right { Alignment::Right } else { Alignment::Left };
    Cell::from(Line::from(text).alignment(alignment))
}

/// A line with a title; what is left of the area.
fn headed(title: &str, area: Rect, palette: Palette, buffer: &mut Buffer) -> Rect {
    let rule = format!("-- {title} {}", "-".repeat(usize::from(area.width)));
    Line::styled(rule, palette.style(Tone::Faint))
        .render(Rect { height: area.height.min(1), ..area }, buffer);
    Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area }
}

/// A box over the picture.
fn popup(text: &str, title: &str, area: Rect, buffer: &mut Buffer) {
    let width = area.width.min(62);
    let inner = usize::from(width.saturating_sub(4)).max(1);
    let lines: usize = text
        .lines()
        .map(|line| line.chars().count().div_ceil(inner).max(1) + usize::from(line.chars().count() > inner))
        .sum();
    let height = area.height.min(u16::try_from(lines + 2).unwrap_or(u16::MAX));
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(place, buffer);
    let block =
        Block::bordered().title(format!(" {title} ")).padding(ratatui::widgets::Padding::horizontal(1));
    Paragraph::new(text).wrap(Wrap { trim: false }).block(block).render(place, buffer);
}

//! What the database says at one moment.

use std::collections::BTreeSet;

use crate::domain::order::OrderStatus;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::turn::{NoticeKind, Severity};
use crate::notify::text::{Lang, notice};
use crate::store::queries::feed::{self, OrderStep};
use crate::store::queries::gauges::{self, Gauges};
use crate::store::queries::positions::{self, PositionRow};
use crate::store::queries::status::{self, FleetStatus};
use crate::store::queries::{Filter, names, snapshot};
use crate::store::rate_limits::HeadroomRow;
use crate::store::{Store, StoreError, alerts, outbox};

/// Of each source of events.
const EVENTS_MAX: u32 = 200;
/// A market whose time is further away than this is a recorded one.
const LIVE_MARKET: DurationMs = DurationMs::from_secs(86_400);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Happening {
    pub(super) at: Timestamp,
    /// order, notice or alert.
    pub(super) source: &'static str,
    pub(super) severity: Severity,
    pub(super) account: Option<String>,
    pub(super) text: String,
}

#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) now: Timestamp,
    pub(super) fleet: FleetStatus,
    pub(super) positions: Vec<PositionRow>,
    pub(super) gauges: Gauges,
    /// Newest first.
    pub(super) events: Vec<Happening>,
    /// Alerts that are not over.
    pub(super) open_alerts: usize,
}

impl Snapshot {
    pub(super) fn read(store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let conn = snapshot(store.conn())?;
        let names = names::accounts(&conn)?;
        let name = |id| names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
        let mut events: Vec<_> =
            feed::order_steps(&conn, None, EVENTS_MAX)?.into_iter().map(Happening::from).collect();
        for row in outbox::list(&conn, None, None, EVENTS_MAX)? {
            let text = NoticeKind::from_word(&row.kind).map_or_else(
                || row.kind.clone(),
                |kind| {
                    let bot = row.fields.get("bot").map(String::as_str);
                    notice::line(kind, row.severity, &row.fields, bot, Lang::En)
                },
            );
            let (at, severity, account) = (row.created_at, row.severity, name(row.account));
            events.push(Happening { at, source: "notice", severity, account, text });
        }
        for row in alerts::list(&conn, EVENTS_MAX)? {
            let account = row.finding.account.and_then(name);
            let text = format!("{}: {}", row.finding.kind, row.finding.detail);
            let alert = |at, severity, text| Happening {
                at,
                source: "alert",
                severity,
                account: account.clone(),
                text,
            };
            if let Some(at) = row.cleared_at {
                events.push(alert(at, Severity::Info, format!("over: {text}")));
            }
            events.push(alert(row.raised_at, row.finding.severity, text));
        }
        // Rows are told apart by what they say, so each says it once.
        let mut told = BTreeSet::new();
        events.retain(|event| told.insert((event.at, event.source, event.text.clone())));
        // Stable: of one moment, what is more important comes first.
        events.sort_by_key(|event| std::cmp::Reverse((event.at, event.severity)));
        Ok(Self {
            now,
            fleet: status::status(&conn, None)?,
            positions: positions::list(&conn, &Filter::default())?,
            gauges: gauges::gauges(&conn)?,
            events,
            open_alerts: alerts::open(&conn)?.len(),
        })
    }

    /// How far the last cycle is behind the daemon's last sign of life; `None` without a daemon, or where the market
    /// is a recorded one.
    pub(super) fn cycle_lag(&self) -> Option<DurationMs> {
        let daemon = self.fleet.daemon.as_ref().filter(|daemon| daemon.live)?;
        let lag = daemon.heartbeat_at.since(daemon.run.last_cycle_at?);
        (lag.ms().abs() < LIVE_MARKET.ms()).then_some(lag.max(DurationMs::ZERO))
    }

    /// Notices that wait for their chat, and those that will never arrive.
    pub(super) fn outbox(&self) -> (u64, u64) {
        let of =
            |word: &str| self.gauges.notices.iter().find(|(status, _)| status == word).map_or(0, |(_, n)| *n);
        (of("pending"), of("dead"))
    }

    /// The limit with the least left, and how much that is, %.
    pub(super) fn least_headroom(&self) -> Option<(&HeadroomRow, u32)> {
        let left = |row: &HeadroomRow| {
            // A window that has ended has all of it left.
            let used = if row.resets_at <= self.now { 0 } else { row.used.min(row.amount) };
            (row.amount - used).saturating_mul(100) / row.amount.max(1)
        };
        self.fleet.limits.iter().map(|row| (row, left(row))).min_by_key(|(_, left)| *left)
    }
}

impl From<OrderStep> for Happening {
    fn from(step: OrderStep) -> Self {
        let bot = step.bot.map_or_else(String::new, |bot| format!(" [{bot}]"));
        let detail = if step.detail.is_empty() { String::new() } else { format!(": {}", step.detail) };
        Self {
            at: step.at,
            source: "order",
            severity: severity_of(step.status),
            account: Some(step.account),
            text: format!("{} {} {} {}{bot}{detail}", step.purpose, step.side, step.symbol, step.status),
        }
    }
}

const fn severity_of(status: OrderStatus) -> Severity {
    match status {
        OrderStatus::Unknown | OrderStatus::Rejected => Severity::Warning,
        OrderStatus::Intended
        | OrderStatus::Sent
        | OrderStatus::Open
        | OrderStatus::PartiallyFilled
        | OrderStatus::Filled
        | OrderStatus::Cancelled
        | OrderStatus::Expired => Severity::Info,
    }
}

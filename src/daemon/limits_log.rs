//! Keeps what the rate ledgers know: bans, which outlive a restart, and headroom, for people.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::Connection;

use super::connections::Connections;
use super::timer::WallTimer;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::Timestamp;
use crate::exchange::governor::{Ban, BlockCause};
use crate::store::rate_limits::{self, BanRow, HeadroomRow};
use crate::store::{StoreError, Writer};

/// Between two looks at headroom.
const KEEP_EVERY: Duration = Duration::from_secs(2);

pub struct LimitsLog {
    keep: WallTimer,
    /// What was written last: exchange, way out, limit, account, and how much of it is used.
    headroom: Vec<HeadroomRow>,
    bans: Vec<BanRow>,
}

impl Default for LimitsLog {
    fn default() -> Self {
        Self { keep: WallTimer::new(KEEP_EVERY), headroom: Vec::new(), bans: Vec::new() }
    }
}

impl LimitsLog {
    /// What is left of each limit that was used, as a share of 1: exchange, way out, limit; of limits of accounts the
    /// least of all.
    pub fn left(&self) -> impl Iterator<Item = (ExchangeKind, &str, &str, f64)> {
        let mut left: BTreeMap<(ExchangeKind, &str, &str), f64> = BTreeMap::new();
        for row in &self.headroom {
            let share = 1.0 - f64::from(row.used) / f64::from(row.amount.max(1));
            let least = left.entry((row.exchange, &row.egress, &row.bucket)).or_insert(1.0);
            *least = least.min(share.max(0.0));
        }
        left.into_iter().map(|((exchange, egress, limit), share)| (exchange, egress, limit, share))
    }

    /// Writes what has changed: a ban at once, since a restart must know of it, headroom now and then.
    pub async fn keep(
        &mut self,
        connections: &Connections,
        writer: &Writer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let bans = bans(connections);
        if bans != self.bans {
            self.bans.clone_from(&bans);
            writer.run(move |conn| rate_limits::write_bans(conn, &bans, now)).await?;
        }
        if !self.keep.is_due() {
            return Ok(());
        }
        let headroom = headroom(connections, now);
        if used(&headroom) != used(&self.headroom) {
            self.headroom.clone_from(&headroom);
            writer.post(move |conn| rate_limits::write_headroom(conn, &headroom)).await;
        }
        Ok(())
    }
}

/// Of several blocks of one way out the one that stops most, and of equal ones the longest. Those of single accounts
/// are short, and asked for anew.
fn bans(connections: &Connections) -> Vec<BanRow> {
    let mut rows = Vec::new();
    for (exchange, egress, governor) in connections.governors() {
        let address = governor.bans().into_iter().filter(|ban| ban.account.is_none());
        if let Some(ban) = address.max_by_key(|ban| (ban.cause != BlockCause::TooMany, ban.until)) {
            rows.push(BanRow { exchange, egress, until: ban.until, reason: ban.cause.as_str().to_owned() });
        }
    }
    rows
}

/// Remembered bans, for [`Connections::remembering`].
pub fn remembered(conn: &Connection) -> Result<Vec<(ExchangeKind, String, Ban)>, StoreError> {
    let rows = rate_limits::read_bans(conn, Timestamp::default())?;
    Ok(rows.into_iter().map(|row| (row.exchange, row.egress.clone(), ban_of(&row))).collect())
}

fn ban_of(row: &BanRow) -> Ban {
    let cause = BlockCause::from_word(&row.reason).unwrap_or(BlockCause::Banned);
    Ban { account: None, until: row.until, cause }
}

fn headroom(connections: &Connections, now: Timestamp) -> Vec<HeadroomRow> {
    let rows = connections.governors().flat_map(|(exchange, egress, governor)| {
        governor.headroom().into_iter().map(move |room| HeadroomRow {
            exchange,
            egress: egress.clone(),
            bucket: room.bucket.name.to_owned(),
            account: room.account,
            used: room.used,
            amount: room.amount,
            window: room.window,
            resets_at: room.resets_at,
            updated_at: now,
        })
    });
    rows.collect()
}

/// Windows go on by themselves; only what is used is news.
fn used(rows: &[HeadroomRow]) -> Vec<(&str, &str, u32, u32)> {
    rows.iter().map(|row| (row.egress.as_str(), row.bucket.as_str(), row.used, row.amount)).collect()
}

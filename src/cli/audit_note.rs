//! The end of the audit log as a line of text that is kept off the machine:
//! `tradefleet-audit ENTRIES HEAD [MAC]`.

use std::fmt;

use rusqlite::Connection;

use super::CliError;
use crate::store::StoreError;
use crate::store::audit::{self, Anchor, AuditHead};

const MARK: &str = "tradefleet-audit";
const HEX_DIGITS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnchorNote {
    head: AuditHead,
    /// Of the seal at that moment, where the log was sealed to its end.
    mac: Option<String>,
}

impl AnchorNote {
    pub(super) fn of(anchor: &Anchor) -> Self {
        let seal = anchor.seal.as_ref().filter(|seal| seal.head == anchor.head);
        Self { head: anchor.head.clone(), mac: seal.map(|seal| seal.mac.clone()) }
    }

    /// The notes of a text; empty lines are none.
    pub(super) fn of_lines(text: &str) -> Result<Vec<Self>, CliError> {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Self::parse).collect()
    }

    fn parse(line: &str) -> Result<Self, CliError> {
        let mut words = line.split_whitespace();
        let note = (|| {
            let (MARK, entries, hash) = (words.next()?, words.next()?, words.next()?) else { return None };
            let head = AuditHead { id: entries.parse().ok()?, hash: hash.to_ascii_lowercase() };
            let is_hash = head.hash.len() == HEX_DIGITS && head.hash.chars().all(|c| c.is_ascii_hexdigit());
            (is_hash && head.id >= 0).then(|| Self { head, mac: words.next().map(str::to_owned) })
        })();
        note.ok_or_else(|| {
            CliError::usage(format!("`{line}` is not a line of `tradefleet audit anchor`"))
                .hint(format!("it reads {MARK} ENTRIES HEAD"))
        })
    }

    /// What of the log does not fit; `None` when the log still begins as it did then.
    pub(super) fn fault(&self, conn: &Connection) -> Result<Option<String>, StoreError> {
        if self.head.id == 0 {
            return Ok(None);
        }
        Ok(match audit::hash_at(conn, self.head.id)? {
            Some(hash) if hash == self.head.hash => None,
            Some(_) => Some(format!("audit entry {} is not the one that was noted elsewhere", self.head.id)),
            None => Some(format!("audit entry {}, which was noted elsewhere, was removed", self.head.id)),
        })
    }
}

impl fmt::Display for AnchorNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK} {} {}", self.head.id, self.head.hash)?;
        self.mac.as_ref().map_or(Ok(()), |mac| write!(f, " {mac}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back() {
        let head = AuditHead { id: 7, hash: "ab".repeat(32) };
        for mac in [None, Some("cd".repeat(32))] {
            let note = AnchorNote { head: head.clone(), mac };
            assert_eq!(AnchorNote::of_lines(&format!("\n{note}\n")).unwrap(), [note]);
        }
        for bad in ["x", "tradefleet-audit 7", "tradefleet-audit x aa", "tradefleet-audit 7 aa"] {
            assert!(AnchorNote::of_lines(bad).is_err(), "{bad}");
        }
    }
}

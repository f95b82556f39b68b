//! The marks of all rows of signals in the order in which they come, and how far they were told.

use super::row::{Placed, Row};

/// One mark: the step that brings it, its row, its place there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coming {
    pub(super) step: usize,
    row: u32,
    mark: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Timeline(Vec<Coming>);

/// How many marks were told, in all and of each row: steps only go forward, so that nothing is searched anew.
#[derive(Debug)]
pub(super) struct SignalCursor {
    told: usize,
    of_rows: Vec<usize>,
}

impl Coming {
    pub(super) fn find(self, rows: &[Row]) -> Option<(&Row, &Placed)> {
        let row = rows.get(usize::try_from(self.row).ok()?)?;
        Some((row, row.marks.get(usize::try_from(self.mark).ok()?)?))
    }
}

impl Timeline {
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut all = Vec::with_capacity(rows.iter().map(|row| row.marks.len()).sum());
        for (of, row) in (0_u32..).zip(rows) {
            all.extend((0_u32..).zip(row.marks.iter()).map(|(mark, placed)| Coming {
                step: placed.step,
                row: of,
                mark,
            }));
        }
        // Each row is in order: a sort that merges has little to do.
        all.sort_by_key(|coming| coming.step);
        Self(all)
    }

    /// In front of all marks.
    pub(super) fn cursor(rows: &[Row]) -> SignalCursor {
        SignalCursor { told: 0, of_rows: vec![0; rows.len()] }
    }

    /// Moves the cursor behind all marks of `step` and before.
    pub(super) fn advance(&self, cursor: &mut SignalCursor, step: usize) {
        while let Some(coming) = self.0.get(cursor.told).filter(|coming| coming.step <= step) {
            let row = usize::try_from(coming.row).unwrap_or(usize::MAX);
            if let Some(told) = cursor.of_rows.get_mut(row) {
                *told += 1;
            }
            cursor.told += 1;
        }
    }

    /// The marks behind the cursor, of the steps from `from` to before `end`.
    pub(super) fn ahead(
        &self,
        cursor: &SignalCursor,
        (from, end): (usize, usize),
    ) -> impl Iterator<Item = Coming> {
        let ahead = self.0.get(cursor.told..).unwrap_or_default();
        let skipped = ahead.partition_point(|coming| coming.step < from);
        ahead.iter().skip(skipped).take_while(move |coming| coming.step < end).copied()
    }
}

impl SignalCursor {
    /// Rows with the last mark that was told.
    pub(super) fn last_told<'a>(&'a self, rows: &'a [Row]) -> impl Iterator<Item = (&'a Row, &'a Placed)> {
        let rows = rows.iter().zip(&self.of_rows);
        rows.filter_map(|(row, told)| Some((row, row.marks.get(told.checked_sub(1)?)?)))
    }
}

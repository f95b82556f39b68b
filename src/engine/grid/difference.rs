//! What changes when a ladder is replaced by another.

use std::collections::BTreeSet;

use crate::domain::money::Price;

use super::plan::Line;

/// Lines of two ladders, by price.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// On both ladders, though perhaps under another number.
    pub kept: Vec<Price>,
    /// Lines that exist on both sides, from where to where: the remaining ones, paired from the lowest.
    pub moved: Vec<(Price, Price)>,
    pub added: Vec<Price>,
    pub removed: Vec<Price>,
}

impl Difference {
    pub fn between(before: &[Line], after: &[Line]) -> Self {
        let set = |lines: &[Line]| lines.iter().map(|line| line.price).collect::<BTreeSet<_>>();
        let (before, after) = (set(before), set(after));
        let mut gone: Vec<Price> = before.difference(&after).copied().collect();
        let mut new: Vec<Price> = after.difference(&before).copied().collect();
        let pairs = gone.len().min(new.len());
        let (removed, added) = (gone.split_off(pairs), new.split_off(pairs));
        Self {
            kept: before.intersection(&after).copied().collect(),
            moved: gone.into_iter().zip(new).collect(),
            added,
            removed,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }

    /// Lines that the new ladder does not have: what rests there is cancelled.
    pub fn given_up(&self) -> impl Iterator<Item = Price> {
        self.moved.iter().map(|(from, _)| *from).chain(self.removed.iter().copied())
    }

    /// Lines that the old ladder did not have.
    pub fn taken_up(&self) -> impl Iterator<Item = Price> {
        self.moved.iter().map(|(_, to)| *to).chain(self.added.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(prices: &str) -> Vec<Line> {
        let prices = prices.split_whitespace().map(|price| price.parse().unwrap());
        (0..).zip(prices).map(|(index, price)| Line { index, price }).collect()
    }

    #[test]
    fn lines_are_kept_moved_added_and_removed() {
        let text = |prices: &[Price]| prices.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        for (before, after, kept, moved, added, removed) in [
            ("1 2 3", "1 2 3", "1 2 3", "", "", ""),
            ("1 2 3", "1 2 3 4", "1 2 3", "", "4", ""),
            ("1 2 3", "2 3", "2 3", "", "", "1"),
            ("1 2 3", "1 2.5 3", "1 3", "2>2.5", "", ""),
            ("1 2 3", "4 5 6 7", "", "1>4 2>5 3>6", "7", ""),
        ] {
            let difference = Difference::between(&lines(before), &lines(after));
            let pairs: Vec<_> = difference.moved.iter().map(|(from, to)| format!("{from}>{to}")).collect();
            assert_eq!(
                (text(&difference.kept), pairs.join(" "), text(&difference.added), text(&difference.removed)),
                (kept.to_owned(), moved.to_owned(), added.to_owned(), removed.to_owned()),
                "{before} to {after}"
            );
            assert_eq!(difference.is_empty(), before == after);
        }
    }
}

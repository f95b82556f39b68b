//! What is asked about: some symbols cost less than all.

use std::collections::BTreeSet;

use super::instrument::Symbol;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Symbols(BTreeSet<Symbol>),
    All,
}

impl Scope {
    pub fn contains(&self, symbol: &Symbol) -> bool {
        match self {
            Self::Symbols(symbols) => symbols.contains(symbol),
            Self::All => true,
        }
    }
}

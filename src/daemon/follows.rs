//! What the bots of each market follow: signals to enter and to leave by, and prices.

use std::collections::{BTreeMap, BTreeSet};

use super::pace::MarketId;
use crate::domain::ids::{BotId, StrategyId};
use crate::domain::instrument::Symbol;
use crate::engine::settings::SymbolScope;
use crate::store::bots::BotRow;
use crate::store::grid_configs::GridRow;

type Wishes = BTreeMap<MarketId, BTreeSet<(StrategyId, SymbolScope)>>;
type Symbols = BTreeMap<MarketId, BTreeSet<Symbol>>;

#[derive(Debug, Clone, Default)]
pub struct Follows {
    /// What each bot follows that is running, or still holds a position.
    wishes: Wishes,
    /// What bots hold or have orders in, whatever they follow now: it is left by the same signals.
    held_wishes: Wishes,
    /// What grid bots trade that are running, or still hold a position.
    grid_symbols: Symbols,
    /// What must have a price because something is held or ordered there.
    held_symbols: Symbols,
}

impl Follows {
    /// Of one market: signals of these, and prices of those.
    pub(super) fn of(
        market: MarketId,
        wishes: BTreeSet<(StrategyId, SymbolScope)>,
        grids: BTreeSet<Symbol>,
    ) -> Self {
        Self {
            wishes: BTreeMap::from([(market, wishes)]),
            grid_symbols: BTreeMap::from([(market, grids)]),
            ..Self::default()
        }
    }

    /// Notes what the bots of one market need: signals, or prices alone.
    pub(super) fn note(
        &mut self,
        market: MarketId,
        bots: &[BotRow],
        engaged: &BTreeMap<BotId, BTreeSet<Symbol>>,
        grids: &BTreeMap<BotId, GridRow>,
    ) {
        for bot in bots {
            let engaged = engaged.get(&bot.id);
            if !bot.is_running && engaged.is_none() {
                continue;
            }
            if let Some(strategy) = bot.strategy_id {
                let held = engaged.into_iter().flatten().cloned().map(SymbolScope::One);
                self.held_wishes.entry(market).or_default().extend(held.map(|scope| (strategy, scope)));
                self.wishes.entry(market).or_default().insert((strategy, bot.settings.symbol.clone()));
            }
            if let (true, SymbolScope::One(symbol)) = (grids.contains_key(&bot.id), &bot.settings.symbol) {
                self.grid_symbols.entry(market).or_default().insert(symbol.clone());
            }
            self.held_symbols.entry(market).or_default().extend(engaged.into_iter().flatten().cloned());
        }
    }

    /// Those that somebody follows anywhere.
    pub(super) fn strategies(&self) -> BTreeSet<StrategyId> {
        let all = self.wishes.values().chain(self.held_wishes.values());
        all.flatten().map(|(id, _)| *id).collect()
    }

    /// What signals are computed for in one market.
    pub fn wishes(&self, market: MarketId) -> BTreeSet<&(StrategyId, SymbolScope)> {
        let own = self.wishes.get(&market).into_iter().flatten();
        own.chain(self.held_wishes.get(&market).into_iter().flatten()).collect()
    }

    /// The symbols that running bots name in one market.
    pub fn named_symbols(&self, market: MarketId) -> BTreeSet<Symbol> {
        let named = self.wishes.get(&market).into_iter().flatten();
        let grids = self.grid_symbols.get(&market).into_iter().flatten();
        named
            .filter_map(|(_, scope)| match scope {
                SymbolScope::One(symbol) => Some(symbol.clone()),
                SymbolScope::Universe => None,
            })
            .chain(grids.cloned())
            .collect()
    }

    /// The symbols of one market that need prices, if no signals: those of grid bots, and what is held or ordered.
    pub fn priced_symbols(&self, market: MarketId) -> BTreeSet<&Symbol> {
        let grids = self.grid_symbols.get(&market).into_iter().flatten();
        grids.chain(self.held_symbols.get(&market).into_iter().flatten()).collect()
    }
}

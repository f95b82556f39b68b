//! Who takes part: the fleet goes by what the database says now.

use super::fleet::Fleet;
use super::roster::Roster;
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

impl Fleet {
    /// Takes over what people changed: settings at once, newcomers from here on, leavers no more.
    pub(super) async fn reload(&mut self) -> Result<(), StoreError> {
        let roster = self.control.read_roster(&self.terms)?;
        for account in self.supervisor.running().collect::<Vec<AccountId>>() {
            match roster.entrants.get(&account) {
                None => self.pace.stop(account),
                // Another exchange behind it, or real money instead of paper: it starts anew, once it has stopped.
                Some(entrant) if self.supervisor.must_restart(entrant) => self.pace.stop(account),
                Some(entrant) => {
                    let before = self.roster.entrants.get(&account).map(|known| &known.configuration);
                    // An account may have changed what the roster knows of it, such as stopped a bot.
                    let is_told = self.told.contains(&None) || self.told.contains(&Some(account));
                    if is_told || before != Some(&entrant.configuration) {
                        self.pace.configure(account, entrant.configuration.clone());
                    }
                }
            }
        }
        self.told.clear();
        self.tell_who_leaves(&roster);
        self.roster = roster;
        if self.open_markets()? {
            self.terms.instruments.extend(self.desks.instruments(&self.config));
            self.roster = self.control.read_roster(&self.terms)?;
        }
        self.plan();
        self.admit_newcomers(self.pace.now()).await
    }

    /// Whether an account that is to trade on paper has left where it traded with money.
    pub(super) fn has_left(&self) -> Result<bool, StoreError> {
        let leaving = &self.roster.leaving;
        Ok(!leaving.is_empty() && !leaving.is_subset(&self.control.at_stake()?))
    }

    fn tell_who_leaves(&self, roster: &Roster) {
        for account in roster.leaving.difference(&self.roster.leaving) {
            let name = roster.entrants.get(account).map(|entrant| entrant.name.as_str());
            tracing::warn!(
                account = name,
                "orders or positions with money are left: dry run begins once they are gone"
            );
        }
    }

    pub(super) async fn admit_newcomers(&mut self, from: Timestamp) -> Result<(), StoreError> {
        let newcomers = self
            .roster
            .entrants
            .values()
            .filter(|entrant| self.supervisor.has_room_for(entrant.id))
            .cloned()
            .collect();
        self.supervisor.admit(newcomers, from).await
    }
}

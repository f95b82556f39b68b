//! The store beside the simulation's journal: the same turns, written by the daemon's own statements into SQLite, must
//! give a restart the same account.

use tempfile::TempDir;
use tradefleet::domain::ids::AccountId;
use tradefleet::domain::kind::{BotType, ExchangeKind};
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::config::AccountConfig;
use tradefleet::engine::state::{DurableState, SavedAccount};
use tradefleet::engine::turn::Record;
use tradefleet::store::journal::{StateRow, TurnRows};
use tradefleet::store::{Store, accounts, bots, check, grid_configs, journal};

use crate::market::EPOCH;
use crate::settled::Verdict;

pub(crate) struct Mirror {
    store: Store,
    account: AccountId,
    with_money: bool,
    _dir: TempDir,
}

impl Mirror {
    /// A database with the account and its bots, and nothing that happened.
    pub(crate) fn new(exchange: ExchangeKind, account: AccountId, config: &AccountConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(&dir.path().join("simulated.db")).unwrap();
        let conn = store.conn();
        // Only the meaning is compared here; what a power cut leaves is for other tests.
        conn.pragma_update(None, "synchronous", "OFF").unwrap();
        let now = Timestamp::from_ms(EPOCH);
        for number in 1..=account.get() {
            accounts::insert(conn, &format!("account-{number}"), exchange, now).unwrap();
        }
        accounts::update_settings(conn, account, &config.settings, now).unwrap();
        for bot in config.bots.values() {
            let new = bots::NewBot {
                account_id: account,
                strategy_id: None,
                name: bot.name.clone(),
                bot_type: if bot.grid.is_some() { BotType::Grid } else { BotType::AiTrend },
                settings: bot.settings.clone(),
            };
            let id = bots::insert(conn, &new, now).unwrap();
            conn.execute("UPDATE bot_instances SET id = ?2 WHERE id = ?1", [id.get(), bot.id.get()]).unwrap();
            if let Some(setup) = &bot.grid {
                grid_configs::put(conn, bot.id, &setup.config, setup.config.investment).unwrap();
            }
        }
        Self { store, account, with_money: !config.settings.dry_run, _dir: dir }
    }

    /// One turn, in one transaction.
    pub(crate) fn write(
        &mut self,
        at: Timestamp,
        records: Vec<Record>,
        state: &DurableState,
        last_cycle_at: Option<Timestamp>,
    ) -> Verdict {
        let state = StateRow {
            state: serde_json::to_string(state).unwrap(),
            last_cycle_at,
            wallet: state.wallet,
            equity: None,
            breaker: "closed",
            last_error: None,
        };
        let turn = TurnRows { account: self.account, at, records, state: Some(state), paper_book: None };
        let written = self.store.transaction(|conn| journal::record_turn(conn, &turn));
        written.map_err(|error| format!("the store refuses a turn: {error}"))
    }

    /// Whether a restart finds in the store what it finds in the journal.
    pub(crate) fn recovers(&self, ours: &SavedAccount, last_cycle: Option<Timestamp>) -> Verdict {
        let loaded = journal::load_account(self.store.conn(), self.account, self.with_money, None)
            .map_err(|error| error.to_string())?;
        let mut theirs = loaded.saved;
        // Neither promises an order among what is still open.
        theirs.positions.sort_by(|a, b| a.position.id.cmp(&b.position.id));
        theirs.working.sort_by(|a, b| a.client_order_id.cmp(&b.client_order_id));
        same("last cycle", &last_cycle, &loaded.last_cycle_at)?;
        same("durable state", &ours.durable, &theirs.durable)?;
        all_same("positions", &ours.positions, &theirs.positions)?;
        all_same("working orders", &ours.working, &theirs.working)?;
        all_same("ended orders", &ours.ended, &theirs.ended)?;
        all_same("booked trades", &ours.booked, &theirs.booked)
    }

    /// What `db check` says.
    pub(crate) fn is_sound(&self) -> Verdict {
        match check::check(self.store.conn()).into_iter().find(|result| !result.ok) {
            Some(found) => Err(format!("{}: {} {:?}", found.name, found.detail, found.differences)),
            None => Ok(()),
        }
    }
}

fn all_same<T: PartialEq + std::fmt::Debug>(what: &str, ours: &[T], theirs: &[T]) -> Verdict {
    for (mine, stored) in ours.iter().zip(theirs) {
        same(what, mine, stored)?;
    }
    same(what, &ours.len(), &theirs.len())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: &T, theirs: &T) -> Verdict {
    if ours == theirs { Ok(()) } else { Err(format!("{what}: expected {ours:?}, the store has {theirs:?}")) }
}

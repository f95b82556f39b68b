//! Adding, changing and removing accounts.

use super::account_values::{adapt_defaults, assign, diff};
use super::command::{NewAccount, Verified};
use super::turn::{Diff, Subject, Turn};
use super::{Assignment, ControlError, Selection, grids, names};
use crate::domain::kind::ExchangeKind;
use crate::store::accounts::{self, AccountRow};
use crate::store::{bots, holdings};
use crate::vault::Field;

pub(super) fn subject<'a>(action: &'static str, account: &'a AccountRow) -> Subject<'a> {
    Subject { action, account: Some(&account.name), name: format!("account {}", account.name) }
}

pub(super) fn add(turn: &mut Turn<'_>, new: &NewAccount) -> Result<(), ControlError> {
    names::ACCOUNT.check(&new.name)?;
    for tag in &new.tags {
        names::TAG.check(tag)?;
    }
    let now = turn.by.now;
    let id = accounts::insert(turn.conn, &new.name, new.exchange, now)?;
    turn.touch(id);
    let fresh = accounts::get(turn.conn, id)?;
    let mut row = fresh.clone();
    adapt_defaults(&mut row);
    for assignment in &new.values {
        assign(&mut row, assignment, turn.by.limits)?;
    }
    let mut added = Diff::added("exchange", new.exchange.as_str());
    seal_keys(turn, &mut row, &mut added)?;
    if trades_with_money(&row) {
        require_live(turn, &row)?;
    }
    write(turn, &row)?;
    accounts::set_tags(turn.conn, id, &new.tags, now)?;
    if !new.tags.is_empty() {
        added.compare("tags", None, Some(new.tags.join(",")));
    }
    turn.record(subject("add_account", &row), added)?;
    turn.record(subject("set_account", &row), diff(&fresh, &row))
}

pub(super) fn set(
    turn: &mut Turn<'_>,
    selection: &Selection,
    values: &[Assignment],
) -> Result<(), ControlError> {
    if values.is_empty() {
        return Err(ControlError::NothingToSet);
    }
    for before in turn.select(selection)? {
        let mut row = before.clone();
        for assignment in values {
            assign(&mut row, assignment, turn.by.limits)?;
        }
        if row.settings.dry_run != before.settings.dry_run {
            require_switch(turn, &row)?;
        }
        grids::check_leverage(turn, &before, &row)?;
        write(turn, &row)?;
        turn.record(subject("set_account", &row), diff(&before, &row))?;
    }
    Ok(())
}

pub(super) fn replace_keys(turn: &mut Turn<'_>, name: &str) -> Result<(), ControlError> {
    let mut row = accounts::find(turn.conn, name)?;
    turn.touch(row.id);
    let mut replaced = Diff::default();
    seal_keys(turn, &mut row, &mut replaced)?;
    // Whose keys they are is asked anew; the account they belong to stays pinned.
    row.position_mode = None;
    row.withdraw_key_allowed = false;
    accounts::update(turn.conn, &row, turn.by.now)?;
    turn.record(subject("replace_keys", &row), replaced)
}

/// Keeps what the exchanges said. The id of an account there stays what it was first.
pub(super) fn verify(turn: &mut Turn<'_>, verified: &[Verified]) -> Result<(), ControlError> {
    for said in verified {
        let before = accounts::find(turn.conn, &said.account)?;
        if before.updated_at != said.as_of {
            return Err(ControlError::ChangedMeanwhile { account: before.name });
        }
        let mut row = before.clone();
        row.exchange_uid = row.exchange_uid.or_else(|| said.uid.clone());
        row.position_mode = said.position_mode;
        row.withdraw_key_allowed |= said.allow_withdraw_key;
        let mode = |row: &AccountRow| row.position_mode.map(|mode| mode.to_string());
        let allowed = |row: &AccountRow| row.withdraw_key_allowed.then(|| "yes".to_owned());
        let mut changed = Diff::default();
        changed.compare("exchange_uid", before.exchange_uid.clone(), row.exchange_uid.clone());
        changed.compare("position_mode", mode(&before), mode(&row));
        changed.compare("withdraw_key_allowed", allowed(&before), allowed(&row));
        if changed.is_empty() {
            continue;
        }
        turn.touch(row.id);
        accounts::update(turn.conn, &row, turn.by.now)?;
        turn.record(subject("verify_account", &row), changed)?;
    }
    Ok(())
}

pub(super) fn tag(
    turn: &mut Turn<'_>,
    selection: &Selection,
    add: &[String],
    remove: &[String],
) -> Result<(), ControlError> {
    if add.is_empty() && remove.is_empty() {
        return Err(ControlError::NothingToSet);
    }
    for tag in add {
        names::TAG.check(tag)?;
    }
    for row in turn.select(selection)? {
        let mut tags: Vec<String> = row.tags.iter().filter(|tag| !remove.contains(tag)).cloned().collect();
        tags.extend(add.iter().filter(|tag| !row.tags.contains(tag)).cloned());
        tags.sort();
        tags.dedup();
        accounts::set_tags(turn.conn, row.id, &tags, turn.by.now)?;
        let listed = |tags: &[String]| (!tags.is_empty()).then(|| tags.join(","));
        let mut changed = Diff::default();
        changed.compare("tags", listed(&row.tags), listed(&tags));
        turn.record(subject("tag_account", &row), changed)?;
    }
    Ok(())
}

pub(super) fn set_active(
    turn: &mut Turn<'_>,
    selection: &Selection,
    is_active: bool,
) -> Result<(), ControlError> {
    let action = if is_active { "activate_account" } else { "deactivate_account" };
    for row in turn.select(selection)? {
        accounts::set_active(turn.conn, row.id, is_active, turn.by.now)?;
        let mut changed = Diff::flag("active", row.is_active, is_active);
        if !is_active && row.is_active {
            note_what_is_left(turn, &row, &mut changed)?;
        }
        turn.record(subject(action, &row), changed)?;
    }
    Ok(())
}

pub(super) fn remove(turn: &mut Turn<'_>, name: &str, force: bool) -> Result<(), ControlError> {
    let row = accounts::find(turn.conn, name)?;
    turn.touch(row.id);
    let open = holdings::open_of_account(turn.conn, row.id)?;
    let running = bots::list(turn.conn, Some(row.id))?.iter().filter(|bot| bot.is_running).count();
    if !force && (open > 0 || running > 0) {
        return Err(ControlError::AccountBusy { account: row.name, open, running });
    }
    accounts::remove(turn.conn, row.id, turn.by.now)?;
    let mut removed = Diff::default();
    removed.compare("exchange", Some(row.exchange.to_string()), None);
    note_what_is_left(turn, &row, &mut removed)?;
    turn.record(subject("remove_account", &row), removed)
}

/// What nobody looks after any more: orders that rest may still be filled.
fn note_what_is_left(turn: &Turn<'_>, row: &AccountRow, changed: &mut Diff) -> Result<(), ControlError> {
    let counts = [
        ("open_positions_left_to_operator", holdings::open_of_account(turn.conn, row.id)?),
        ("orders_left_to_operator", holdings::working_of_account(turn.conn, row.id)?),
    ];
    for (key, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        changed.compare(key, None, Some(count.to_string()));
    }
    Ok(())
}

/// What diffs and the audit log show of a secret.
pub(super) const SEALED: &str = "[sealed]";
pub(super) const REPLACED: &str = "[replaced]";

fn write(turn: &Turn<'_>, row: &AccountRow) -> Result<(), ControlError> {
    let now = turn.by.now;
    accounts::update(turn.conn, row, now)?;
    accounts::update_settings(turn.conn, row.id, &row.settings, now)?;
    accounts::update_paper_settings(turn.conn, row.id, &row.paper_settings, now)?;
    Ok(())
}

/// Seals the keys that came with the command into the row; exactly those that the exchange asks for.
fn seal_keys(turn: &Turn<'_>, row: &mut AccountRow, diff: &mut Diff) -> Result<(), ControlError> {
    let exchange = row.exchange;
    let (needed, fields): (&[Field], _) = match exchange {
        ExchangeKind::Binance | ExchangeKind::Upbit => {
            (&[Field::ApiKey, Field::ApiSecret], "an API key and an API secret")
        }
        ExchangeKind::Bitget => (
            &[Field::ApiKey, Field::ApiSecret, Field::Passphrase],
            "an API key, an API secret and a passphrase",
        ),
        ExchangeKind::Paper => (&[], "exchange keys"),
    };
    let id = row.id;
    let slots = [
        (Field::ApiKey, &mut row.api_key),
        (Field::ApiSecret, &mut row.api_secret),
        (Field::Passphrase, &mut row.passphrase),
    ];
    for (field, slot) in slots {
        let given = turn.by.keys.and_then(|(vault, keys)| Some((vault, keys.get(field)?)));
        match (given, needed.contains(&field)) {
            (Some((vault, secret)), true) => {
                let before = slot.replace(vault.seal(id, field, secret)?);
                diff.compare(field.as_str(), before.map(|_| REPLACED.to_owned()), Some(SEALED.to_owned()));
            }
            (None, true) => return Err(ControlError::KeysMissing { exchange, fields }),
            (Some(_), false) => {
                let fields = if field == Field::Passphrase { "passphrase" } else { "exchange keys" };
                return Err(ControlError::KeysUnused { exchange, fields });
            }
            (None, false) => {}
        }
    }
    Ok(())
}

const fn trades_with_money(row: &AccountRow) -> bool {
    !row.settings.dry_run && !matches!(row.exchange, ExchangeKind::Paper)
}

/// Whether dry run may be switched to what `row` says.
fn require_switch(turn: &Turn<'_>, row: &AccountRow) -> Result<(), ControlError> {
    // The embedded exchange has one life only.
    let open = if row.exchange == ExchangeKind::Paper {
        holdings::open_of_account(turn.conn, row.id)?
    } else {
        holdings::open_in_life(turn.conn, row.id, !row.settings.dry_run)?
    };
    if open > 0 {
        return Err(ControlError::SwitchWithPositions { account: row.name.clone(), open });
    }
    if row.settings.dry_run { Ok(()) } else { require_live(turn, row) }
}

/// Leaving dry run takes a word. (The keys are there: an account of a real exchange cannot be added without.)
fn require_live(turn: &Turn<'_>, row: &AccountRow) -> Result<(), ControlError> {
    if turn.by.confirmed { Ok(()) } else { Err(ControlError::Unconfirmed { account: row.name.clone() }) }
}

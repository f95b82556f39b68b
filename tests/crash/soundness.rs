//! What must hold of a home whatever has happened.

use tradefleet::cli::{ColorChoice, Context, Output};
use tradefleet::store::{OpenMode, Store, vault_meta};

use crate::home::Home;

/// The database is whole, its figures agree, its seal holds, and what is sealed can be opened.
pub(crate) fn is_sound(home: &Home) -> Result<(), String> {
    for line in ["db check", "audit verify"] {
        let answer = home.run(line);
        if !answer.is_ok {
            return Err(format!("{line}: {}", answer.text));
        }
    }
    secrets_open(home).map_err(|error| error.to_string())
}

fn secrets_open(home: &Home) -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new(home.path(), Output::new(true, ColorChoice::Never));
    let store = Store::open(&home.database(), OpenMode::ReadOnly)?;
    let (vault, _) = faulty_disk::captured(|| context.unlock(&store));
    let vault = vault?;
    for sealed in vault_meta::sealed_fields(store.conn())? {
        vault.open(sealed.account, sealed.field, &sealed.text)?;
    }
    Ok(())
}

/// Pages, indexes and references are whole, of whatever schema.
pub(crate) fn is_whole(home: &Home) -> Result<(), String> {
    let found = home.rows("SELECT * FROM pragma_integrity_check") + &home.rows("PRAGMA foreign_key_check");
    if found == "ok|\n" { Ok(()) } else { Err(found) }
}
